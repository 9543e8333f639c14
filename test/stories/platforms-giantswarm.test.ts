import { describe, expect, it } from 'vitest';
import { operatorStatements } from '../../src/findings/giantswarm.js';
import {
  audienceOf,
  bucketIssuer,
  clusterApi,
  irsaSwitch,
  managementCluster,
  operator,
  rollControlPlane,
  workloadCluster,
} from '../helpers/giantswarm.js';
import { appRole, away, deployment, home, migrator, namespace, roleIn, serviceAccount } from '../helpers/platforms.js';
import { World } from '../helpers/world.js';

const scanOptions = { context: 'workload', server: clusterApi, managementContext: 'gauss', cluster: 'abcl0' } as const;

const withoutProviderOf = (state: unknown): unknown =>
  JSON.parse(JSON.stringify(state), (key, value) =>
    key === 'providers' ? Object.fromEntries(Object.entries(value).filter(([url]) => !/g8s-|irsa\./.test(url))) : value,
  );
const annotationsOf = (world: World) =>
  world.others.get('gauss')?.view.get('infrastructure.giantswarm.io/v1alpha3', 'AWSCluster', 'org-acme', 'abcl0')?.[
    'metadata'
  ];

describe.each(['aws', 'aws-cn'] as const)('Giant Swarm v17 in %s', (partition) => {
  it('is annotated on the management cluster, waits for the control plane, moves, and goes back as documented', async () => {
    const role = roleIn(partition, home, 'api');
    const world = await World.of(workloadCluster(partition), {
      contexts: { gauss: managementCluster('17.4.0') },
      scan: scanOptions,
      watched: ['shop'],
    });
    const before = world.estate();
    const plan = await world.planned({ managementContext: 'gauss' });
    expect(plan.cluster).toMatchObject({ kind: 'giantswarm', oidcIssuer: bucketIssuer(partition) });
    expect(plan.moves.map(({ blocked }) => blocked)).toEqual([false]);

    const paused = await world.apply();
    expect(paused.failures).toEqual([]);
    expect(paused.exit).toBe(3);
    expect(paused.pauses.map(({ how }) => how).join('\n')).toMatch(
      /iam:CreateOpenIDConnectProvider[\s\S]*roll the control plane/,
    );
    expect(annotationsOf(world)).toMatchObject({ annotations: { [irsaSwitch]: '' } });
    expect(world.identities('shop')).toEqual([`api kiam ${role}`]);

    rollControlPlane(world.sandbox, partition, bucketIssuer(partition));
    const cut = await world.apply();
    expect(cut.failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
    const account = world.sandbox.view.get('v1', 'ServiceAccount', 'shop', 'api');
    expect(account).toMatchObject({ metadata: { annotations: { 'eks.amazonaws.com/role-arn': role } } });
    const trust = world.sandbox.world.role(role)?.trust ?? '';
    const host = bucketIssuer(partition).slice('https://'.length);
    expect(trust).toContain(`"${host}:aud":"${audienceOf(partition)}"`);
    expect(trust).toContain(`"${host}:sub":"system:serviceaccount:shop:api"`);
    expect((await world.retire()).failures).toEqual([]);

    const back = await world.rollback();
    expect([back.failures, back.exit]).toEqual([[], 0]);
    expect(world.identities('shop')).toEqual([`api kiam ${role}`]);
    // The provider is the operator's, and stays.
    expect(withoutProviderOf(world.estate())).toEqual(withoutProviderOf(before));
    expect([...world.seen].sort()).toEqual([`shop/api kiam ${role}`, `shop/api web-identity ${role}`]);
  });
});

describe('Giant Swarm v17', () => {
  it('reaches a role of another account, and writes neither of the too-wide shapes that are known from there', async () => {
    const role = roleIn('aws', away, 'api');
    const issuer = bucketIssuer('aws');
    const host = issuer.slice('https://'.length);
    const wide = {
      Effect: 'Allow',
      Principal: { Federated: `arn:aws:iam::${away}:oidc-provider/${host}` },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: { StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com' } },
    };
    const own = appRole('aws', 'api');
    const trust = own.trust as { readonly Statement: readonly unknown[] };
    const world = await World.of(
      workloadCluster('aws', {
        issuer,
        roles: [operator('aws')],
        others: {
          [away]: { roles: [{ ...own, trust: { ...trust, Statement: [...trust.Statement, wide] } }, migrator('aws')] },
        },
        home: { oidcProviders: [{ issuer: 'cluster' }] },
        objects: [
          namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
          serviceAccount('shop', 'api'),
          deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': role } }),
        ],
      }),
      {
        contexts: { gauss: managementCluster('17.4.0', { [irsaSwitch]: '' }) },
        scan: scanOptions,
        watched: ['shop'],
        accountRoles: { [away]: roleIn('aws', away, 'migrator') },
      },
    );
    const before = world.estate();
    const plan = await world.planned({ managementContext: 'gauss' });
    expect(plan.steps.map(({ kind }) => kind)).not.toContain('annotate-aws-cluster');
    expect(plan.findings.filter(({ code }) => code === 'RL302').map(({ message }) => message)).toHaveLength(1);
    expect((await world.apply()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
    const written = plan.steps.find(({ kind }) => kind === 'add-trust-statement')!;
    expect(written.params['statement']).toMatchObject({
      Principal: { Federated: `arn:aws:iam::${away}:oidc-provider/${host}` },
      Condition: {
        StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com', [`${host}:sub`]: 'system:serviceaccount:shop:api' },
      },
    });
    expect((await world.rollback()).exit).toBe(0);
    // The too-wide statement of another hand names the provider, so it stays (H3).
    expect(withoutProviderOf(world.estate())).toEqual(withoutProviderOf(before));
  });

  it('is not begun where the operator may not make the provider, and told the exact statements to add', async () => {
    const world = await World.of(workloadCluster('aws', { roles: [appRole('aws', 'api'), operator('aws', [])] }), {
      contexts: { gauss: managementCluster('17.4.0') },
      scan: scanOptions,
    });
    const plan = await world.planned({ managementContext: 'gauss' });
    expect(plan.moves.map(({ blocked }) => blocked)).toEqual([true]);
    expect(plan.findings.find(({ code }) => code === 'RL311')?.evidence).toMatchObject({
      statements: operatorStatements('aws'),
    });
  });

  it('tells a person to annotate the cluster where the management cluster is out of reach', async () => {
    const world = await World.of(
      workloadCluster('aws', {
        nodeLabels: { 'giantswarm.io/cluster': 'abcl0', 'release.giantswarm.io/version': '17.4.0' },
      }),
      { scan: { ...scanOptions, managementContext: null } },
    );
    await world.planned();
    const paused = await world.apply();
    expect([paused.failures, paused.exit]).toEqual([[], 3]);
    expect(paused.pauses[0]?.how).toContain(`kubectl annotate awsclusters.infrastructure.giantswarm.io`);
  });
});

describe('Giant Swarm v18', () => {
  it('is blocked until the CloudFront domain is known, and moves by what the management cluster then names', async () => {
    const role = roleIn('aws', home, 'api');
    const domain = 'd1234abcd.cloudfront.net';
    const unknown = await World.of(workloadCluster('aws'), {
      contexts: { gauss: managementCluster('18.0.0') },
      scan: scanOptions,
    });
    const blocked = await unknown.planned({ managementContext: 'gauss' });
    expect(
      blocked.moves.map((move) => [move.blocked, move.findings.filter((id) => id.startsWith('RL312')).length]),
    ).toEqual([[true, 1]]);

    const world = await World.of(workloadCluster('aws'), {
      contexts: {
        gauss: managementCluster('18.0.0', { [irsaSwitch]: '' }, [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'abcl0-irsa-cloudfront', namespace: 'org-acme' },
            data: { domain },
          },
        ]),
      },
      scan: scanOptions,
      watched: ['shop'],
    });
    const plan = await world.planned({ managementContext: 'gauss' });
    expect(plan.cluster.oidcIssuer).toBe(`https://${domain}`);
    expect((await world.apply()).exit).toBe(3);
    rollControlPlane(world.sandbox, 'aws', `https://${domain}`);
    expect((await world.apply()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
  });
});

describe('Giant Swarm v19', () => {
  const alias = 'https://irsa.abcl0.k8s.gauss.example.net';

  it('finds every role trusting both issuers before the upgrade that takes kiam away', async () => {
    const role = roleIn('aws', home, 'api');
    const issuer = bucketIssuer('aws');
    const world = await World.of(
      workloadCluster('aws', {
        issuer,
        roles: [appRole('aws', 'api'), appRole('aws', 'web'), operator('aws')],
        home: { oidcProviders: [{ issuer: 'cluster' }] },
        objects: [
          namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
          serviceAccount('shop', 'api'),
          deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': 'api' } }),
        ],
      }),
      {
        contexts: { gauss: managementCluster('18.4.0', { [irsaSwitch]: '' }) },
        scan: scanOptions,
        watched: ['shop'],
      },
    );
    const before = world.estate();
    const plan = await world.planned({ managementContext: 'gauss', alsoIssuers: [alias] });
    expect(plan.steps.filter(({ kind }) => kind === 'add-trust-statement')).toHaveLength(2);
    expect((await world.apply()).failures).toEqual([]);
    expect((await world.retire()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
    const upgraded = world.sandbox.fork(world.clock);
    upgraded.cluster.roll(alias);
    expect(upgraded.identities('shop').map((each) => each.role)).toEqual([role, role]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });

  it('gives roles that are bound already the trust of the coming issuer, and nothing else', async () => {
    const role = roleIn('aws', home, 'api');
    const issuer = bucketIssuer('aws');
    const host = issuer.slice('https://'.length);
    const trust = {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: `arn:aws:iam::${home}:oidc-provider/${host}` },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: { StringEquals: { [`${host}:sub`]: 'system:serviceaccount:shop:api' } },
        },
      ],
    };
    const world = await World.of(
      workloadCluster('aws', {
        issuer,
        kiam: false,
        roles: [appRole('aws', 'api', { trust }), operator('aws')],
        home: { oidcProviders: [{ issuer: 'cluster' }] },
        objects: [
          namespace('shop'),
          serviceAccount('shop', 'api', { 'eks.amazonaws.com/role-arn': role }),
          deployment('shop', 'api'),
        ],
      }),
      {
        contexts: { gauss: managementCluster('18.4.0', { [irsaSwitch]: '' }) },
        scan: scanOptions,
        watched: ['shop'],
      },
    );
    const before = world.estate();
    const plan = await world.planned({
      from: ['irsa'],
      target: 'irsa',
      alsoIssuers: [alias],
      managementContext: 'gauss',
    });
    expect(plan.steps.map(({ kind }) => kind)).toEqual(['create-oidc-provider', 'add-trust-statement']);
    const done = await world.apply();
    expect([done.failures, done.exit]).toEqual([[], 0]);
    const upgraded = world.sandbox.fork(world.clock);
    upgraded.cluster.roll(alias);
    expect(upgraded.identities('shop').map((each) => each.role)).toEqual([role, role]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });
});

describe('Giant Swarm on CAPA', () => {
  it('has IRSA from the start, by the alias beside its API server', async () => {
    const issuer = 'https://irsa.abcl0.k8s.gauss.example.net';
    const role = roleIn('aws', home, 'api');
    const world = await World.of(
      workloadCluster('aws', {
        issuer,
        roles: [appRole('aws', 'api')],
        home: { oidcProviders: [{ issuer: 'cluster' }] },
      }),
      { scan: { ...scanOptions, managementContext: null }, watched: ['shop'] },
    );
    const before = world.estate();
    const plan = await world.planned();
    expect(plan.cluster).toMatchObject({ kind: 'giantswarm', oidcIssuer: issuer });
    expect(plan.steps.map(({ kind }) => kind)).not.toContain('wait-for-handoff');
    expect((await world.apply()).failures).toEqual([]);
    expect((await world.retire()).failures).toEqual([]);
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
    expect([...world.seen].sort()).toEqual([`shop/api kiam ${role}`, `shop/api web-identity ${role}`]);
  });
});
