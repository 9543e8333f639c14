import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freeName, iamName, labelName } from '../../src/planner/names.js';
import {
  aBinding,
  anInventory,
  aRole,
  aServiceAccount,
  asking,
  aView,
  aWorkload,
  roleArn,
} from '../helpers/inventory.js';
import { anEstate, aUse, planOf } from './fakes.js';

const [one, two] = [roleArn('one'), roleArn('two')];
const inventory = anInventory({
  serviceAccounts: [
    aServiceAccount('payments', 'api', {
      imagePullSecrets: ['registry'],
      automount: { is: 'value', value: false },
      labels: { 'app.kubernetes.io/instance': 'tracked' },
    }),
    aServiceAccount('payments', 'worker'),
  ],
  bindings: [
    aBinding('read', [{ kind: 'ServiceAccount', namespace: 'payments', name: 'api' }], { namespace: 'payments' }),
    aBinding('by:user', [{ kind: 'User', name: 'system:serviceaccount:payments:api' }]),
    aBinding('group', [{ kind: 'Group', name: 'system:serviceaccounts:payments' }]),
    aBinding('other', [{ kind: 'ServiceAccount', namespace: 'elsewhere', name: 'api' }]),
  ],
  roles: [aRole('one'), aRole('two')],
});
const first = aUse(aWorkload('first', { template: asking('one') }), { broker: 'kiam', role: one, wanted: one });
const second = aUse(aWorkload('second', { template: asking('two') }), { broker: 'kiam', role: two, wanted: two });
const bystander = aUse(aWorkload('bystander', { template: aView() }));

describe('a service account that serves two roles', () => {
  const plan = planOf(anEstate(inventory, [first, second]));
  it('becomes two moves, each to an account of its own', () => {
    expect(plan.moves.map((move) => [move.subject.name, move.to?.serviceAccount, move.to?.role])).toEqual([
      ['api', 'payments/first', one],
      ['api', 'payments/second', two],
    ]);
    expect(
      plan.steps.filter((step) => step.kind === 'annotate-service-account').map((step) => step.params.name),
    ).toEqual(['first', 'second']);
  });
  it('copies pull secrets and automount, and no tracking label', () => {
    expect(plan.steps.find((step) => step.kind === 'create-service-account')).toMatchObject({
      stage: 'prepare',
      params: {
        namespace: 'payments',
        name: 'first',
        like: 'api',
        imagePullSecrets: ['registry'],
        automount: false,
        annotations: {},
      },
    });
    expect(JSON.stringify(plan.steps)).not.toContain('tracked');
  });
  it('makes a binding of our own for each that reaches the old account, as account or as user, and for no other', () => {
    const copies = plan.steps.filter(
      (step) => step.kind === 'copy-rbac-subject' && step.move === 'move:payments/first',
    );
    expect(copies.map((step) => (step.params.of as { name: string }).name)).toEqual(['by:user', 'read']);
    for (const step of copies) {
      expect(step.params.subject).toEqual({ namespace: 'payments', name: 'first' });
      expect((step.params.binding as { name: string }).name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    }
  });
  it('binds before it switches, and switches back before it unbinds', () => {
    const of = (kind: string) => plan.steps.find((step) => step.kind === kind && step.move === 'move:payments/first')!;
    const switched = of('set-workload-service-account');
    expect(switched.dependsOn).toEqual(
      expect.arrayContaining([
        of('annotate-service-account').id,
        of('create-service-account').id,
        of('copy-rbac-subject').id,
      ]),
    );
    expect(of('annotate-service-account').undoDependsOn).toContain(switched.id);
    expect(of('create-service-account').undoDependsOn).toEqual(
      expect.arrayContaining([
        switched.id,
        of('annotate-service-account').id,
        of('copy-rbac-subject').id,
        of('prove-identity').id,
      ]),
    );
    expect(of('copy-rbac-subject').undoDependsOn).toContain(switched.id);
  });
});

describe('bystanders', () => {
  it('keep their account, and it stays unbound', () => {
    const plan = planOf(anEstate(inventory, [first, bystander]));
    expect(plan.moves.map((move) => move.to?.serviceAccount)).toEqual(['payments/first']);
    expect(
      plan.steps.some((step) => step.kind === 'set-workload-service-account' && step.target.name === 'bystander'),
    ).toBe(false);
  });
  it('two workloads of one role share one new account', () => {
    const again = aUse(aWorkload('again', { template: asking('one') }), { broker: 'kiam', role: one, wanted: one });
    const plan = planOf(anEstate(inventory, [again, first, bystander]));
    expect(plan.moves.map((move) => [move.to?.serviceAccount, move.workloads.map((each) => each.name)])).toEqual([
      ['payments/api-one', ['again', 'first']],
    ]);
  });
  it('an existing account of that name is never adopted', () => {
    const worker = aUse(aWorkload('worker', { template: asking('one') }), { broker: 'kiam', role: one, wanted: one });
    const plan = planOf(anEstate(inventory, [worker, bystander]));
    expect(plan.moves[0]?.to?.serviceAccount).toBe('payments/api-one');
  });
  it('a denied workload does not gain the role of its neighbour', () => {
    const denied = aUse(aWorkload('denied', { template: asking('one') }), { broker: 'kiam', role: null, wanted: one });
    const plan = planOf(anEstate(inventory, [first, denied]));
    expect(plan.moves.map((move) => [move.to?.serviceAccount, move.blocked])).toEqual([
      ['payments/first', false],
      ['payments/denied', true],
    ]);
  });
});

describe('names', () => {
  it('are valid labels whatever they are made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 120 }), (text) => {
        expect(labelName(text)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
        expect(iamName(text)).toMatch(/^[\w+=,.@-]{1,64}$/);
      }),
    );
  });
  it('stay apart where cutting would make them equal', () => {
    const long = 'x'.repeat(80);
    expect(labelName(`${long}a`)).not.toBe(labelName(`${long}b`));
    expect(iamName(`${long}a`)).not.toBe(iamName(`${long}b`));
  });
  it('never collide', () => {
    const taken = new Set(['api', 'api-one']);
    const name = freeName(['api', 'api-one'], 'what it is for', (text) => taken.has(text));
    expect(taken.has(name)).toBe(false);
    expect(name).toBe(freeName(['api', 'api-one'], 'what it is for', (text) => taken.has(text)));
  });
});
