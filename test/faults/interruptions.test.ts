import { afterAll, describe, expect, it } from 'vitest';
import { registry } from '../../src/steps/registry.js';
import { estates } from './estates.js';
import { announced, guardOf } from './invariants.js';
import {
  type Actor,
  actorOf,
  begin,
  type Direction,
  foldText,
  forkOf,
  type Moment,
  refusedNow,
  run,
  textOf,
} from './stage.js';

const totals = { points: 0, survived: 0 };
const kinds = { apply: new Set<string>(), rollback: new Set<string>() };

interface Point {
  readonly label: string;
  readonly moment: Moment;
  /** Writes that had changed something by then. */
  readonly effects: number;
}

interface Calm {
  readonly end: string;
  readonly fold: string;
  readonly exit: number;
  readonly effects: number;
  readonly points: readonly Point[];
  readonly after: Moment;
  readonly wrong: readonly string[];
}

/** The uninterrupted run, with the world and the journal kept as they were before and after each write and each line. */
const calmly = async (actor: Actor, origin: Moment, from: Moment, direction: Direction): Promise<Calm> => {
  const moment = forkOf(from);
  const guard = guardOf(actor.plan, origin.sandbox);
  const points: Point[] = [];
  const wrong: string[] = [];
  let writes = 0;
  let effects = 0;
  let last = '';
  const keep = (label: string): void => {
    const mark = `${writes} ${moment.store.events.length}`;
    if (mark === last) return;
    last = mark;
    points.push({ label, moment: forkOf(moment), effects });
  };
  const result = await run(actor, moment, direction, {
    watch: {
      announced: (entry) => {
        const step = actor.plan.steps.find(({ id }) => id === entry.step);
        if (step !== undefined && (entry.type === 'started' || entry.type === 'undo-started'))
          kinds[direction].add(step.kind);
      },
      write(when, request, effect) {
        const what = `${request.method} ${new URL(request.url).pathname}`;
        if (when === 'before') {
          keep(`before write ${writes + 1} (${what})`);
          if (!announced(moment)) wrong.push(`write ${writes + 1} (${what}) is not announced in the journal`);
          return;
        }
        writes += 1;
        if (effect) effects += 1;
        keep(`after write ${writes} (${what})`);
        wrong.push(...guard.check(moment).map((text) => `after write ${writes} (${what}): ${text}`));
      },
      line: () => keep(`after line ${moment.store.events.length}`),
    },
  });
  wrong.push(...guard.check(moment));
  expect(result.failures).toEqual([]);
  expect(result.exit).toBe(0);
  return {
    end: textOf(moment.sandbox),
    fold: foldText(moment),
    exit: result.exit,
    effects,
    points,
    after: moment,
    wrong,
  };
};

/** Kills the run at each point and gives the same command again. */
const explore = async (actor: Actor, calm: Calm, origin: Moment, direction: Direction): Promise<readonly string[]> => {
  const wrong: string[] = [...calm.wrong];
  for (const point of calm.points) {
    totals.points += 1;
    const bad: string[] = [];
    const { moment } = point;
    const guard = guardOf(actor.plan, origin.sandbox);
    let effects = point.effects;
    // The state is the same until the next write, so once after each says enough.
    if (direction === 'apply' && point.label.startsWith('after write')) bad.push(...(await refusedNow(actor, moment)));
    const result = await run(actor, moment, direction, {
      watch: {
        write(when, _request, effect) {
          if (when === 'before') return;
          if (effect) effects += 1;
          bad.push(...guard.check(moment));
        },
      },
    });
    if (result.exit !== calm.exit)
      bad.push(`exit ${result.exit}: ${JSON.stringify(result.failures)} ${JSON.stringify(result.left)}`);
    if (textOf(moment.sandbox) !== calm.end) bad.push('the estate is not as after the uninterrupted run');
    if (foldText(moment) !== calm.fold)
      bad.push(`the journal tells something else: ${foldText(moment)} for ${calm.fold}`);
    if (effects > calm.effects) bad.push(`${effects} writes had an effect, ${calm.effects} without interruption`);
    bad.push(...guard.check(moment));
    if (bad.length === 0) totals.survived += 1;
    else wrong.push(`${direction}, ${point.label}: ${[...new Set(bad)].join('; ')}`);
  }
  return wrong;
};

describe('a run that is killed before and after every write and every line of the journal', {
  timeout: 300_000,
}, () => {
  for (const estate of estates)
    it(`ends where the uninterrupted run ends, there and back: ${estate.title}`, async () => {
      const { moment, plan } = await begin(estate);
      const actor = actorOf(estate, plan);
      const before = textOf(moment.sandbox);
      const there = await calmly(actor, moment, moment, 'apply');
      const back = await calmly(actor, moment, there.after, 'rollback');
      expect(back.end).toBe(before);
      const again = forkOf(back.after);
      expect((await run(actor, again, 'apply')).exit).toBe(0);
      const took = (from: Moment, to: Moment): number => to.clock.monotonic() - from.clock.monotonic();
      // Nothing that the rollback brought back is waited over as if it were an answer from a place that lags.
      expect(took(back.after, again)).toBeLessThan(took(moment, there.after) + 10_000);
      expect(textOf(again.sandbox)).toBe(there.end);
      expect(await explore(actor, there, moment, 'apply')).toEqual([]);
      expect(await explore(actor, back, moment, 'rollback')).toEqual([]);
    });

  it('did so with every kind of step, in both directions', () => {
    const missing = (direction: Direction): readonly string[] =>
      [...registry.keys()].filter((kind) => !kinds[direction].has(kind));
    expect(missing('apply')).toEqual([]);
    expect(missing('rollback')).toEqual([]);
  });
});

afterAll(() => {
  process.stdout.write(`\ninterruption points: ${totals.survived}/${totals.points}\n`);
});
