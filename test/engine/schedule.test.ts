import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Scheduler, type Task } from '../../src/engine/schedule.js';
import { virtualClock } from './virtual-clock.js';

const graph = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(60), { maxLength: 3 }),
      lock: fc.nat(4),
      rollout: fc.boolean(),
      fails: fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0),
      ms: fc.integer({ min: 0, max: 50 }),
    }),
    { maxLength: 60 },
  )
  .map((nodes) => nodes.map((node, index) => ({ ...node, needs: node.needs.filter((need) => need < index) })));

describe('the schedule', () => {
  it('runs every task whose needs are done, once, within all bounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        graph,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        async (nodes, concurrency, rollouts) => {
          const clock = virtualClock();
          const done = new Set<number>();
          const ran: number[] = [];
          const locks = new Set<number>();
          let running = 0;
          let rolling = 0;
          const scheduler = new Scheduler({ concurrency, rollouts });
          scheduler.add(
            nodes.map(
              (node, index): Task => ({
                id: String(index),
                needs: node.needs.map(String),
                locks: node.lock === 0 ? [] : [`lock-${node.lock}`],
                rollout: node.rollout,
                cost: node.rollout ? 60 : 1,
                run: async () => {
                  for (const need of node.needs) expect(done.has(need)).toBe(true);
                  if (node.lock !== 0) expect(locks.has(node.lock)).toBe(false);
                  locks.add(node.lock);
                  running += 1;
                  rolling += node.rollout ? 1 : 0;
                  expect(running - rolling).toBeLessThanOrEqual(concurrency);
                  expect(rolling).toBeLessThanOrEqual(Math.min(rollouts, concurrency));
                  if (concurrency === 1) expect(running).toBe(1);
                  await clock.sleep(node.ms);
                  running -= 1;
                  rolling -= node.rollout ? 1 : 0;
                  locks.delete(node.lock);
                  ran.push(index);
                  if (!node.fails) done.add(index);
                  return !node.fails;
                },
              }),
            ),
          );
          await scheduler.run();
          const expected: number[] = [];
          const good = new Set<number>();
          for (const [index, node] of nodes.entries()) {
            if (!node.needs.every((need) => good.has(need))) continue;
            expected.push(index);
            if (!node.fails) good.add(index);
          }
          expect([...ran].sort((a, b) => a - b)).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([64, 20])(
    'comes within a few percent of the best time that rollouts allow, %i steps at once',
    async (most) => {
      // 120 moves: two short writes through one lane of five, then a rollout of 60 s, of which 20 may run at once.
      const time = async (): Promise<number> => {
        const clock = virtualClock(0);
        const scheduler = new Scheduler({ concurrency: most, rollouts: 20 });
        const tasks: Task[] = [];
        const lanes = 5;
        const add = (id: string, needs: string[], ms: number, rollout: boolean, lock: string | null): void => {
          tasks.push({
            id,
            needs,
            locks: lock === null ? [] : [lock],
            rollout,
            cost: rollout ? 60 : -0.01,
            run: async () => {
              await clock.sleep(ms);
              return true;
            },
          });
        };
        for (let move = 0; move < 120; move += 1) add(`a${move}`, [], 1000, false, `lane${move % lanes}`);
        for (let move = 0; move < 120; move += 1) add(`b${move}`, [`a${move}`], 1000, false, `lane${move % lanes}`);
        for (let move = 0; move < 120; move += 1) add(`r${move}`, [`b${move}`], 60_000, true, null);
        scheduler.add(tasks);
        await scheduler.run();
        return clock.monotonic();
      };
      const best = (120 / 20) * 60_000;
      // The first twenty are prepared in 8 s; all others while those before them roll out.
      expect(await time()).toBeLessThanOrEqual(best + 8_000);
    },
  );

  it('handles ten thousand tasks on one lock and in one chain', async () => {
    const scheduler = new Scheduler({ concurrency: 16, rollouts: 20 });
    let count = 0;
    const run = async (): Promise<boolean> => {
      count += 1;
      return true;
    };
    const task = (id: string, needs: string[], locks: string[]): Task => ({
      id,
      needs,
      locks,
      rollout: false,
      cost: 1,
      run,
    });
    scheduler.add([
      ...Array.from({ length: 5_000 }, (_, index) => task(`c${index}`, index === 0 ? [] : [`c${index - 1}`], [])),
      ...Array.from({ length: 5_000 }, (_, index) => task(`l${index}`, [], [`role${index % 50}`])),
    ]);
    await scheduler.run();
    expect(count).toBe(10_000);
  });
});
