import type { Estate, WorkloadUse } from '../findings/rule.js';
import { byText } from '../model/canonical.js';
import { kubernetesRef, parseRoleArn, serviceAccountRef } from '../model/resource.js';
import type { Stage } from '../model/words.js';
import { accountAnnotations } from './account-annotations.js';
import type { Context } from './aws-steps.js';
import {
  type Identity,
  type StepDraft,
  stepId,
  userText,
  type WorkloadKey,
  workloadKey,
  workloadStepId,
} from './draft.js';
import { behindDefaultRole, brokerKeys, type Intent } from './proposals.js';

/** The broker's annotations on a template, with their values. */
const brokerAnnotations = (estate: Estate, use: WorkloadUse): Readonly<Record<string, string>> => {
  const keys = new Set(brokerKeys(estate).all);
  return Object.fromEntries(
    Object.entries(use.workload.template.annotations)
      .filter(([key]) => keys.has(key))
      .sort(([left], [right]) => byText(left, right)),
  );
};

const workloadRefOf = (use: WorkloadUse) =>
  kubernetesRef(use.workload.ref.apiVersion, use.workload.ref.kind, use.workload.ref.namespace, use.workload.ref.name);

export const annotateStep = (of: Context, dependsOn: readonly string[]): StepDraft => {
  const { estate, to, intent } = of;
  const { namespace, serviceAccount: name } = to;
  const known = estate.accounts.get(`${namespace}/${name}`)?.annotations ?? {};
  const wanted = accountAnnotations(estate, to.role);
  // Whoever set the endpoint mode by hand has chosen it.
  const annotations = Object.fromEntries(
    Object.entries(wanted).filter(([key]) => key.endsWith('/role-arn') || !Object.hasOwn(known, key)),
  );
  return {
    id: stepId('annotate-service-account', namespace, 'ServiceAccount', name),
    kind: 'annotate-service-account',
    stage: 'cutover',
    move: intent.proposal.id,
    target: serviceAccountRef(namespace, name),
    params: { namespace, name, annotations, users: usersOf(intent) },
    before: {
      annotations: Object.fromEntries(
        Object.keys(annotations).map((key) => [key, Object.hasOwn(known, key) ? (known[key] as string) : null]),
      ),
    },
    after: { annotations },
    dependsOn,
    undoDependsOn: [],
  };
};

/** Every workload that may use the account that the move ends on: those of the move, as no other is left on it (H21). */
export const usersOf = (intent: Intent): readonly string[] =>
  intent.proposal.uses.map((use) => userText(use.workload)).sort(byText);

export const restartStep = (of: Context, use: WorkloadUse, dependsOn: readonly string[]): StepDraft => ({
  id: workloadStepId('restart-workload', use.workload),
  kind: 'restart-workload',
  stage: 'cutover',
  move: of.intent.proposal.id,
  target: workloadRefOf(use),
  params: {
    workload: workloadKey(use.workload),
    identity: of.identity,
    account: { namespace: of.to.namespace, name: of.to.serviceAccount },
  },
  before: {},
  after: {},
  dependsOn,
  undoDependsOn: [],
});

export const switchStep = (of: Context, use: WorkloadUse, dependsOn: readonly string[]): StepDraft => ({
  id: workloadStepId('set-workload-service-account', use.workload),
  kind: 'set-workload-service-account',
  stage: 'cutover',
  move: of.intent.proposal.id,
  target: workloadRefOf(use),
  params: {
    workload: workloadKey(use.workload),
    pointer: use.workload.serviceAccountPath ?? `${use.workload.templatePath}/spec/serviceAccountName`,
    from: of.intent.proposal.subject.name,
    to: of.to.serviceAccount,
    identity: of.identity,
  },
  before: { serviceAccount: of.intent.proposal.subject.name },
  after: { serviceAccount: of.to.serviceAccount },
  dependsOn,
  undoDependsOn: [],
});

export const accountOfRole = (of: Context): string =>
  parseRoleArn(of.identity.role)?.account ?? of.estate.inventory.cluster.accountId;

export const proveStep = (of: Context, dependsOn: readonly string[]): StepDraft => {
  const { namespace, serviceAccount } = of.to;
  const { from, uses } = of.intent.proposal;
  return {
    id: stepId('prove-identity', namespace, 'ServiceAccount', serviceAccount),
    kind: 'prove-identity',
    stage: 'cutover',
    move: of.intent.proposal.id,
    target: serviceAccountRef(namespace, serviceAccount),
    params: {
      namespace,
      serviceAccount,
      workloads: uses.map((use) => workloadKey(use.workload)),
      identity: of.identity,
      roleAccount: accountOfRole(of),
      previous: { broker: from.broker, role: from.role },
    },
    before: {},
    after: {},
    dependsOn,
    undoDependsOn: [],
  };
};

/** Null where the template carries none of the broker's annotations, or cannot lose them. */
export const removeAnnotationStep = (
  of: Context,
  use: WorkloadUse,
  stage: Stage,
  dependsOn: readonly string[],
): StepDraft | null => {
  const present = brokerAnnotations(of.estate, use);
  const keys = Object.keys(present);
  if (behindDefaultRole(of.estate)) return null;
  // A Job's template cannot be changed; its annotation ends with it.
  if (keys.length === 0 || use.workload.ref.kind === 'Job') return null;
  return {
    id: workloadStepId('remove-pod-annotation', use.workload),
    kind: 'remove-pod-annotation',
    stage,
    move: of.intent.proposal.id,
    target: workloadRefOf(use),
    params: { workload: workloadKey(use.workload), keys, identity: of.identity },
    before: { annotations: present },
    after: { annotations: Object.fromEntries(keys.map((key) => [key, null])) },
    dependsOn,
    undoDependsOn: [],
  };
};

/** The gate that opens only when the new identity was seen in use, or a person says so (H10, H12). */
export const useGate = (
  move: string,
  of: {
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly workloads: readonly WorkloadKey[];
    readonly identity: Identity;
    readonly roleAccount: string;
  },
  dependsOn: readonly string[],
): StepDraft => {
  const { namespace, serviceAccount: name } = of;
  const id = stepId('gate', namespace, 'ServiceAccount', name, 'proof-of-use');
  return {
    id,
    kind: 'gate',
    stage: 'retire',
    move,
    target: { api: 'none', kind: 'Gate', name: `${namespace}/${name}:proof-of-use` },
    params: { gate: { id, kind: 'proof-of-use', move }, evidence: of },
    before: {},
    after: {},
    dependsOn,
    undoDependsOn: [],
  };
};
