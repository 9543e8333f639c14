/** Issuers of Giant Swarm's workload clusters by release (Giant Swarm, AWS IAM roles for service accounts, and its history). */

export interface GiantSwarmPlace {
  /** `17.4.0`; null where nothing tells it. */
  readonly release: string | null;
  /** Id of the workload cluster. */
  readonly cluster: string;
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  /** URL of the API server. */
  readonly server: string;
  /** CloudFront domain or alias that the management cluster names; null where it names none (yet). */
  readonly domain: string | null;
}

const hostOf = (url: string): string => /^https?:\/\/([^/:]+)/.exec(url)?.[1] ?? '';
const suffixOf = (partition: string): string => (partition === 'aws-cn' ? '.cn' : '');

/** Whether an issuer is one that Giant Swarm publishes for IRSA, and not the API server's own of before. */
export const isGiantSwarmIssuer = (issuer: string): boolean => {
  const host = hostOf(issuer);
  return (
    (/^s3\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(host) && /-oidc-pod-identity(-v2)?$/.test(issuer)) ||
    /^irsa\./.test(host) ||
    /\.cloudfront\.net$/.test(host)
  );
};

/**
 * The issuer that a cluster will have once IRSA is switched on and its control plane was rolled; null where only that tells it. v17
 * publishes in S3, v18 behind CloudFront (in China in S3 once more), v19 and CAPA under an alias beside the API server's own name.
 */
export const expectedIssuer = (place: GiantSwarmPlace): string | null => {
  const { release, cluster, account, region, partition, server, domain } = place;
  const major = release === null ? Number.NaN : Number(/^v?(\d+)/.exec(release)?.[1] ?? Number.NaN);
  const known = account !== '' && region !== '' && cluster !== '';
  const bucket = (version: string): string | null =>
    known
      ? `https://s3.${region}.amazonaws.com${suffixOf(partition)}/${account}-g8s-${cluster}-oidc-pod-identity${version}`
      : null;
  if (major < 18) return bucket('');
  if (major === 18) return partition === 'aws-cn' ? bucket('-v2') : domain === null ? null : `https://${domain}`;
  if (domain !== null) return `https://${domain}`;
  const api = /^api\.(.+)$/.exec(hostOf(server))?.[1];
  return major >= 19 && partition !== 'aws-cn' && api !== undefined ? `https://irsa.${api}` : null;
};
