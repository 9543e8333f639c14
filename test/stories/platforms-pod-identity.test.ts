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
