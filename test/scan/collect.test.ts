import { describe, expect, it } from 'vitest';
import { inventorySchema } from '../../src/model/inventory.js';
import type { JsonObject } from '../../src/model/json.js';
import { scan } from '../../src/scan/collect.js';
import { fakeClients } from '../helpers/fake-clients.js';
import {
  account,
  canary,
  clusterArn,
  issuer,
  kiamAccount,
  kiamObjects,
  kiamWorld,
  roleArn,
  scanOptions,
} from './estate.js';

const byName = <T extends { readonly ref: { readonly name: string } }>(items: readonly T[], name: string): T => {
  const found = items.find(({ ref }) => ref.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

describe('a scan of a kiam estate', () => {
  it('gives an inventory that the schema takes, with the cluster as EKS knows it', async () => {
    const inventory = await scan(fakeClients(kiamWorld()), scanOptions);
    expect(inventorySchema.safeParse(JSON.parse(JSON.stringify(inventory))).error).toBeUndefined();
    expect(inventory.cluster).toMatchObject({
      kind: 'eks',
      name: 'prod',
      arn: clusterArn,
      accountId: account,
      region: 'eu-west-1',
      partition: 'aws',
      oidcIssuers: [issuer],
      kubernetesVersion: '1.33.0',
    });
    expect(inventory.caller).toMatchObject({ account, kubernetesUser: 'tester' });
    expect(inventory.webhook).toMatchObject({ present: true, healthy: true, skipLabel: true, allowsDryRun: true });
  });

  it('gives pods to their top owners and keeps templates beside them', async () => {
    const { workloads } = await scan(fakeClients(kiamWorld()), scanOptions);
    const api = byName(workloads, 'api');
    expect(api.ref.kind).toBe('Deployment');
    expect(api.templatePath).toBe('/spec/template');
    expect(api.serviceAccountPath).toBe('/spec/template/spec/serviceAccountName');
    expect(api.template.annotations['iam.amazonaws.com/role']).toBe('/team/api');
    expect(api.pods.map((pod) => [pod.ref.name, pod.node, pod.templateHash, pod.ready])).toEqual([
      ['api-abc12-1', 'node-1', 'abc12', true],
    ]);
    expect(workloads.some(({ ref }) => ref.kind === 'ReplicaSet')).toBe(false);
    expect(api.owners[0]).toMatchObject({ tool: 'argocd', ref: 'shop', strength: 'certain' });
  });

  it('finds kiam by what its containers run, whatever the workload is called', async () => {
    const { brokers } = await scan(fakeClients(kiamWorld()), scanOptions);
    expect(byName(brokers, 'iam-proxy-server')).toMatchObject({
      broker: 'kiam',
      component: 'server',
      version: '4.2',
      rules: 'kiam-v4',
      assumed: false,
      nodes: ['node-2'],
      baseArn: roleArn(''),
      assumer: roleArn('system-nodes'),
    });
    // A digest tells no version: the server's rules hold.
    expect(byName(brokers, 'iam-proxy-agent')).toMatchObject({
      component: 'agent',
      rules: 'kiam-v4',
      assumed: false,
      nodes: ['node-1'],
    });
  });

  it('reads the roles that annotations name by kiam’s base ARN, and says which are missing', async () => {
    const inventory = await scan(fakeClients(kiamWorld()), scanOptions);
    const api = inventory.roles.find(({ name }) => name === 'api');
    expect(api).toMatchObject({
      arn: roleArn('team/api'),
      path: '/team/',
      attached: ['arn:aws:iam::aws:policy/A', 'arn:aws:iam::aws:policy/B'],
      tags: { owner: 'x' },
    });
    expect(JSON.parse(api?.trust ?? '')).toMatchObject({ Version: '2012-10-17' });
    expect(inventory.rolesMissing).toEqual([roleArn('gone')]);
    expect(inventory.policies.map(({ arn, versionId }) => [arn, versionId])).toEqual([
      ['arn:aws:iam::aws:policy/A', 'v3'],
      ['arn:aws:iam::aws:policy/B', 'v3'],
    ]);
    expect(inventory.oidcProviders[0]?.audiences).toEqual(['sts.amazonaws.com']);
  });

  it('turns an account without credentials into a gap, and goes on', async () => {
    const inventory = await scan(fakeClients(kiamWorld()), scanOptions);
    expect(inventory.accounts.map(({ id, credentials }) => [id, credentials])).toEqual([
      [account, 'default'],
      ['999988887777', 'none'],
    ]);
    expect(inventory.accounts[0]?.quotas['AssumeRolePolicySizeQuota']).toBe(2048);
    const gap = inventory.gaps.find(({ area }) => area === 'aws:999988887777');
    expect(gap?.reason).toContain('RL705');
    expect(gap?.hides.join()).toContain(roleArn('far', '999988887777'));
    expect(inventory.rolesMissing).not.toContain(roleArn('far', '999988887777'));
  });

  it('takes node roles from instances, and says that nobody else uses them', async () => {
    const { nodes, nodeRoles } = await scan(fakeClients(kiamWorld()), scanOptions);
    expect(nodes.map(({ name, role, hopLimit }) => [name, role, hopLimit])).toEqual([
      ['node-1', roleArn('nodes'), 2],
      ['node-2', roleArn('system-nodes'), 1],
    ]);
    expect(nodeRoles.find(({ arn }) => arn === roleArn('system-nodes'))).toMatchObject({
      inUse: true,
      sharedWith: [],
      sharingKnown: true,
      sources: [
        { kind: 'instance', name: 'system-profile' },
        { kind: 'nodegroup', name: 'system' },
      ],
    });
  });

  it('never asks for a Secret, and keeps no value that could be one', async () => {
    const clients = fakeClients(kiamWorld());
    const inventory = await scan(clients, scanOptions);
    expect(clients.calls.filter((call) => call.includes('Secret') && !call.includes('SecretStore'))).toEqual([]);
    expect(JSON.stringify(inventory)).not.toContain(canary);
    const container = byName(inventory.workloads, 'api').template.containers[0];
    expect(container?.env).toEqual(['PASSWORD', 'AWS_REGION', 'TOKEN']);
    expect(container?.identityEnv).toEqual({ AWS_REGION: 'eu-west-1' });
    expect(container?.envFromRef).toEqual([{ variable: 'TOKEN', kind: 'Secret' }]);
    expect(container?.envFrom).toEqual([
      {
        kind: 'Secret',
        name: 'keys',
        prefix: '',
        awsKeys: { is: 'unreadable', gap: expect.stringContaining('never read') },
      },
      { kind: 'ConfigMap', name: 'settings', prefix: '', awsKeys: { is: 'value', value: ['AWS_PROFILE'] } },
    ]);
  });

  it('gives the same bytes whatever the order of the lists', async () => {
    const objects = kiamObjects();
    const once = await scan(fakeClients(kiamWorld({ objects })), scanOptions);
    const again = await scan(fakeClients(kiamWorld({ objects: [...objects].reverse() })), scanOptions);
    expect(JSON.stringify(again)).toBe(JSON.stringify(once));
  });
});

describe('a scan with partial rights', () => {
  it('reads namespace by namespace where the whole list is refused', async () => {
    const clients = fakeClients(kiamWorld({ forbidden: ['Pod', 'Deployment', 'Deployment:kube-system'] }));
    const inventory = await scan(clients, scanOptions);
    expect(byName(inventory.workloads, 'api').pods).toHaveLength(1);
    const areas = inventory.gaps.map(({ area }) => area);
    expect(areas).toContain('kubernetes:deployments:kube-system');
    // Every namespace's pods were read: nothing is hidden.
    expect(areas).not.toContain('kubernetes:pods');
  });

  it('takes the Deployment from the name of a ReplicaSet that it may not read', async () => {
    const forbidden = ['ReplicaSet', 'ReplicaSet:payments', 'ReplicaSet:kube-system'];
    const inventory = await scan(fakeClients(kiamWorld({ forbidden })), scanOptions);
    expect(inventory.workloads.filter(({ ref }) => ref.name === 'api').map(({ ref }) => ref.kind)).toEqual([
      'Deployment',
    ]);
    expect(byName(inventory.workloads, 'api').pods).toHaveLength(1);
  });

  it('does without AWS, and says what that hides', async () => {
    const clients = fakeClients(kiamWorld());
    const inventory = await scan(clients, { ...scanOptions, noAws: true });
    expect(clients.calls.filter((call) => call.startsWith(account))).toEqual([]);
    expect(inventory).toMatchObject({ caller: null, roles: [], nodeRoles: [] });
    expect(inventory.cluster).toMatchObject({ kind: 'eks', name: 'prod', accountId: account });
    expect(inventory.gaps.some(({ area }) => area === 'aws')).toBe(true);
  });

  it('leaves sharing open where a Region may not be read', async () => {
    const refused = kiamAccount()['ec2:DescribeInstances'];
    const aws = {
      ...kiamAccount(),
      'ec2:DescribeInstances': (input: JsonObject, region: string) => {
        if (region === 'us-east-1') throw new Error('no');
        return refused?.(input, region);
      },
    };
    const { nodeRoles } = await scan(fakeClients(kiamWorld({ aws: { [account]: aws } })), scanOptions);
    expect(nodeRoles.map(({ sharingKnown }) => sharingKnown)).toEqual([false, false]);
  });

  it('never fails on IAM: each refused role is a gap of its own', async () => {
    const { 'iam:GetRole': _refused, ...aws } = kiamAccount();
    const inventory = await scan(fakeClients(kiamWorld({ aws: { [account]: aws } })), scanOptions);
    expect(inventory.roles).toEqual([]);
    expect(inventory.rolesMissing).toEqual([]);
    expect(inventory.gaps.some(({ area }) => area === `iam:${account}:role/api`)).toBe(true);
  });
});
