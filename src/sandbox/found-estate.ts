import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../model/json.js';
import { Account, World } from './aws/account.js';
import { catalogue } from './aws/addon-catalogue.js';
import { managedPolicy } from './aws/managed-policies.js';
import type { AddonRecord, AssociationRecord, EksCluster, PolicyRecord, RoleRecord } from './aws/records.js';
import { principalsOf } from './aws/role-trust.js';
import type { Scenario } from './scenario-schema.js';
import { defaultSettings, type Settings } from './settings.js';

/** Builds the simulated accounts of a scenario. */

type AccountPart = Scenario['accounts'][string];

const textOf = (value: string | Record<string, unknown>): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** Ids that depend on nothing but what they are for. */
export const stableId = (prefix: string, seed: string, length: number): string =>
  prefix + createHash('sha256').update(seed).digest('hex').slice(0, length);

const policyArn = (account: Account, part: AccountPart, name: string): string => {
  if (name.startsWith('arn:')) return name;
  const own = part.policies.find((policy) => policy.name === name);
  if (own) return account.arn(`policy${own.path}${own.name}`);
  for (const path of ['', 'service-role/', 'job-function/']) {
    const arn = `arn:${account.partition}:iam::aws:policy/${path}${name}`;
    if (managedPolicy(arn) && (path !== '' || !serviceRoles.has(name))) return arn;
  }
  return `arn:${account.partition}:iam::aws:policy/${name}`;
};
const serviceRoles = new Set(['AmazonEBSCSIDriverPolicy', 'AmazonEFSCSIDriverPolicy']);

export const roleArn = (account: Account, part: AccountPart, nameOrArn: string): string => {
  if (nameOrArn.startsWith('arn:')) return nameOrArn;
  const own = part.roles.find((role) => role.name === nameOrArn);
  return account.arn(`role${own?.path ?? '/'}${nameOrArn}`);
};

