import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../helpers/cli.js';
import { Estate } from './estate.js';
import { begun, ends, moveOf } from './program.js';
import { awsWrites, control, kube, stateBucket, sure, switches, testbed, until } from './real.js';

/** What goes wrong in the middle, made to go wrong by the testbed's switches. */
describe.skipIf(!testbed)('runs that are disturbed, on real servers', () => {
  let estate: Estate;
  let kiam: string;
  beforeAll(async () => {
    estate = await Estate.begin();
    kiam = await estate.kiam();
    await estate.ready();
  });
  afterAll(async () => {
    await estate?.end();
  });
  afterEach(async () => {
    rmSync(path.join(switches, 'webhook-fault'), { force: true });
    rmSync(path.join(switches, 'webhook-lag'), { force: true });
  });
  const fault = (text: string) => writeFileSync(path.join(switches, 'webhook-fault'), text);

  /** A namespace with Deployments that get a role each from kiam. */
  const apps = async (
    suffix: string,
    wanted: Readonly<
      Record<string, { readonly annotations?: Readonly<Record<string, string>>; readonly replicas?: number }>
    >,
  ): Promise<{ readonly namespace: string; readonly roles: Readonly<Record<string, string>> }> => {
    const namespace = await estate.namespace(suffix, { 'iam.amazonaws.com/permitted': '.*' });
    const roles: Record<string, string> = {};
    for (const [name, { annotations, replicas }] of Object.entries(wanted)) {
      roles[name] = await estate.role(`${suffix}-${name}`, [kiam]);
      await estate.serviceAccount(namespace, name);
      await estate.workload('Deployment', namespace, name, {
        account: name,
        replicas: replicas ?? 1,
        annotations: { 'iam.amazonaws.com/role': `${estate.id}-${suffix}-${name}`, ...annotations },
      });
    }
    await estate.ready();
    return { namespace, roles };
  };
  const only = (namespace: string) => ['plan', '-n', namespace, '-o', 'plan', '--json'];

  it('undoes a move whose rollout fails, and finishes the others', async () => {
    const cwd = folder();
    const { namespace, roles } = await apps('fail', {
      good: {},
      bad: { annotations: { 'testbed/fail-if-env': 'AWS_ROLE_ARN' } },
    });
    const before = await estate.picture();
    const trust = await estate.trust(roles.bad as string);
    await ends(0, only(namespace), cwd);
    const failed = await ends(1, ['apply', 'plan', '--yes', '--rollout-timeout', '20s'], cwd);
    expect(failed.err + failed.out).toContain('RL821');
    await estate.ready();
    expect(await estate.rolesOf(namespace, 'good')).toEqual([roles.good]);
    expect(await estate.rolesOf(namespace, 'bad')).toEqual([null]);
    expect(await estate.trust(roles.bad as string)).toEqual(trust);
    const status = JSON.parse((await ends(0, ['status', 'plan', '--json'], cwd)).out);
    const states = Object.fromEntries(status.moves.map((move: any) => [move.id, move.state]));
    expect(states[`move:${namespace}/good`]).toBe('moved');
    expect(states[`move:${namespace}/bad`]).not.toBe('moved');
    await ends(0, ['rollback', 'plan', '--yes'], cwd);
    await estate.ready();
    expect(await estate.picture()).toEqual(before);
  });

  it('waits for a webhook that lags behind, and replaces pods that it missed', async () => {
    const cwd = folder();
    const { namespace, roles } = await apps('lag', { app: { replicas: 3 } });
    await ends(0, only(namespace), cwd);
    writeFileSync(path.join(switches, 'webhook-lag'), '2500');
    const run = begun(['apply', 'plan', '--yes'], cwd);
    // The first pod with the new variables is there: now the webhook misses some.
    await until('a first new pod', async () =>
      (await estate.pods(namespace, 'app')).some((pod) => 'AWS_ROLE_ARN' in pod.env),
    );
    fault('skip');
    await until('a pod that was missed', async () => {
      const { items } = await sure('GET', `/api/v1/namespaces/${namespace}/pods`);
      return (
        items.filter(
          (pod: any) =>
            JSON.stringify(pod.metadata.annotations).includes('rolelift.dev/restart') &&
            !pod.spec.containers[0].env?.length,
        ).length > 0
      );
    }).catch(() => undefined);
    rmSync(path.join(switches, 'webhook-fault'));
    const ended = await run.ended;
    expect(ended.code, ended.err).toBe(3);
    expect(await estate.rolesOf(namespace, 'app')).toEqual([roles.app]);
    await ends(0, ['rollback', 'plan', '--yes'], cwd);
  });

  it('refuses what has drifted since the plan, before any change', async () => {
    const cwd = folder();
    const { namespace } = await apps('drift', { app: {} });
    await ends(0, only(namespace), cwd);
    await estate.workload('Deployment', namespace, 'joined', { account: 'app', replicas: 1 });
    await estate.ready();
    const before = await estate.picture();
    await control('DELETE', 'calls');
    const refused = await ends(4, ['apply', 'plan', '--yes'], cwd);
    expect(refused.err + refused.out).toContain('RL833');
    expect(await awsWrites()).toEqual([]);
    expect(await estate.picture()).toEqual(before);
  });

  it('lets one run into a plan directory at a time', async () => {
    const cwd = folder();
    const { namespace, roles } = await apps('two', { app: { annotations: { 'testbed/ready-after-ms': '4000' } } });
    await ends(0, only(namespace), cwd);
    const first = begun(['apply', 'plan', '--yes'], cwd);
    const journal = path.join(cwd, 'plan', 'journal.jsonl');
    await until('the first run restarts', async () => readFileSync(journal, 'utf8').includes('"restart-workload'));
    // Held still, so that it is there however long the others take to start.
    first.child.kill('SIGSTOP');
    const others = await Promise.all(
      ['apply', 'rollback'].map((command) => ends(5, [command, 'plan', '--yes'], cwd)),
    ).finally(() => first.child.kill('SIGCONT'));
    for (const other of others) expect(other.err).toContain('RL861');
    expect((await first.ended).code).toBe(3);
    expect(await estate.rolesOf(namespace, 'app')).toEqual([roles.app]);

    // A run on another machine: its lease is renewed, so it is alive.
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
    const now = () => new Date().toISOString().replace('Z', '000Z');
    const spec = () => ({
      holderIdentity: 'somebody@elsewhere',
      leaseDurationSeconds: 60,
      acquireTime: now(),
      renewTime: now(),
    });
    const named = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'rolelift' } };
    const there = await kube('GET', `${leases}/rolelift`);
    if (there.status === 404) await sure('POST', leases, { ...named, spec: spec() });
    else await sure('PATCH', `${leases}/rolelift`, { spec: spec() });
    const renewing = setInterval(() => void kube('PATCH', `${leases}/rolelift`, { spec: spec() }), 1_000);
    try {
      const other = await ends(5, ['rollback', 'plan', '--yes'], cwd);
      expect(other.err).toContain('RL862');
      expect(other.err).toContain('somebody@elsewhere');
    } finally {
      clearInterval(renewing);
    }
    await sure('DELETE', `${leases}/rolelift`);
    await ends(0, ['rollback', 'plan', '--yes'], cwd);
  });

  it('goes on after kill -9 with its state in object storage, and is rolled back from another folder', async () => {
    const cwd = folder();
    const { namespace, roles } = await apps('kill', { one: {}, two: {}, three: {} });
    const before = await estate.picture();
    await ends(0, only(namespace), cwd);
    const plan = JSON.parse(readFileSync(path.join(cwd, 'plan', 'plan.json'), 'utf8'));
    const state = ['--state', `s3://${stateBucket}/${estate.id}`];
    for (const writes of [1, 3]) {
      await control('DELETE', 'calls');
      const run = begun(['apply', 'plan', '--yes', ...state], cwd);
      await until('that many writes', async () => {
        const done = (await awsWrites()).filter((call) => call.action === 'UpdateAssumeRolePolicy').length;
        return done >= Math.min(writes, 2) || run.child.exitCode !== null;
      });
      run.child.kill('SIGKILL');
      await run.ended;
    }
    await ends(3, ['apply', 'plan', '--yes', ...state], cwd);
    for (const name of ['one', 'two', 'three']) {
      expect(await estate.rolesOf(namespace, name)).toEqual([roles[name]]);
      const ours = (await estate.trust(roles[name] as string)).Statement.filter(
        (each: any) => each.Action === 'sts:AssumeRoleWithWebIdentity',
      );
      expect(ours, 'no statement twice').toHaveLength(1);
    }
    expect(moveOf(plan, 'one').id).toBe(`move:${namespace}/one`);

    const elsewhere = folder();
    const runs = JSON.parse((await ends(0, ['runs', '--json'], elsewhere)).out);
    const mine = (Array.isArray(runs) ? runs : runs.runs).find((each: any) => each.planId === plan.id);
    expect(mine.state).toContain(`s3://${stateBucket}/${estate.id}`);
    await ends(0, ['rollback', '--run', mine.run, '--yes'], elsewhere);
    await estate.ready();
    expect(await estate.picture()).toEqual(before);
  });
});
