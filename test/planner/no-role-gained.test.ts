import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findings } from '../../src/findings/analyse.js';
import { study } from '../../src/findings/estate.js';
import type { WorkloadUse } from '../../src/findings/rule.js';
import { canonical } from '../../src/model/canonical.js';
import type { Inventory } from '../../src/model/inventory.js';
import type { PlanOptions } from '../../src/model/options.js';
import type { Plan, Step } from '../../src/model/plan.js';
import { assemble } from '../../src/planner/assemble.js';
import { agrees } from '../../src/planner/diff.js';
import { validatePlan } from '../../src/planner/validate.js';
import { registry } from '../../src/steps/registry.js';
import type { Registry } from '../../src/steps/step.js';
import { estateArbitrary, optionsArbitrary } from '../helpers/estate-arbitrary.js';
import { anyKind } from './fakes.js';

const at = { createdAt: '2026-11-21T10:00:00Z', tool: 'rolelift test' };
const kinds = { get: (kind: string) => registry.get(kind) ?? anyKind.get(kind) } as unknown as Registry;
const plan = (inventory: Inventory, options: PlanOptions, when: typeof at): Plan =>
  assemble(study(inventory), options, when, { findings, kinds });
const key = (ref: { readonly kind: string; readonly namespace?: string | undefined; readonly name: string }): string =>
  `${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;

/** The service account that each workload is on when the plan is done. */
const accountsAfter = (inventory: Inventory, made: Plan): ReadonlyMap<string, string> => {
  const after = new Map(
    inventory.workloads.map((one) => [key(one.ref), `${one.template.namespace}/${one.template.serviceAccount}`]),
  );
  for (const step of made.steps as readonly Step[]) {
    const switched =
      step.kind === 'set-workload-service-account'
        ? (step.params as any).to
        : step.kind === 'wait-for-handoff' && step.id.endsWith(':service-account')
          ? (step.params as any).changes[0].value
          : null;
    if (switched !== null) after.set(key(step.target as any), `${(step.target as any).namespace}/${switched}`);
  }
  return after;
};

/** Accounts that the plan binds, with the role that their pods will have. */
const bindings = (made: Plan): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const step of made.steps as readonly Step[]) {
    const params = step.params as any;
    if (step.kind === 'annotate-service-account')
      found.set(`${params.namespace}/${params.name}`, params.annotations['eks.amazonaws.com/role-arn']);
    if (step.kind === 'create-pod-identity-association')
      found.set(`${params.namespace}/${params.serviceAccount}`, params.targetRoleArn ?? params.roleArn);
    if (step.kind === 'wait-for-handoff')
      for (const change of params.changes)
        if (change.ref.kind === 'ServiceAccount' && change.pointer.endsWith('~1role-arn'))
          found.set(`${change.ref.namespace}/${change.ref.name}`, change.value);
  }
  return found;
};

const rolesToday = (use: WorkloadUse): readonly (string | null)[] =>
  use.pods.length > 0 ? use.pods.map((pod) => pod.answer.role) : [use.template.role];

describe('whatever the estate', () => {
  it('no workload gains a role that it does not hold today', () => {
    let open = 0;
    fc.assert(
      fc.property(estateArbitrary, optionsArbitrary, (inventory, options) => {
        const made = plan(inventory, options, at);
        const estate = study(inventory);
        const after = accountsAfter(inventory, made);
        const bound = bindings(made);
        const copies = new Map(
          made.moves
            .filter((move) => move.to !== null && options.roleMode === 'new')
            .map((move) => [move.to!.role, move.from.role]),
        );
        for (const use of estate.uses) {
          const role = bound.get(after.get(key(use.workload.ref)) as string);
          if (role === undefined) continue;
          const same = copies.get(role) ?? role;
          open++;
          for (const today of rolesToday(use)) expect(today).toBe(same);
        }
      }),
      { numRuns: 300 },
    );
    expect(open).toBeGreaterThan(30);
  }, 120_000);

  it('the default service account is never bound, and one account has one role', () => {
    fc.assert(
      fc.property(estateArbitrary, optionsArbitrary, (inventory, options) => {
        const made = plan(inventory, options, at);
        for (const account of bindings(made).keys()) expect(account).not.toMatch(/\/default$/);
        const ends = made.moves.map((move) => move.to?.serviceAccount ?? move.id);
        expect(new Set(ends).size).toBe(ends.length);
      }),
      { numRuns: 150 },
    );
  });

  it('a plan is whole, valid, in an order that runs, and of the same bytes each time', () => {
    fc.assert(
      fc.property(estateArbitrary, optionsArbitrary, (inventory, options) => {
        const made = plan(inventory, options, at);
        expect(canonical(plan(structuredClone(inventory), { ...options }, at))).toBe(canonical(made));
        expect(validatePlan(JSON.parse(JSON.stringify(made)), { kinds })).toEqual(made);
        expect(agrees(made, made)).toEqual([]);
        for (const move of made.moves) expect(move.blocked && move.steps.length > 0).toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  it('the old way is taken only after the proof, and given back before the new way goes', () => {
    fc.assert(
      fc.property(estateArbitrary, optionsArbitrary, (inventory, options) => {
        const made = plan(inventory, options, at);
        const place = new Map(made.steps.map((step, index) => [step.id, index]));
        for (const move of made.moves) {
          const own = made.steps.filter((step) => step.move === move.id);
          const of = (kind: string) => own.filter((step) => step.kind === kind);
          const [prove] = of('prove-identity');
          for (const removed of of('remove-pod-annotation').filter((step) => step.stage === 'retire'))
            expect(place.get(removed.id)).toBeGreaterThan(place.get((prove ?? of('gate')[0])!.id)!);
          for (const bind of [...of('annotate-service-account'), ...of('create-pod-identity-association')]) {
            for (const trust of of('add-trust-statement')) expect(bind.dependsOn).toContain(trust.id);
            for (const removed of of('remove-pod-annotation')) expect(bind.undoDependsOn).toContain(removed.id);
            for (const restart of of('restart-workload')) expect(restart.undoDependsOn).toContain(bind.id);
          }
          for (const trust of of('add-trust-statement')) expect(trust.undoDependsOn).toContain(prove!.id);
        }
      }),
      { numRuns: 100 },
    );
  });
});
