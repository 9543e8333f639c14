import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import type { SocketOptions } from '../../src/clients/http-transport.js';
import { credentialsOf } from '../../src/clients/kube-credentials.js';
import { loadKubeconfig } from '../../src/clients/kubeconfig.js';
import { folder } from '../helpers/cli.js';

const written = (user: string, cluster = 'server: https://one.example.net/', before = ''): string => {
  const at = folder();
  writeFileSync(path.join(at, 'ca.crt'), 'an authority');
  writeFileSync(path.join(at, 'me.crt'), 'a certificate');
  writeFileSync(path.join(at, 'me.key'), 'a key');
  writeFileSync(path.join(at, 'token'), 'from a file');
  const file = path.join(at, 'config');
  writeFileSync(
    file,
    `${before}apiVersion: v1
kind: Config
current-context: here
clusters:
- name: one
  cluster: {${cluster}}
contexts:
- name: here
  context: {cluster: one, user: me}
users:
- name: me
  user: ${user}
`,
  );
  return file;
};
const given = async (file: string): Promise<SocketOptions> => {
  const config = await loadKubeconfig(file, {});
  const [cluster, user] = [config?.clusters[0], config?.users[0]];
  if (cluster === undefined) throw new Error('no cluster');
  return credentialsOf(cluster, user ?? null)();
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** What client-node makes of the same file: the reader that this one stands in for. */
const byClientNode = async (file: string): Promise<SocketOptions> => {
  const config = new KubeConfig();
  config.loadFromFile(file);
  const options: SocketOptions = {};
  await (config as unknown as { applyOptions(given: SocketOptions): Promise<void> }).applyOptions(options);
  return options;
};
const plain = (options: SocketOptions): unknown =>
  JSON.parse(
    JSON.stringify(options, (_key, value) => (value?.type === 'Buffer' ? Buffer.from(value).toString() : value)),
  );

describe('credentials of a kubeconfig', () => {
  const credential = { status: { token: 'from a command', clientCertificateData: 'c', clientKeyData: 'k' } };
  it.each([
    ['a token', '{token: secret}', undefined],
    ['an anchor and a merged map', '{<<: *user, token: other}', undefined],
    ['certificates in data', `{client-certificate-data: ${base64('c')}, client-key-data: ${base64('k')}}`, undefined],
    ['certificates in files beside it', '{client-certificate: me.crt, client-key: ./me.key}', undefined],
    ['an authority in a file', '{token: secret}', 'server: https://x, certificate-authority: ca.crt'],
    ['an authority in data', '{token: secret}', `server: https://x, certificate-authority-data: ${base64('ca')}`],
    ['no verification', '{token: secret}', 'server: https://x, insecure-skip-tls-verify: true'],
    ['another name of the server', '{token: secret}', 'server: https://x, tls-server-name: y'],
    ['somebody else', '{token: secret, as: somebody}', undefined],
    [
      'a command',
      `{exec: {command: ${JSON.stringify(process.execPath)}, args: [-e, 'console.log(${JSON.stringify(JSON.stringify(credential)).replaceAll("'", "''")})']}}`,
      undefined,
    ],
    ['a provider of old', '{auth-provider: {name: gcp, config: {access-token: old}}}', undefined],
    ['nothing', '{}', undefined],
  ])('are what client-node makes of them: %s', async (_what, user, cluster) => {
    const file = written(user, cluster, 'x: &user {as: merged}\n');
    const [ours, theirs] = [await given(file), await byClientNode(file)];
    expect(plain(ours)).toEqual(plain(theirs));
  });

  it('come from a file that is named beside it, without the line end that an editor leaves', async () => {
    const file = written('{tokenFile: token, token: stale}');
    writeFileSync(path.join(path.dirname(file), 'token'), 'from a file\n');
    expect((await given(file)).headers).toEqual({ Authorization: 'Bearer from a file' });
  });

  it('are data before files, as for kubectl', async () => {
    const cluster = `server: https://x, certificate-authority: ca.crt, certificate-authority-data: ${base64('data')}`;
    expect(String((await given(written('{token: t}', cluster))).ca)).toBe('data');
  });

  it('are a name and a password', async () => {
    expect(await given(written('{username: me, password: "1:2"}'))).toMatchObject({ auth: 'me:1:2' });
  });

  it('a command is told the version of the answer that is wanted, and what it prints is kept until it expires', async () => {
    const at = folder();
    const runs = path.join(at, 'runs');
    const command = (until: string) => {
      const script = `const fs = require('fs'); fs.appendFileSync(${JSON.stringify(runs)}, process.env.KUBERNETES_EXEC_INFO + process.env.MORE + '\\n'); console.log(JSON.stringify({ status: { token: 't', expirationTimestamp: ${JSON.stringify(until)} } }))`;
      const exec = {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: process.execPath,
        args: ['-e', script],
        env: [{ name: 'MORE', value: '!' }],
      };
      return written(JSON.stringify({ exec }));
    };
    const asked = async (file: string, times: number) => {
      const config = await loadKubeconfig(file, {});
      const [cluster, user] = [config?.clusters[0], config?.users[0]];
      if (cluster === undefined || user === undefined) throw new Error('no cluster');
      const credentials = credentialsOf(cluster, user);
      for (let time = 0; time < times; time += 1)
        expect((await credentials()).headers).toEqual({ Authorization: 'Bearer t' });
    };
    await asked(command('2999-01-01T00:00:00Z'), 3);
    const [told, ...more] = readFileSync(runs, 'utf8').trimEnd().split('\n');
    expect(more).toEqual([]);
    expect(told).toBe(
      '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}!',
    );
    await asked(command('2001-01-01T00:00:00Z'), 2);
    expect(readFileSync(runs, 'utf8').trimEnd().split('\n')).toHaveLength(3);
  });

  it('a command that prints something else fails, and its output is not told', async () => {
    const exec = { command: process.execPath, args: ['-e', 'console.log("s3cret")'] };
    const failed = given(written(JSON.stringify({ exec })));
    await expect(failed).rejects.toThrow(/no ExecCredential/);
    await expect(failed).rejects.not.toThrow(/s3cret/);
  });
});

describe('a file that is no kubeconfig', () => {
  it.each([
    ['nothing in it', '', /empty/],
    ['a list', '- a\n', /no kubeconfig/],
    ['a cluster without a name', 'clusters:\n- cluster: {server: x}\n', /clusters\[0\]\.name is missing/],
    ['a cluster without a server', 'clusters:\n- name: x\n', /clusters\[0\]\.cluster\.server is missing/],
    [
      'a context without a cluster',
      'contexts:\n- name: x\n  context: {}\n',
      /contexts\[0\]\.context\.cluster is missing/,
    ],
    ['no YAML', 'token: "s3cret\n', /./],
  ])('is refused, and none of its text is told: %s', async (_what, text, reason) => {
    const file = path.join(folder(), 'config');
    writeFileSync(file, text);
    const failed = loadKubeconfig(file, {});
    await expect(failed).rejects.toThrow(reason);
    await expect(failed).rejects.not.toThrow(/s3cret/);
  });

  it('is none where no place has one', async () => {
    expect(await loadKubeconfig(undefined, { HOME: folder() })).toBeNull();
    expect(await loadKubeconfig(undefined, {})).toBeNull();
  });

  it('is found under the home directory, where KUBECONFIG names none', async () => {
    const home = folder();
    const { mkdirSync } = await import('node:fs');
    mkdirSync(path.join(home, '.kube'));
    writeFileSync(path.join(home, '.kube', 'config'), readFileSync(written('{token: t}')));
    expect(await loadKubeconfig(undefined, { HOME: home, KUBECONFIG: '' })).toMatchObject({ currentContext: 'here' });
  });
});
