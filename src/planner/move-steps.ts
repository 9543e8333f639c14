import type { Estate, WorkloadUse } from '../findings/rule.js';
import { byText } from '../model/canonical.js';
import type { PlanOptions } from '../model/options.js';
import type { Stage } from '../model/words.js';
import { associationStep, tightenStep } from './association-steps.js';
import { type Context, issuerSteps, prepareAws } from './aws-steps.js';
import { type Identity, type StepDraft, workloadKey, workloadStepId } from './draft.js';
import { handoffOf } from './handoff.js';
import type { Intent } from './proposals.js';
import { splitSteps } from './split-steps.js';
import {
  accountOfRole,
  annotateStep,
  proveStep,
  removeAnnotationStep,
  restartStep,
  switchStep,
  useGate,
  usersOf,
} from './workload-steps.js';

/** Kinds whose pods end by themselves: nothing is restarted, the next run takes the new identity. */
const runsToEnd = new Set(['CronJob', 'Job']);

/** Adds steps whose undo must be over before this one's begins. */
export const undoneAfter = (draft: StepDraft, ids: readonly string[]): StepDraft => ({
  ...draft,
  undoDependsOn: [...new Set([...draft.undoDependsOn, ...ids])].sort(byText),
});

/** What a move's workloads must find in the end, as proofs and restarts ask for it. */
const identityOf = (to: NonNullable<Intent['proposal']['to']>): Identity => ({
  mechanism: to.mechanism,
  role: to.associationRole ?? to.role,
});

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
      undoneAfter(
        step,
        // Several providers, one an issuer, wait for the trust, and not for one another.
        ids(step.kind === 'create-oidc-provider' ? aws.filter(({ kind }) => kind !== step.kind) : prove),
      ),
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
