import type { JournalState } from '../journal/fold.js';
import type { Plan, Step } from '../model/plan.js';
import type { ApplyOptions } from './run.js';
import { hasWork } from './undo-order.js';

export interface Selection {
  /** Steps to take, in the plan's order. */
  readonly todo: readonly Step[];
  /** Steps that hold already: what needs them may begin. */
  readonly done: ReadonlySet<string>;
  /** Steps that a reviewer took out, and whatever depends on them. */
  readonly skipped: ReadonlySet<string>;
  /** Moves that are asked for and not blocked. */
  readonly moves: ReadonlySet<string>;
  /** True where steps of the retire stage are left that this run was not asked for. */
  readonly retireLeft: boolean;
}

/** Which steps an apply takes, by stage, move, `skip` and the journal. */
export const select = (
  plan: Plan,
  state: JournalState,
  options: Pick<ApplyOptions, 'stages' | 'moves'>,
  leaveOut: ReadonlySet<string> = new Set(),
): Selection => {
  const byId = new Map(plan.steps.map((step) => [step.id, step as Step]));
  const wanted = new Set(
    plan.moves
      .filter(
        ({ id, blocked, skip }) =>
          !blocked && !skip && !leaveOut.has(id) && (options.moves === null || options.moves.includes(id)),
      )
      .map(({ id }) => id),
  );
  const skippedMoves = new Set(plan.moves.filter(({ skip }) => skip).map(({ id }) => id));

  const skipped = new Set<string>();
  for (const step of plan.steps)
    if (
      step.skip ||
      (step.move !== null && skippedMoves.has(step.move)) ||
      step.dependsOn.some((id) => skipped.has(id))
    )
      skipped.add(step.id);

  // Shared steps come along where a wanted move needs them; without any filter also those that nothing depends on, with all they need.
  const needed = new Set<string>();
  const hasDependents = new Set(plan.steps.flatMap(({ dependsOn }) => dependsOn));
  const stack = plan.steps
    .filter(({ id, move }) => (move !== null ? wanted.has(move) : options.moves === null && !hasDependents.has(id)))
    .map(({ id }) => id);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (needed.has(next)) continue;
    needed.add(next);
    stack.push(...(byId.get(next)?.dependsOn ?? []));
  }
  const isAsked = (step: Step): boolean => (step.move !== null ? wanted.has(step.move) : needed.has(step.id));

  /** Something near a skipped step was undone since: whether it is true must be looked at anew. */
  const reopened = new Set<string>();
  const undoneMoves = new Set<string>();
  for (const step of plan.steps) {
    if (state.steps.get(step.id)?.is !== 'undone') continue;
    if (step.move !== null) undoneMoves.add(step.move);
    for (const id of step.dependsOn) reopened.add(id);
  }

  const done = new Set<string>();
  const todo: Step[] = [];
  let retireLeft = false;
  for (const step of plan.steps as unknown as readonly Step[]) {
    const now = state.steps.get(step.id);
    const holds =
      now?.is === 'applied' ||
      now?.is === 'verified' ||
      (now?.is === 'skipped' &&
        now.because === 'already-true' &&
        !reopened.has(step.id) &&
        !(step.move !== null && undoneMoves.has(step.move)));
    if (holds) {
      done.add(step.id);
      continue;
    }
    if (!isAsked(step) || (skipped.has(step.id) && !hasWork(now))) continue;
    if (options.stages.includes(step.stage)) todo.push(step);
    else if (step.stage === 'retire') retireLeft = true;
  }
  return { todo, done, skipped, moves: wanted, retireLeft };
};
