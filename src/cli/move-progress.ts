import type { MoveEnd } from '../engine/run.js';
import type { Message, Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';

type Progress = Extract<Message, { kind: 'progress' }>;

/** Up to so many moves each have a line of their own on a screen; more of them share one. */
const rows = 12;

export interface MoveProgress {
  readonly say: Say;
  /** Tells how each move ended, for the lines that stand. */
  end(moves: ReadonlyMap<string, MoveEnd>): void;
}

const endings: Readonly<Record<MoveEnd, Progress['state']>> = {
  done: 'done',
  undone: 'done',
  partly: 'skipped',
  kept: 'skipped',
  failed: 'failed',
  stuck: 'failed',
  refused: 'failed',
  waiting: 'skipped',
  'left-out': 'skipped',
  blocked: 'skipped',
};

/**
 * Steps report themselves; people follow moves. Adds a line for each move (or one for all, where there are many) above its steps, with
 * how many of the steps that this run will do are over. `steps`: their ids.
 */
export const moveProgress = (
  plan: Plan,
  steps: ReadonlySet<string>,
  direction: 'apply' | 'rollback',
  say: Say,
): MoveProgress => {
  // A move that an apply had to undo has failed; in a rollback that is what was asked for.
  const stateOf = (end: MoveEnd): Progress['state'] =>
    end === 'undone' && direction === 'apply' ? 'failed' : endings[end];
  const of = new Map<string, number>();
  for (const step of plan.steps)
    if (step.move !== null && steps.has(step.id)) of.set(step.move, (of.get(step.move) ?? 0) + 1);
  const together = of.size > rows;
  const over = new Map<string, Set<string>>();
  const finished = new Set<string>();
  const row = (move: string, state: Progress['state'], note = ''): void => {
    const title = `${move.replace(/^move:/, '')}${note}`;
    if (together) {
      say({
        kind: 'progress',
        id: 'moves',
        parent: null,
        title: 'moves',
        state: 'running',
        done: finished.size,
        of: of.size,
      });
      return;
    }
    const all = of.get(move);
    const done = over.get(move)?.size ?? 0;
    say({
      kind: 'progress',
      id: move,
      parent: null,
      title,
      state,
      ...(all === undefined ? {} : { done: Math.min(done, all), of: all }),
    });
  };
  return {
    say(message) {
      if (message.kind !== 'progress' || message.parent === null) {
        say(message);
        return;
      }
      const move = message.parent;
      const known = over.get(move);
      if (known === undefined) {
        over.set(move, new Set());
        row(move, 'running');
      }
      const before = over.get(move)?.size ?? 0;
      if (message.state === 'done' || message.state === 'skipped') over.get(move)?.add(message.id);
      if ((over.get(move)?.size ?? 0) >= (of.get(move) ?? Number.POSITIVE_INFINITY)) finished.add(move);
      say(together ? { ...message, parent: 'moves' } : message);
      if ((over.get(move)?.size ?? 0) !== before) row(move, 'running');
    },
    end(moves) {
      if (together) {
        const failed = [...moves.values()].some((end) => stateOf(end) === 'failed');
        say({
          kind: 'progress',
          id: 'moves',
          parent: null,
          title: 'moves',
          state: failed ? 'failed' : 'done',
          done: finished.size,
          of: of.size,
        });
        return;
      }
      for (const [move, end] of moves) {
        if (!over.has(move)) continue;
        // All that was asked of it is done; what it waits for belongs to a later stage.
        if (end === 'waiting' && finished.has(move)) row(move, 'done');
        else {
          const state = stateOf(end);
          // The steps of its undo were counted on top of its own.
          if (end === 'undone' && state === 'failed') over.set(move, new Set());
          row(move, state, state === 'done' ? '' : ` (${end})`);
        }
      }
    },
  };
};
