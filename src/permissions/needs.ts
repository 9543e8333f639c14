import { runsConfigMap } from '../journal/run-registry.js';
import { byText } from '../model/canonical.js';
import { at, isObject, type Json, type JsonObject, textAt } from '../model/json.js';
import type { OperationPlace } from '../model/operations.js';
import type { Plan, Step } from '../model/plan.js';
import { parseRoleArn, type Ref } from '../model/resource.js';
import { registry } from '../steps/registry.js';
import type { Change, Use } from '../steps/step.js';
import { type AwsUse, policyFor, type StateStore, stateStatements } from './iam-policy.js';
import { type Right, rbacObjects } from './rbac.js';
import { type Place, scanNeeds } from './scan-needs.js';
import { probeRights, verifyUses } from './verify-needs.js';

export type Purpose = 'scan' | 'verify' | 'report' | 'apply' | 'rollback';

export interface NeedOptions {
  /** Rights for --prove token too (H17). */
  readonly proveToken: boolean;
  /** Rights for --probe of `verify` too. */
  readonly probe?: boolean;
  /** `NAMESPACE/NAME` of the lock; null for none. */
  readonly lock: string | null;
  /** Namespace of the ConfigMap rolelift-runs. */
  readonly runsNamespace: string;
  readonly region: string;
  /** Where the journal is kept in object storage; null for local files. */
  readonly state?: StateStore | null;
  /** `--account-role`: role ARNs by account, which the default credentials assume. */
  readonly accountRoles?: Readonly<Record<string, string>>;
}

export interface Needs {
  /** Policy for the credentials of the cluster's account. */
  readonly iam: JsonObject;
  readonly rbac: readonly JsonObject[];
  /** Policies for the credentials of other accounts, by account; absent where none takes part. */
  readonly accounts?: Readonly<Record<string, JsonObject>>;
  /** RBAC on other clusters, by kubeconfig context; absent where none takes part. */
  readonly clusters?: Readonly<Record<string, readonly JsonObject[]>>;
}

/** Everything found so far, in the order in which it was found. */
interface Found {
  readonly aws: AwsUse[];
  readonly rights: Right[];
}

/**
 * The least rights that a command needs: a fold of what the steps of a plan read and write, apply and undo alike (H25), over what
 * every scan reads. Nothing of a scan or `report` writes, makes tokens or reads Secrets (H17); of `verify` only what its options
 * ask for: a token, a probe pod. What `verify` needs is enough for `status` too.
 */
export const needsOf = (plan: Plan | null, purpose: Purpose, options: NeedOptions): Needs => {
  const { found, paths, place, home } = collected(plan, purpose, options);
  return written(found, purpose, home, paths, options, place(home));
};

/** The same rights in Kubernetes one by one, for asking about them. */
export const rightsOf = (plan: Plan | null, purpose: Purpose, options: NeedOptions): readonly Right[] =>
  collected(plan, purpose, options).found.rights;

const collected = (plan: Plan | null, purpose: Purpose, options: NeedOptions) => {
  const home = plan?.cluster.accountId ?? '*';
  const roles = plan === null ? new Map<string, string>() : roleArnsIn(plan);
  const place: Place = (account, region) => ({
    partition: plan?.cluster.partition ?? 'aws',
    account: account === '' ? home : account,
    region: region ?? plan?.cluster.region ?? options.region,
    roleArn: (owner, name) => roles.get(`${owner}/${name.toLowerCase()}`),
  });
  const found: Found = { aws: [], rights: [] };
  // What only looks at moves, or takes them back, does not ask who else uses a node role.
  const scan = scanNeeds(plan, accountsOf(plan, home), place, purpose !== 'verify' && purpose !== 'rollback');
  found.aws.push(...scan.aws);
  found.rights.push(...scan.rights);
  if (plan !== null && purpose === 'verify') {
    for (const use of verifyUses(plan)) addUse(use, found, place, options);
    if (options.probe === true) found.rights.push(...probeRights(plan));
  }
  if (plan !== null && (purpose === 'apply' || purpose === 'rollback')) {
    for (const step of plan.steps as readonly Step[]) addStep(step, plan, purpose, options, place, found);
  }
  if (purpose === 'apply' || purpose === 'rollback') addOwn(found.rights, options);
  addAssumed(found.aws, plan, options, place);
  return { found, paths: scan.paths, place, home };
};

const addStep = (step: Step, plan: Plan, purpose: Purpose, options: NeedOptions, place: Place, found: Found): void => {
  const kind = registry.get(step.kind);
  if (kind === undefined) return;
  // An apply undoes its own failed moves, so it needs every undo as well.
  const directions = purpose === 'apply' ? (['apply', 'undo'] as const) : (['undo'] as const);
  for (const direction of directions) {
    for (const use of kind.reads(step, direction)) addUse(use, found, place, options);
    for (const change of kind.changes(step, direction, plan.id)) addChange(change, found, place);
  }
};

