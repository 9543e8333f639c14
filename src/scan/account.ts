import { byKey, byText } from '../model/canonical.js';
import type { ClusterNode, Inventory, NodeRole, Policy, Role } from '../model/inventory.js';
import type { ReadClients } from '../model/ports.js';
import { parseRoleArn } from '../model/resource.js';
import { accountReader, type SafeAws, safeAws } from './aws-calls.js';
import { chainedRoles } from './chained-roles.js';
import { type ClusterName, findEksCluster, partitionOf } from './cluster.js';
import { createProfiles, withInstances } from './ec2.js';
import { type EksPart, readEks, readEndpoints } from './eks.js';
import type { Gaps } from './gaps.js';
import { readIam } from './iam.js';
import type { ClusterPart } from './kubernetes.js';
import { readNodeRoles } from './node-roles.js';
import type { ScanOptions } from './options.js';

/** The account that the default credentials belong to, and what it knows of the cluster. */
export interface HomePart {
  readonly account: string;
  /** The caller's own ARN. */
  readonly arn: string;
  /** The account that the cluster is in. */
  readonly clusterAccount: string;
  readonly region: string;
  readonly eks: EksPart | null;
  readonly nodes: readonly ClusterNode[];
  readonly nodeRoles: readonly NodeRole[];
  /** Interface endpoints of a private cluster's VPC; null where there was no need to ask. */
  readonly endpoints: readonly string[] | null;
}

/** Reads the cluster's account: EKS, instances, node roles. Null where no credentials answer (a gap). */
export const readHome = async (
  clients: ReadClients,
  options: ScanOptions,
  named: ClusterName,
  part: ClusterPart,
  discovered: string | null,
  gaps: Gaps,
): Promise<HomePart | null> => {
  const caller = await accountReader(clients, options.account ?? '', gaps, [
    'roles, trust policies, OIDC providers, associations, add-ons and node roles',
  ]);
  if (caller === null) return null;
  // The cluster may be in another account than the default credentials: then that account's own are used.
  const owner =
    named.account === null || named.account === caller.account
      ? caller
      : await accountReader(clients, named.account, gaps, ['EKS, instances and node roles of the cluster']);
  const region = named.region ?? options.region ?? owner?.reader.region ?? caller.reader.region;
  const base = { account: caller.account, arn: caller.arn, clusterAccount: named.account ?? caller.account, region };
  if (owner === null) return { ...base, eks: null, nodes: part.nodes, nodeRoles: [], endpoints: null };
  const aws = safeAws(owner.reader, gaps, region);
  const cluster = await findEksCluster(aws, options, named, discovered, gaps);
  const eks = cluster === null ? null : await readEks(aws, cluster, gaps);
  const endpoints = cluster === null ? null : await readEndpoints(aws, cluster);
  const roleOfProfile = createProfiles(aws);
  const nodes = await withInstances(
    aws,
    part.nodes,
    roleOfProfile,
    new Map((eks?.nodegroups ?? []).map(({ name, role }) => [name, role])),
    eks?.autoModeRole ?? null,
  );
  const nodeRoles = await readNodeRoles(
    {
      nodes,
      objects: part.objects,
      eks,
      cluster: named.name || String(cluster?.['name'] ?? ''),
      partition: partitionOf(region),
      accountId: base.clusterAccount,
    },
    aws,
    roleOfProfile,
    gaps,
    options.sharing,
  );
  return { ...base, eks, nodes, nodeRoles, endpoints };
};

export interface AccountPart {
  readonly roles: readonly Role[];
  readonly rolesMissing: readonly string[];
  readonly policies: readonly Policy[];
  readonly providers: Inventory['oidcProviders'];
  readonly accounts: Inventory['accounts'];
}

/** Roles that EKS finds by their names for every cluster of an account (EKS User Guide, add-ons and Pod Identity). */
const recommendedRoles = ['AmazonEKSPodIdentityAmazonVPCCNIRole'];

/** The most roles that are looked at only because others may go on to them. */
const mostChained = 200;

