import { byKey, byText } from '../model/canonical.js';
import type { Cluster, Inventory } from '../model/inventory.js';
import { textAt } from '../model/json.js';
import type { ReadClients } from '../model/ports.js';
import { kubernetesRef, parseArn, parseRoleArn, refKey } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { type AccountPart, readAccounts, readHome, withChainedRoles } from './account.js';
import { brokerInstalls } from './brokers.js';
import { audienceOf, clusterNameOf, eksFacts, partitionOf, platformOf } from './cluster.js';
import { createGaps, type Gaps } from './gaps.js';
import { readManagementCluster } from './giantswarm.js';
import { expectedIssuer, isGiantSwarmIssuer } from './giantswarm-issuers.js';
import { discoveredIssuer } from './issuers.js';
import { type ClusterPart, type OnPart, readCluster } from './kubernetes.js';
import { defaultScanOptions, type ScanOptions } from './options.js';
import { withAddons } from './owners.js';
import { quietAnnotations } from './quiet-annotations.js';
import { liveSource } from './source.js';
import { wantedRoles } from './wanted-roles.js';
import { readWebhook } from './webhook.js';

/**
 * Reads one cluster and every account that it names roles of into an inventory. Refused parts become gaps that say what they
 * hide; only an unreachable API server or missing cluster credentials (RL702, RL711) end the scan.
 */
