import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/journal/memory-store.js';
import { sealPlan } from '../../src/model/plan.js';
import {
  aPlan,
  beforeOf,
  type Draft,
  failure,
  identityHolds,
  kiamPlan,
  moveSteps,
  provider,
  runApply,
  runUnwind,
  World,
  whole,
} from './fake-world.js';
import { virtualClock } from './virtual-clock.js';

const names = ['api', 'web', 'job'];
const world = (list: readonly string[] = names): World => {
  const made = new World().begin(beforeOf(list));
  made.invariant = identityHolds(list);
  return made;
};

describe('apply', () => {
  it('refuses a plan of which every move is blocked, and a move that is not in it', async () => {
    const plan = kiamPlan(['api']);
    const blocked = sealPlan({ ...plan, moves: plan.moves.map((move) => ({ ...move, blocked: true })) });
    await expect(runApply({ plan: blocked, world: world(['api']) })).rejects.toMatchObject({ exit: 4 });
    await expect(runApply({ plan, world: world(['api']), options: { moves: ['move:nobody'] } })).rejects.toMatchObject({
      exit: 64,
      data: { code: 'RL628' },
    });
  });

  it('stops as soon as the lock has run out by any clock, though no signal came', async () => {
    const here = world();
    const { result } = await runApply({
      plan: kiamPlan(names),
      world: here,
      stop: { stillHeld: () => here.writes.length < 2 },
    });
    expect(result.exit).toBe(5);
    expect(result.failures.at(-1)?.error.code).toBe('RL863');
    expect(here.writes.length).toBeLessThanOrEqual(3);
  });

  it('runs prepare and cutover, and ends with 3 and the command for retire', async () => {
    const here = world();
    const { result } = await runApply({ plan: kiamPlan(names), world: here });
    expect(result.exit).toBe(3);
    expect(result.next).toEqual(['rolelift apply PLAN --stage retire']);
    expect(here.values.get('pod/api')).toBe('role');
    expect(here.values.get('old/api')).toBe('kiam');
    expect(here.violations).toEqual([]);
  });

  it('runs all stages in one call with a soak of nothing', async () => {
    const here = world();
    const { result } = await runApply({ plan: kiamPlan(names), world: here, options: whole });
    expect([result.exit, result.failures, result.left]).toEqual([0, [], []]);
    expect(here.values.get('old/web')).toBe('removed');
    expect([...result.moves.values()]).toEqual(['done', 'done', 'done']);
  });

  it('does nothing more when it is run again', async () => {
    const here = world();
    const store = memoryStore();
    await runApply({ plan: kiamPlan(names), world: here, options: whole, store });
    const writes = here.writes.length;
    const { result } = await runApply({ plan: kiamPlan(names), world: here, options: whole, store, run: 'run-2' });
    expect(result.exit).toBe(0);
    expect(here.writes.length).toBe(writes);
  });

  it('skips what was already true, and never undoes it', async () => {
    const here = world(['api']).begin({ provider: 'there' });
    const store = memoryStore();
    const plan = kiamPlan(['api']);
    const { journal } = await runApply({ plan, world: here, store });
    expect(journal.state.steps.get('provider')).toEqual({ is: 'skipped', because: 'already-true' });
    await runUnwind({ plan, world: here, store, run: 'run-2' });
    expect(here.snapshot()).toEqual({ 'old/api': 'kiam', provider: 'there' });
  });

  it('keeps retire shut until 24 hours after the cutover, by server time', async () => {
    const here = world();
    const store = memoryStore();
    const clock = virtualClock();
    const plan = kiamPlan(names);
    await runApply({ plan, world: here, store, clock });
    const early = await runApply({ plan, world: here, store, clock, run: 'run-2', options: { stages: ['retire'] } });
    expect(early.result.exit).toBe(3);
    expect(early.result.pauses.map(({ gate }) => gate)).toContain('soak:move:api');
    clock.advance(86_400_000);
    const late = await runApply({ plan, world: here, store, clock, run: 'run-3', options: { stages: ['retire'] } });
    expect(late.result.exit).toBe(0);
    expect(here.values.get('old/api')).toBe('removed');
  });

  it('asks for evidence before retire, which --yes does not answer', async () => {
    const here = world(['api']);
    const plan = kiamPlan(['api'], { proof: 'configured' });
    const store = memoryStore();
    const first = await runApply({ plan, world: here, store, options: whole });
    expect(first.result.exit).toBe(3);
    expect(first.result.pauses[0]).toMatchObject({ gate: 'proof-of-use:move:api' });
    expect(here.values.get('old/api')).toBe('kiam');
    const second = await runApply({
      plan,
      world: here,
      store,
      run: 'run-2',
      options: { ...whole, acceptUnproven: ['move:api'] },
    });
    expect(second.result.exit).toBe(0);
    expect(second.journal.events.filter((event) => event.type === 'gate-opened').map((event) => event.by)).toContain(
      '--accept-unproven move:api',
    );
  });

  it("lets the plan's own gate speak before it asks for evidence", async () => {
    const gated = (proof: string) => {
      const [first, ...steps] = moveSteps('api', { proof });
      const gate = { id: 'gate:api', kind: 'proof-of-use', move: 'move:api' };
      return aPlan([
        { ...provider, undoDependsOn: ['trust:api'] },
        first as Draft,
        ...steps.slice(0, -1),
        { id: 'gate:api', kind: 'gate', move: 'move:api', stage: 'retire', params: { gate }, dependsOn: ['prove:api'] },
        { ...(steps.at(-1) as Draft), dependsOn: ['gate:api'] },
      ]);
    };
    const shut = world(['api']);
    const store = memoryStore();
    const first = await runApply({ plan: gated('configured'), world: shut, store, options: whole });
    expect(first.result.exit).toBe(3);
    expect(shut.values.get('old/api')).toBe('kiam');
    const accepted = await runApply({
      plan: gated('configured'),
      world: shut,
      store,
      run: 'run-2',
      options: { ...whole, acceptUnproven: ['all'] },
    });
    expect(accepted.result.exit).toBe(0);
    const open = world(['api']);
    expect((await runApply({ plan: gated('used'), world: open, options: whole })).result.exit).toBe(0);
    expect(open.values.get('old/api')).toBe('removed');
  });

  it('does not take --yes for an answer at the canary or for evidence', async () => {
    const here = world();
    const { result } = await runApply({
      plan: kiamPlan(names, { proof: 'configured' }),
      world: here,
      options: { ...whole, canary: 1 },
      host: { approve: async () => ({ open: true, by: '--yes' }) },
    });
    expect(result.exit).toBe(3);
    expect(here.values.get('old/api')).toBe('kiam');
    expect(here.values.has('pod/web')).toBe(false);
  });

  it('serves five hundred moves on one role, one trust write at a time', async () => {
    const many = Array.from({ length: 500 }, (_, index) => `m${index}`);
    const here = world([]).begin(beforeOf(many));
    const running = new Map<string, number>();
    let together = 0;
    let rolling = 0;
    let mostRolling = 0;
    const trace = (by: number) => (step: { kind: string; params: object }) => {
      const lock = (step.params as { lock?: string }).lock;
      if (lock !== undefined) {
        running.set(lock, (running.get(lock) ?? 0) + by);
        together = Math.max(together, running.get(lock) ?? 0);
      }
      if (step.kind === 'roll') rolling += by;
      mostRolling = Math.max(mostRolling, rolling);
    };
    const clock = virtualClock(0);
    const { result } = await runApply({
      plan: kiamPlan(many, { role: 'shared' }),
      world: here,
      clock,
      options: { rollouts: 20, concurrency: 32 },
      faults: {
        takes: (step) => (step.kind === 'roll' ? 60_000 : 100),
        trace: { start: trace(1), end: trace(-1) },
      },
    });
    expect(result.exit).toBe(3);
    expect(together).toBe(1);
    expect(mostRolling).toBe(20);
    // Best: 25 rounds of 20 rollouts, and the first trust writes before them.
    expect(clock.monotonic()).toBeLessThan(25 * 60_000 * 1.05);
  });

  it('takes evidence from the host, and journals it', async () => {
    const here = world(['api']);
    const { result, journal } = await runApply({
      plan: kiamPlan(['api'], { proof: 'configured' }),
      world: here,
      options: whole,
      host: { evidence: async () => ({ proof: 'used', evidence: { event: 'AssumeRoleWithWebIdentity' } }) },
    });
    expect(result.exit).toBe(0);
    expect(journal.events.filter((event) => event.type === 'verified').map((event) => event.proof)).toEqual([
      'configured',
      'used',
    ]);
  });

  it('undoes a move whose step fails, and only that one', async () => {
    const here = world();
    const apply = new Map([['prove:web', { times: 9, error: failure('RL821', 'the pod crash-loops') }]]);
    const { result } = await runApply({ plan: kiamPlan(names), world: here, faults: { apply } });
    expect(result.exit).toBe(1);
    expect(result.moves.get('move:web')).toBe('undone');
    expect(result.moves.get('move:api')).toBe('waiting');
    expect(here.values.has('trust/web')).toBe(false);
    expect(here.values.get('pod/web') ?? null).toBe(null);
    expect(here.values.get('pod/api')).toBe('role');
    expect(here.violations).toEqual([]);
  });

  it('leaves the failed move as it is with continue, and begins nothing more with stop', async () => {
    const apply = () => new Map([['restart:api', { times: 9, error: failure('RL821', 'no') }]]);
    const going = world();
    const on = await runApply({
      plan: kiamPlan(names),
      world: going,
      faults: { apply: apply() },
      options: { onFailure: 'continue' },
    });
    expect(on.result.moves.get('move:api')).toBe('failed');
    expect(going.values.get('account/api')).toBe('role');
    expect(going.values.get('pod/web')).toBe('role');
    const halted = world();
    const off = await runApply({
      plan: kiamPlan(names),
      world: halted,
      faults: { apply: apply() },
      options: { onFailure: 'stop', concurrency: 1 },
    });
    expect(off.result.exit).toBe(1);
    expect(halted.values.get('account/api')).toBe('role');
    expect(halted.values.has('pod/job')).toBe(false);
  });

  it('holds up only the dependents of a shared step that fails', async () => {
    const here = world();
    const apply = new Map([
      ['provider', { times: 9, error: failure('RL703', 'not allowed to iam:CreateOpenIDConnectProvider') }],
    ]);
    const { result } = await runApply({ plan: kiamPlan(names), world: here, faults: { apply } });
    expect(result.exit).toBe(1);
    expect(result.failures.map(({ step }) => step)).toEqual(['provider']);
    expect(here.writes).toEqual([]);
  });

  it('tells a failed undo beside the first failure, with the commands for a person', async () => {
    const here = world(['api']);
    const faults = {
      apply: new Map([['prove:api', { times: 9, error: failure('RL821', 'first') }]]),
      undo: new Map([['annotate:api', { times: 9, error: failure('RL703', 'second') }]]),
    };
    const store = memoryStore();
    const plan = kiamPlan(['api']);
    const { result } = await runApply({ plan, world: here, faults, store });
    expect(result.exit).toBe(1);
    expect(result.failures.map(({ error }) => error.message)).toEqual(['first', 'second']);
    expect(result.failures[1]).toMatchObject({ after: { message: 'first' } });
    expect(result.failures[1]?.byHand[0]).toContain('aws iam put-thing');
    expect(result.moves.get('move:api')).toBe('stuck');
    expect(here.values.get('trust/api')).toBe('ours');
    const again = await runUnwind({ plan, world: here, store, run: 'run-2' });
    expect(again.result.exit).toBe(0);
    expect(here.snapshot()).toEqual(beforeOf(['api']));
  });

  it('refuses drift before the first change with 4, and later with 1', async () => {
    const here = world(['api']);
    const drift = new Set(['provider']);
    const { result } = await runApply({ plan: kiamPlan(['api']), world: here, faults: { drift } });
    expect([result.exit, result.failures[0]?.error.code]).toEqual([4, 'RL831']);
    expect(here.writes).toEqual([]);
    const later = world(['api']);
    const second = await runApply({
      plan: kiamPlan(['api']),
      world: later,
      faults: { drift: new Set(['annotate:api']) },
    });
    expect(second.result.exit).toBe(1);
    expect(later.snapshot()).toEqual({ ...beforeOf(['api']), provider: 'there' });
  });

  it('never overwrites what another hand wrote meanwhile', async () => {
    const here = world(['api']).begin({ 'account/api': 'somebody-elses' });
    const { result } = await runApply({ plan: kiamPlan(['api']), world: here });
    expect(result.failures[0]?.error.code).toBe('RL832');
    expect(here.values.get('account/api')).toBe('somebody-elses');
  });

  it('refuses another cluster, another account, an edited plan and a plan from manifests', async () => {
    const plan = kiamPlan(['api']);
    const refused = async (setting: object): Promise<string> =>
      runApply({ plan, world: world(['api']), ...setting }).then(
        () => 'ran',
        (error) => `${error.data.code} ${error.exit}`,
      );
    const me = { caller: { arn: 'a', account: '111122223333', kubernetesUser: '' }, clusterUid: 'uid-1', server: 's' };
    expect(await refused({ host: { identity: async () => ({ ...me, clusterUid: 'other' }) } })).toBe('RL835 4');
    expect(await refused({ host: { identity: async () => ({ ...me, caller: { ...me.caller, account: '9' } }) } })).toBe(
      'RL836 4',
    );
    expect(await refused({ plan: { ...plan, tool: 'edited' } })).toBe('RL626 4');
    const store = memoryStore();
    await runApply({ plan: kiamPlan(['web']), world: world(['web']), store });
    expect(await refused({ store })).toBe('RL622 4');
  });

  it('pauses at expired credentials without failing a move, and goes on afterwards', async () => {
    const here = world();
    const store = memoryStore();
    const plan = kiamPlan(names);
    const apply = new Map([['annotate:web', { times: 1, error: failure('RL702', 'expired') }]]);
    const first = await runApply({ plan, world: here, store, faults: { apply } });
    expect(first.result.exit).toBe(3);
    expect(first.result.failures).toEqual([]);
    expect(first.result.pauses.map(({ gate }) => gate)).toEqual(['credentials']);
    const second = await runApply({ plan, world: here, store, options: whole, run: 'run-2' });
    expect(second.result.exit).toBe(0);
  });

  it('goes on at once where fresh credentials can be had', async () => {
    const apply = new Map([['annotate:web', { times: 1, error: failure('RL702', 'expired') }]]);
    const { result } = await runApply({
      plan: kiamPlan(names),
      world: world(),
      faults: { apply },
      options: whole,
      host: { freshCredentials: async () => true },
    });
    expect(result.exit).toBe(0);
  });

  it('observes and decides anew after an answer that was lost', async () => {
    const here = world(['api']);
    let lost = 0;
    here.hook = (when, key) => {
      if (when === 'after' && key === 'account/api' && lost++ === 0) throw failure('RL711', 'connection reset');
    };
    const { result } = await runApply({ plan: kiamPlan(['api']), world: here, options: whole });
    expect(result.exit).toBe(0);
    expect(here.writes.filter((write) => write.startsWith('account/'))).toHaveLength(1);
  });

  it('holds the other moves behind the canary', async () => {
    const here = world();
    const store = memoryStore();
    const plan = kiamPlan(names);
    const first = await runApply({ plan, world: here, store, options: { ...whole, canary: 1 } });
    expect(first.result.exit).toBe(3);
    expect(here.values.get('pod/api')).toBe('role');
    expect(here.values.has('trust/web')).toBe(false);
    const second = await runApply({ plan, world: here, store, run: 'run-2', options: { ...whole, canary: 1 } });
    expect(second.result.exit).toBe(0);
    expect(here.values.get('pod/web')).toBe('role');
  });

  it('asks for approvals, and does nothing where they are not given', async () => {
    const here = world();
    const asked: string[] = [];
    const { result } = await runApply({
      plan: kiamPlan(names),
      world: here,
      options: { yes: false },
      host: {
        approve: async (gate) => {
          asked.push(gate.id);
          return gate.id === 'approval:prepare' ? { open: true, by: 'me' } : { open: false };
        },
      },
    });
    expect(asked).toEqual(['approval:prepare', 'approval:cutover']);
    expect(result.exit).toBe(3);
    expect(here.values.get('trust/api')).toBe('ours');
    expect(here.values.has('account/api')).toBe(false);
  });

  it('is held by a PAUSE file and goes on when it is removed', async () => {
    const here = world();
    const clock = virtualClock();
    const until = clock.now() + 60_000;
    let polls = 0;
    const { result } = await runApply({
      plan: kiamPlan(names),
      world: here,
      clock,
      options: whole,
      host: { paused: async () => polls++ > 0 && clock.now() < until },
    });
    expect(result.exit).toBe(0);
    expect(clock.now()).toBeGreaterThanOrEqual(until);
    const atOnce = await runApply({ plan: kiamPlan(names), world: world(), host: { paused: async () => true } });
    expect(atOnce.result.exit).toBe(3);
    expect(atOnce.result.pauses.map(({ gate }) => gate)).toEqual(['pause-file']);
  });

  it('finishes what runs on the first signal, and can be resumed', async () => {
    const here = world();
    const store = memoryStore();
    const plan = kiamPlan(names);
    const graceful = new AbortController();
    here.hook = (when, key) => {
      if (when === 'before' && key === 'account/api') graceful.abort(143);
    };
    const first = await runApply({ plan, world: here, store, stop: { graceful: graceful.signal }, options: whole });
    expect(first.result.exit).toBe(143);
    expect(first.journal.state.steps.get('annotate:api')?.is).toBe('applied');
    expect(first.journal.state.lastRun).toMatchObject({ ended: true, exit: 143 });
    const second = await runApply({ plan, world: here, store, run: 'run-2', options: whole });
    expect(second.result.exit).toBe(0);
  });

  it('lets everything go on the second signal, in the middle of a rollout', async () => {
    const hard = new AbortController();
    const here = world(['api']);
    const store = memoryStore();
    const plan = kiamPlan(['api']);
    const faults = { takes: (step: { kind: string }) => (step.kind === 'roll' ? 60_000 : 0) };
    here.hook = (when, key) => {
      if (when === 'after' && key === 'account/api') setImmediate(() => setImmediate(() => hard.abort(130)));
    };
    const first = await runApply({ plan, world: here, store, faults, stop: { hard: hard.signal } });
    expect(first.result.exit).toBe(130);
    const second = await runApply({ plan, world: here, store, run: 'run-2', options: whole });
    expect(second.result.exit).toBe(0);
  });

  it('stops before its next effect when the lock is lost, and ends with 5', async () => {
    const fence = new AbortController();
    const here = world();
    here.hook = (when, key) => {
      if (when === 'after' && key === 'provider') fence.abort();
    };
    const { result } = await runApply({ plan: kiamPlan(names), world: here, stop: { fence: fence.signal } });
    expect(result.exit).toBe(5);
    expect(here.writes).toEqual(['provider="there"']);
  });

  it('stops before the next effect when the journal cannot be written', async () => {
    const here = world();
    const store = memoryStore();
    let lines = 0;
    const full = {
      ...store,
      append: async (events: never[]) => {
        lines += 1;
        if (lines > 6) throw failure('RL810', 'the disk is full');
        await store.append(events);
      },
    };
    const { result } = await runApply({ plan: kiamPlan(names), world: here, store: full as never });
    expect(result.exit).toBe(1);
    expect(result.failures.at(-1)?.error.code).toBe('RL810');
    const told = new Set(store.events.flatMap((event) => (event.type === 'started' ? [event.step] : [])));
    for (const write of here.writes) expect([...told].map((id) => id.split(':')[0])).toContain(write.split(/[=/]/)[0]);
    const again = await runApply({ plan: kiamPlan(names), world: here, store, run: 'run-2', options: whole });
    expect(again.result.exit).toBe(0);
  });

  it('leaves out what a reviewer skipped, and takes a stage or a move alone', async () => {
    const here = world();
    const plan = kiamPlan(names);
    const skipping = { ...plan, moves: plan.moves.map((move) => ({ ...move, skip: move.id === 'move:web' })) };
    const { result } = await runApply({ plan: skipping, world: here, options: whole });
    expect(result.exit).toBe(0);
    expect(here.values.has('trust/web')).toBe(false);
    const one = world();
    await runApply({ plan, world: one, options: { moves: ['move:job'] } });
    expect(one.snapshot()).toMatchObject({ provider: 'there', 'pod/job': 'role' });
    expect(one.values.has('trust/api')).toBe(false);
    const prepared = world();
    const only = await runApply({ plan, world: prepared, options: { stages: ['prepare'] } });
    expect(only.result.exit).toBe(0);
    expect(prepared.values.has('account/api')).toBe(false);
  });

  it('takes back only what retire gave up where retire fails', async () => {
    const here = world(['api']);
    const apply = new Map([['remove:api', { times: 9, error: failure('RL821', 'no quota') }]]);
    const { result } = await runApply({ plan: kiamPlan(['api']), world: here, faults: { apply }, options: whole });
    expect(result.exit).toBe(1);
    expect(here.snapshot()).toMatchObject({ 'pod/api': 'role', 'old/api': 'kiam', 'trust/api': 'ours' });
    expect(result.moves.get('move:api')).toBe('failed');
    expect(result.next).toEqual([
      'rolelift apply PLAN',
      'rolelift rollback PLAN --move move:api',
      'rolelift rollback PLAN',
    ]);
  });

  it('names the commands that go on with what it was asked for, and with nothing else', async () => {
    const options = { stages: ['prepare'], moves: ['move:api', 'move:web'] } as const;
    const apply = new Map([['trust:web', { times: 9, error: failure('RL827', 'too large') }]]);
    const { result } = await runApply({ plan: kiamPlan(names), world: world(), options, faults: { apply } });
    const chosen = '--move move:api --move move:web';
    expect(result.next[0]).toBe(`rolelift apply PLAN ${chosen} --stage prepare`);
    expect(result.next.at(-1)).toBe(`rolelift rollback PLAN ${chosen}`);
    const calm = await runApply({ plan: kiamPlan(names), world: world(), options: { moves: ['move:api'] } });
    expect(calm.result.next).toEqual(['rolelift apply PLAN --move move:api --stage retire']);
    const paused = await runApply({
      plan: kiamPlan(names),
      world: world(),
      options: { ...options, moves: ['move:api'], yes: false },
    });
    for (const { how } of paused.result.pauses) expect(how).toContain('--move move:api --stage prepare');
  });

  it('names the whole command that ends a rollback which an earlier run left half done', async () => {
    const at = { plan: kiamPlan(names), world: world(), store: memoryStore() };
    await runApply({ ...at, options: { stages: ['prepare'] } });
    const undo = new Map([['provider', { times: 9, error: failure('RL703', 'not allowed') }]]);
    await runUnwind({ ...at, run: 'run-2', faults: { undo } });
    const command = { apply: 'rolelift apply plans/prod', rollback: 'rolelift rollback plans/prod --state local' };
    const { result } = await runApply({ ...at, run: 'run-3', options: { command } });
    expect(result.failures.map(({ error }) => [error.code, error.remedy])).toContainEqual([
      'RL842',
      'Run rolelift rollback plans/prod --state local first; it goes on where it stopped.',
    ]);
  });
});
