import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect, contextNames } from '../../src/clients/kube-connection.js';
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

describe('a KUBECONFIG of several files', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  const write = (name: string, contexts: readonly string[], current?: string): string => {
    const file = path.join(folder(), name);
    const body = {
      apiVersion: 'v1',
      kind: 'Config',
      ...(current === undefined ? {} : { 'current-context': current }),
      clusters: contexts.map((each) => ({ name: each, cluster: { server: `https://${name}.${each}.example.net` } })),
      contexts: contexts.map((each) => ({ name: each, context: { cluster: each, user: 'me' } })),
      users: [{ name: 'me', user: { token: name } }],
    };
    writeFileSync(file, JSON.stringify(body));
    return file;
  };
  const list = (...files: readonly string[]): void => {
    vi.stubEnv('KUBECONFIG', files.join(path.delimiter));
  };

  it('leads where kubectl would go: the first file to say a thing wins', async () => {
    list(write('one', ['prod', 'both'], 'prod'), write('two', ['both', 'test'], 'test'));
    expect(await connect({})).toMatchObject({ context: 'prod', server: 'https://one.prod.example.net' });
    expect(await connect({ context: 'both' })).toMatchObject({ server: 'https://one.both.example.net' });
    expect(await connect({ context: 'test' })).toMatchObject({ server: 'https://two.test.example.net' });
    expect(await contextNames()).toEqual(['prod', 'both', 'test']);
  });

  it('takes the context of the first file that names one', async () => {
    list(write('one', ['prod']), write('two', ['test'], 'test'));
    expect(await connect({})).toMatchObject({ context: 'test' });
  });

  it('passes over files that are not there, and needs one that is', async () => {
    const missing = path.join(folder(), 'missing');
    list(missing, write('one', ['prod'], 'prod'));
    expect(await connect({})).toMatchObject({ context: 'prod' });
    list(missing, `${missing}-too`);
    await expect(connect({})).rejects.toMatchObject({ data: { code: 'RL701' } });
  });
});
