import { describe, expect, it } from 'vitest';
import type { UnwindOptions } from '../../src/engine/run.js';
import { undoable } from '../../src/engine/unwind.js';
import { fold } from '../../src/journal/fold.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { Plan } from '../../src/model/plan.js';
import { sealPlan } from '../../src/model/plan.js';
import {
  beforeOf,
  type Faults,
  failure,
  fakeKinds,
  identityHolds,
  kiamPlan,
  runApply,
  runUnwind,
  World,
  whole,
} from './fake-world.js';

const names = ['api', 'web'];
const plan = kiamPlan(names);
const applied = async (used: Plan = plan, options = whole) => {
  const world = new World().begin(beforeOf(names));
  world.invariant = identityHolds(names);
  const store = memoryStore();
  await runApply({ plan: used, world, store, options });
  world.writes.length = 0;
  return { world, store };
};
const back = (at: Awaited<ReturnType<typeof applied>>, unwindOptions: Partial<UnwindOptions> = {}, more: object = {}) =>
  runUnwind({ plan, ...at, run: 'run-2', unwindOptions, ...more });

describe('rollback', () => {
  it('restores everything, in the order of H1', async () => {
    const at = await applied();
    const { result } = await back(at);
    expect(result.exit).toBe(0);
    expect(at.world.snapshot()).toEqual(beforeOf(names));
    const order = (key: string): number => at.world.writes.findIndex((write) => write.startsWith(key));
    expect(order('old/api')).toBeLessThan(order('account/api'));
    expect(order('account/api')).toBeLessThan(order('pod/api'));
    expect(order('pod/api')).toBeLessThan(order('trust/api'));
    expect(order('trust/web')).toBeLessThan(order('provider'));
    expect(at.world.violations).toEqual([]);
  });

  it('undoes one move and leaves what is shared', async () => {
    const at = await applied();
    const { result } = await back(at, { scope: { is: 'moves', moves: ['move:api'] } });
    expect(result.exit).toBe(0);
    expect(at.world.values.get('provider')).toBe('there');
    expect(at.world.values.get('pod/web')).toBe('role');
    expect(at.world.values.has('trust/api')).toBe(false);
    expect(Object.fromEntries(result.moves)).toEqual({ 'move:api': 'undone', 'move:web': 'kept' });
  });

  it('tells beforehand what it will undo, in the order in which it does', async () => {
    const scopes: readonly UnwindOptions['scope'][] = [
      { is: 'whole' },
      { is: 'moves', moves: ['move:web'] },
      { is: 'to', step: 'annotate:web' },
    ];
    for (const scope of scopes) {
      const at = await applied();
      const { steps, kept } = undoable(plan, fakeKinds(at.world), fold(at.store.events), scope);
      const ids = steps.map(({ id }) => id);
      for (const { id, undoDependsOn } of steps)
        for (const before of undoDependsOn)
          if (ids.includes(before)) expect(ids.indexOf(before)).toBeLessThan(ids.indexOf(id));
      await back(at, { scope });
      const undone = at.store.events.flatMap((event) => (event.type === 'undone' ? [event.step] : []));
      expect([...ids].sort()).toEqual([...undone].sort());
      expect(kept).toEqual([]);
      expect(undoable(plan, fakeKinds(at.world), fold(at.store.events), scope).steps).toEqual([]);
    }
  });

  it('goes down to a step, and takes along what must go first', async () => {
    const at = await applied();
    const { result } = await back(at, { scope: { is: 'to', step: 'prove:web' } });
    expect(result.exit).toBe(0);
    expect(at.world.writes).toEqual(['old/web="kiam"']);
    const further = await applied();
    const ended = await back(further, { scope: { is: 'to', step: 'annotate:web' } });
    expect(further.world.writes).toEqual(['old/web="kiam"', 'account/web=null', 'pod/web=null']);
    expect(further.world.violations).toEqual([]);
    expect(ended.result.moves.get('move:web')).toBe('partly');
  });

  it('refuses a move whose old way is gone, and keeps what it needs', async () => {
    const at = await applied();
    const gone = failure('RL406', 'kiam is not there any more').data;
    const host = { oldWay: async (move: string) => (move === 'move:api' ? gone : null) };
    const { result } = await back(at, {}, { host });
    expect(result.exit).toBe(4);
    expect(result.moves.get('move:api')).toBe('refused');
    expect(result.moves.get('move:web')).toBe('undone');
    expect(at.world.values.get('provider')).toBe('there');
    expect(at.world.values.get('pod/api')).toBe('role');
    expect(at.world.violations).toEqual([]);
    const forced = await runUnwind({ plan, ...at, run: 'run-3', host, unwindOptions: { forceMoves: ['move:api'] } });
    expect(forced.result.exit).toBe(0);
    expect(at.world.snapshot()).toEqual(beforeOf(names));
  });

  it('goes on past what fails, says what is left, and can be run again', async () => {
    const at = await applied();
    const undo = new Map([['restart:api', { times: 9, error: failure('RL821', 'no quota') }]]);
    const { result } = await back(at, {}, { faults: { undo } });
    expect(result.exit).toBe(1);
    expect(result.moves.get('move:web')).toBe('undone');
    expect(result.left.map(({ step }) => step)).toEqual(['provider', 'trust:api', 'restart:api', 'prove:api']);
    expect(at.world.violations).toEqual([]);
    const again = await runUnwind({ plan, ...at, run: 'run-3' });
    expect(again.result.exit).toBe(0);
    expect(at.world.snapshot()).toEqual(beforeOf(names));
  });

  it('undoes the restart that never ran where its annotation was written', async () => {
    const at = { world: new World().begin(beforeOf(names)), store: memoryStore() };
    at.world.invariant = identityHolds(names);
    const faults: Faults = { apply: new Map([['restart:api', { times: 9, error: failure('RL703', 'not allowed') }]]) };
    await runApply({ plan, ...at, faults, options: { onFailure: 'continue' } });
    // Meanwhile the pod was rescheduled, and the webhook gave it the new identity.
    at.world.values.set('pod/api', 'role');
    const { result } = await back(at);
    expect(result.exit).toBe(0);
    expect(at.world.snapshot()).toEqual(beforeOf(names));
    expect(at.world.violations).toEqual([]);
  });

  it('starts afresh after a rollback', async () => {
    const at = await applied();
    await back(at);
    const { result, journal } = await runApply({ plan, ...at, run: 'run-3', options: whole });
    expect(result.exit).toBe(0);
    expect(at.world.values.get('old/api')).toBe('removed');
    expect(journal.state.steps.get('annotate:api')).toMatchObject({ is: 'applied', preimage: { value: null } });
  });

  it('leaves alone what another hand changed since', async () => {
    const at = await applied();
    at.world.values.set('trust/api', 'somebody-elses');
    const { result } = await back(at);
    expect(result.exit).toBe(0);
    expect(at.world.values.get('trust/api')).toBe('somebody-elses');
  });

  it('does nothing where nothing was applied', async () => {
    const world = new World().begin(beforeOf(names));
    const { result } = await runUnwind({ plan, world });
    expect([result.exit, world.writes]).toEqual([0, []]);
  });
});

describe('an undo order that breaks H1', () => {
  const mutant = (change: (id: string, needs: readonly string[]) => readonly string[]): Plan =>
    sealPlan({
      ...plan,
      steps: plan.steps.map((step) => ({ ...step, undoDependsOn: [...change(step.id, step.undoDependsOn)] })),
    } as Plan);

  it('is seen when trust goes first', async () => {
    const wrong = mutant((id, needs) => (id.startsWith('trust') ? [] : needs));
    const at = await applied(wrong);
    await runUnwind({ plan: wrong, ...at, run: 'run-2' });
    expect(at.world.violations.join()).toContain('nothing trusts');
  });

  it('is seen when the restart is undone before the annotation', async () => {
    const wrong = mutant((id, needs) =>
      id.startsWith('restart') ? [] : id.startsWith('annotate') ? [id.replace('annotate', 'restart')] : needs,
    );
    const at = await applied(wrong);
    await runUnwind({ plan: wrong, ...at, run: 'run-2' });
    expect(at.world.snapshot()).not.toEqual(beforeOf(names));
  });
});