export const scan = async (clients: ReadClients, given: Partial<ScanOptions> = {}): Promise<Inventory> => {
  const options: ScanOptions = { ...defaultScanOptions, ...given };
  const gaps = createGaps();
  const onPart: OnPart = (part, state, count) =>
    options.say({
      kind: 'progress',
      id: `scan:${part}`,
      parent: 'scan',
      title: count === undefined ? part : `${part}: ${count}`,
      state,
    });
  const kubernetes = clients.kubernetes();
  let namespaces: { readonly names: readonly string[]; readonly complete: boolean } = {
    names: options.namespaces.filter((name) => !/[*?[\]]/.test(name)),
    complete: false,
  };
  const source = liveSource(kubernetes, gaps, { namespaces: () => namespaces });
  const version = await kubernetes.version();
  const [kubernetesUser, part] = await Promise.all([
    kubernetes.whoAmI().catch(() => ''),
    readCluster(source, gaps, onPart, (found) => {
      if (found.length > 0) namespaces = { names: found.map(({ name }) => name), complete: true };
    }),
  ]);
  const named = clusterNameOf(options);
  onPart('account', 'running');
  const discovered = await discoveredIssuer(kubernetes, gaps);
  const home = options.noAws ? null : await readHome(clients, options, named, part, discovered, gaps);
  if (options.noAws)
    gaps.add('aws', 'left out by --no-aws', [
      'roles, trust policies, OIDC providers, associations, add-ons and node roles',
    ]);
  const kubeSystem =
    part.namespaces.find(({ name }) => name === 'kube-system')?.uid ??
    textAt(await source.get(kubernetesRef('v1', 'Namespace', undefined, 'kube-system')), 'metadata', 'uid') ??
    '';
  const eksCluster = home?.eks?.cluster ?? null;
  const eks = eksCluster === null ? null : eksFacts(eksCluster);
  const region = home?.region ?? named.region ?? options.region ?? regionOfNodes(part) ?? '';
  const partition = parseArn(named.arn ?? home?.arn ?? '')?.partition ?? partitionOf(region);
  const accountId = home?.clusterAccount ?? named.account ?? '';
  const readIssuers = issuersOf(options, eks?.oidcIssuers ?? [], discovered, part.apiServerIssuers, gaps);
  const platform = platformOf({ ...part, issuers: readIssuers });
  const isEks =
    eksCluster !== null ||
    named.arn !== null ||
    readIssuers.some((issuer) => /\/\/oidc[.-]eks[.-]/.test(issuer)) ||
    hasEksNodes(part);
  const kind: Cluster['kind'] =
    isEks && platform.kind !== 'giantswarm' ? 'eks' : eksCluster !== null ? 'eks' : platform.kind;
  const management =
    options.managementContext === null
      ? { objects: [], facts: {} }
      : await readManagementCluster(
          clients,
          options.managementContext,
          platform.facts['giantswarm.cluster'] ?? options.cluster ?? '',
          gaps,
        );
  const swarm =
    kind === 'giantswarm'
      ? giantSwarm(
          options,
          { ...platform.facts, ...management.facts },
          { accountId, region, partition },
          readIssuers,
          gaps,
        )
      : { issuers: readIssuers, facts: {} };
  const { issuers } = swarm;
  const cluster: Cluster = {
    kind,
    name: (textAt(eksCluster, 'name') ?? named.name) || (platform.facts['giantswarm.cluster'] ?? shortName(options)),
    arn: textAt(eksCluster, 'arn') ?? named.arn,
    accountId,
    region,
    partition,
    kubernetesVersion: version,
    platformVersion: eks?.platformVersion ?? null,
    oidcIssuers: issuers,
    ipFamily: eks?.ipFamily ?? 'ipv4',
    server: options.server,
    uid: kubeSystem,
    autoMode: eks?.autoMode ?? false,
    closedVpc: (eks?.closedVpc ?? false) && home?.endpoints?.includes('sts') !== true,
    facts: {
      ...platform.facts,
      ...management.facts,
      ...swarm.facts,
      ...(home?.endpoints == null ? {} : { 'vpc.endpoints': home.endpoints.join(',') }),
    },
  };

  const addonNames = home?.eks?.addonsKnown === true ? home.eks.addons.map(({ name }) => name) : null;
  const workloads = part.workloads.map((workload) => ({
    ...workload,
    owners: withAddons(workload.owners, addonNames),
  }));
  const serviceAccounts = part.serviceAccounts.map((account) => ({
    ...account,
    owners: withAddons(account.owners, addonNames),
  }));
  const associations = home?.eks?.associations ?? [];
  const roleOf = new Map<string, string>();
  for (const account of serviceAccounts) {
    const role = account.annotations[annotationKeys.irsaRole];
    if (role !== undefined && parseRoleArn(role) !== null)
      roleOf.set(`${account.ref.namespace}/${account.ref.name}`, role);
  }
  for (const { namespace, serviceAccount, role } of associations) roleOf.set(`${namespace}/${serviceAccount}`, role);
  const nodes = home?.nodes ?? part.nodes;
  const brokers = brokerInstalls(part.sightings, {
    workloads,
    nodes,
    live: true,
    partition,
    accountId,
    roleOfAccount: (namespace, serviceAccount) => roleOf.get(`${namespace}/${serviceAccount}`) ?? null,
  });
  for (const install of brokers) {
    const name = `${install.ref.namespace ?? ''}/${install.ref.name}`;
    if (install.assumed)
      gaps.add(`kubernetes:broker:${name}`, 'its image does not tell its version: the rules of kiam v4 are assumed', [
        'whether patterns are matched as kiam v3 does',
      ]);
    if (install.component !== 'agent' && install.assumer === null && !options.noAws)
      gaps.add(`kubernetes:broker:${name}`, 'which principal assumes roles for its pods is not known', [
        'whether the broker may assume the roles that it is asked for',
      ]);
  }
  const wanted = wantedRoles({
    workloads,
    serviceAccounts,
    associations,
    brokers,
    addonRoles: (home?.eks?.addons ?? []).flatMap(({ role }) => (role === null ? [] : [role])),
    nodeRoles: (home?.nodeRoles ?? []).map(({ arn }) => arn),
    objects: part.objects,
    byName:
      kind === 'giantswarm' && accountId !== '' ? [`arn:${partition}:iam::${accountId}:role/${operatorRole}`] : [],
    fallbackBase: accountId === '' ? null : `arn:${partition}:iam::${accountId}:role/`,
  });
  const policies = [
    `arn:${partition}:iam::aws:policy/AmazonEKS_CNI_Policy`,
    ...(accountId === '' ? [] : [`arn:${partition}:iam::${accountId}:policy/AmazonEKS_CNI_IPv6_Policy`]),
    ...(home?.eks?.addons ?? []).flatMap((addon) =>
      (addon.podIdentityConfiguration ?? []).flatMap((configuration) => configuration.policies),
    ),
  ];
  const accounts: AccountPart =
    home === null
      ? { roles: [], rolesMissing: [], policies: [], providers: [], accounts: [] }
      : await withChainedRoles(
          clients,
          options,
          home,
          await readAccounts(clients, options, home, { arns: wanted, policies }, gaps),
          new Set([
            ...brokers.flatMap(({ assumer, through }) => [assumer ?? '', ...(through ?? [])]),
            ...home.nodeRoles.map(({ arn }) => arn),
          ]),
          gaps,
        );
  onPart('account', 'done', accounts.roles.length);
  const webhook = await readWebhook(source, gaps, {
    flags: part.webhookFlags,
    kind,
    audience: audienceOf(kind, partition),
  });
  return quietAnnotations({
    format: 'rolelift.inventory/1',
    source: 'live',
    cluster,
    caller: home === null ? null : { arn: home.arn, account: home.account, kubernetesUser },
    namespaces: part.namespaces,
    brokers,
    webhook,
    workloads,
    serviceAccounts,
    bindings: part.bindings,
    nodes,
    nodeRoles: home?.nodeRoles ?? [],
    roles: accounts.roles,
    rolesMissing: accounts.rolesMissing,
    policies: accounts.policies,
    associations,
    oidcProviders: accounts.providers,
    addons: [...(home?.eks?.addons ?? [])].sort(byKey(({ name }) => name)),
    fargateProfiles: [...(home?.eks?.fargateProfiles ?? [])].sort(byKey(({ name }) => name)),
    accounts: accounts.accounts,
    objects: [...part.objects, ...management.objects].sort(byKey(({ ref }) => refKey(ref))),
    gaps: gaps.list(),
  });
};

