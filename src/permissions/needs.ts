import { at, type JsonObject, textAt } from '../model/json.js';
import type { OperationPlace } from '../model/operations.js';
import type { Plan, Step } from '../model/plan.js';
import type { Ref } from '../model/resource.js';
import { scanReads } from '../scan/reads.js';
import { registry } from '../steps/registry.js';
import type { Change, Use } from '../steps/step.js';
import { type AwsUse, policyFor } from './iam-policy.js';
import { type Right, rbacObjects } from './rbac.js';

export type Purpose = 'scan' | 'verify' | 'report' | 'apply' | 'rollback';

export interface NeedOptions {
  /** Rights for --prove token too (H17). */
  readonly proveToken: boolean;
  /** `NAMESPACE/NAME` of the lock; null for none. */
  readonly lock: string | null;
  /** Namespace of the ConfigMap rolelift-runs. */
  readonly runsNamespace: string;
  readonly region: string;
}

export interface Needs {
  readonly iam: JsonObject;
  readonly rbac: readonly JsonObject[];
}

/**
 * The least rights that a command needs: a fold of what the steps of a plan read and write, apply and undo alike (H25), over what
 * every scan reads. Nothing of a scan, `verify` or `report` writes, makes tokens or reads Secrets.
 */
export const needsOf = (plan: Plan | null, purpose: Purpose, options: NeedOptions): Needs => {
  const place = (account: string): OperationPlace => ({
    partition: plan?.cluster.partition ?? 'aws',
    account: account === '' ? (plan?.cluster.accountId ?? '*') : account,
    region: plan?.cluster.region ?? options.region,
  });
  const home = plan?.cluster.accountId ?? '';
  const scanInput: JsonObject = plan === null ? {} : { clusterName: plan.cluster.name, name: plan.cluster.name };
  const aws: AwsUse[] = scanReads.aws.map(({ operation }) => {
    const [service, name] = operation.split(':') as [string, string];
    return {
      service,
      operation: name,
      input: scanInput,
      place: place(home),
    };
  });
  const rights: Right[] = scanReads.kubernetes.flatMap((read) =>
    read.verbs.map((verb) => ({ verb, apiVersion: read.apiVersion, kind: read.kind })),
  );
  if (plan !== null && purpose !== 'scan' && purpose !== 'report') {
    for (const step of plan.steps as readonly Step[]) {
      const kind = registry.get(step.kind);
      if (kind === undefined) continue;
      for (const use of kind.reads(step)) addUse(use, aws, rights, place, options);
      if (purpose === 'verify') continue;
      // An apply undoes its own failed moves, so it needs every undo as well.
      const directions = purpose === 'apply' ? (['apply', 'undo'] as const) : (['undo'] as const);
      for (const direction of directions)
        for (const change of kind.changes(step, direction)) addChange(change, aws, rights, place);
    }
  }
  if (purpose === 'apply' || purpose === 'rollback') addOwn(rights, options);
  const subject = { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: `rolelift:${purpose}` };
  return { iam: policyFor(aws), rbac: rbacObjects(rights, `rolelift-${purpose}`, subject, scanReads.paths) };
};

/** The lock and the list of runs. */
const addOwn = (rights: Right[], options: NeedOptions): void => {
  if (options.lock !== null) {
    const [namespace, name] = options.lock.split('/') as [string, string];
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace };
    rights.push({ ...lease, verb: 'create' }, ...['get', 'patch', 'delete'].map((verb) => ({ ...lease, verb, name })));
  }
  const runs = { apiVersion: 'v1', kind: 'ConfigMap', namespace: options.runsNamespace };
  rights.push(
    { ...runs, verb: 'create' },
    ...['get', 'patch'].map((verb) => ({ ...runs, verb, name: 'rolelift-runs' })),
  );
};

type Place = (account: string) => OperationPlace;

const addUse = (use: Use, aws: AwsUse[], rights: Right[], place: Place, options: NeedOptions): void => {
  if (use.api === 'aws') {
    aws.push({ service: use.service, operation: use.operation, input: use.input, place: place(use.account) });
    return;
  }
  if (use.subresource === 'token' && !options.proveToken) return;
  rights.push(rightOf(use.ref, use.verb, use.subresource));
};

const addChange = (change: Change, aws: AwsUse[], rights: Right[], place: Place): void => {
  if (change.api === 'aws') {
    aws.push({
      service: change.service,
      operation: change.operation,
      input: change.input,
      place: place(change.account),
    });
    return;
  }
  rights.push(rightOf(change.ref, change.verb, change.subresource));
  // Creating a binding takes the right to bind that role (H18).
  if (change.verb === 'create' && change.ref.api === 'kubernetes' && /^(Cluster)?RoleBinding$/.test(change.ref.kind)) {
    const role = at(change.body, 'roleRef');
    const kind = textAt(role, 'kind') ?? 'ClusterRole';
    rights.push({
      verb: 'bind',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind,
      name: textAt(role, 'name'),
      namespace: kind === 'Role' ? change.ref.namespace : undefined,
    });
  }
};

const rightOf = (ref: Ref, verb: string, subresource: string | undefined): Right =>
  ref.api === 'kubernetes'
    ? { verb, apiVersion: ref.apiVersion, kind: ref.kind, subresource, namespace: ref.namespace, name: ref.name }
    : { verb, apiVersion: 'v1', kind: ref.kind, subresource, name: ref.name };
