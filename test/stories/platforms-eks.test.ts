import { describe, expect, it } from 'vitest';
import {
  appRole,
  away,
  deployment,
  estate,
  home,
  migrator,
  namespace,
  type Partition,
  roleIn,
  serviceAccount,
} from '../helpers/platforms.js';
import { World } from '../helpers/world.js';

const partitions: readonly Partition[] = ['aws', 'aws-cn', 'aws-us-gov'];
const mechanisms = ['irsa', 'pod-identity'] as const;
const sourceOf = { irsa: 'web-identity', 'pod-identity': 'container-credentials' } as const;

describe.each(partitions)('EKS in %s', (partition) => {
  describe.each(mechanisms)('from kiam to %s', (mechanism) => {
    it.each(['the same account', 'another account'])('moves a role of %s, and back', async (place) => {
      const foreign = place === 'another account';
      const role = roleIn(partition, foreign ? away : home, 'api');
      const world = await World.of(
        estate({
          partition,
          roles: foreign ? [] : [appRole(partition, 'api')],
          others: foreign ? { [away]: { partition, roles: [appRole(partition, 'api'), migrator(partition)] } } : {},
          objects: [
            namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
            serviceAccount('shop', 'api'),
            deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': role } }),
          ],
        }),
        {
          watched: ['shop'],
          ...(foreign ? { accountRoles: { [away]: roleIn(partition, away, 'migrator') } } : {}),
        },
      );
      const before = world.estate();
      expect(world.identities('shop')).toEqual([`api kiam ${role}`]);

      const plan = await world.planned({ target: mechanism, sdkKnown: ['*'] });
      expect(plan.moves.map(({ id, blocked }) => [id, blocked])).toEqual([['move:shop/api', false]]);
      const cut = await world.apply();
      expect(cut.failures).toEqual([]);
      expect(world.identities('shop')).toEqual([`api ${sourceOf[mechanism]} ${role}`]);
      if (foreign) {
        const trust = JSON.stringify(world.sandbox.world.role(role)?.trust);
        // The target is narrowed to the association, or to this one service account of this cluster.
        expect(trust).toContain(mechanism === 'irsa' ? 'system:serviceaccount:shop:api' : 'sts:ExternalId');
      }
      const retired = await world.retire();
      expect(retired.failures).toEqual([]);
      expect(retired.exit).toBe(0);
      expect(world.identities('shop')).toEqual([`api ${sourceOf[mechanism]} ${role}`]);

      const back = await world.rollback();
      expect(back.failures).toEqual([]);
      expect(back.exit).toBe(0);
      expect(world.identities('shop')).toEqual([`api kiam ${role}`]);
      expect(world.estate()).toEqual(before);
      // At every moment each pod had its role, by the old way or the new one.
      expect([...world.seen].sort()).toEqual(
        [`shop/api ${sourceOf[mechanism]} ${role}`, `shop/api kiam ${role}`].sort(),
      );
    });
  });
});

describe('EKS with a dual-stack issuer', () => {
  it('writes the host that EKS tells, and makes up none', async () => {
    const issuer = 'https://oidc-eks.eu-west-1.api.aws/id/4B5F9C2E7A1D4E8F9A0B1C2D3E4F5A6B';
    const world = await World.of(estate({ cluster: { issuer, ipFamily: 'ipv6' } }), { watched: ['shop'] });
    const before = world.estate();
    const plan = await world.planned({ target: 'irsa' });
    expect(plan.cluster.oidcIssuer).toBe(issuer);
    expect((await world.apply()).failures).toEqual([]);
    const role = roleIn('aws', home, 'api');
    expect(world.identities('shop')).toEqual([`api web-identity ${role}`]);
    expect(world.sandbox.world.role(role)?.trust).toContain(`${issuer.slice('https://'.length)}:sub`);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });
});

describe('EKS of a version whose webhook leaves the STS endpoint to SDKs', () => {
  it('asks for regional endpoints on the account, and takes that back too', async () => {
    const world = await World.of(
      estate({ cluster: { version: '1.21', platformVersion: 'eks.3', webhook: { regionalSts: false } } }),
      { watched: ['shop'] },
    );
    const before = world.estate();
    await world.planned({ target: 'irsa' });
    expect((await world.apply()).failures).toEqual([]);
    const pods = world.sandbox.view.list('v1', 'Pod', 'shop');
    expect(pods.every((pod) => JSON.stringify(pod).includes('AWS_STS_REGIONAL_ENDPOINTS'))).toBe(true);
    expect((await world.rollback()).exit).toBe(0);
    expect(world.estate()).toEqual(before);
  });
});
