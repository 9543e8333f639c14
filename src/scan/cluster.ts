import type { Cluster, ClusterNode, Inventory, Workload } from '../model/inventory.js';
import { at, type JsonObject, objectAt, textAt } from '../model/json.js';
import { parseArn } from '../model/resource.js';
import type { SafeAws } from './aws-calls.js';
import type { Gaps } from './gaps.js';
import type { ScanOptions } from './options.js';

/** Partition of a Region, by its prefix (AWS General Reference). */
export const partitionOf = (region: string): string =>
  region.startsWith('cn-')
    ? 'aws-cn'
    : region.startsWith('us-gov-')
      ? 'aws-us-gov'
      : region.startsWith('us-isob-')
        ? 'aws-iso-b'
        : region.startsWith('us-iso-')
          ? 'aws-iso'
          : region.startsWith('eusc-')
            ? 'aws-eusc'
            : 'aws';

export interface ClusterName {
  readonly name: string;
  readonly region: string | null;
  readonly account: string | null;
  readonly arn: string | null;
}

/** Name, Region and account of a cluster, as far as the kubeconfig tells: `aws eks update-kubeconfig` writes the ARN. */
export const clusterNameOf = (options: Pick<ScanOptions, 'context' | 'server' | 'cluster' | 'region'>): ClusterName => {
  const parts = parseArn(options.context);
  const host = /^https?:\/\/([^/:]+)/.exec(options.server)?.[1] ?? '';
  const hostRegion = /\.([a-z]{2,4}(?:-[a-z]+)+-\d)\.eks\.amazonaws\.com(?:\.cn)?$/.exec(host)?.[1] ?? null;
  if (parts !== null && parts.service === 'eks' && parts.resource.startsWith('cluster/')) {
    const name = parts.resource.slice('cluster/'.length);
    if (options.cluster === null || options.cluster === name)
      return { name, region: parts.region, account: parts.account, arn: options.context };
  }
  const eksctl = /(?:^|@)([A-Za-z0-9][\w-]*)\.([a-z]{2,4}(?:-[a-z]+)+-\d)\.eksctl\.io$/.exec(options.context);
  if (eksctl !== null)
    return { name: options.cluster ?? (eksctl[1] as string), region: eksctl[2] as string, account: null, arn: null };
  return { name: options.cluster ?? '', region: options.region ?? hostRegion, account: null, arn: null };
};

/**
 * DescribeCluster of this very cluster: by name, or the one whose endpoint is the API server that was scanned, or whose issuer is
 * the one that the API server itself names (behind a proxy or a tunnel).
 */
export const findEksCluster = async (
  aws: SafeAws,
  options: ScanOptions,
  named: ClusterName,
  discovered: string | null,
  gaps: Gaps,
): Promise<JsonObject | null> => {
  const hides = ['OIDC issuer, associations, add-ons and node groups of the cluster'];
  const describe = async (name: string): Promise<JsonObject | null> => {
    const answer = await aws.ask('eks', 'DescribeCluster', { name }, { area: `eks:${name}`, hides });
    return answer.is === 'value' ? objectAt(answer.value, 'cluster') : null;
  };
  const plain = (url: string): string => url.replace(/\/+$/, '').toLowerCase();
  if (named.name !== '') {
    const cluster = await describe(named.name);
    if (cluster === null) {
      if (named.arn !== null || options.cluster !== null)
        gaps.add(
          `eks:${named.name}`,
          `EKS knows no cluster ${named.name} in ${aws.region} of account ${aws.account}`,
          hides,
        );
      return null;
    }
    const endpoint = textAt(cluster, 'endpoint') ?? '';
    if (endpoint !== '' && plain(endpoint) !== plain(options.server) && isPlainEks(options.server))
      gaps.add(`eks:${named.name}`, `its endpoint is ${endpoint}, but ${options.server} was scanned`, [
        'whether both are the same cluster',
      ]);
    if (discovered !== null && issuerOf(cluster) !== null && issuerOf(cluster) !== discovered)
      gaps.add(`eks:${named.name}`, `its issuer is ${issuerOf(cluster)}, but the API server names ${discovered}`, [
        'whether both are the same cluster',
      ]);
    return cluster;
  }
  const listed = await aws.all('eks', 'ListClusters', {}, 'clusters', { area: 'eks:clusters', hides });
  for (const name of (listed ?? []).slice(0, 100)) {
    if (typeof name !== 'string') continue;
    const cluster = await describe(name);
    if (cluster === null) continue;
    if (plain(textAt(cluster, 'endpoint') ?? '') === plain(options.server)) return cluster;
    if (discovered !== null && issuerOf(cluster) === discovered) return cluster;
  }
  return null;
};