/** Policies and RBAC objects of everything found: one policy for each account, one set of objects for each cluster. */
const written = (
  found: Found,
  purpose: Purpose,
  home: string,
  paths: readonly string[],
  options: NeedOptions,
  at: OperationPlace,
): Needs => {
  const name = `rolelift-${purpose}`;
  const subject = { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: `rolelift:${purpose}` };
  const state =
    options.state !== undefined && options.state !== null && purpose !== 'scan' && purpose !== 'report'
      ? stateStatements(options.state, at.partition, purpose === 'verify' ? 'read' : 'write')
      : [];
  const others = [...new Set(found.aws.map((use) => use.place.account))].filter((id) => id !== home).sort(byText);
  const contexts = [...new Set(found.rights.flatMap((right) => right.cluster ?? []))].sort(byText);
  const here = found.rights.filter((right) => right.cluster === undefined);
  return {
    iam: policyFor(
      found.aws.filter((use) => use.place.account === home),
      state,
    ),
    rbac: rbacObjects(here, name, subject, paths),
    ...(others.length === 0
      ? {}
      : {
          accounts: Object.fromEntries(
            others.map((id) => [id, policyFor(found.aws.filter((use) => use.place.account === id))]),
          ),
        }),
    ...(contexts.length === 0
      ? {}
      : {
          clusters: Object.fromEntries(
            contexts.map((context) => [
              context,
              rbacObjects(
                found.rights.filter((right) => right.cluster === context),
                name,
                subject,
              ),
            ]),
          ),
        }),
  };
};

/** The lock and the list of runs. */
const addOwn = (rights: Right[], options: NeedOptions): void => {
  if (options.lock !== null) {
    const [namespace, name] = options.lock.split('/') as [string, string];
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace };
    rights.push({ ...lease, verb: 'create' }, ...['get', 'patch'].map((verb) => ({ ...lease, verb, name })));
  }
  const runs = { apiVersion: 'v1', kind: 'ConfigMap', namespace: options.runsNamespace };
  rights.push({ ...runs, verb: 'create' }, ...['get', 'patch'].map((verb) => ({ ...runs, verb, name: runsConfigMap })));
};

/** Roles that stand for other accounts are assumed with the default credentials. */
const addAssumed = (aws: AwsUse[], plan: Plan | null, options: NeedOptions, place: Place): void => {
  const wanted = new Set(aws.map((use) => use.place.account));
  for (const [account, role] of Object.entries(options.accountRoles ?? {})) {
    if (plan !== null && !wanted.has(account)) continue;
    aws.push({ service: 'sts', operation: 'AssumeRole', input: { RoleArn: role }, place: place('') });
  }
};

const addUse = (use: Use, found: Found, place: Place, options: NeedOptions): void => {
  if (use.api === 'aws') {
    found.aws.push({ service: use.service, operation: use.operation, input: use.input, place: place(use.account) });
    return;
  }
  if (use.only === 'prove-token' && !options.proveToken) return;
  found.rights.push(rightOf(use.ref, use.verb, use.subresource));
};

const addChange = (change: Change, found: Found, place: Place): void => {
  if (change.api === 'aws') {
    found.aws.push({
      service: change.service,
      operation: change.operation,
      input: change.input,
      place: place(change.account),
    });
    return;
  }
  found.rights.push(rightOf(change.ref, change.verb, change.subresource));
  // Creating a binding takes the right to bind that role (H18).
  if (change.verb === 'create' && change.ref.api === 'kubernetes' && /^(Cluster)?RoleBinding$/.test(change.ref.kind)) {
    const role = at(change.body, 'roleRef');
    const kind = textAt(role, 'kind') ?? 'ClusterRole';
    found.rights.push({
      verb: 'bind',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind,
      name: textAt(role, 'name'),
      // A ClusterRole bound inside a namespace is asked for in that namespace.
      namespace: change.ref.namespace,
    });
  }
};

const rightOf = (ref: Ref, verb: string, subresource: string | undefined): Right =>
  ref.api === 'kubernetes'
    ? {
        verb,
        apiVersion: ref.apiVersion,
        kind: ref.kind,
        subresource,
        // Rollouts are followed with one list-watch over all namespaces.
        namespace: verb === 'watch' ? undefined : ref.namespace,
        name: ref.name === '*' ? undefined : ref.name,
        cluster: ref.cluster,
      }
    : { verb, apiVersion: 'v1', kind: ref.kind, subresource, name: ref.name };

/** Accounts that a plan reaches into: those of the roles of its moves and of its steps. */
const accountsOf = (plan: Plan | null, home: string): readonly string[] => {
  if (plan === null) return [home];
  const found = new Set<string>([home]);
  for (const arn of roleArnsIn(plan).values()) {
    const account = parseRoleArn(arn)?.account;
    if (account !== undefined) found.add(account);
  }
  return [...found].sort(byText);
};

/**
 * Whole ARNs of the roles that a plan speaks of, by `account/name` in lower case: IAM's names are unique in an account whatever
 * path and case. Roles that the plan makes are among them.
 */
const roleArnsIn = (plan: Plan): Map<string, string> => {
  const found = new Map<string, string>();
  const note = (text: string): void => {
    const parsed = parseRoleArn(text);
    if (parsed !== null) found.set(`${parsed.account}/${parsed.name.toLowerCase()}`, text);
  };
  const walk = (value: Json | undefined, depth: number): void => {
    if (typeof value === 'string') note(value);
    else if (depth > 0 && Array.isArray(value)) for (const each of value) walk(each as Json, depth - 1);
    else if (depth > 0 && isObject(value)) for (const each of Object.values(value)) walk(each, depth - 1);
  };
  for (const move of plan.moves)
    for (const arn of [move.from.role, move.to?.role, move.to?.associationRole]) if (arn) note(arn);
  for (const step of plan.steps as readonly Step[]) {
    walk(step.params, 8);
    for (const change of registry.get(step.kind)?.changes(step, 'apply', plan.id) ?? []) {
      if (change.api !== 'aws' || change.operation !== 'CreateRole') continue;
      const path = textAt(change.input, 'Path') ?? '/';
      note(`arn:${plan.cluster.partition}:iam::${change.account}:role${path}${textAt(change.input, 'RoleName') ?? ''}`);
    }
  }
  return found;
};
