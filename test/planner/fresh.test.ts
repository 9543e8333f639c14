import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Inventory, Workload } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import type { Plan, Step } from '../../src/model/plan.js';
import { agrees, diffPlans } from '../../src/planner/diff.js';
import { plan } from '../../src/planner/plan.js';
import { rewind } from '../../src/planner/rewind.js';
import { addStatement } from '../../src/trust/edit.js';
import {
  aBinding,
  account,
  anInventory,
  aPod,
  aRole,
  aServiceAccount,
  asking,
  aView,
  aWorkload,
  providerArn,
} from '../helpers/inventory.js';

const at = { createdAt: '2026-11-21T10:00:00Z', tool: 'test' };
const planOf = (inventory: Inventory, options: Partial<PlanOptions> = {}): Plan =>
  plan(inventory, { ...defaultPlanOptions, ...options }, at);

const inventory = anInventory({
  workloads: [
    aWorkload('api', { template: asking('api') }),
    aWorkload('one', { template: asking('one', { serviceAccount: 'shared' }) }),
    aWorkload('two', { template: asking('two', { serviceAccount: 'shared' }) }),
    aWorkload('plain', { template: aView({ serviceAccount: 'shared' }) }),
  ],
  serviceAccounts: [aServiceAccount('payments', 'api'), aServiceAccount('payments', 'shared')],
  bindings: [
    aBinding('view', [{ kind: 'ServiceAccount', namespace: 'payments', name: 'shared' }], { namespace: 'payments' }),
  ],
  roles: [...anInventory().roles, aRole('api'), aRole('one'), aRole('two')],
  oidcProviders: [],
});

const onWorkload = (before: Inventory, step: Step, change: (workload: Workload) => Workload): Inventory => ({
  ...before,
  workloads: before.workloads.map((one) =>
    one.ref.name === step.target.name && one.ref.kind === (step.target as any).kind ? change(one) : one,
  ),
});
const withPods = (workload: Workload, role: string): Workload => ({
  ...workload,
  pods: workload.pods.map((pod) =>
    aPod(`${pod.ref.name}-new`, {
      view: {
        ...workload.template,
        containers: workload.template.containers.map((container) => ({
          ...container,
          env: ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'],
          identityEnv: {
            AWS_ROLE_ARN: role,
            AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token',
          },
          mounts: [{ volume: 'aws-iam-token', path: '/var/run/secrets/eks.amazonaws.com/serviceaccount' }],
        })),
        volumes: [{ name: 'aws-iam-token', tokens: [{ audience: 'sts.amazonaws.com', path: 'token' }] }],
      },
    }),
  ),
});

/** What a scan would see after this step: written by hand here, so that `rewind` is judged by something else than itself. */
const after = (before: Inventory, step: Step): Inventory => {
  const params = step.params as any;
  switch (step.kind) {
    case 'create-oidc-provider':
      return { ...before, oidcProviders: [{ arn: providerArn, account, audiences: params.audiences, tags: {} }] };
    case 'add-trust-statement':
      return {
        ...before,
        roles: before.roles.map((role) => {
          if (role.arn !== params.roleArn) return role;
          const added = addStatement(role.trust, params.statement);
          return added.is === 'changed' ? { ...role, trust: added.text } : role;
        }),
      };
    case 'create-service-account':
      return {
        ...before,
        serviceAccounts: [...before.serviceAccounts, aServiceAccount(params.namespace, params.name)],
      };
    case 'copy-rbac-subject':
      return {
        ...before,
        bindings: [
          ...before.bindings,
          aBinding(params.binding.name, [{ kind: 'ServiceAccount', ...params.subject }], {
            namespace: params.binding.namespace,
          }),
        ],
      };
    case 'annotate-service-account':
      return {
        ...before,
        serviceAccounts: before.serviceAccounts.map((one) =>
          one.ref.name === params.name ? { ...one, annotations: { ...one.annotations, ...params.annotations } } : one,
        ),
      };
    case 'set-workload-service-account':
      return onWorkload(before, step, (one) =>
        withPods({ ...one, template: { ...one.template, serviceAccount: params.to } }, params.identity.role),
      );
    case 'restart-workload':
      return onWorkload(before, step, (one) =>
        withPods(
          {
            ...one,
            template: { ...one.template, annotations: { ...one.template.annotations, 'rolelift.dev/restart': 'x' } },
          },
          params.identity.role,
        ),
      );
    case 'remove-pod-annotation':
      return onWorkload(before, step, (one) => {
        const annotations = Object.fromEntries(
          Object.entries(one.template.annotations).filter(([key]) => !params.keys.includes(key)),
        );
        return withPods({ ...one, template: { ...one.template, annotations } }, params.identity.role);
      });
    default:
      return before;
  }
};