const issuerOf = (cluster: JsonObject): string | null => textAt(cluster, 'identity', 'oidc', 'issuer') ?? null;

/** A host of EKS itself; anything else may be a proxy or a tunnel before it. */
const isPlainEks = (server: string): boolean => /\.eks\.amazonaws\.com(?:\.cn)?(?::443)?\/?$/.test(server);

/** The audience that tokens for STS carry on a platform (semantics G.2, J). */
export const audienceOf = (kind: Cluster['kind'], partition: string): string =>
  kind === 'kops'
    ? 'amazonaws.com'
    : kind === 'giantswarm' && partition === 'aws-cn'
      ? 'sts.amazonaws.com.cn'
      : 'sts.amazonaws.com';

/** What kind of cluster it is where EKS does not know it, by marks of the platforms' own. */
export const platformOf = (evidence: {
  readonly nodes: readonly ClusterNode[];
  readonly namespaces: Inventory['namespaces'];
  readonly workloads: readonly Workload[];
  readonly issuers: readonly string[];
}): { readonly kind: Exclude<Cluster['kind'], 'eks'>; readonly facts: Readonly<Record<string, string>> } => {
  const label = (key: string): string | undefined =>
    evidence.nodes.map((node) => node.labels[key]).find((value) => value !== undefined);
  const issuer = evidence.issuers[0] ?? '';
  const legacy = /(?:^|\/)(\d{12})-g8s-([a-z0-9]+)-oidc-pod-identity/.exec(issuer);
  const alias = /^https:\/\/irsa\.([a-z0-9-]+)\./.exec(issuer);
  const cluster =
    label('giantswarm.io/cluster') ??
    label('giantswarm.io/cluster-id') ??
    legacy?.[2] ??
    (alias === null ? undefined : alias[1]);
  const gs =
    legacy !== null ||
    evidence.nodes.some((node) => Object.keys(node.labels).some((key) => /(?:^|\.)giantswarm\.io\//.test(key))) ||
    evidence.namespaces.some(({ name }) => name === 'giantswarm');
  if (gs) {
    const release = label('release.giantswarm.io/version') ?? label('giantswarm.io/release');
    return {
      kind: 'giantswarm',
      facts: {
        ...(cluster === undefined ? {} : { 'giantswarm.cluster': cluster }),
        ...(release === undefined ? {} : { 'giantswarm.release': release }),
      },
    };
  }
  const kops =
    evidence.nodes.some((node) => Object.keys(node.labels).some((key) => key.startsWith('kops.k8s.io/'))) ||
    evidence.workloads.some(({ ref }) => ref.namespace === 'kube-system' && ref.name === 'kops-controller');
  return { kind: kops ? 'kops' : 'self-managed', facts: {} };
};

/** Facts of DescribeCluster that an inventory keeps. */
export const eksFacts = (
  cluster: JsonObject,
): Pick<Cluster, 'platformVersion' | 'ipFamily' | 'autoMode' | 'closedVpc' | 'kubernetesVersion' | 'oidcIssuers'> => {
  const issuer = textAt(cluster, 'identity', 'oidc', 'issuer');
  return {
    platformVersion: textAt(cluster, 'platformVersion') ?? null,
    ipFamily: textAt(cluster, 'kubernetesNetworkConfig', 'ipFamily') === 'ipv6' ? 'ipv6' : 'ipv4',
    autoMode: at(cluster, 'computeConfig', 'enabled') === true,
    closedVpc: at(cluster, 'resourcesVpcConfig', 'endpointPublicAccess') === false,
    kubernetesVersion: textAt(cluster, 'version') ?? '',
    oidcIssuers: issuer === undefined ? [] : [issuer],
  };
};
