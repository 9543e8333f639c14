import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { Plan } from '../../src/model/plan.js';
import {
  beforeOf,
  type Faults,
  failure,
  identityHolds,
  kiamPlan,
  runApply,
  runUnwind,
  World,
  whole,
} from './fake-world.js';

const names = ['api', 'web'];
const make = (): World => {
  const world = new World().begin(beforeOf(names));
  world.invariant = identityHolds(names);
  return world;
};
const kill = (world: World, when: 'before' | 'after', number: number): void => {
  world.hook = (at, _key, count) => {
    if (at === when && count === number) world.dead = true;
  };
};
const revive = (world: World): void => {
  world.dead = false;
  world.hook = () => {};
};
type Go = (world: World, store: ReturnType<typeof memoryStore>, run: string) => Promise<unknown>;

/** Kills the process before and after every effect of `go`, and at every line, and goes on until it ends. */
const explore = async (begin: () => Promise<{ world: World; store: ReturnType<typeof memoryStore> }>, go: Go) => {
  const calm = await begin();
  const effectsBefore = calm.world.writes.length;
  const linesBefore = calm.store.events.length;
  await go(calm.world, calm.store, 'run-a');
  const end = calm.world.snapshot();
  const effects = calm.world.writes.length - effectsBefore;
  const lines = calm.store.events.length - linesBefore;
  const wrong: string[] = [];
  let points = 0;
  const settle = async (world: World, store: ReturnType<typeof memoryStore>, label: string): Promise<void> => {
    points += 1;
    revive(world);
    await go(world, store, 'run-b');
    if (JSON.stringify(world.snapshot()) !== JSON.stringify(end))
      wrong.push(`${label}: ${JSON.stringify(world.snapshot())}`);
    wrong.push(...world.violations.map((text) => `${label}: ${text}`));
  };
  for (let number = 1; number <= effects; number += 1)
    for (const when of ['before', 'after'] as const) {
      const { world, store } = await begin();
      kill(world, when, effectsBefore + number);
      await go(world, store, 'run-a').catch(() => {});
      await settle(world, store, `${when} effect ${number}`);
    }
  for (let line = 1; line <= lines; line += 1) {
    const { world, store } = await begin();
    let left = line;
    const append = store.append.bind(store);
    const dying = {
      ...store,
      append: async (events: Parameters<typeof append>[0]) => {
        for (const event of events) {
          if (left-- <= 0) {
            world.dead = true;
            throw new Error('killed');
          }
          await append([event]);
        }
      },
    };
    await go(world, dying, 'run-a').catch(() => {});
    await settle(world, store, `after line ${line}`);
  }
  return { points, wrong, end };
};

const applyAll =
  (plan: Plan, faults?: () => Faults): Go =>
  (world, store, run) =>
    runApply({ plan, world, store, run, options: whole, ...(faults === undefined ? {} : { faults: faults() }) });
const unwindAll =
  (plan: Plan): Go =>
  (world, store, run) =>
    runUnwind({ plan, world, store, run });

describe('a run that is killed at any moment', () => {
  const plan = kiamPlan(names);
  const fresh = async () => ({ world: make(), store: memoryStore() });

  it('ends, when it is run again, where the uninterrupted apply ends', async () => {
    const { points, wrong, end } = await explore(fresh, applyAll(plan));
    expect(wrong).toEqual([]);
    expect(points).toBeGreaterThan(40);
    expect(end['old/api']).toBe('removed');
  });

  it('does so where a move fails and is undone by itself', async () => {
    const faults = (): Faults => ({ apply: new Map([['prove:web', { times: 99, error: failure('RL821', 'no') }]]) });
    const { wrong, end } = await explore(fresh, applyAll(plan, faults));
    expect(wrong).toEqual([]);
    expect(end['trust/web']).toBeUndefined();
    expect(end['pod/api']).toBe('role');
  });

  it('leaves a move undone that failed once, as the uninterrupted run would have', async () => {
    // The fault is over when the run is resumed: still the move must not be tried again within the same session.
    let fails = true;
    const go: Go = async (world, store, run) => {
      if (run === 'run-a') fails = true;
      const faults: Faults = fails
        ? { apply: new Map([['prove:web', { times: 99, error: failure('RL821', 'no') }]]) }
        : {};
      await runApply({ plan, world, store, run, options: whole, faults });
    };
    const world = make();
    const store = memoryStore();
    world.hook = (when, key) => {
      if (when === 'after' && key === 'account/web' && !world.values.has('account/web')) world.dead = true;
    };
    await go(world, store, 'run-a').catch(() => {});
    fails = false;
    revive(world);
    await go(world, store, 'run-b');
    expect(world.values.has('trust/web')).toBe(false);
    expect(world.values.get('pod/api')).toBe('role');
    await go(world, store, 'run-c');
    fails = false;
    await runApply({ plan, world, store, run: 'run-d', options: whole });
    expect(world.values.get('pod/web')).toBe('role');
  });

  it('ends where the uninterrupted rollback ends', async () => {
    const applied = async () => {
      const begun = await fresh();
      await runApply({ plan, world: begun.world, store: begun.store, options: whole });
      return begun;
    };
    const { points, wrong, end } = await explore(applied, unwindAll(plan));
    expect(wrong).toEqual([]);
    expect(points).toBeGreaterThan(30);
    expect(end).toEqual(beforeOf(names));
  });

  it('can be rolled back from wherever the apply was cut off', async () => {
    const calm = await fresh();
    await runApply({ plan, ...calm, options: whole });
    for (let number = 1; number <= calm.world.writes.length; number += 1)
      for (const when of ['before', 'after'] as const) {
        const { world, store } = await fresh();
        kill(world, when, number);
        await runApply({ plan, world, store, options: whole }).catch(() => {});
        revive(world);
        await runUnwind({ plan, world, store, run: 'run-2' });
        expect(world.snapshot(), `${when} effect ${number}`).toEqual(beforeOf(names));
        expect(world.violations).toEqual([]);
      }
  });

  it('can go forward again from wherever the rollback was cut off', async () => {
    const calm = await fresh();
    await runApply({ plan, ...calm, options: whole });
    const begin = calm.world.writes.length;
    const end = calm.world.snapshot();
    await runUnwind({ plan, ...calm, run: 'run-2' });
    const count = calm.world.writes.length;
    for (let number = begin + 1; number <= count; number += 1)
      for (const when of ['before', 'after'] as const) {
        const { world, store } = await fresh();
        await runApply({ plan, world, store, options: whole });
        kill(world, when, number);
        await runUnwind({ plan, world, store, run: 'run-2' }).catch(() => {});
        revive(world);
        await runApply({ plan, world, store, run: 'run-3', options: whole });
        expect(world.snapshot(), `${when} effect ${number}`).toEqual(end);
        expect(world.violations).toEqual([]);
      }
  });

  it('survives being killed again and again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 8 }), async (kills) => {
        const { world, store } = await fresh();
        for (const [index, after] of kills.entries()) {
          let left = after;
          world.hook = (when) => {
            if (when === (index % 2 === 0 ? 'before' : 'after') && --left === 0) world.dead = true;
          };
          await runApply({ plan, world, store, run: `run-${index}`, options: whole }).catch(() => {});
          revive(world);
        }
        const { result } = await runApply({ plan, world, store, run: 'last', options: whole });
        expect(result.exit).toBe(0);
        expect(world.values.get('old/web')).toBe('removed');
        expect(world.violations).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
