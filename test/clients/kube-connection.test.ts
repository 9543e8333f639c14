import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/clients/kube-connection.js';
import { folder } from '../helpers/cli.js';

/** A kubeconfig whose user gets a token from a command that counts how often it is run. */
const kubeconfig = (server: string, script: string): { readonly file: string; readonly runs: () => number } => {
  const at = folder();
  const file = path.join(at, 'kubeconfig');
  const count = path.join(at, 'count');
  writeFileSync(count, '');
  const whole = `require('fs').appendFileSync(${JSON.stringify(count)}, 'x');${script}`;
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: ['-e', whole],
    interactiveMode: 'Never',
  };
  const body = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    users: [{ name: 'u', user: { exec } }],
  };
  writeFileSync(file, JSON.stringify(body));
  return { file, runs: () => readFileSync(count, 'utf8').length };
};

describe('credentials from a command', () => {
  const seen: (string | undefined)[] = [];
  const server = http.createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end('{}');
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const request = () => ({ method: 'GET', url: `${url}/x`, headers: {}, body: '' });
  const never = new AbortController().signal;

  it('are asked for once by calls that begin together', async () => {
    const status = { token: 'given', expirationTimestamp: '2999-01-01T00:00:00Z' };
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status };
    const { file, runs } = kubeconfig(url, `console.log(${JSON.stringify(JSON.stringify(credential))})`);
    const { send } = await connect({ kubeconfig: file });
    await Promise.all(Array.from({ length: 8 }, () => send(request(), never)));
    await send(request(), never);
    expect(new Set(seen)).toEqual(new Set(['Bearer given']));
    expect(runs()).toBe(1);
  });

  it('that do not come are told with what the command said', async () => {
    const { file } = kubeconfig(url, `console.error('no session: log in first'); process.exit(3)`);
    const { send } = await connect({ kubeconfig: file });
    await expect(send(request(), never)).rejects.toMatchObject({
      data: { code: 'RL702', cause: expect.stringContaining('log in first') },
    });
  });
});
