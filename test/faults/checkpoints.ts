import { expect } from 'vitest';
import { type Actor, type Direction, foldText, forkOf, type Moment, run, textOf } from './stage.js';

/** A call of a step. */
export interface Asked {
  readonly service: string;
  readonly action: string;
}
/** The moment at which the first step of a kind begins, and what it asks for when nothing goes wrong. */
export interface Checkpoint {
  readonly kind: string;
  readonly step: string;
  readonly direction: Direction;
  readonly actor: Actor;
  readonly origin: Moment;
  readonly moment: Moment;
  readonly writes: readonly Asked[];
  readonly reads: readonly Asked[];
  /** How the calm run ends. */
  readonly end: () => string;
  readonly fold: () => string;
}

/** Names of pods are made up anew in each world. */
const steady = (action: string): string => action.replace(/\/pods\/[^/]+$/, '/pods/*');

/** Runs calmly, and keeps the moment before the first step of each kind that is not known yet. */
export const checkpointsOf = async (
  actor: Actor,
  origin: Moment,
  from: Moment,
  direction: Direction,
  known: ReadonlySet<string>,
): Promise<{ readonly found: readonly Checkpoint[]; readonly after: Moment }> => {
  const moment = forkOf(from);
  const found: Checkpoint[] = [];
  const seen = new Set(known);
  let end = '';
  let fold = '';
  let open: { step: string; calls: number; take: (writes: Asked[], reads: Asked[]) => void } | null = null;
  const close = (): void => {
    if (open === null) return;
    const calls = moment.sandbox.faults.calls.slice(open.calls);
    const asked = (write: boolean): Asked[] =>
      calls.filter((call) => call.write === write).map(({ service, action }) => ({ service, action: steady(action) }));
    open.take(asked(true), asked(false));
    open = null;
  };
  const result = await run(actor, moment, direction, {
    watch: {
      announced: ({ type, step }) => {
        close();
        if (type !== (direction === 'apply' ? 'started' : 'undo-started')) return;
        const kind = actor.plan.steps.find(({ id }) => id === step)?.kind ?? '';
        if (seen.has(kind)) return;
        const kept = forkOf(moment);
        open = {
          step: step ?? '',
          calls: moment.sandbox.faults.calls.length,
          take: (writes, reads) => {
            // A step that had nothing to do says little: the next of its kind may have.
            if (writes.length === 0 && reads.length === 0) return;
            seen.add(kind);
            found.push({
              kind,
              step: step ?? '',
              direction,
              actor,
              origin,
              moment: kept,
              writes,
              reads,
              end: () => end,
              fold: () => fold,
            });
          },
        };
      },
    },
  });
  close();
  expect(result.failures).toEqual([]);
  expect(result.exit).toBe(0);
  end = textOf(moment.sandbox);
  fold = foldText(moment);
  return { found, after: moment };
};
