import { describe, expect, it } from 'vitest';
import {
  appRole,
  away,
  deployment,
  estate,
  home,
  migrator,
  namespace,
  roleIn,
  serviceAccount,
} from '../helpers/platforms.js';
import { World } from '../helpers/world.js';

const role = roleIn('aws', home, 'api');
const seenBoth = [`shop/api kiam ${role}`, `shop/api web-identity ${role}`];

/** A move and its way back, in one account. */
const thereAndBack = async (world: World): Promise<void> => {
  const before = world.estate();
  const plan = await world.planned();
  expect(plan.moves.map(({ blocked, to }) => [blocked, to?.mechanism])).toEqual([[false, 'irsa']]);
  expect((await world.apply()).failures).toEqual([]);
  expect((await world.retire()).failures).toEqual([]);
  expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
  const back = await world.rollback();
  expect([back.failures, back.exit]).toEqual([[], 0]);
  expect(world.identities('shop')).toEqual([`api kiam ${role}`]);
  expect(world.estate()).toEqual(before);
  expect([...world.seen].sort()).toEqual(seenBoth);
};

describe('kOps', () => {
  const issuer = 'https://acme-oidc.s3.eu-west-1.amazonaws.com/prod.k8s.example.net';
  const host = issuer.slice('https://'.length);
  const kops = { kind: 'kops', nodeLabels: { 'kops.k8s.io/instancegroup': 'nodes' } } as const;

  it('has an issuer and an audience of its own, and its provider is completed, not made anew', async () => {
    const world = await World.of(
      estate({
        ...kops,
        cluster: { issuer, webhook: { audience: 'amazonaws.com' } },
        home: {
          oidcProviders: [{ issuer: 'cluster', audiences: ['sts.amazonaws.com'], tags: { KubernetesCluster: 'prod' } }],
        },
      }),
      { watched: ['shop'] },
    );
    const plan = await world.planned();
    expect(plan.cluster).toMatchObject({ kind: 'kops', oidcIssuer: issuer });
    expect(plan.steps.find(({ kind }) => kind === 'create-oidc-provider')?.before).toMatchObject({
      audiences: ['sts.amazonaws.com'],
    });
    expect(JSON.stringify(plan.steps.find(({ kind }) => kind === 'add-trust-statement')?.params)).toContain(
      `"${host}:aud":"amazonaws.com"`,
    );
    await thereAndBack(world);
  });
});

describe('a self-managed cluster', () => {
  const issuer = 'https://s3.eu-west-1.amazonaws.com/acme-cluster-keys';

  it('is moved by the issuer that its API server tells', async () => {
    const world = await World.of(estate({ kind: 'self-managed', cluster: { issuer } }), { watched: ['shop'] });
    expect((await world.planned()).cluster).toMatchObject({ kind: 'self-managed', oidcIssuer: issuer });
    await thereAndBack(world);
  });

  it('has a role of another account with a provider there', async () => {
    const foreign = roleIn('aws', away, 'api');
    const world = await World.of(
      estate({
        kind: 'self-managed',
        cluster: { issuer },
        roles: [],
        others: { [away]: { roles: [appRole('aws', 'api'), migrator('aws')] } },
        objects: [
          namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
          serviceAccount('shop', 'api'),
          deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': foreign } }),
        ],
      }),
      { watched: ['shop'], accountRoles: { [away]: roleIn('aws', away, 'migrator') } },
    );
    const before = world.estate();
    await world.planned();
    expect((await world.apply()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api web-identity ${foreign}`]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });

  it('changes its issuer without a pod that is without its role', async () => {
    const next = 'https://keys.example.net/prod';
    const world = await World.of(estate({ kind: 'self-managed', cluster: { issuer } }), { watched: ['shop'] });
    const before = world.estate();
    const plan = await world.planned({ alsoIssuers: [next] });
    expect(plan.steps.filter(({ kind }) => kind === 'create-oidc-provider')).toHaveLength(2);
    expect((await world.apply()).failures).toEqual([]);
    const changed = world.sandbox.fork(world.clock);
    changed.cluster.roll(next);
    expect(changed.identities('shop').map((each) => each.role)).toEqual([role, role]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });

  it('never gets Pod Identity, even when it is asked for by name', async () => {
    const world = await World.of(estate({ kind: 'self-managed', cluster: { issuer } }));
    const plan = await world.planned({ target: 'pod-identity', sdkKnown: ['*'] });
    expect(plan.moves.map(({ blocked }) => blocked)).toEqual([true]);
    expect(plan.findings.filter(({ code }) => code === 'RL207').map(({ severity }) => severity)).toEqual(['block']);
  });

  it('moves nothing by IRSA while nobody tells its issuer', async () => {
    const world = await World.of(estate({ kind: 'self-managed', cluster: { issuer: 'http://internal.example.net' } }));
    const plan = await world.planned({ target: 'irsa' });
    expect(plan.moves.map(({ blocked, findings }) => [blocked, findings.some((id) => id.startsWith('RL312'))])).toEqual(
      [[true, true]],
    );
  });
});