const issuersOf = (
  options: ScanOptions,
  eks: readonly string[],
  discovered: string | null,
  apiServer: readonly string[],
  gaps: Gaps,
): readonly string[] => {
  const found = [...(options.oidcIssuer === null ? [] : [options.oidcIssuer]), ...eks];
  // EKS answers for itself; a discovery document behind a proxy may name an internal issuer.
  if (eks.length === 0) found.push(...(discovered === null ? [] : [discovered]), ...apiServer);
  const unique = [...new Set(found)];
  if (unique.length === 0)
    gaps.add('cluster:oidc-issuer', 'neither EKS nor the API server told the OIDC issuer', [
      'every trust policy for IRSA',
    ]);
  return unique;
};

/** The role of the operator that makes a Giant Swarm cluster's OIDC provider (Giant Swarm, AWS IAM roles for service accounts). */
const operatorRole = 'GiantSwarmAWSOperator';

/**
 * The issuer of a Giant Swarm cluster: as the API server tells it, or, before IRSA is switched on and the control plane was rolled, as
 * its release will have it. That one is waited for before anything is trusted.
 */
const giantSwarm = (
  options: ScanOptions,
  facts: Readonly<Record<string, string>>,
  place: { readonly accountId: string; readonly region: string; readonly partition: string },
  read: readonly string[],
  gaps: Gaps,
): { readonly issuers: readonly string[]; readonly facts: Readonly<Record<string, string>> } => {
  if (
    read.some(isGiantSwarmIssuer) &&
    (options.oidcIssuer === null || read.length > 1 || isGiantSwarmIssuer(read[0] ?? ''))
  )
    return {
      issuers: read.filter((issuer) => isGiantSwarmIssuer(issuer) || issuer === options.oidcIssuer),
      facts: { 'giantswarm.irsa': 'on', 'giantswarm.rolled': 'yes' },
    };
  const expected =
    options.oidcIssuer ??
    expectedIssuer({
      release: facts['giantswarm.release'] ?? null,
      cluster: facts['giantswarm.cluster'] ?? options.cluster ?? '',
      account: place.accountId,
      region: place.region,
      partition: place.partition,
      server: options.server,
      domain: facts['giantswarm.issuer-domain'] ?? null,
    });
  if (expected === null)
    gaps.add('cluster:oidc-issuer', 'IRSA is not switched on, and only then the issuer of this release is known', [
      'every trust policy for IRSA',
    ]);
  return {
    issuers: expected === null ? [] : [expected],
    facts: { 'giantswarm.irsa': facts['giantswarm.irsa'] ?? 'off', 'giantswarm.rolled': 'no' },
  };
};

const hasEksNodes = (part: ClusterPart): boolean =>
  part.nodes.some((node) => Object.keys(node.labels).some((key) => key.startsWith('eks.amazonaws.com/')));

const regionOfNodes = (part: ClusterPart): string | undefined =>
  [...new Set(part.nodes.flatMap((node) => node.labels['topology.kubernetes.io/region'] ?? []))].sort(byText)[0];

const shortName = (options: ScanOptions): string =>
  options.context.slice(options.context.lastIndexOf('/') + 1).replace(/^.*@/, '') || 'cluster';
