import { describe, expect, it } from 'vitest';
import { operatorStatements } from '../../src/findings/giantswarm.js';
import type { PlanOptions } from '../../src/model/options.js';
import { rehearse } from '../../src/rehearsal/rehearse.js';
import { managementCluster } from '../helpers/giantswarm.js';
import {
  appRole,
  away,
  deployment,
  estate,
  migrator,
  namespace,
  roleIn,
  serviceAccount,
} from '../helpers/platforms.js';
import { World, type WorldOptions } from '../helpers/world.js';

/** Plans of platforms and mechanisms, played with every interruption on a twin that is built from what the scan read. */

const kiamAnnotation = 'iam.amazonaws.com/role';
const far = roleIn('aws', away, 'api');
const abroad = () =>
  estate({
    roles: [],
    others: { [away]: { roles: [appRole('aws', 'api'), migrator('aws')] } },
    objects: [
      namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
      serviceAccount('shop', 'api'),
      deployment('shop', 'api', { annotations: { [kiamAnnotation]: far } }),
    ],
  });
const reach: WorldOptions = { accountRoles: { [away]: roleIn('aws', away, 'migrator') } };

const rehearsed = async (world: World, options: Partial<PlanOptions>) => {
  const inventory = await world.scanned();
  const plan = await world.planned(options);
  expect(plan.moves.map(({ blocked }) => blocked)).toEqual([false]);
  return rehearse({ plan, inventory, tool: 'story', quick: true });
};

describe('rehearsals of', () => {
  it.each(['irsa', 'pod-identity'] as const)('a role of another account, by %s', async (target) => {
    const result = await rehearsed(await World.of(abroad(), reach), { target, sdkKnown: ['*'] });
    expect(result.failures).toEqual([]);
  });

  it('a change of issuer', async () => {
    const world = await World.of(estate({ kind: 'self-managed', cluster: { issuer: 'https://keys.example.net/now' } }));
    const result = await rehearsed(world, { alsoIssuers: ['https://keys.example.net/next'] });
    expect(result.failures).toEqual([]);
  });

  it('Giant Swarm v17 before its control plane is rolled', async () => {
    const operator = {
      name: 'GiantSwarmAWSOperator',
      trust: {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::999988887777:root' }, Action: 'sts:AssumeRole' },
        ],
      },
      inline: { operator: { Version: '2012-10-17', Statement: operatorStatements('aws') } },
    };
    const world = await World.of(
      estate({
        kind: 'giantswarm',
        nodeLabels: { 'giantswarm.io/cluster': 'abcl0' },
        roles: [appRole('aws', 'api'), operator],
        cluster: { name: 'abcl0', issuer: 'https://api.abcl0.k8s.gauss.example.net' },
      }),
      {
        contexts: { gauss: managementCluster('17.4.0') },
        scan: { server: 'https://api.abcl0.k8s.gauss.example.net', managementContext: 'gauss', cluster: 'abcl0' },
      },
    );
    const result = await rehearsed(world, { managementContext: 'gauss' });
    expect(result.failures).toEqual([]);
  });
});
