import { AwsError, isDenied, isExpired, isThrottle } from '../model/aws-error.js';
import { type Code, type ErrorData, errorData, RoleliftError } from '../model/error.js';
import type { StepState } from '../model/journal.js';
import type { Plan, Step } from '../model/plan.js';
import { subjectOf, subjectTitle } from '../model/resource.js';
import type { Drift, Observation } from '../steps/step.js';

/** What the engine does about something thrown by a step. */
export type Reaction =
  /** Credentials are over: the run pauses, no move fails. */
  | 'credentials'
  /** The effect is unknown, or somebody else wrote: observe, then decide anew. */
  | 'again'
  | 'fail';

/** Refusals that tell of another write at the same moment, or of an earlier one of ours (IAM and EKS API references). */
const settledByLooking: ReadonlySet<string> = new Set([
  'ConcurrentModification',
  'DeleteConflict',
  'EntityAlreadyExists',
  'EntityTemporarilyUnmodifiable',
  'ResourceInUse',
]);

/** By code and error name, never by text. */
export const reactionTo = (thrown: unknown): Reaction => {
  if (thrown instanceof AwsError) {
    if (isExpired(thrown.errorName)) return 'credentials';
    if (isDenied(thrown.errorName)) return 'fail';
    if (thrown.ambiguous || thrown.status === 0 || thrown.status >= 500) return 'again';
    if (isThrottle(thrown.errorName, thrown.status)) return 'again';
    return settledByLooking.has(thrown.errorName) ? 'again' : 'fail';
  }
  if (!(thrown instanceof RoleliftError)) return 'fail';
  if (thrown.data.code === 'RL702') return 'credentials';
  return ['RL711', 'RL712', 'RL731', 'RL732'].includes(thrown.data.code) ? 'again' : 'fail';
};

const stepError = (step: Step, code: Code, message: string, cause: string, remedy: string): RoleliftError =>
  new RoleliftError({ code, message, cause, remedy, fault: 'user', subject: subjectOf(step.target) });

const planAgain = 'Look at who changed it and why, then plan again; nothing of another hand is overwritten.';
const by = (who: string | null): string => (who === null ? '' : `, by ${who}`);

/** RL831: what a step presupposes is not so any more (H21). */
export const drifted = (step: Step, drifts: readonly Drift[]): RoleliftError =>
  stepError(
    step,
    'RL831',
    `${step.title}: the estate is not as the plan needs it`,
    drifts
      .slice(0, 20)
      .map(
        (drift) =>
          `${subjectTitle(drift.subject)} ${drift.field}: expected ${JSON.stringify(drift.expected)}, found ${JSON.stringify(drift.found)}${by(drift.by)}`,
      )
      .join('; '),
    planAgain,
  );

/** RL832: its own target is neither as before nor as after; RL833: it is gone. Null where the step may go on. */
export const misfit = (step: Step, saw: Observation): RoleliftError | null =>
  saw.is === 'drifted'
    ? stepError(
        step,
        'RL832',
        `${step.title}: ${saw.field} was changed by somebody else`,
        `found ${JSON.stringify(saw.saw)}${by(saw.by)}`,
        planAgain,
      )
    : saw.is === 'gone'
      ? stepError(
          step,
          'RL833',
          `${step.title}: ${subjectTitle(subjectOf(saw.what))} is not there`,
          'it was deleted since the plan was made',
          planAgain,
        )
      : null;

/** RL834: the write was accepted, and reads do not show it. */
export const notSeen = (step: Step, seconds: number): RoleliftError =>
  stepError(
    step,
    'RL834',
    `${step.title}: written, but not to be seen`,
    `reads did not show the change for ${seconds} s`,
    'Look at the object; the same command goes on from here.',
  );

/** Whether an undo of the step was begun and is not over. */
export const isHalfUndone = ({ is }: StepState): boolean => is === 'undoing' || is === 'undo-failed';

/** RL842: a rollback of this step was begun and is not over. */
export const halfUndone = (step: Step, command: string): RoleliftError =>
  stepError(
    step,
    'RL842',
    `${step.title}: its rollback is not over`,
    'an undo of it was begun and did not end',
    `Run ${command} first; it goes on where it stopped.`,
  );

/** RL841: apply leaves alone what a failed undo left behind. */
export const stuck = (plan: Plan, move: string, command: string): ErrorData => ({
  code: 'RL841',
  message: `${move} is stuck: an undo failed`,
  subject: plan.moves.find(({ id }) => id === move)?.subject ?? null,
  cause: 'an earlier rollback could not finish it',
  remedy: `Run ${command} --move ${move}, then apply again.`,
  fault: 'user',
});

export { errorData };
