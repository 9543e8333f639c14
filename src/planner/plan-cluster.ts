import type { Cluster } from '../model/inventory.js';
import type { Plan } from '../model/plan.js';

/** What a plan says of its cluster; `oidcProviderArn` is null where the account does not know the issuer yet. */
export const planCluster = (cluster: Cluster, oidcIssuer: string, oidcProviderArn: string | null): Plan['cluster'] => ({
  kind: cluster.kind,
  name: cluster.name,
  arn: cluster.arn,
  accountId: cluster.accountId,
  region: cluster.region,
  partition: cluster.partition,
  kubernetesVersion: cluster.kubernetesVersion,
  platformVersion: cluster.platformVersion,
  oidcIssuer,
  oidcProviderArn,
  ipFamily: cluster.ipFamily,
  server: cluster.server,
  uid: cluster.uid,
});
