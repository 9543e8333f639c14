import { afterAll, describe, expect, it } from 'vitest';
import { registry } from '../../src/steps/registry.js';
import { type Trouble, troubles } from './api-troubles.js';
import { type Asked, type Checkpoint, checkpointsOf } from './checkpoints.js';
import { estates } from './estates.js';
import { guardOf } from './invariants.js';
import { actorOf, begin, type Direction, foldText, forkOf, run, textOf } from './stage.js';

const totals = { cells: 0, survived: 0 };
const directions: readonly Direction[] = ['apply', 'rollback'];

/** What is not as it should be after a run that one call's trouble befell, and after the same command once more where it is over. */
const judge = async (point: Checkpoint, trouble: Trouble, asked: Asked): Promise<readonly string[]> => {
  const { actor, direction } = point;
  const moment = forkOf(point.moment);
  const guard = guardOf(actor.plan, point.origin.sandbox);
  const wrong: string[] = [];
  trouble.befall(moment, asked);
  const watch = { write: (when: string) => when === 'after' && wrong.push(...guard.check(moment)) };
  let result = await run(actor, moment, direction, { watch });
  if (trouble.ends !== 'as-calm') {
    if (trouble.ends === 'expired') {
      if (result.exit !== 3) wrong.push(`exit ${result.exit}, not 3: ${JSON.stringify(result.failures)}`);
      if (result.failures.length > 0) wrong.push(`failures: ${JSON.stringify(result.failures)}`);
      if (!result.pauses.some(({ gate }) => gate === 'credentials'))
        wrong.push('it does not say that the credentials are over');
    } else if (result.exit !== 0 || result.failures.length > 0) {
      const errors = result.failures.map(({ error }) => error);
      if (![1, 3, 4].includes(result.exit)) wrong.push(`exit ${result.exit}`);
      if (!errors.some(({ code, message }) => code === 'RL703' && message.startsWith('not allowed')))
        wrong.push(`the permission is not named: ${JSON.stringify(errors)}`);
      const others = errors.filter(({ code }) => code !== 'RL703');
      if (others.length > 0) wrong.push(`more failed than what was refused: ${JSON.stringify(others)}`);
      const mine = actor.plan.steps.find(({ id }) => id === point.step)?.move ?? null;
      const namespace = mine?.slice('move:'.length).split('/')[0] ?? '';
      const onlyMine = mine !== null && asked.action.includes(`/namespaces/${namespace}/`);
      for (const [move, end] of result.moves)
        if (onlyMine && move !== mine && end !== (direction === 'apply' ? 'done' : 'undone'))
          wrong.push(`${move} ended as ${end}, though only ${mine} was hit`);
    }
    moment.sandbox.faults.clear();
    const stuck = [...result.moves].filter(([, end]) => end === 'stuck').map(([move]) => move);
    if (direction === 'apply' && stuck.length > 0)
      await run(actor, moment, 'rollback', { watch, unwind: { scope: { is: 'moves', moves: stuck } } });
    result = await run(actor, moment, direction, { watch });
  }
  if (result.exit !== 0 || result.failures.length > 0)
    wrong.push(
      `exit ${result.exit}: ${JSON.stringify(result.failures)} ${JSON.stringify(result.pauses)} ${JSON.stringify(result.left)}`,
    );
  if (textOf(moment.sandbox) !== point.end()) wrong.push('the estate is not as after the calm run');
  if (foldText(moment) !== point.fold()) wrong.push('the journal tells something else than that of the calm run');
  wrong.push(...guard.check(moment));
  return [...new Set(wrong)];
};

describe('every step kind under every fault, forwards and in rollback', { timeout: 300_000 }, () => {
  const points: Checkpoint[] = [];
  for (const estate of estates)
    it(`survives: ${estate.title}`, async () => {
      const known = (direction: Direction) =>
        new Set(points.filter((point) => point.direction === direction).map(({ kind }) => kind));
      const { moment, plan } = await begin(estate);
      const actor = actorOf(estate, plan);
      const there = await checkpointsOf(actor, moment, moment, 'apply', known('apply'));
      const back = await checkpointsOf(actor, moment, there.after, 'rollback', known('rollback'));
      const mine = [...there.found, ...back.found];
      points.push(...mine);
      const failed: string[] = [];
      for (const point of mine)
        for (const trouble of troubles) {
          const asked =
            trouble.on === 'write'
              ? point.writes[0]
              : trouble.on === 'read'
                ? point.reads.at(-1)
                : (point.writes[0] ?? point.reads[0]);
          if (asked === undefined) continue;
          totals.cells += 1;
          const wrong = await judge(point, trouble, asked);
          if (wrong.length === 0) totals.survived += 1;
          else
            failed.push(
              `${point.kind}, ${point.direction}, ${trouble.name} (${asked.service} ${asked.action}): ${wrong.join('; ')}`,
            );
        }
      expect(failed).toEqual([]);
    });

  it('was every kind that asks for anything, in both directions', () => {
    const silent = { apply: [], rollback: ['gate'] };
    for (const direction of directions) {
      const covered = points.filter((point) => point.direction === direction).map(({ kind }) => kind);
      const missing = [...registry.keys()].filter((kind) => !covered.includes(kind));
      expect(missing, direction).toEqual(silent[direction]);
    }
  });

  for (const estate of estates)
    it(`lives with IAM and EKS that tell what was five seconds ago: ${estate.title}`, async () => {
      const { moment, plan } = await begin(estate);
      const actor = actorOf(estate, plan);
      const before = textOf(moment.sandbox);
      const guard = guardOf(plan, moment.sandbox);
      const calm = forkOf(moment);
      await run(actor, calm, 'apply');
      const late = forkOf(moment);
      late.sandbox.settings.consistencyDelayMs = 5_000;
      await late.clock.advance(10_000);
      for (const direction of directions) {
        const kinds = new Set<string>();
        const wrong: string[] = [];
        const result = await run(actor, late, direction, {
          watch: {
            announced: ({ step }) => kinds.add(plan.steps.find(({ id }) => id === step)?.kind ?? ''),
            write: (when) => when === 'after' && wrong.push(...guard.check(late)),
          },
        });
        kinds.delete('');
        totals.cells += kinds.size;
        if (result.exit !== 0) wrong.push(`exit ${result.exit}: ${JSON.stringify(result.failures)}`);
        if (textOf(late.sandbox) !== (direction === 'apply' ? textOf(calm.sandbox) : before))
          wrong.push('the estate is not as after the calm run');
        wrong.push(...guard.check(late));
        if (wrong.length === 0) totals.survived += kinds.size;
        expect([...new Set(wrong)], direction).toEqual([]);
      }
    });
});

afterAll(() => {
  process.stdout.write(`\nfaults survived: ${totals.survived}/${totals.cells}\n`);
});
