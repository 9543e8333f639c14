import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CreatePolicyCommand, DeletePolicyCommand } from '@aws-sdk/client-iam';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../helpers/cli.js';
import { Estate, pathOf } from './estate.js';
import { cli, ends, moveOf, planFor } from './program.js';
import { iam, kube, present, sure, switches, testbed } from './real.js';

const config = new KubeConfig();
if (present) config.loadFromDefault();
const cluster = config.getCurrentCluster();
const kubeconfig = (cwd: string, user: object, server = cluster?.server, trusted = cluster?.caData): string => {
  const file = path.join(cwd, 'kubeconfig');
  const body = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster?.name,
    clusters: [
      {
        name: cluster?.name,
        cluster: { server, ...(trusted === undefined ? {} : { 'certificate-authority-data': trusted }) },
      },
    ],
    contexts: [{ name: cluster?.name, context: { cluster: cluster?.name, user: 'me' } }],
    users: [{ name: 'me', user }],
  };
  writeFileSync(file, JSON.stringify(body));
  return file;
};

describe.skipIf(!present)('ways in, on real servers', () => {
  it.skipIf(!testbed)('a client certificate, in files and in data, past the door', async () => {
    const cwd = folder();
    const plain = readFileSync(path.join(switches, 'kubeconfig.plain'), 'utf8');
    const server = /server: "([^"]+)"/.exec(plain)?.[1];
    const file = (name: string) => path.join(switches, 'certs', name);
    const data = (name: string) => readFileSync(file(name)).toString('base64');
    const users = [
      { 'client-certificate': file('admin.crt'), 'client-key': file('admin.key') },
      { 'client-certificate-data': data('admin.crt'), 'client-key-data': data('admin.key') },
    ];
    for (const user of users) {
      const given = kubeconfig(cwd, user, server);
      const { out } = await ends(0, ['scan', '--json', '--kubeconfig', given, '-o', 'plan'], cwd);
      expect(JSON.parse(out).nodes.length).toBeGreaterThan(0);
    }
  });

  it('a command that gives a token, and one that fails', async () => {
    const cwd = folder();
    const token = config.getCurrentUser()?.token;
    const exec = (script: string) => ({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: process.execPath,
        args: ['-e', script],
        interactiveMode: 'Never',
      },
    });
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } };
    const good = kubeconfig(cwd, exec(`console.log(${JSON.stringify(JSON.stringify(credential))})`));
    const { out } = await ends(0, ['doctor', '--json', '--kubeconfig', good], cwd);
    expect(JSON.parse(out).checks.find((check: any) => check.name === 'cluster').is).toBe('ok');
    const bad = kubeconfig(cwd, exec(`console.error('no session: log in first'); process.exit(3)`));
    const failed = await cli(['scan', '--json', '--kubeconfig', bad], cwd);
    expect(failed.code, failed.out).toBeGreaterThan(0);
    expect(JSON.parse(failed.err.trim().split('\n').at(-1) ?? '').error.code).toBe('RL702');
    expect(failed.err).toContain('log in first');
    expect(failed.err).not.toContain('    at ');
  });

  it.each([
    ['a token that nobody knows', 'RL702', { token: 'nonsense' }, undefined, undefined],
    ['nobody at that address', 'RL711', { token: 'x' }, 'https://127.0.0.1:1', undefined],
    ['a server that is not trusted', 'RL711', { token: 'x' }, undefined, ''],
  ])('%s is told as %s', async (_what, code, user, server, trusted) => {
    const cwd = folder();
    const given = kubeconfig(cwd, user, server, trusted === undefined ? undefined : trusted);
    const failed = await cli(['scan', '--json', '--kubeconfig', given], cwd);
    expect(failed.code).toBeGreaterThan(0);
    const { error } = JSON.parse(failed.err.trim().split('\n').at(-1) ?? '');
    expect(error.code, failed.err).toBe(code);
    expect(error.remedy).not.toBe('');
  });

  it.skipIf(!testbed)('a viewer reads what he may and is told the rest; who may nothing is told all', async () => {
    const cwd = folder();
    const seen = JSON.parse((await ends(0, ['scan', '--json', '--context', 'viewer'], cwd)).out);
    const areas = seen.gaps.map((gap: any) => gap.area);
    expect(areas).toContain('kubernetes:nodes');
    expect(areas.filter((area: string) => area.includes('rolebindings'))).toEqual([
      'kubernetes:clusterrolebindings',
      'kubernetes:rolebindings',
    ]);
    expect(areas).not.toContain('kubernetes:serviceaccounts');
    const nothing = JSON.parse((await ends(0, ['scan', '--json', '--context', 'nobody'], cwd)).out);
    expect(nothing.workloads).toEqual([]);
    expect(nothing.gaps.map((gap: any) => gap.area)).toContain('kubernetes:namespaces');
    const doctor = await ends(1, ['doctor', '--context', 'viewer'], cwd);
    expect(doctor.out).toContain('list nodes');
    expect(doctor.out, 'kinds that are not installed').not.toContain('strimzi');
  });
});

