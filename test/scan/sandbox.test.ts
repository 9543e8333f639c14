import { describe, expect, it } from 'vitest';
import { createClients } from '../../src/clients/clients.js';
import { inventorySchema } from '../../src/model/inventory.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { scan } from '../../src/scan/collect.js';

/** A scan through the real clients, every request answered by the sandbox inside this process. */
const scanned = async (name: string) => {
  const sandbox = createSandbox({ scenario: loadScenario(name) });
  await sandbox.settled();
  const server = 'http://sandbox.invalid';
  const clients = await createClients({
    region: 'eu-west-1',
    maxRates: { 'iam-read': 1000, 'eks-read': 1000, 'ec2-read': 1000, 'kubernetes-read': 1000, 'sts-read': 1000 },
    inProcess: {
      server,
      kubernetes: (request, signal) => sandbox.handle(request, signal),
      aws: (request, signal) => sandbox.handle(request, signal),
    },
  });
  return scan(clients, { context: 'sandbox', server, region: 'eu-west-1' });
};

describe('a scan of the sandbox', () => {
  it('reads the demo’s estate whole, without a gap', async () => {
    const inventory = await scanned('demo');
    expect(inventorySchema.safeParse(JSON.parse(JSON.stringify(inventory))).error).toBeUndefined();
    expect(inventory.gaps).toEqual([]);
    expect(inventory.cluster).toMatchObject({
      kind: 'eks',
      region: 'eu-west-1',
      arn: expect.stringMatching(/:cluster\//),
    });
    expect(inventory.brokers.map(({ broker, component }) => `${broker} ${component}`)).toEqual([
      'kiam agent',
      'kiam server',
    ]);
    expect(inventory.brokers.find(({ component }) => component === 'server')?.assumer).toMatch(/:role\/kiam-server$/);
    expect(inventory.workloads.length).toBeGreaterThan(10);
    expect(inventory.workloads.filter(({ ref, pods }) => ref.kind === 'Deployment' && pods.length === 0)).toEqual([]);
    expect(inventory.roles.every(({ trust }) => JSON.parse(trust).Version === '2012-10-17')).toBe(true);
    expect(inventory.nodes.every(({ role }) => role !== null)).toBe(true);
    expect(inventory.webhook).toMatchObject({ present: true, healthy: true });
  });

  it('reads the add-ons and node roles of the CNI estate', async () => {
    const inventory = await scanned('cni');
    expect(inventory.addons.find(({ name }) => name === 'vpc-cni')).toMatchObject({ requiresIam: true });
    expect(inventory.nodeRoles.filter(({ inUse, sharingKnown }) => inUse && sharingKnown)).toHaveLength(2);
    expect(inventory.policies.some(({ arn }) => arn.endsWith(':policy/AmazonEKS_CNI_Policy'))).toBe(true);
  });
});
