import { afterAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/sandbox/faults.js';
import { registry } from '../../src/steps/registry.js';
import { estates } from './estates.js';
import { guardOf } from './invariants.js';
import { type Actor, actorOf, begin, type Direction, foldText, forkOf, type Moment, run, textOf } from './stage.js';

const totals = { cells: 0, survived: 0 };
const directions: readonly Direction[] = ['apply', 'rollback'];

interface Asked {
  readonly service: string;
  readonly action: string;
}
/** The moment at which the first step of a kind begins, and what it asks for when nothing goes wrong. */
interface Checkpoint {
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

const checkpointsOf = async (
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

type Api = 'kubernetes' | 'iam' | 'eks' | 'sts' | 'ec2' | 'cloudtrail';
/** How each API says the same thing (API references; kubernetes/apimachinery, StatusReason). */
const spelled: Readonly<Record<string, Readonly<Record<Api, Pick<Fault, 'code' | 'status'>>>>> = {
  throttled: {
    kubernetes: { status: 429, code: 'TooManyRequests' },
    iam: { status: 400, code: 'Throttling' },
    eks: { status: 429, code: 'TooManyRequestsException' },
    sts: { status: 400, code: 'Throttling' },
    ec2: { status: 503, code: 'RequestLimitExceeded' },
    cloudtrail: { status: 400, code: 'ThrottlingException' },
  },
  failed: {
    kubernetes: { status: 500, code: 'InternalError' },
    iam: { status: 500, code: 'ServiceFailure' },
    eks: { status: 500, code: 'ServerException' },
    sts: { status: 500, code: 'InternalFailure' },
    ec2: { status: 500, code: 'InternalError' },
    cloudtrail: { status: 500, code: 'InternalFailure' },
  },
  unavailable: {
    kubernetes: { status: 503, code: 'ServiceUnavailable' },
    iam: { status: 503, code: 'ServiceUnavailable' },
    eks: { status: 503, code: 'ServiceUnavailableException' },
    sts: { status: 503, code: 'ServiceUnavailable' },
    ec2: { status: 503, code: 'Unavailable' },
    cloudtrail: { status: 503, code: 'ServiceUnavailable' },
  },
  conflict: {
    kubernetes: { status: 409, code: 'Conflict' },
    iam: { status: 409, code: 'ConcurrentModification' },
    eks: { status: 409, code: 'ResourceInUseException' },
    sts: { status: 503, code: 'ServiceUnavailable' },
    ec2: { status: 503, code: 'Unavailable' },
    cloudtrail: { status: 503, code: 'ServiceUnavailable' },
  },
  denied: {
    kubernetes: { status: 403, code: 'Forbidden' },
    iam: { status: 403, code: 'AccessDenied' },
    eks: { status: 403, code: 'AccessDeniedException' },
    sts: { status: 403, code: 'AccessDenied' },
    ec2: { status: 403, code: 'UnauthorizedOperation' },
    cloudtrail: { status: 400, code: 'AccessDeniedException' },
  },
  expired: {
    kubernetes: { status: 401, code: 'Unauthorized' },
    iam: { status: 403, code: 'ExpiredToken' },
    eks: { status: 403, code: 'ExpiredTokenException' },
    sts: { status: 403, code: 'ExpiredToken' },
    ec2: { status: 400, code: 'RequestExpired' },
    cloudtrail: { status: 400, code: 'ExpiredTokenException' },
  },
};
const say = (what: string, asked: Asked): Fault => ({
  service: asked.service,
  action: asked.action,
  ...spelled[what]?.[asked.service as Api],
});

type Ends = 'as-calm' | 'denied' | 'expired';
interface Trouble {
  readonly name: string;
  /** Which of a step's calls it hits; a step without any is not asked. */
  readonly on: 'write' | 'read' | 'any';
  readonly ends: Ends;
  befall(moment: Moment, asked: Asked): void;
}
const fault =
  (make: (asked: Asked) => Fault) =>
  ({ sandbox }: Moment, asked: Asked): void =>
    sandbox.faults.add(make(asked));

const troubles: readonly Trouble[] = [
  {
    name: 'throttled three times',
    on: 'any',
    ends: 'as-calm',
    befall: fault((at) => ({ ...say('throttled', at), times: 3 })),
  },
  {
    name: 'Retry-After in seconds',
    on: 'any',
    ends: 'as-calm',
    befall: fault((at) => ({ ...say('throttled', at), retryAfter: '7' })),
  },
  {
    name: 'Retry-After as a date',
    on: 'any',
    ends: 'as-calm',
    befall: (moment, at) =>
      moment.sandbox.faults.add({
        ...say('throttled', at),
        retryAfter: new Date(moment.clock.now() + 9_000).toUTCString(),
      }),
  },
  {
    name: 'a server error before anything was done',
    on: 'any',
    ends: 'as-calm',
    befall: fault((at) => say('failed', at)),
  },
  {
    name: 'unavailable twice',
    on: 'any',
    ends: 'as-calm',
    befall: fault((at) => ({ ...say('unavailable', at), times: 2 })),
  },
  {
    name: 'the connection breaks before',
    on: 'any',
    ends: 'as-calm',
    befall: fault((at) => ({ service: at.service, action: at.action, drop: 'before' })),
  },
  {
    name: 'done, and the answer lost',
    on: 'write',
    ends: 'as-calm',
    befall: fault((at) => ({ service: at.service, action: at.action, drop: 'late' })),
  },
  {
    name: 'the answer lost, and the next read too',
    on: 'write',
    ends: 'as-calm',
    befall: (moment, at) => {
      moment.sandbox.faults.add({ service: at.service, action: at.action, drop: 'late' });
      moment.sandbox.faults.add({
        service: at.service,
        ...(at.service === 'kubernetes' ? { action: 'GET *' } : {}),
        drop: 'before',
        skip: 3,
      });
    },
  },
  { name: 'a conflict', on: 'write', ends: 'as-calm', befall: fault((at) => say('conflict', at)) },
  {
    name: 'a slow answer',
    on: 'any',
    ends: 'as-calm',
    befall: fault((at) => ({ service: at.service, action: at.action, delayMs: 4_000 })),
  },
  {
    name: 'a read that fails twice',
    on: 'read',
    ends: 'as-calm',
    befall: fault((at) => ({ ...say('unavailable', at), times: 2 })),
  },
  {
    name: 'a write that is not allowed',
    on: 'write',
    ends: 'denied',
    befall: fault((at) => ({ ...say('denied', at), times: null })),
  },
  {
    name: 'a read that is not allowed',
    on: 'read',
    ends: 'denied',
    befall: fault((at) => ({ ...say('denied', at), times: null })),
  },
  {
    name: 'credentials that expire',
    on: 'any',
    ends: 'expired',
    befall: fault((at) => ({ ...say('expired', at), action: undefined as never, times: null })),
  },
];

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
