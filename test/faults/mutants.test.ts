import { describe, expect, it } from 'vitest';
import { type Plan, planDigest } from '../../src/model/plan.js';
import type { Registry, StepKind } from '../../src/steps/step.js';
import { estates } from './estates.js';
import { guardOf } from './invariants.js';
import { type Actor, actorOf, begin, forkOf, type Moment, run, somebody, textOf } from './stage.js';

/** H1's three ways to do a rollback wrong. Each is played, and what watches every run must see it. */

const estate = estates.find(({ title }) => title.startsWith('kiam to IRSA')) as (typeof estates)[number];
const { moment: start, plan } = await begin(estate);
const before = textOf(start.sandbox);
/** The plan with another undo order, sealed anew: the way there is the same. */
const withUndoOrder = (change: (step: Plan['steps'][number]) => readonly string[]): Plan => {
  const changed = { ...plan, steps: plan.steps.map((step) => ({ ...step, undoDependsOn: [...change(step)] })) };
  return { ...changed, digest: planDigest(changed) };
};
const withKind = (actor: Actor, kind: string, change: (kind: StepKind) => Partial<StepKind>): Actor => {
  const known = actor.registry.get(kind) as StepKind;
  const registry: Registry = new Map([...actor.registry, [kind, { ...known, ...change(known) }]]);
  return { ...actor, registry };
};
const idsOf = (kind: string): readonly string[] => plan.steps.filter((step) => step.kind === kind).map(({ id }) => id);

/** What is seen of a rollback by this actor: broken invariants on the way, and an estate that is not as it was. */
const seen = async (actor: Actor, from?: Moment): Promise<readonly string[]> => {
  const moment = from ?? forkOf(start);
  if (from === undefined) await run(actor, moment, 'apply');
  const guard = guardOf(plan, start.sandbox);
  const wrong: string[] = [];
  const result = await run(actor, moment, 'rollback', {
    watch: { write: (when) => when === 'after' && wrong.push(...guard.check(moment)) },
  });
  // Tokens and sessions that still work for an hour hide what was taken from under them.
  await moment.clock.advance(2 * 3600_000);
  wrong.push(...guard.check(moment));
  if (result.exit !== 0) wrong.push(`exit ${result.exit}`);
  if (textOf(moment.sandbox) !== before) wrong.push('the estate is not as it was');
  return [...new Set(wrong)];
};

describe('a rollback that is done wrong is seen', { timeout: 120_000 }, () => {
  it('(the one that is done right is not)', async () => {
    expect(await seen(actorOf(estate, plan))).toEqual([]);
  });

  it('where the trust is undone first', async () => {
    const trust = idsOf('add-trust-statement');
    const mutant = withUndoOrder((step) =>
      trust.includes(step.id)
        ? []
        : [...step.undoDependsOn.filter((id) => !trust.includes(id)), ...trust.filter((id) => id !== step.id)],
    );
    expect(await seen(actorOf(estate, mutant))).not.toEqual([]);
  });

  it('where the restart is undone before the annotation', async () => {
    const [annotate, restart, prove] = [
      idsOf('annotate-service-account'),
      idsOf('restart-workload'),
      idsOf('prove-identity'),
    ];
    const mutant = withUndoOrder((step) =>
      restart.includes(step.id)
        ? []
        : annotate.includes(step.id)
          ? [...restart, ...step.undoDependsOn]
          : step.undoDependsOn,
    );
    // The proof at the end would catch the pods: without it nothing else may be what saves the move.
    const actor = withKind(actorOf(estate, mutant), 'prove-identity', () => ({
      undo: async () => ({ is: 'done', how: 'exact', note: '' }),
    }));
    expect(prove.length).toBeGreaterThan(0);
    expect(await seen(actor)).not.toEqual([]);
  });

  it('where a pod of the old ReplicaSet is left with what was injected', async () => {
    // Cut off between annotation and restart; a pod that is made anew now is of the old ReplicaSet, and carries the variables.
    let cut: Moment | null = null;
    const moment = forkOf(start);
    await run(actorOf(estate, plan), moment, 'apply', {
      watch: {
        write: (when, request) => {
          if (when === 'after' && new URL(request.url).pathname.endsWith('/namespaces/payments/serviceaccounts/api'))
            cut ??= forkOf(moment);
        },
      },
    });
    const between = cut as Moment | null;
    if (between === null) throw new Error('the account was not annotated');
    const old = between.sandbox.identities('payments').find(({ pod }) => pod.startsWith('api-'))?.pod ?? '';
    await somebody(between.sandbox, 'DELETE', `/api/v1/namespaces/payments/pods/${old}`);
    await between.clock.advance(60_000);
    const right = actorOf(estate, plan);
    expect(await seen(right, forkOf(between))).toEqual([]);
    const careless: Partial<StepKind> = {
      undoWithMove: false,
      undo: async () => ({ is: 'done', how: 'exact', note: '' }),
    };
    const mutant = ['restart-workload', 'prove-identity'].reduce(
      (one, kind) => withKind(one, kind, () => careless),
      right,
    );
    expect(await seen(mutant, forkOf(between))).not.toEqual([]);
  });
});
