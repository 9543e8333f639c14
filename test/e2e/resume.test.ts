import { afterAll, describe, expect, it } from 'vitest';
import { type Estate, estates } from '../faults/estates.js';
import { actorOf, begin, type Direction, run } from '../faults/stage.js';
import { start } from '../helpers/cli.js';
import { raise, type Stand } from './stand.js';

const argumentsFor = (stand: Stand, direction: Direction): readonly string[] => [
  direction,
  stand.directory,
  '--yes',
  '--quiet',
  '--concurrency',
  '1',
  ...stand.reach,
  ...(direction === 'apply' ? ['--soak', '0s', '--accept-unproven', 'all', '--rollouts', '1'] : ['--gitops', 'live']),
];

/** The kind of the step that was under way when the process died, by its journal. */
const kindUnderWay = (stand: Stand): string => {
  const open = new Set<string>();
  for (const event of stand.journal()) {
    if (event.step === undefined) continue;
    if (event.type === 'started' || event.type === 'undo-started') open.add(event.step);
    else open.delete(event.step);
  }
  const [first] = open;
  return stand.plan.steps.find(({ id }) => id === first)?.kind ?? '';
};

/** Runs the command in a process of its own, killed before or after its n-th write to the estate. */
const killed = async (
  stand: Stand,
  direction: Direction,
  write: number,
  when: 'before' | 'after',
): Promise<boolean> => {
  const running = start(argumentsFor(stand, direction), { env: stand.env });
  // The first write of every run goes to the cluster's list of runs.
  stand.sandbox.faults.kill({ pid: running.child.pid as number, write: write + 1, when });
  const ended = await running.ended;
  if (ended.signal === null) expect(ended.code, `${ended.out}${ended.err}`).toBe(0);
  return ended.signal === 'SIGKILL';
};

/** Writes of a calm run in this process, by the kind of the step that made them. */
const writesOf = async (estate: Estate): Promise<Readonly<Record<Direction, readonly string[]>>> => {
  const { moment, plan } = await begin(estate);
  const actor = actorOf(estate, plan);
  const kinds: Record<Direction, string[]> = { apply: [], rollback: [] };
  for (const direction of ['apply', 'rollback'] as const) {
    let kind = '';
    await run(actor, moment, direction, {
      watch: {
        announced: ({ type, step }) => {
          if (type === 'started' || type === 'undo-started')
            kind = plan.steps.find(({ id }) => id === step)?.kind ?? '';
        },
        write: (when) => when === 'before' && kinds[direction].push(kind),
      },
    });
  }
  return kinds;
};

/** Kills a run at the first write of each kind, the next command beginning where it died; then lets one come to its end. */
const tormented = async (
  stand: Stand,
  direction: Direction,
  writes: readonly string[],
  seen: Set<string>,
): Promise<void> => {
  let done = 0;
  let turn = 0;
  for (const [index, kind] of writes.entries()) {
    if (writes.indexOf(kind) !== index || seen.has(kind) || index < done) continue;
    const when = turn++ % 2 === 0 ? 'after' : 'before';
    if (!(await killed(stand, direction, index + 1 - done, when))) break;
    seen.add(kindUnderWay(stand));
    done = when === 'after' ? index + 1 : index;
  }
  const last = start(argumentsFor(stand, direction), { env: stand.env });
  const ended = await last.ended;
  expect(ended.code, `${ended.out}${ended.err}`).toBe(0);
};

const kinds = { apply: new Set<string>(), rollback: new Set<string>() };

const of = (title: string): Estate => estates.find((estate) => estate.title.startsWith(title)) as Estate;

describe('a process that is killed from outside before or after its n-th write', {
  timeout: 900_000,
  concurrent: true,
}, () => {
  const play = async (estate: Estate): Promise<void> => {
    const stand = await raise(estate);
    try {
      const begin = stand.estate();
      const writes = await writesOf(estate);
      await tormented(stand, 'apply', writes.apply, kinds.apply);
      await stand.sandbox.settled();
      expect(stand.estate()).not.toBe(begin);
      await tormented(stand, 'rollback', writes.rollback, kinds.rollback);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(begin);
    } finally {
      await stand.close();
    }
  };

  it('ends where the uninterrupted run ends: kiam to IRSA', () => play(of('kiam to IRSA')));
  it('ends where the uninterrupted run ends: kiam to Pod Identity', () => play(of('kiam to Pod Identity')));
  it('ends where the uninterrupted run ends: the CNI off two node roles', () => play(of('the CNI off two node roles')));
  it('ends where the uninterrupted run ends: a role of another account', () => play(of('a role of another account')));
  it('ends where the uninterrupted run ends: the CNI of IPv6', () => play(of('the CNI of an IPv6 cluster')));
});

afterAll(() => {
  const told = (direction: Direction): string =>
    `${direction} ${[...kinds[direction]].filter((kind) => kind !== '').length}`;
  process.stdout.write(`\nkinds of steps killed in a process of their own: ${told('apply')}, ${told('rollback')}\n`);
});
