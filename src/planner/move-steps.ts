import type { Estate, WorkloadUse } from '../findings/rule.js';
import { byText } from '../model/canonical.js';
import type { PlanOptions } from '../model/options.js';
import { kubernetesRef, parseRoleArn, serviceAccountRef } from '../model/resource.js';
import type { Stage } from '../model/words.js';
import { accountAnnotations } from './account-annotations.js';
import { associationStep, tightenStep } from './association-steps.js';
import { type Context, issuerSteps, prepareAws } from './aws-steps.js';
import {
  type Identity,
  type StepDraft,
  stepId,
  userText,
  type WorkloadKey,
  workloadKey,
  workloadStepId,
} from './draft.js';
import { handoffOf } from './handoff.js';
import { behindDefaultRole, brokerKeys, type Intent } from './proposals.js';
import { splitSteps } from './split-steps.js';

/** Kinds whose pods end by themselves: nothing is restarted, the next run takes the new identity. */
const runsToEnd = new Set(['CronJob', 'Job']);

/** Adds steps whose undo must be over before this one's begins. */
export const undoneAfter = (draft: StepDraft, ids: readonly string[]): StepDraft => ({
  ...draft,
  undoDependsOn: [...new Set([...draft.undoDependsOn, ...ids])].sort(byText),
});

/** What a move's workloads must find in the end, as proofs and restarts ask for it. */
export const identityOf = (to: NonNullable<Intent['proposal']['to']>): Identity => ({
  mechanism: to.mechanism,
  role: to.associationRole ?? to.role,
});

/** The broker's annotations on a template, with their values. */
export const brokerAnnotations = (estate: Estate, use: WorkloadUse): Readonly<Record<string, string>> => {
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

const switchStep = (of: Context, use: WorkloadUse, dependsOn: readonly string[]): StepDraft => ({
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

const accountOfRole = (of: Context): string =>
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

const removeAnnotationStep = (
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

const ids = (drafts: readonly StepDraft[]): readonly string[] => drafts.map((draft) => draft.id);

/**
 * The steps of one move, in the order that keeps every workload's identity at every moment: trust beside the broker's, the
 * binding, the restart, the proof; the old way goes only after proof of use. Rollback has its own order (H1): the old way
 * back, the binding away, every pod that carries it replaced, the old identity proven, and only then the trust.
 */
export const moveSteps = (estate: Estate, options: PlanOptions, intent: Intent): readonly StepDraft[] => {
  const { proposal } = intent;
  if (proposal.to === null) return [];
  const of: Context = { estate, options, intent, to: proposal.to, identity: identityOf(proposal.to) };
  const aws = intent.bound ? issuerSteps(of) : prepareAws(of);
  const own = proposal.split ? splitSteps(estate, intent) : [];
  const ready = [...ids(aws), ...ids(own)];
  const bind = intent.bound
    ? []
    : [
        of.to.mechanism === 'irsa'
          ? annotateStep(of, ready)
          : associationStep(estate, options, intent, of.identity, usersOf(intent), ready),
      ];
  const once = options.restart === 'once' && !proposal.split;
  const switches = proposal.split ? proposal.uses.map((use) => switchStep(of, use, [...ready, ...ids(bind)])) : [];
  // A bare pod's annotation is what its broker reads: it stays until a pod with the new identity is in its place.
  const isBare = (use: WorkloadUse): boolean => use.workload.ref.kind === 'Pod';
  const early = once && !intent.bound ? removals(of, 'cutover', ids(bind), (use) => !isBare(use)) : [];
  const restarts =
    proposal.split || intent.bound
      ? []
      : proposal.uses
          .filter((use) => !runsToEnd.has(use.workload.ref.kind))
          .map((use) => {
            const removed = early.filter((step) => step.id === workloadStepId('remove-pod-annotation', use.workload));
            return restartStep(of, use, [...ids(bind), ...ids(removed)]);
          });
  // What is bound already was not bound by us: its proof has no way back of ours, and the gate looks at the same evidence.
  const prove = intent.bound ? [] : [proveStep(of, [...ids(bind), ...ids(switches), ...ids(early), ...ids(restarts)])];
  const tighten = intent.bound ? null : tightenStep(estate, intent, ids(prove));
  const tightened = tighten === null ? [] : [tighten];
  const late = removals(of, 'retire', ids(prove), (use) => !once || intent.bound || isBare(use));
  const gate =
    late.length === 0
      ? []
      : [
          useGate(
            proposal.id,
            {
              namespace: of.to.namespace,
              serviceAccount: of.to.serviceAccount,
              workloads: proposal.uses.map((use) => workloadKey(use.workload)),
              identity: of.identity,
              roleAccount: accountOfRole(of),
            },
            ids(prove),
          ),
        ];
  const gated = late.map((step) => ({ ...step, dependsOn: [...step.dependsOn, ...ids(gate)] }));
  const drafts = withUndoOrder({
    aws: aws.map((step) => undoneAfter(step, step.move === null ? [] : ids(tightened))),
    own,
    bind,
    switches,
    restarts,
    prove,
    tightened,
    removed: [...early, ...gated],
    gate,
  });
  return proposal.delivery === 'handoff' ? handoffOf(estate, intent, drafts) : drafts;
};

const removals = (
  of: Context,
  stage: Stage,
  dependsOn: readonly string[],
  which: (use: WorkloadUse) => boolean,
): readonly StepDraft[] =>
  of.intent.proposal.uses.filter(which).flatMap((use) => {
    const step = removeAnnotationStep(of, use, stage, dependsOn);
    return step === null ? [] : [step];
  });

/** Hangs the undo graph of H1 on the steps of a move. */
const withUndoOrder = (parts: {
  readonly aws: readonly StepDraft[];
  readonly own: readonly StepDraft[];
  readonly bind: readonly StepDraft[];
  readonly switches: readonly StepDraft[];
  readonly restarts: readonly StepDraft[];
  readonly prove: readonly StepDraft[];
  readonly tightened: readonly StepDraft[];
  readonly removed: readonly StepDraft[];
  readonly gate: readonly StepDraft[];
}): readonly StepDraft[] => {
  const { aws, own, bind, switches, restarts, prove, tightened, removed, gate } = parts;
  const oldWay = ids(removed);
  const all = [...oldWay, ...ids(switches), ...ids(bind), ...ids(restarts)];
  return [
    ...aws.map((step) =>
      step.move === null && step.kind !== 'create-oidc-provider'
        ? undoneAfter(step, ids(prove))
        : step.kind === 'create-oidc-provider'
          ? undoneAfter(
              step,
              // Several providers, one an issuer, wait for the trust, and not for one another.
              ids(aws.filter(({ kind }) => kind !== 'create-oidc-provider')),
            )
          : undoneAfter(step, ids(prove)),
    ),
    ...own.map((step) =>
      undoneAfter(
        step,
        step.kind === 'create-service-account'
          ? [...ids(prove), ...all, ...ids(own.slice(1))]
          : [...ids(prove), ...all],
      ),
    ),
    ...bind.map((step) => undoneAfter(step, [...oldWay, ...ids(switches)])),
    ...switches.map((step) => undoneAfter(step, oldWay)),
    ...restarts.map((step) => undoneAfter(step, ids(bind))),
    ...prove.map((step) => undoneAfter(step, all)),
    ...tightened,
    ...gate,
    ...removed,
  ].map((step) => ({ ...step, undoDependsOn: step.undoDependsOn.filter((id) => id !== step.id) }));
};
