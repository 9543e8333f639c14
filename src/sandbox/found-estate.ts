import { Account, World } from './aws/account.js';
import { managedPolicy } from './aws/managed-policies.js';
import type { PolicyRecord, RoleRecord } from './aws/records.js';
import { principalsOf } from './aws/role-trust.js';
import { eksCluster, nodegroup } from './found-cluster.js';
import { type AccountPart, stableId } from './found-names.js';
import { addInstance } from './found-nodes.js';
import type { Scenario } from './scenario-schema.js';
import { defaultSettings, type Settings } from './settings.js';

/** Builds the simulated accounts of a scenario. */

const textOf = (value: string | Record<string, unknown>): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

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