const fillAccount = (account: Account, part: AccountPart, scenario: Scenario): void => {
  const at = Date.UTC(2024, 0, 1);
  for (const [key, value] of Object.entries(part.quotas)) account.quotas.set(key, value);
  for (const name of part.users)
    account.users.set(account.arn(`user/${name}`), stableId('AIDA', name, 17).toUpperCase());
  for (const each of part.policies) {
    const arn = account.arn(`policy${each.path}${each.name}`);
    const policy: PolicyRecord = {
      arn,
      name: each.name,
      path: each.path,
      id: stableId('ANPA', arn, 17).toUpperCase(),
      description: each.description,
      tags: each.tags,
      versions: [{ id: each.versionId, document: textOf(each.document), createdAt: at }],
      createdAt: at,
    };
    account.policies.set(arn, policy);
  }
  for (const each of part.roles) {
    const arn = account.arn(`role${each.path}${each.name}`);
    const role: RoleRecord = {
      arn,
      name: each.name,
      path: each.path,
      account: account.id,
      id: each.id ?? stableId('AROA', arn, 17).toUpperCase(),
      trust: textOf(each.trust),
      principals: {},
      description: each.description,
      maxSessionSeconds: each.maxSessionSeconds,
      boundary: each.boundary ?? null,
      tags: each.tags,
      attached: each.attached.map((name) => policyArn(account, part, name)),
      inline: Object.fromEntries(Object.entries(each.inline).map(([name, text]) => [name, textOf(text)])),
      createdAt: at,
    };
    account.roles.set(each.name.toLowerCase(), role);
    if (each.lastUsed !== undefined)
      account.lastUsed.set(arn, { at: Date.parse(each.lastUsed), region: scenario.cluster.region });
  }
  for (const each of part.oidcProviders) {
    const url = (each.issuer === 'cluster' ? scenario.cluster.issuer : each.issuer).replace(/^https:\/\//, '');
    const arn = account.arn(`oidc-provider/${url}`);
    account.providers.set(arn, {
      arn,
      url,
      audiences: each.audiences,
      thumbprints: [],
      tags: each.tags,
      createdAt: at,
    });
  }
  for (const each of part.instanceProfiles) {
    const arn = account.arn(`instance-profile${each.path}${each.name}`);
    const id = stableId('AIPA', arn, 17).toUpperCase();
    account.profiles.set(each.name.toLowerCase(), { arn, name: each.name, path: each.path, id, role: each.role });
  }
  for (const each of part.instances)
    account.instances.set(each.id, {
      id: each.id,
      region: each.region ?? scenario.cluster.region,
      profile: each.instanceProfile,
      tags: each.tags,
      hopLimit: each.hopLimit,
      tokensRequired: each.tokensRequired,
      privateDnsName: `${each.id}.internal`,
      launchTemplate: each.launchTemplate ?? null,
    });
  for (const each of part.neighbours) {
    const arn = `arn:${account.partition}:eks:${each.region}:${account.id}:cluster/${each.name}`;
    account.clusters.set(`${each.region}/${each.name}`, {
      name: each.name,
      region: each.region,
      arn,
      description: {
        name: each.name,
        arn,
        status: 'ACTIVE',
        version: '1.32',
        roleArn: account.arn('role/eks-cluster'),
      },
      nodegroups: each.nodegroups.map((group) => nodegroup(account, part, each.name, group, arn)),
      fargateProfiles: [],
      accessEntries: [],
      addons: {},
      associations: {},
      updates: [],
    });
  }
};

const nodegroup = (
  account: Account,
  part: AccountPart,
  cluster: string,
  group: Scenario['cluster']['nodegroups'][number],
  clusterArn: string,
): JsonObject => ({
  nodegroupName: group.name,
  nodegroupArn: clusterArn.replace(':cluster/', ':nodegroup/').concat(`/${group.name}/1`),
  clusterName: cluster,
  status: 'ACTIVE',
  capacityType: 'ON_DEMAND',
  instanceTypes: group.instanceTypes,
  amiType: 'AL2023_x86_64_STANDARD',
  nodeRole: roleArn(account, part, group.role),
  scalingConfig: { minSize: 1, maxSize: 10, desiredSize: 2 },
  ...(group.launchTemplate === undefined
    ? {}
    : { launchTemplate: { id: group.launchTemplate, name: group.launchTemplate, version: '1' } }),
});

/** The EKS side of the simulated cluster, as DescribeCluster and its neighbours tell it. */
const eksCluster = (account: Account, part: AccountPart, scenario: Scenario): EksCluster => {
  const { cluster } = scenario;
  const at = Date.UTC(2024, 0, 1);
  const base = `arn:${cluster.partition}:eks:${cluster.region}:${cluster.account}`;
  const arn = `${base}:cluster/${cluster.name}`;
  const addons = cluster.addons.map((each): [string, AddonRecord] => [
    each.name,
    {
      name: each.name,
      arn: `${base}:addon/${cluster.name}/${each.name}/${stableId('', each.name, 8)}`,
      version: each.version ?? catalogue[each.name]?.versions[0] ?? 'v1.0.0-eksbuild.1',
      role: each.role === undefined ? null : roleArn(account, part, each.role),
      configurationValues: null,
      tags: {},
      createdAt: at,
      modifiedAt: at,
      busy: null,
      settlesAt: at,
      health: each.status === 'DEGRADED' ? [{ code: 'InsufficientNumberOfReplicas', message: 'degraded' }] : [],
    },
  ]);
  const owners = new Map(addons.map(([name, addon]) => [name, addon.arn]));
  const associations = cluster.associations.map((each): [string, AssociationRecord] => {
    const id = each.id ?? stableId('a-', `${each.namespace}/${each.serviceAccount}`, 17);
    return [
      `${each.namespace}/${each.serviceAccount}`,
      {
        id,
        arn: `${base}:podidentityassociation/${cluster.name}/${id}`,
        namespace: each.namespace,
        serviceAccount: each.serviceAccount,
        role: roleArn(account, part, each.role),
        targetRole: each.targetRole ?? null,
        externalId:
          each.externalId ??
          (each.targetRole === undefined ? null : `${cluster.region}/${cluster.account}/${cluster.name}/${id}`),
        disableSessionTags: each.disableSessionTags,
        policy: null,
        ownerArn: each.addon === undefined ? null : (owners.get(each.addon) ?? null),
        tags: each.tags,
        createdAt: at,
      },
    ];
  });
  const description: Record<string, Json> = {
    name: cluster.name,
    arn,
    createdAt: at / 1000,
    version: cluster.version,
    endpoint: 'https://sandbox.invalid',
    roleArn: account.arn('role/eks-cluster'),
    status: 'ACTIVE',
    platformVersion: cluster.platformVersion,
    resourcesVpcConfig: {
      vpcId: 'vpc-0sandbox',
      endpointPublicAccess: cluster.endpointPublicAccess,
      endpointPrivateAccess: true,
      subnetIds: [],
      securityGroupIds: [],
    },
    kubernetesNetworkConfig: { ipFamily: cluster.ipFamily, serviceIpv4Cidr: '10.100.0.0/16' },
    identity: { oidc: { issuer: cluster.issuer } },
    accessConfig: { authenticationMode: cluster.authenticationMode },
    certificateAuthority: { data: '' },
    tags: {},
    ...(cluster.autoMode ? { computeConfig: { enabled: true, nodePools: ['general-purpose', 'system'] } } : {}),
  };
  return {
    name: cluster.name,
    region: cluster.region,
    arn,
    description,
    nodegroups: cluster.nodegroups.map((group) => nodegroup(account, part, cluster.name, group, arn)),
    fargateProfiles: cluster.fargateProfiles.map((each) => ({
      fargateProfileName: each.name,
      clusterName: cluster.name,
      podExecutionRoleArn: roleArn(account, part, each.role),
      selectors: each.selectors,
      status: 'ACTIVE',
    })),
    accessEntries: cluster.accessEntries.map((each) => ({
      clusterName: cluster.name,
      principalArn: each.principalArn,
      type: each.type,
      kubernetesGroups: [],
      username: each.principalArn,
    })),
    addons: Object.fromEntries(addons),
    associations: Object.fromEntries(associations),
    updates: [],
  };
};

export const instanceIdOf = (node: Scenario['nodes'][number]): string =>
  node.instanceId ?? stableId('i-', node.name, 17);

/** The EC2 instance behind a node; Fargate's and hybrid nodes have none. */
export const addInstance = (home: Account, scenario: Scenario, node: Scenario['nodes'][number]): void => {
  if (node.compute === 'fargate' || node.compute === 'hybrid') return;
  const id = instanceIdOf(node);
  home.instances.set(id, {
    id,
    region: scenario.cluster.region,
    profile: node.instanceProfile,
    tags: {
      [`kubernetes.io/cluster/${scenario.cluster.name}`]: 'owned',
      ...(node.nodegroup === undefined
        ? {}
        : { 'eks:nodegroup-name': node.nodegroup, 'eks:cluster-name': scenario.cluster.name }),
    },
    hopLimit: node.hopLimit,
    tokensRequired: node.tokensRequired,
    privateDnsName: node.name,
    launchTemplate: scenario.cluster.nodegroups.find((group) => group.name === node.nodegroup)?.launchTemplate ?? null,
  });
};

/** The accounts of a scenario, with nodes' instances; nothing of it is late. */
export const worldOf = (scenario: Scenario, settings: Partial<Settings>, now: () => number): World => {
  const world = new World({ ...defaultSettings, ...(scenario.settings as Partial<Settings>), ...settings }, now);
  for (const { arn, ...policy } of scenario.awsPolicies) world.awsPolicies.set(arn, policy);
  const parts = { ...scenario.accounts };
  parts[scenario.cluster.account] ??= emptyAccount;
  for (const [id, part] of Object.entries(parts))
    world.accounts.set(id, new Account(id, part.partition ?? scenario.cluster.partition, now));
  for (const [id, part] of Object.entries(parts)) fillAccount(world.accounts.get(id) as Account, part, scenario);
  for (const account of world.accounts.values())
    for (const [key, role] of account.roles.entries())
      account.roles.set(key, { ...role, principals: principalsOf(world, role.trust) });
  const home = world.accounts.get(scenario.cluster.account) as Account;
  const part = parts[scenario.cluster.account] as AccountPart;
  if (scenario.cluster.kind === 'eks')
    home.clusters.set(`${scenario.cluster.region}/${scenario.cluster.name}`, eksCluster(home, part, scenario));
  for (const node of scenario.nodes) addInstance(home, scenario, node);
  for (const account of world.accounts.values()) account.settle();
  return world;
};

const emptyAccount: AccountPart = {
  quotas: {},
  roles: [],
  users: [],
  policies: [],
  oidcProviders: [],
  instanceProfiles: [],
  instances: [],
  neighbours: [],
};

/** Node objects of a scenario's `nodes`. */
export const nodeObjects = (scenario: Scenario): JsonObject[] =>
  scenario.nodes.map((node) => nodeObject(scenario, node));

/** A node as its kubelet registers it. */
export const nodeObject = (scenario: Scenario, node: Scenario['nodes'][number]): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: node.name,
    labels: {
      'kubernetes.io/hostname': node.name,
      'kubernetes.io/os': node.compute === 'windows' ? 'windows' : 'linux',
      'kubernetes.io/arch': 'amd64',
      'topology.kubernetes.io/region': scenario.cluster.region,
      'topology.kubernetes.io/zone': `${scenario.cluster.region}a`,
      ...(node.nodegroup === undefined ? {} : { 'eks.amazonaws.com/nodegroup': node.nodegroup }),
      ...(node.compute === 'fargate' || node.compute === 'auto' || node.compute === 'hybrid'
        ? { 'eks.amazonaws.com/compute-type': node.compute }
        : {}),
      ...node.labels,
    },
  },
  spec: {
    ...(node.compute === 'fargate' || node.compute === 'hybrid'
      ? { providerID: `aws:///${scenario.cluster.region}a/fargate-${node.name}` }
      : { providerID: `aws:///${scenario.cluster.region}a/${instanceIdOf(node)}` }),
    ...(node.taints.length === 0 ? {} : { taints: node.taints }),
  },
  status: {
    conditions: [{ type: 'Ready', status: node.ready ? 'True' : 'False' }],
    nodeInfo: {
      kubeletVersion: `v${scenario.cluster.version}.0-eks-1234567`,
      operatingSystem: node.compute === 'windows' ? 'windows' : 'linux',
    },
    addresses: [{ type: 'InternalDNS', address: node.name }],
    capacity: { cpu: '2', memory: '8Gi', pods: '110' },
    allocatable: { cpu: '2', memory: '8Gi', pods: '110' },
  },
});
