import type { JournalState } from '../journal/fold.js';
import type { ErrorData } from '../model/error.js';
import type { JournalEvent } from '../model/journal.js';
import type { Plan } from '../model/plan.js';
import type { ApplyOptions } from './run.js';
import { hasWork, type UndoScope } from './undo-order.js';

/** What an apply must settle before it goes forward. */
export interface Recovery {
  /** Rollbacks that were begun (or would have been, had the run not been cut off), to be finished first. */
  readonly unwind: readonly { readonly move: string; readonly scope: UndoScope }[];
  /** Shared steps whose undo was begun. */
  readonly sharedUndos: ReadonlySet<string>;
  /** Moves that this session undid or was undoing: an uninterrupted run would not try them again. */
  readonly leaveOut: ReadonlyMap<string, ErrorData | null>;
  /** Moves that a failed undo of an earlier session left behind. */
  readonly stuck: ReadonlySet<string>;
}

/** The newest failure of a move's step in the journal's last session. */
const failureOf = (steps: ReadonlySet<string>, events: readonly JournalEvent[]): ErrorData | null => {
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const event = events[index] as JournalEvent;
    if (event.type === 'failed' && steps.has(event.step)) return event.error as ErrorData;
  }
  return null;
};

/**
 * Reads from the journal what an interrupted run left half done. `state` is that after the present run's first line, so that the
 * session tells resumes from new beginnings.
 */
export const recover = (
  plan: Plan,
  state: JournalState,
  events: readonly JournalEvent[],
  onFailure: ApplyOptions['onFailure'],
): Recovery => {
  const unwind: { move: string; scope: UndoScope }[] = [];
  const leaveOut = new Map<string, ErrorData | null>();
  const stuck = new Set<string>();
  const byMove = new Map<string, string[]>();
  const stageOf = new Map(plan.steps.map(({ id, stage }) => [id, stage]));
  const undoneUpstream = new Set<string>();
  /** Steps that stand on something that was undone: their line says applied, and the ground under them is gone. */
  const groundless = new Set<string>();
  for (const step of plan.steps) {
    const now = state.steps.get(step.id);
    if (step.dependsOn.some((id) => undoneUpstream.has(id))) {
      undoneUpstream.add(step.id);
      if (hasWork(now)) groundless.add(step.id);
    }
    if (now?.is === 'undone') undoneUpstream.add(step.id);
    if (step.move !== null) byMove.set(step.move, [...(byMove.get(step.move) ?? []), step.id]);
  }
  for (const [move, ids] of byMove) {
    const is = (id: string): string => state.steps.get(id)?.is ?? 'pending';
    const cut = onFailure === 'rollback-move' ? ids.filter((id) => state.failedIn.get(id) === state.session) : [];
    if (cut.length > 0) {
      const onlyRetire = cut.every((id) => stageOf.get(id) === 'retire');
      leaveOut.set(move, failureOf(new Set(ids), events));
      unwind.push({
        move,
        scope: onlyRetire ? { is: 'stage', move, stage: 'retire' } : { is: 'moves', moves: new Set([move]) },
      });
    } else if (ids.some((id) => is(id) === 'undo-failed')) stuck.add(move);
    else if (ids.some((id) => is(id) === 'undoing' || groundless.has(id)))
      unwind.push({ move, scope: { is: 'moves', moves: new Set([move]) } });
  }
  const sharedUndos = new Set(
    plan.steps.filter(({ id, move }) => move === null && state.steps.get(id)?.is === 'undoing').map(({ id }) => id),
  );
  return { unwind, sharedUndos, leaveOut, stuck };
};
