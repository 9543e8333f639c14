import { beforeAll, describe, expect, it } from 'vitest';
import { createClients } from '../../src/clients/clients.js';
import type { HttpRequest } from '../../src/model/http.js';
import type { Inventory } from '../../src/model/inventory.js';
import { type JsonObject, listAt, textAt } from '../../src/model/json.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import { type NeedOptions, needsOf, type Purpose } from '../../src/permissions/needs.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { scan } from '../../src/scan/collect.js';
import { grantsOf, grantText } from './granted.js';

const purposes: readonly Purpose[] = ['scan', 'verify', 'report', 'apply', 'rollback'];
const common: NeedOptions = {
  proveToken: false,
  lock: 'kube-system/rolelift',
  runsNamespace: 'kube-system',
  region: 'eu-west-1',
};

let inventory: Inventory;
beforeAll(async () => {
  const sandbox = createSandbox({ scenario: loadScenario('demo') });
  await sandbox.settled();
  const send = (request: HttpRequest, signal: AbortSignal) => sandbox.handle(request, signal);
  const server = 'http://sandbox.invalid';
  const clients = await createClients({ region: 'eu-west-1', inProcess: { kubernetes: send, aws: send, server } });
  inventory = await scan(clients, { context: 'sandbox', server, region: 'eu-west-1' });
  sandbox.stop();
});

const planFor = (options: Partial<PlanOptions> = {}) =>
  makePlan(inventory, { ...defaultPlanOptions, ...options }, { createdAt: '2026-01-01T00:00:00Z', tool: 'test' });
const granted = (purpose: Purpose, options: Partial<PlanOptions> = {}, more: Partial<NeedOptions> = {}) =>
  grantsOf(needsOf(planFor(options), purpose, { ...common, ...more }), '111122223333').map(grantText);
const rulesOf = (objects: readonly JsonObject[]) =>
  objects.filter(({ kind }) => /Role$/.test(String(kind))).flatMap((object) => listAt(object, 'rules'));

