import type { Inventory } from '../model/inventory.js';

import { parseRoleArn } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { checkScenario, type Scenario, type ScenarioInput } from './scenario.js';
import { twinObjects } from './twin-objects.js';

/**
 * The estate of an inventory as a scenario, for the rehearsal. What the inventory cannot tell is made up so that nothing but the plan's own
 * doing can fail, and said in `assumed`. Pods are made anew by the workloads' controllers.
 */
export const twinOf = (inventory: Inventory): Scenario => {
  const assumed: string[] = [];
  const accounts = accountsOf(inventory, assumed);
  const { cluster } = inventory;
  const home = homeOf(inventory);
  const nodes = nodesOf(inventory, home, accounts, assumed);
  const issuer = cluster.oidcIssuers[0];
  if (issuer === undefined) assumed.push('the issuer of the cluster');
  const objects = twinObjects(inventory, assumed);
  const groups = new Map<string, string>();
  for (const role of inventory.nodeRoles)
    for (const source of role.sources) if (source.kind === 'nodegroup') groups.set(source.name, role.arn);
  for (const node of inventory.nodes)
    if (node.nodegroup !== null && node.role !== null) groups.set(node.nodegroup, node.role);
  const input: ScenarioInput = {
    title: `twin of ${cluster.name}`,
    assumed,
    cluster: {
      name: cluster.name === '' ? 'cluster' : cluster.name,
      kind: cluster.kind,
      account: home,
      region: cluster.region === '' ? 'us-east-1' : cluster.region,
      partition: cluster.partition === '' ? 'aws' : cluster.partition,
      version: cluster.kubernetesVersion === '' ? '1.33' : cluster.kubernetesVersion,
      platformVersion: cluster.platformVersion ?? 'eks.12',
      issuer: issuer ?? 'https://issuer.invalid/assumed',
      ipFamily: cluster.ipFamily,
      autoMode: cluster.autoMode,
      webhook: {
        mode: inventory.webhook.present ? 'ok' : 'absent',
        audience: inventory.webhook.audience === '' ? 'sts.amazonaws.com' : inventory.webhook.audience,
        dryRun: inventory.webhook.allowsDryRun,
        injectRegion: inventory.webhook.injectsRegion ? cluster.region : null,
      },
      nodegroups: [...groups].map(([name, role]) => ({ name, role })),
      fargateProfiles: inventory.fargateProfiles.map((profile) => ({
        name: profile.name,
        role: profile.role,
        selectors: profile.selectors.map((each) => ({ namespace: each.namespace, labels: { ...each.labels } })),
      })),
      accessEntries: [],
      addons: inventory.addons.map((addon) => ({
        name: addon.name,
        version: addon.version,
        ...(addon.role === null ? {} : { role: addon.role }),
      })),
      associations: inventory.associations.map((each) => ({
        id: each.id,
        namespace: each.namespace,
        serviceAccount: each.serviceAccount,
        role: each.role,
        ...(each.targetRole === undefined ? {} : { targetRole: each.targetRole }),
        ...(each.externalId === undefined ? {} : { externalId: each.externalId }),
        disableSessionTags: !each.sessionTags,
        ...(each.ownerArn === undefined ? {} : { addon: each.ownerArn.split('/').at(-2) ?? '' }),
        tags: { ...each.tags },
      })),
    },
    awsPolicies: inventory.policies
      .filter((policy) => policy.arn.includes(':iam::aws:'))
      .map((policy) => ({ ...policy })),
    accounts: Object.fromEntries(accounts),
    nodes,
    kubernetes: objects as Record<string, unknown>[],
  };
  return checkScenario(input, `the twin of ${cluster.name}`);
};

type AccountInput = NonNullable<ScenarioInput['accounts'][string]>;
type RoleInput = NonNullable<AccountInput['roles']>[number];

const homeOf = (inventory: Inventory): string =>
  /^\d{12}$/.test(inventory.cluster.accountId) ? inventory.cluster.accountId : '000000000000';

const trustFor = (principal: Record<string, string>): Record<string, unknown> => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }],
});