/** What was read, and with it the roles that its roles may go on to (H16); beyond a bound, and beyond the first link, a gap. */
export const withChainedRoles = async (
  clients: ReadClients,
  options: ScanOptions,
  home: HomePart,
  read: AccountPart,
  /** Principals that assume roles for everybody: what they may assume is no chain. */
  brokers: ReadonlySet<string>,
  gaps: Gaps,
): Promise<AccountPart> => {
  const arns = chainedRoles(
    read.roles.filter(({ arn }) => !brokers.has(arn)),
    read.policies,
  ).filter((arn) => !read.rolesMissing.includes(arn));
  if (arns.length === 0) return read;
  if (arns.length > mostChained)
    gaps.add('iam:chained-roles', `${arns.length - mostChained} of ${arns.length} roles were not read`, [
      'whether roles that workloads go on to allow sts:TagSession',
    ]);
  const wanted = { arns: arns.slice(0, mostChained), policies: [] };
  const more = await readAccounts(clients, options, home, wanted, gaps, true);
  const accounts = new Set(read.accounts.map(({ id }) => id));
  const policies = new Map([...more.policies, ...read.policies].map((policy) => [policy.arn, policy]));
  const roles = new Map([...more.roles, ...read.roles].map((role) => [role.arn, role]));
  return {
    roles: [...roles.values()].sort(byKey(({ arn }) => arn)),
    rolesMissing: [...new Set([...read.rolesMissing, ...more.rolesMissing])].sort(byText),
    policies: [...policies.values()].sort(byKey(({ arn }) => arn)),
    providers: read.providers,
    accounts: [...read.accounts, ...more.accounts.filter(({ id }) => !accounts.has(id))].sort(byKey(({ id }) => id)),
  };
};

/** IAM of every account that a wanted role is in, the cluster's own always among them. */
export const readAccounts = async (
  clients: ReadClients,
  options: ScanOptions,
  home: HomePart,
  wanted: { readonly arns: readonly string[]; readonly policies: readonly string[] },
  gaps: Gaps,
  rolesOnly = false,
): Promise<AccountPart> => {
  const byAccount = new Map<string, string[]>(
    rolesOnly
      ? []
      : [
          [home.clusterAccount, []],
          [home.account, []],
        ],
  );
  for (const arn of wanted.arns) {
    const account = parseRoleArn(arn)?.account;
    if (account === undefined) continue;
    byAccount.set(account, [...(byAccount.get(account) ?? []), arn]);
  }
  const parts = await Promise.all(
    [...byAccount.entries()]
      .sort(([left], [right]) => byText(left, right))
      .map(async ([id, arns]) => {
        const credentials = options.accounts[id] ?? (id === home.account ? 'default' : 'none');
        const reached = await accountReader(
          clients,
          id,
          gaps,
          arns.map((arn) => `trust and policies of ${arn}`).slice(0, 20),
        );
        if (reached === null) return { id, credentials: 'none', iam: null };
        const aws: SafeAws = safeAws(reached.reader, gaps);
        return {
          id,
          credentials: credentials === 'none' ? 'default' : credentials,
          iam: await readIam(
            aws,
            rolesOnly
              ? { arns, byName: [], policies: [], rolesOnly }
              : id === home.clusterAccount
                ? { arns, byName: recommendedRoles, policies: wanted.policies }
                : { arns, byName: [], policies: [] },
            gaps,
          ),
        };
      }),
  );
  const policies = new Map<string, Policy>();
  for (const { iam } of parts) for (const policy of iam?.policies ?? []) policies.set(policy.arn, policy);
  return {
    roles: parts.flatMap(({ iam }) => iam?.roles ?? []).sort(byKey(({ arn }) => arn)),
    rolesMissing: parts.flatMap(({ iam }) => iam?.rolesMissing ?? []).sort(byText),
    policies: [...policies.values()].sort(byKey(({ arn }) => arn)),
    providers: parts.flatMap(({ iam }) => iam?.providers ?? []).sort(byKey(({ arn }) => arn)),
    accounts: parts.map(({ id, credentials, iam }) => ({ id, quotas: iam?.quotas ?? {}, credentials })),
  };
};