describe('the rights that are printed', () => {
  it.each(purposes)('hold no Secret and no wildcard for %s, with a plan or without', (purpose) => {
    for (const plan of [null, planFor()]) {
      const { rbac } = needsOf(plan, purpose, { ...common, proveToken: true });
      for (const rule of rulesOf(rbac)) {
        expect(JSON.stringify(listAt(rule, 'resources'))).not.toMatch(/"secrets["/]|"\*"/);
        expect(listAt(rule, 'verbs')).not.toContain('*');
      }
    }
  });

  it.each(['scan', 'report'] as const)(
    'make no token and write nothing for %s, even with --prove token (H17)',
    (purpose) => {
      for (const plan of [null, planFor()]) {
        const needs = needsOf(plan, purpose, { ...common, proveToken: true });
        for (const rule of rulesOf(needs.rbac))
          expect(listAt(rule, 'verbs').filter((verb) => !['get', 'list', 'watch'].includes(String(verb)))).toEqual([]);
        const actions = listAt(needs.iam, 'Statement').flatMap((statement) => listAt(statement, 'Action'));
        expect(actions.filter((action) => !/:(Get|List|Describe|Lookup)/.test(String(action)))).toEqual([]);
      }
    },
  );

  it('let a token be made for the accounts of the plan by name, and only with --prove token', () => {
    expect(granted('apply').filter((text) => text.includes('/token'))).toEqual([]);
    const tokens = granted('apply', { namespaces: ['payments'] }, { proveToken: true }).filter((text) =>
      text.includes('/token'),
    );
    expect(tokens).toEqual([
      'create serviceaccounts/token in payments api',
      'create serviceaccounts/token in payments ledger',
    ]);
    expect(granted('rollback', {}, { proveToken: true }).filter((text) => text.includes('/token'))).toEqual([]);
  });

  it('name a role with its path, which calls leave out', () => {
    const texts = granted('apply', { namespaces: ['payments'] });
    expect(texts).toContain(
      '111122223333 iam:UpdateAssumeRolePolicy arn:aws:iam::111122223333:role/finance/payments-ledger',
    );
    expect(texts.filter((text) => text.endsWith(':role/payments-ledger'))).toEqual([]);
  });

  it('let exactly the roles of associations be passed', () => {
    const wishes = { target: 'pod-identity', namespaces: ['payments'], sdkKnown: ['*'] } as const;
    const passed = granted('apply', wishes).filter((text) => text.includes('iam:PassRole'));
    expect(passed.length).toBeGreaterThan(0);
    expect(passed.filter((text) => !/role\/(?:finance\/)?payments-/.test(text))).toEqual([]);
    expect(granted('rollback', wishes).filter((text) => text.includes('iam:PassRole'))).toEqual([]);
  });

  it('let a role be bound where an account is split, in its namespace', () => {
    const bound = granted('apply', { namespaces: ['orders'] }).filter((text) => text.startsWith('bind '));
    expect(bound.length).toBeGreaterThan(0);
    expect(bound.every((text) => / in orders /.test(text))).toBe(true);
    expect(granted('rollback', { namespaces: ['orders'] }).filter((text) => text.startsWith('bind '))).toEqual([]);
  });

  it('hold the journal in object storage where it is kept there', () => {
    const state = { bucket: 'acme', prefix: 'rolelift/demo-1' };
    const texts = granted('apply', {}, { state }).filter((text) => text.includes('s3:'));
    expect(texts).toEqual([
      '111122223333 s3:GetObject arn:aws:s3:::acme/rolelift/demo-1/*',
      '111122223333 s3:PutObject arn:aws:s3:::acme/rolelift/demo-1/*',
      '111122223333 s3:ListBucket arn:aws:s3:::acme',
    ]);
    expect(granted('rollback', {}, { state }).filter((text) => text.includes('s3:'))).toEqual(texts);
    expect(granted('report', {}, { state }).filter((text) => text.includes('s3:'))).toEqual([]);
  });

  it('let the journal in object storage be read, and not written, for verify and status', () => {
    const state = { bucket: 'acme', prefix: 'rolelift/demo-1' };
    expect(granted('verify', {}, { state }).filter((text) => text.includes('s3:'))).toEqual([
      '111122223333 s3:GetObject arn:aws:s3:::acme/rolelift/demo-1/*',
      '111122223333 s3:ListBucket arn:aws:s3:::acme',
    ]);
  });

  it('write nothing for verify, but for the token and the pods that it is asked for, in moved namespaces', () => {
    const writes = (more: Partial<NeedOptions>) =>
      granted('verify', { namespaces: ['payments'] }, more).filter(
        (text) => !/^(?:get|list) |^\d+ \w+:(?:Get|List|Describe|Lookup)/.test(text),
      );
    expect(writes({})).toEqual([]);
    expect(writes({ proveToken: true })).toEqual([
      'create serviceaccounts/token in payments api',
      'create serviceaccounts/token in payments ledger',
    ]);
    expect(writes({ probe: true })).toEqual(['create pods in payments', 'delete pods in payments']);
    expect(granted('verify', { namespaces: ['payments'] }, { probe: true })).toContain('get pods in payments');
    const forApply = granted('apply', { namespaces: ['payments'] });
    expect(granted('apply', { namespaces: ['payments'] }, { probe: true })).toEqual(forApply);
  });

  it('write the lock and the list of runs by name, and no Lease without a lock', () => {
    const texts = granted('apply');
    expect(texts).toContain('patch leases.coordination.k8s.io in kube-system rolelift');
    expect(texts).toContain('patch configmaps in kube-system rolelift-runs');
    expect(granted('apply', {}, { lock: null }).filter((text) => text.includes('leases'))).toEqual([]);
  });

  it('hold for apply whatever its rollback needs (H25)', () => {
    for (const wishes of [{}, { target: 'pod-identity', sdkKnown: ['*'] }, { retireTrust: true }] as const) {
      const forApply = new Set(granted('apply', wishes));
      // A rollback asks in the cluster's Region only what a scan for an apply asks in all.
      const inAll = (text: string): string => text.replace(' arn:aws:eks:eu-west-1:', ' arn:aws:eks:*:');
      const missing = granted('rollback', wishes).filter((text) => !forApply.has(text) && !forApply.has(inAll(text)));
      expect(missing).toEqual([]);
    }
  });

  it('are the same whenever they are asked for', () => {
    const once = JSON.stringify(needsOf(planFor(), 'apply', common));
    expect(JSON.stringify(needsOf(planFor(), 'apply', common))).toBe(once);
    expect(textAt(needsOf(planFor(), 'apply', common).iam, 'Version')).toBe('2012-10-17');
  });
});