const accountsOf = (inventory: Inventory, assumed: string[]): Map<string, AccountInput> => {
  const accounts = new Map<string, AccountInput>();
  const part = (id: string): AccountInput & { roles: RoleInput[] } => {
    const known = accounts.get(id) ?? { roles: [], policies: [], oidcProviders: [], instanceProfiles: [], quotas: {} };
    accounts.set(id, known);
    known.roles ??= [];
    return known as AccountInput & { roles: RoleInput[] };
  };
  part(homeOf(inventory));
  for (const account of inventory.accounts)
    if (/^\d{12}$/.test(account.id)) part(account.id).quotas = { ...account.quotas };
  for (const role of inventory.roles)
    part(role.account).roles.push({
      name: role.name,
      path: role.path,
      ...(/^AROA/.test(role.roleId) ? { id: role.roleId } : {}),
      description: role.description,
      trust: role.trust,
      attached: [...role.attached],
      inline: { ...role.inline },
      ...(role.boundary === undefined ? {} : { boundary: role.boundary }),
      maxSessionSeconds: role.maxSessionSeconds,
      tags: { ...role.tags },
      ...(role.lastUsed === undefined ? {} : { lastUsed: role.lastUsed }),
    });
  for (const policy of inventory.policies) {
    const match = /^arn:[^:]+:iam::(\d{12}):policy(\/.*\/|\/)([^/]+)$/.exec(policy.arn);
    if (match)
      part(match[1] as string).policies?.push({
        name: match[3] as string,
        path: match[2] as string,
        versionId: policy.versionId,
        document: policy.document,
      });
  }
  for (const provider of inventory.oidcProviders)
    part(provider.account).oidcProviders?.push({
      issuer: `https://${provider.arn.split(':oidc-provider/')[1] ?? ''}`,
      audiences: [...provider.audiences],
      tags: { ...provider.tags },
    });
  for (const arn of wantedRoles(inventory)) {
    const parsed = parseRoleArn(arn);
    if (!parsed || inventory.rolesMissing.includes(arn)) continue;
    const roles = part(parsed.account).roles;
    if (roles.some((role) => role.name === parsed.name)) continue;
    const assumer = inventory.brokers.find((broker) => broker.assumer !== null)?.assumer;
    const isAssumer = arn === assumer;
    assumed.push(`role ${arn}, with a trust policy that admits ${isAssumer || !assumer ? 'the nodes' : assumer}`);
    roles.push({
      name: parsed.name,
      path: parsed.path,
      trust: trustFor(isAssumer || !assumer ? { Service: 'ec2.amazonaws.com' } : { AWS: assumer }),
      inline: isAssumer
        ? { assume: { Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }] } }
        : {},
    });
  }
  return accounts;
};

/** ARNs of roles that must be there for the estate to be what it is: of brokers, nodes, and, where no role was read, those that pods ask for. */
const wantedRoles = (inventory: Inventory): readonly string[] => {
  const found = new Set<string>();
  for (const broker of inventory.brokers) if (broker.assumer !== null) found.add(broker.assumer);
  for (const node of inventory.nodes) if (node.role !== null) found.add(node.role);
  if (inventory.source === 'manifests')
    for (const workload of inventory.workloads) {
      const text = workload.template.annotations[annotationKeys.brokerRole];
      const base = inventory.brokers.find((broker) => broker.baseArn !== null)?.baseArn;
      if (text === undefined) continue;
      if (text.startsWith('arn:')) found.add(text);
      else if (base) found.add(`${base}${text.replace(/^\//, '')}`);
    }
  return [...found].sort();
};

const nodesOf = (
  inventory: Inventory,
  home: string,
  accounts: Map<string, AccountInput>,
  assumed: string[],
): NonNullable<ScenarioInput['nodes']> => {
  const part = accounts.get(home) as AccountInput;
  const profiles = new Map<string, string | null>();
  const nodes = inventory.nodes.map((node) => {
    const profile =
      node.instanceProfile?.split('/').at(-1) ?? (node.role === null ? null : (node.role.split('/').at(-1) ?? null));
    if (profile !== null) profiles.set(profile, node.role?.split('/').at(-1) ?? null);
    return {
      name: node.name,
      ...(node.instanceId === null ? {} : { instanceId: node.instanceId }),
      instanceProfile: profile,
      ...(node.nodegroup === null ? {} : { nodegroup: node.nodegroup }),
      labels: { ...node.labels },
      taints: node.taints.map((taint) => ({ ...taint })),
      hopLimit: node.hopLimit ?? 2,
      tokensRequired: node.imdsTokensRequired ?? false,
      compute: node.compute,
      ready: node.ready,
    };
  });
  if (nodes.length === 0) {
    assumed.push('two nodes with a role of their own');
    const assumer = inventory.brokers.find((broker) => broker.assumer !== null)?.assumer ?? null;
    const name = assumer?.split('/').at(-1) ?? 'assumed-node';
    if (assumer === null)
      part.roles = [
        ...(part.roles ?? []),
        {
          name,
          trust: trustFor({ Service: 'ec2.amazonaws.com' }),
          attached: ['AmazonEKSWorkerNodePolicy', 'AmazonEKS_CNI_Policy'],
          inline: { assume: { Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }] } },
        },
      ];
    profiles.set(name, name);
    for (const each of ['a', 'b'])
      nodes.push({
        name: `assumed-${each}`,
        instanceProfile: name,
        labels: {},
        taints: [],
        hopLimit: 2,
        tokensRequired: false,
        compute: 'ec2',
        ready: true,
      });
  }
  part.instanceProfiles = [...profiles].map(([name, role]) => ({ name, role }));
  return nodes;
};
