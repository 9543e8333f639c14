import { describe, expect, it } from 'vitest';
import {
  appRole,
  away,
  deployment,
  eksIssuer,
  estate,
  home,
  migrator,
  namespace,
  type Partition,
  regions,
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
  it('names issuer and Region as the partition has them', () => {
    expect(eksIssuer(partition)).toContain(regions[partition]);
  });
});
