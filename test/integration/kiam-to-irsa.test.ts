import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../helpers/cli.js';
import { Estate } from './estate.js';
import { ends, moveOf, planFor, used } from './program.js';
import { present, sure, testbed } from './real.js';

describe.skipIf(!present)('from kiam to IRSA and back, on real servers', () => {
  let estate: Estate;
  let pay: string;
  let orders: string;
  let roles: Record<'api' | 'ledger' | 'checkout' | 'worker' | 'reports', string>;
  beforeAll(async () => {
    estate = await Estate.begin();
    const kiam = await estate.kiam();
    pay = await estate.namespace('pay', { 'iam.amazonaws.com/permitted': `.*(${estate.id}-(api|reports)|finance/.*)` });
    orders = await estate.namespace('orders', { 'iam.amazonaws.com/permitted': `.*role/${estate.id}-.*` });
    const inline = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
    roles = {
      api: await estate.role('api', [kiam], { inline }),
      ledger: await estate.role('ledger', [kiam], { inline, path: '/finance/' }),
      reports: await estate.role('reports', [kiam], { inline }),
      checkout: await estate.role('checkout', [kiam], { inline }),
      worker: await estate.role('worker', [kiam], { inline }),
    };
    const asks = (role: string) => ({ 'iam.amazonaws.com/role': role });
    for (const name of ['api', 'ledger', 'reports']) await estate.serviceAccount(pay, name);
    await estate.serviceAccount(orders, 'orders');
    await estate.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { namespace: orders, name: 'reads' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
    });
    await estate.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { namespace: orders, name: 'reads' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reads' },
      subjects: [{ kind: 'ServiceAccount', name: 'orders', namespace: orders }],
    });
    await estate.workload('Deployment', pay, 'api', {
      account: 'api',
      annotations: asks(`${estate.id}-api`),
      replicas: 3,
    });
    await estate.workload('StatefulSet', pay, 'ledger', { account: 'ledger', annotations: asks(roles.ledger) });
    await estate.workload('Deployment', pay, 'refused', { annotations: asks(`${estate.id}-worker`), replicas: 1 });
    await estate.create({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { namespace: pay, name: 'reports' },
      spec: {
        schedule: '0 0 1 1 *',
        jobTemplate: {
          spec: {
            template: {
              metadata: { labels: { app: 'reports' }, annotations: asks(`${estate.id}-reports`) },
              spec: {
                serviceAccountName: 'reports',
                restartPolicy: 'Never',
                containers: [{ name: 'main', image: 'ghcr.io/acme/app:1.4.2' }],
              },
            },
          },
        },
      },
    });
    await estate.workload('Deployment', orders, 'checkout', {
      account: 'orders',
      annotations: asks(`${estate.id}-checkout`),
    });
    await estate.workload('DaemonSet', orders, 'worker', {
      account: 'orders',
      annotations: asks(`${estate.id}-worker`),
    });
    await estate.workload('Deployment', orders, 'bystander', { account: 'orders', replicas: 1 });
    await estate.ready();
  });
  afterAll(async () => {
    await estate?.end();
  });

  it('scans, plans, applies, proves, retires and rolls back', async () => {
    const cwd = folder();
    const before = await estate.picture();
    const plan = await planFor(estate, cwd);
    expect(plan.gaps).toEqual([]);
    expect(plan.moves.flatMap((move: any) => move.workloads.map((each: any) => each.name)).sort()).toEqual([
      'api',
      'checkout',
      'ledger',
      'refused',
      'reports',
      'worker',
    ]);
    for (const name of ['api', 'ledger', 'reports', 'checkout', 'worker'] as const) {
      expect(moveOf(plan, name).from, name).toEqual({ broker: 'kiam', role: roles[name] });
      expect(moveOf(plan, name).to, name).toMatchObject({ mechanism: 'irsa', role: roles[name] });
      expect(moveOf(plan, name).blocked, `${name} ${moveOf(plan, name).findings}`).toBe(false);
    }
    expect(moveOf(plan, 'refused').blocked).toBe(true);
    expect(moveOf(plan, 'refused').findings.join()).toContain('RL101');
    const account = (name: string): string => moveOf(plan, name).to.serviceAccount.split('/')[1];
    expect(account('checkout')).not.toBe('orders');
    expect(account('worker')).not.toBe(account('checkout'));

    await ends(3, ['apply', 'plan', '--yes'], cwd);
    const moved = [
      [pay, 'api'],
      [pay, 'ledger'],
      [orders, 'checkout'],
      [orders, 'worker'],
    ] as const;
    for (const [namespace, app] of moved) {
      const role = roles[app];
      expect(await estate.rolesOf(namespace, app), app).toEqual([role]);
      expect(await estate.exchange(namespace, account(app), role), app).toBe(true);
    }
    expect(await estate.rolesOf(orders, 'bystander')).toEqual([null]);
    expect(await estate.exchange(orders, 'orders', roles.worker)).toBe(false);
    expect(await estate.exchange(orders, account('checkout'), roles.worker)).toBe(false);
    const may = await sure('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: `system:serviceaccount:${orders}:${account('checkout')}`,
        resourceAttributes: { namespace: orders, verb: 'list', resource: 'configmaps' },
      },
    });
    expect(may.status.allowed, 'what the shared account was bound to').toBe(true);

    const status = JSON.parse((await ends(0, ['status', 'plan', '--json'], cwd)).out);
    expect(status.moves.find((move: any) => move.id === moveOf(plan, 'api').id).reversible.is).toBe(true);
    if (testbed) for (const [namespace, app] of moved) await used(estate, namespace, app, account(app));
    const verified = JSON.parse((await ends(3, ['verify', 'plan', '--json'], cwd)).out);
    for (const [, app] of moved)
      expect(
        verified.moves.find((each: any) => each.move === moveOf(plan, app).id),
        app,
      ).toMatchObject({
        proof: testbed ? 'used' : 'configured',
        role: roles[app],
      });
    if (testbed) {
      // The CronJob has no pod yet, so nothing proves it: its old annotation stays.
      await ends(3, ['apply', 'plan', '--stage', 'retire', '--soak', '0s', '--yes'], cwd);
      const template = async (kind: string, namespace: string, name: string) =>
        (await estate.object('apps/v1', kind, namespace, name)).spec.template.metadata.annotations ?? {};
      expect(await template('Deployment', pay, 'api')).not.toHaveProperty(['iam.amazonaws.com/role']);
      expect(await template('StatefulSet', pay, 'ledger')).not.toHaveProperty(['iam.amazonaws.com/role']);
      expect(await estate.rolesOf(pay, 'api')).toEqual([roles.api]);
    }

    await ends(0, ['rollback', 'plan', '--yes'], cwd);
    await estate.ready();
    expect(await estate.picture()).toEqual(before);
    expect(await estate.exchange(pay, 'api', roles.api)).toBe(false);
    const journal = readFileSync(path.join(cwd, 'plan', 'journal.jsonl'), 'utf8');
    expect(journal).not.toContain('"failed"');
  });
});
