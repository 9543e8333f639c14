import { describe, expect, it } from 'vitest';
import {
  appRole,
  deployment,
  eksIssuer,
  estate,
  home,
  namespace,
  roleIn,
  serviceAccount,
} from '../helpers/platforms.js';
import { World } from '../helpers/world.js';

const role = roleIn('aws', home, 'api');
const host = eksIssuer('aws').slice('https://'.length);
const irsaTrust = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'Terraform',
      Effect: 'Allow',
      Principal: { Federated: `arn:aws:iam::${home}:oidc-provider/${host}` },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: {
        StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com', [`${host}:sub`]: 'system:serviceaccount:shop:api' },
      },
    },
  ],
};
/** A cluster under IRSA already, without any broker. */
const underIrsa = () =>
  estate({
    kiam: false,
    roles: [appRole('aws', 'api', { trust: irsaTrust })],
    home: { oidcProviders: [{ issuer: 'cluster' }] },
    objects: [
      namespace('shop'),
      serviceAccount('shop', 'api', { 'eks.amazonaws.com/role-arn': role }),
      deployment('shop', 'api'),
    ],
  });

describe('from IRSA to Pod Identity', () => {
  it('keeps both trusts and the annotation, which speaks again when the association goes', async () => {
    const world = await World.of(underIrsa(), { watched: ['shop'] });
    const before = world.estate();
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
    const plan = await world.planned({ target: 'pod-identity', from: ['irsa'], sdkKnown: ['*'] });
    expect(plan.steps.map((step) => step.kind)).not.toContain('annotate-service-account');
    expect((await world.apply()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api container-credentials ${role}`]);
    const account = world.sandbox.view.get('v1', 'ServiceAccount', 'shop', 'api');
    expect(account).toMatchObject({ metadata: { annotations: { 'eks.amazonaws.com/role-arn': role } } });
    expect(world.sandbox.world.role(role)?.trust).toContain('"Sid":"Terraform"');
    const back = await world.rollback();
    expect([back.failures, back.exit]).toEqual([[], 0]);
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
    expect(world.estate()).toEqual(before);
    expect([...world.seen].sort()).toEqual([`shop/api container-credentials ${role}`, `shop/api web-identity ${role}`]);
  });
});

describe('an association that takes its time', () => {
  it('costs the pods that came too early one more restart, and no more', async () => {
    const world = await World.of({ ...estate(), settings: { associationLagMs: 12_000 } }, { watched: ['shop'] });
    const before = world.estate();
    await world.planned({ target: 'pod-identity', sdkKnown: ['*'] });
    const cut = await world.apply();
    expect(cut.failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api container-credentials ${role}`]);
    expect((await world.rollback()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api kiam ${role}`]);
    expect(world.estate()).toEqual(before);
    expect([...world.seen].sort()).toEqual([`shop/api container-credentials ${role}`, `shop/api kiam ${role}`]);
  });
});

describe('a webhook that lets some pods pass', () => {
  it('has the pods that came without recreated, a bounded number of times', async () => {
    const world = await World.of(estate({ cluster: { webhook: { mode: { misses: 3 } } } }), { watched: ['shop'] });
    await world.planned({ target: 'pod-identity', sdkKnown: ['*'] });
    const cut = await world.apply();
    expect(cut.failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api container-credentials ${role}`]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.identities('shop')).toEqual([`api kiam ${role}`]);
  });
});

describe('--disable-session-tags', () => {
  it('needs a role that is dedicated, as nothing of the pod can be tested any more', async () => {
    const world = await World.of(estate(), { watched: ['shop'] });
    const before = world.estate();
    const options = { target: 'pod-identity', sdkKnown: ['*'], disableSessionTags: true } as const;
    const shared = await world.planned(options);
    expect(
      shared.moves.map(({ blocked, findings }) => [blocked, findings.some((id) => id.startsWith('RL313'))]),
    ).toEqual([[true, true]]);
    const plan = await world.planned({ ...options, roleMode: 'new', accept: [`RL310:${home}/api`] });
    expect(plan.moves.map(({ blocked }) => blocked)).toEqual([false]);
    expect((await world.apply()).failures).toEqual([]);
    const made = plan.moves[0]?.to?.role ?? '';
    expect(world.identities('shop')).toEqual([`api container-credentials ${made}`]);
    expect(
      Object.values(world.sandbox.world.accounts.get(home)?.clusters.values()[0]?.associations ?? {}),
    ).toMatchObject([{ disableSessionTags: true }]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });
});

describe('a role whose trust has no room for names', () => {
  const accounts = ['one', 'two', 'three', 'four'];
  const full = (quota: number) =>
    estate({
      home: { quotas: { AssumeRolePolicySizeQuota: quota } },
      objects: [
        namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
        namespace('depot', { 'iam.amazonaws.com/permitted': '.*' }),
        ...['shop', 'depot'].flatMap((where) =>
          accounts.flatMap((name) => [
            serviceAccount(where, name),
            deployment(where, name, { replicas: 1, annotations: { 'iam.amazonaws.com/role': 'api' } }),
          ]),
        ),
      ],
    });
  const tests = (world: World): readonly string[] =>
    (JSON.parse(world.sandbox.world.role(role)?.trust ?? '{}').Statement as readonly { Condition?: unknown }[]).flatMap(
      ({ Condition }) => (Condition === undefined ? [] : [JSON.stringify(Condition)]),
    );

  it('gets one statement a namespace, with its accounts in a list', async () => {
    const world = await World.of(full(1000), { watched: ['shop', 'depot'] });
    const before = world.estate();
    const plan = await world.planned({ target: 'pod-identity', sdkKnown: ['*'] });
    expect(plan.moves.filter(({ blocked }) => blocked)).toEqual([]);
    expect((await world.apply()).failures).toEqual([]);
    expect(tests(world).some((test) => test.includes('","'))).toBe(true);
    expect(tests(world).every((test) => test.includes('kubernetes-service-account'))).toBe(true);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });

  it('ends at the cluster where even that does not fit, and the plan warns', async () => {
    const world = await World.of(full(620), { watched: ['shop', 'depot'] });
    const before = world.estate();
    const plan = await world.planned({ target: 'pod-identity', sdkKnown: ['*'] });
    expect(plan.findings.filter(({ code }) => code === 'RL301').map(({ severity }) => severity)).toEqual(['warn']);
    expect(plan.moves.filter(({ blocked }) => blocked)).toEqual([]);
    expect((await world.apply()).failures).toEqual([]);
    expect(tests(world)).toEqual([
      JSON.stringify({
        StringEquals: { 'aws:RequestTag/eks-cluster-arn': `arn:aws:eks:eu-west-1:${home}:cluster/prod` },
      }),
    ]);
    expect(world.identities('shop').every((each) => each.endsWith(`container-credentials ${role}`))).toBe(true);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });
});
