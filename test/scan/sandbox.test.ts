import { describe, expect, it } from 'vitest';
import { createClients } from '../../src/clients/clients.js';
import { inventorySchema } from '../../src/model/inventory.js';
import type { JsonObject } from '../../src/model/json.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import { plan } from '../../src/planner/plan.js';
import { type Authorise, createSandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario, type Scenario } from '../../src/sandbox/scenario.js';
import { scan } from '../../src/scan/collect.js';

/** A scan through the real clients, every request answered by the sandbox inside this process. */
const scanned = async (name: string | Scenario, authorise: Authorise | null = null) => {
  const scenario = typeof name === 'string' ? loadScenario(name) : name;
  const sandbox = createSandbox({ scenario, authorise });
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

  it('reads the roles that workloads go on to, where their policies name them in full', async () => {
    const account = '111122223333';
    const arn = (name: string) => `arn:aws:iam::${account}:role/${name}`;
    const scenario = structuredClone(loadScenario('demo'));
    const { roles } = scenario.accounts[account] as (typeof scenario.accounts)[string];
    const trust = { Version: '2012-10-17', Statement: [] };
    const plain = { path: '/', description: '', maxSessionSeconds: 3600, tags: {}, attached: [], trust };
    const api = roles.find(({ name }) => name === 'payments-api');
    const goesOn = (Resource: string[]) => ({ Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource }] });
    Object.assign(api as object, { inline: { more: goesOn([arn('target'), arn('gone'), arn('any-*')]) } });
    roles.push(
      { ...plain, name: 'target', inline: { more: goesOn([arn('second')]) } },
      { ...plain, name: 'second', inline: {} },
    );
    const inventory = await scanned(scenario);
    expect(inventory.roles.map(({ arn }) => arn)).toContain(arn('target'));
    expect(inventory.rolesMissing).toContain(arn('gone'));
    // The first link only; and what the broker may assume is no chain.
    expect(inventory.roles.map(({ arn }) => arn)).not.toContain(arn('second'));
    expect(inventory.gaps).toEqual([]);
  });

  it('reads the add-ons and node roles of the CNI estate', async () => {
    const inventory = await scanned('cni');
    expect(inventory.addons.find(({ name }) => name === 'vpc-cni')).toMatchObject({ requiresIam: true });
    expect(inventory.nodeRoles.filter(({ inUse, sharingKnown }) => inUse && sharingKnown)).toHaveLength(2);
    expect(inventory.policies.some(({ arn }) => arn.endsWith(':policy/AmazonEKS_CNI_Policy'))).toBe(true);
  });
});

describe('a scan with the rights of a viewer', () => {
  const role = (rules: JsonObject[]): JsonObject => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'viewer' },
    rules,
  });
  const read = ['get', 'list', 'watch'];
  // What `view` gives: workloads and accounts in namespaces, but no nodes, no bindings, nothing of the cluster.
  const viewer = role([
    { apiGroups: [''], resources: ['pods', 'serviceaccounts', 'namespaces', 'configmaps'], verbs: read },
    { apiGroups: ['apps', 'batch'], resources: ['*'], verbs: read },
  ]);
  const iam = (...actions: string[]) => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
  });

  it('is a part of the estate with gaps that say what they hide, and a plan of it that moves nothing on a guess', async () => {
    const inventory = await scanned('demo', { rbac: [viewer], iam: iam('eks:*', 'sts:GetCallerIdentity') });
    expect(inventorySchema.safeParse(JSON.parse(JSON.stringify(inventory))).error).toBeUndefined();
    expect(inventory.workloads.length).toBeGreaterThan(5);
    expect(inventory.nodes).toEqual([]);
    expect(inventory.roles).toEqual([]);
    const areas = inventory.gaps.map(({ area }) => area);
    expect(areas).toEqual(expect.arrayContaining(['kubernetes:nodes', 'kubernetes:rolebindings']));
    expect(areas.some((area) => area.startsWith('iam:'))).toBe(true);
    for (const gap of inventory.gaps) expect(gap.reason).not.toMatch(/[\u0000-\u001f]/);
    const made = plan(inventory, defaultPlanOptions, { createdAt: '2026-11-22T00:00:00Z', tool: 'test' });
    expect(made.complete).toBe(false);
    expect(made.moves.length).toBeGreaterThan(0);
    expect(made.moves.filter((move) => move.steps.length > 0)).toEqual([]);
  });

  it('reads all the same where only one thing is refused', async () => {
    const whole = await scanned('demo');
    const { gaps, ...rest } = await scanned('demo', {
      iam: {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: '*', Resource: '*' },
          { Effect: 'Deny', Action: 'iam:GetAccountSummary', Resource: '*' },
        ],
      },
    });
    expect(gaps).toHaveLength(1);
    expect({ ...rest.accounts[0], quotas: whole.accounts[0]?.quotas }).toEqual(whole.accounts[0]);
    expect(rest.workloads.map(({ ref }) => ref)).toEqual(whole.workloads.map(({ ref }) => ref));
    // Pods use their roles meanwhile.
    const still = (roles: typeof whole.roles) => roles.map(({ lastUsed: _used, ...role }) => role);
    expect(still(rest.roles)).toEqual(still(whole.roles));
  });
});