describe.skipIf(!present)('with exactly the rights that are printed, on real servers', () => {
  let estate: Estate;
  let apps: string;
  let role: string;
  beforeAll(async () => {
    estate = await Estate.begin();
    const kiam = await estate.kiam();
    apps = await estate.namespace('apps', { 'iam.amazonaws.com/permitted': '.*' });
    role = await estate.role('app', [kiam]);
    const other = await estate.role('other', [kiam]);
    const asks = (arn: string) => ({ 'iam.amazonaws.com/role': arn });
    await estate.serviceAccount(apps, 'app');
    await estate.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { namespace: apps, name: 'reads' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
    });
    await estate.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { namespace: apps, name: 'reads' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reads' },
      subjects: [{ kind: 'ServiceAccount', name: 'app', namespace: apps }],
    });
    await estate.workload('Deployment', apps, 'one', { account: 'app', annotations: asks(role) });
    await estate.workload('Deployment', apps, 'two', { account: 'app', annotations: asks(other) });
    await estate.ready();
  });
  afterAll(async () => {
    await estate?.end();
  });

  it('reports, plans, applies and rolls back', async () => {
    const cwd = folder();
    const its = (line: string): boolean =>
      (line.includes(`${apps}/`) && !line.includes(`${apps}/${estate.id}`)) || line.startsWith('trust');
    const before = await estate.picture();
    const robots = await estate.namespace('robots');
    const robot = async (name: string, args: readonly string[]): Promise<string> => {
      const needs = JSON.parse((await ends(0, ['permissions', ...args, '--json'], cwd)).out);
      const made = await iam.send(
        new CreatePolicyCommand({ PolicyName: `${estate.id}-${name}`, PolicyDocument: JSON.stringify(needs.iam) }),
      );
      await iam.send(new DeletePolicyCommand({ PolicyArn: made.Policy?.Arn }));
      await estate.serviceAccount(robots, name);
      for (const object of needs.rbac) {
        const renamed = structuredClone(object);
        renamed.metadata.name = `${estate.id}-${name}-${object.metadata.name}`.slice(0, 250);
        if (renamed.roleRef !== undefined) {
          renamed.roleRef.name = `${estate.id}-${name}-${object.roleRef.name}`.slice(0, 250);
          renamed.subjects = [{ kind: 'ServiceAccount', name, namespace: robots }];
        }
        const dry = await kube(
          'POST',
          `${pathOf(object.apiVersion, object.kind, object.metadata.namespace)}?dryRun=All`,
          object,
        );
        expect([201, 409], `${JSON.stringify(object)} ${JSON.stringify(dry.body)}`).toContain(dry.status);
        await estate.create(renamed);
      }
      const { status } = await sure('POST', `/api/v1/namespaces/${robots}/serviceaccounts/${name}/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 3600 },
      });
      const home = folder();
      return kubeconfig(home, { token: status.token });
    };

    const reader = await robot('reader', ['--for', 'report']);
    const told = await ends(2, ['report', '-n', apps, '--format', 'json', '--kubeconfig', reader], cwd);
    expect(told.out).toContain(`${apps}`);
    const plan = await planFor(estate, cwd, ['--kubeconfig', reader]);
    expect(plan.gaps).toEqual([]);
    expect(moveOf(plan, 'one').blocked).toBe(false);

    const worker = await robot('worker', ['plan', '--for', 'apply']);
    const checked = await cli(['doctor', 'plan', '--kubeconfig', worker], cwd);
    expect(checked.out).toMatch(/✓ cluster rights/);
    await ends(3, ['apply', 'plan', '--yes', '--kubeconfig', worker], cwd);
    expect(await estate.rolesOf(apps, 'one')).toEqual([role]);
    await ends(0, ['rollback', 'plan', '--yes', '--kubeconfig', worker], cwd);
    await estate.ready();
    expect((await estate.picture()).filter((line) => its(line))).toEqual(before.filter((line) => its(line)));
  });
});
