import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../helpers/cli.js';
import { Away, away, farProviders, farTrust } from './away.js';
import { Estate } from './estate.js';
import { ends, moveOf } from './program.js';
import { control, kube, testbed, until } from './real.js';

/** Makes a plan for one namespace in `plan`, and answers it. */
const planOf = async (namespace: string, cwd: string, more: readonly string[]): Promise<any> =>
  JSON.parse((await ends(0, ['plan', '-n', namespace, '-o', 'plan', '--json', ...more], cwd)).out);

/** Needs an EKS that knows Pod Identity, and accounts that one endpoint serves. */
describe.skipIf(!testbed)('both mechanisms, on real servers', () => {
  let estate: Estate;
  let kiam: string;
  let issuer: string;
  let far: Away;
  /** Calls by which pods of a namespace got credentials, with what came of them. */
  const gotCredentials = (namespace: string, pattern: RegExp) =>
    until(`pods of ${namespace} get credentials`, async () =>
      (await control('GET', 'calls?pods=1')).calls.some(
        (call: any) => call.pod?.startsWith(`${namespace}/`) && pattern.test(call.action) && call.status === 200,
      ),
    );

  beforeAll(async () => {
    estate = await Estate.begin();
    issuer = (await kube('GET', '/.well-known/openid-configuration')).body.issuer;
    kiam = await estate.kiam();
    far = new Away(estate);
  });
  afterAll(async () => {
    await far?.end();
    await estate?.end();
  });

  it.each([
    ['irsa', /AssumeRoleWithWebIdentity/],
    ['pod-identity', /credentials|AssumeRoleForPodIdentity/i],
  ] as const)('reaches a role of another account by %s, and gives everything back', async (mechanism, call) => {
    const cwd = folder();
    const apps = await estate.namespace(`far-${mechanism}`, { 'iam.amazonaws.com/permitted': '.*' });
    const role = await far.appRole(`far-${mechanism}`, kiam);
    const name = role.slice(role.lastIndexOf('/') + 1);
    const migrator = await far.migrator(`migrator-${mechanism}`);
    await estate.serviceAccount(apps, 'app');
    await estate.workload('Deployment', apps, 'app', {
      account: 'app',
      annotations: { 'iam.amazonaws.com/role': role },
    });
    await estate.ready();
    const [before, trust] = [await estate.picture(), await farTrust(name)];

    const blocked = moveOf(await planOf(apps, folder(), ['--target', mechanism, '--sdk-known', '*']), 'app');
    expect(blocked.blocked).toBe(true);
    const options = ['--target', mechanism, '--sdk-known', '*', '--account-role', `${away}=${migrator}`];
    const plan = await planOf(apps, cwd, options);
    expect(moveOf(plan, 'app'), JSON.stringify(plan.findings)).toMatchObject({
      blocked: false,
      to: { mechanism, role },
    });
    await ends(3, ['apply', 'plan', '--yes', '--account-role', `${away}=${migrator}`], cwd);
    await gotCredentials(apps, call);
    const widened = JSON.stringify(await farTrust(name));
    expect(widened).toContain(mechanism === 'irsa' ? `system:serviceaccount:${apps}:app` : `"sts:ExternalId":`);
    expect(await farProviders()).toEqual(
      mechanism === 'irsa' ? [`arn:aws:iam::${away}:oidc-provider/${issuer.replace('https://', '')}`] : [],
    );

    await ends(0, ['rollback', 'plan', '--yes', '--account-role', `${away}=${migrator}`], cwd);
    await estate.ready();
    expect(await estate.picture()).toEqual(before);
    expect(await farTrust(name)).toEqual(trust);
    expect(await farProviders()).toEqual([]);
  });

  it('makes a role of its own for one service account, and takes it away again', async () => {
    const cwd = folder();
    const apps = await estate.namespace('own', { 'iam.amazonaws.com/permitted': '.*' });
    const role = await estate.role('own', [kiam], {
      path: '/team/',
      inline: { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' },
    });
    await estate.serviceAccount(apps, 'app');
    await estate.workload('Deployment', apps, 'app', {
      account: 'app',
      annotations: { 'iam.amazonaws.com/role': role },
    });
    await estate.ready();
    const before = await estate.picture();
    const plan = await planOf(apps, cwd, [
      '--role-mode',
      'new',
      '--accept',
      `RL310:${estate.account}/${estate.id}-own`,
    ]);
    const to = moveOf(plan, 'app').to.role;
    expect(to).toMatch(/:role\/team\/[\w+=,.@-]{1,64}$/);
    await ends(3, ['apply', 'plan', '--yes'], cwd);
    await until('the new role', async () => (await estate.rolesOf(apps, 'app')).join() === to);
    expect(await estate.exchange(apps, 'app', to)).toBe(true);
    expect(await estate.exchange(apps, 'default', to)).toBe(false);
    await ends(0, ['rollback', 'plan', '--yes'], cwd);
    await estate.ready();
    expect(await estate.picture()).toEqual(before);
  });

  it('trusts the issuer that is to come beside the present one', async () => {
    const cwd = folder();
    const next = `https://${estate.id}.keys.example.net`;
    const apps = await estate.namespace('next', { 'iam.amazonaws.com/permitted': '.*' });
    const role = await estate.role('next', [kiam]);
    await estate.serviceAccount(apps, 'app');
    await estate.workload('Deployment', apps, 'app', {
      account: 'app',
      annotations: { 'iam.amazonaws.com/role': role },
    });
    await estate.ready();
    const before = await estate.picture();
    await planOf(apps, cwd, ['--also-issuer', next]);
    await ends(3, ['apply', 'plan', '--yes'], cwd);
    const trusted = (await estate.trust(role)).Statement.flatMap((each: any) => each.Principal.Federated ?? []);
    expect(trusted.map((arn: string) => arn.slice(arn.indexOf('/') + 1)).sort()).toEqual(
      [issuer, next].map((each) => each.replace('https://', '')).sort(),
    );
    await ends(0, ['rollback', 'plan', '--yes'], cwd);
    await estate.ready();
    expect(await estate.picture()).toEqual(before);
  });
});