describe('planning afresh in the middle of a run', () => {
  const made = planOf(inventory);

  it('agrees with itself after any part of it', () => {
    expect(made.moves.map((move) => move.blocked)).toEqual([false, false, false]);
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: made.steps.length, maxLength: made.steps.length }), (choice) => {
        const applied = new Set<string>();
        let live = inventory;
        for (const [index, step] of (made.steps as readonly Step[]).entries()) {
          if (!choice[index] || !step.dependsOn.every((id) => applied.has(id))) continue;
          applied.add(step.id);
          live = after(live, step);
        }
        expect(agrees(made, planOf(rewind(live, made, applied)))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('agrees when every step but the last ran', () => {
    const steps = made.steps as readonly Step[];
    for (let count = 0; count <= steps.length; count += 1) {
      const done = steps.slice(0, count);
      const live = done.reduce(after, inventory);
      expect(agrees(made, planOf(rewind(live, made, new Set(done.map((step) => step.id)))))).toEqual([]);
    }
  });

  it('sees a workload that joined the account', () => {
    const joined = { ...inventory, workloads: [...inventory.workloads, aWorkload('late', { template: aView() })] };
    const found = agrees(made, planOf(joined));
    expect(found.map((one) => one.step)).toContain('annotate-service-account:payments/ServiceAccount/api');
    expect(found.every((one) => one.move === 'move:payments/api')).toBe(true);
  });

  it('sees that somebody bound the account to another role meanwhile', () => {
    const bound = {
      ...inventory,
      serviceAccounts: inventory.serviceAccounts.map((one) =>
        one.ref.name === 'api'
          ? { ...one, annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/two' } }
          : one,
      ),
    };
    expect(agrees(made, planOf(bound)).map((one) => one.move)).toContain('move:payments/api');
  });

  it('sees that the broker no longer gives the role', () => {
    const denied = { ...inventory, namespaces: [{ name: 'payments', uid: 'u', annotations: {}, labels: {} }] };
    const found = agrees(made, planOf(denied));
    expect(new Set(found.flatMap((one) => one.move ?? []))).toEqual(new Set(made.moves.map((move) => move.id)));
    expect(found.find((one) => one.move === 'move:payments/api')!.why).toContain('would block');
  });
});

describe('the difference of two plans', () => {
  it('is none between a plan and itself, whatever was noted', () => {
    const made = planOf(inventory);
    const noted = { ...made, moves: made.moves.map((move) => ({ ...move, note: 'seen', skip: true })) };
    expect(diffPlans(made, noted)).toEqual({ same: true, plan: [], moves: [], steps: [], findings: [] });
  });
  it('names what came, went and changed', () => {
    const fewer = planOf({ ...inventory, workloads: inventory.workloads.filter((one) => one.ref.name !== 'api') });
    const once = planOf(inventory, { restart: 'once' });
    const gone = diffPlans(planOf(inventory), fewer);
    expect(gone.moves).toEqual([{ id: 'move:payments/api', is: 'removed', paths: [] }]);
    const changed = diffPlans(planOf(inventory), once);
    expect(changed.plan).toEqual(['options.restart']);
    expect(changed.steps).toContainEqual({
      id: 'gate:payments/ServiceAccount/api:proof-of-use',
      is: 'removed',
      paths: [],
    });
  });
});
