import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { promisify } from 'node:util';
import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { type Served, serve } from '../../src/sandbox/serve.js';

const run = promisify(execFile);
let sandbox: Sandbox;
let served: Served;
let hasKubectl = true;
const kubectl = async (...args: string[]) =>
  (await run('kubectl', args, { env: { ...process.env, ...served.env } })).stdout;
const control = async (path: string, body?: unknown, method = body === undefined ? 'GET' : 'POST') =>
  (
    await fetch(`${served.url}/_sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  ).json();
const iam = () =>
  new IAMClient({
    endpoint: served.url,
    region: 'eu-west-1',
    maxAttempts: 1,
    credentials: {
      accessKeyId: served.env['AWS_ACCESS_KEY_ID'] as string,
      secretAccessKey: served.env['AWS_SECRET_ACCESS_KEY'] as string,
    },
  });

beforeAll(async () => {
  hasKubectl = await run('kubectl', ['version', '--client']).then(
    () => true,
    () => false,
  );
  sandbox = createSandbox({ scenario: loadScenario('demo') });
  served = await serve(sandbox);
  await sandbox.settled();
});
afterAll(async () => {
  await served.close();
  sandbox.stop();
});

describe('a served sandbox', () => {
  it('writes a kubeconfig that only its owner may read', () => {
    expect(statSync(served.kubeconfig).mode & 0o777).toBe(0o600);
  });

  it('answers kubectl', async ({ skip }) => {
    if (!hasKubectl) skip();
    expect(await kubectl('get', 'pods', '-n', 'payments')).toContain('ledger-0');
    await kubectl('rollout', 'status', '-n', 'payments', 'deployment/api', '--timeout=10s');
    await kubectl('annotate', 'serviceaccount', '-n', 'media', 'encoder', 'example.com/mark=1');
    expect(await kubectl('get', 'sa', '-n', 'media', 'encoder', '-o', 'yaml')).toContain('example.com/mark');
  });

  it('answers the SDK on the same port', async () => {
    const { Role } = await iam().send(new GetRoleCommand({ RoleName: 'payments-api' }));
    expect(Role?.Arn).toBe('arn:aws:iam::111122223333:role/payments-api');
  });

  it('tells the identity of every pod', async () => {
    const all = (await control('identity?namespace=orders')) as { serviceAccount: string; role: string }[];
    expect(new Set(all.map((each) => each.role))).toEqual(
      new Set(['arn:aws:iam::111122223333:role/orders-checkout', 'arn:aws:iam::111122223333:role/orders-worker']),
    );
  });

  it('fails as it is told: with a code, before the call, and after it', async () => {
    await control('faults', [{ service: 'iam', action: 'GetRole', code: 'Throttling', status: 400, times: 1 }]);
    const ask = () => iam().send(new GetRoleCommand({ RoleName: 'payments-api' }));
    await expect(ask()).rejects.toMatchObject({ name: 'Throttling' });
    await ask();
    await control('faults', { service: 'iam', drop: 'before' });
    await expect(ask()).rejects.toThrow();
    await ask();
    const url = `${served.url}/api/v1/namespaces/media/configmaps`;
    await control('faults', { service: 'kubernetes', action: 'POST /api/v1/namespaces/media/*', drop: 'late' });
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } });
    await expect(
      fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
    ).rejects.toThrow();
    expect((await fetch(`${url}/late`)).status).toBe(200);
    expect((await fetch(`${url}/early`)).status).toBe(404);
  });

  it('ends the process that it is told to end, before its second write', async () => {
    const killed: number[] = [];
    sandbox.faults.onKill = (pid) => killed.push(pid);
    await control('kill', { pid: 424242, write: 2, when: 'before' });
    const write = (name: string) =>
      fetch(`${served.url}/api/v1/namespaces/media/configmaps`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }),
      });
    expect((await write('first')).status).toBe(201);
    expect(killed).toEqual([]);
    await expect(write('second')).rejects.toThrow();
    expect(killed).toEqual([424242]);
    expect((await write('second')).status).toBe(201);
  });

  it('slows whole lanes and says so in the words of each API', async () => {
    await control('settings', { rates: { 'iam-read': 1 } });
    const ask = () => iam().send(new GetRoleCommand({ RoleName: 'payments-api' }));
    await ask();
    await expect(ask()).rejects.toMatchObject({ name: 'Throttling', message: 'Rate exceeded' });
    await control('settings', { rates: {} });
    await ask();
  });

  it('remembers each call with whether it wrote', async () => {
    await control('calls', undefined, 'DELETE');
    await iam().send(new GetRoleCommand({ RoleName: 'payments-api' }));
    expect(await control('calls')).toMatchObject([{ service: 'iam', action: 'GetRole', write: false, status: 200 }]);
  });
});
