import { operatorStatements } from '../../src/findings/giantswarm.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { ScenarioInput } from '../../src/sandbox/scenario.js';
import { appRole, estate, home, type Partition, regions } from './platforms.js';

/** Giant Swarm's vintage clusters: a workload cluster, and the management cluster on which IRSA is switched on. */

export const irsaSwitch = 'alpha.aws.giantswarm.io/iam-roles-for-service-accounts';
/** What a cluster's own API server signs with before IRSA is switched on. */
export const clusterApi = 'https://api.abcl0.k8s.gauss.example.net';

export const audienceOf = (partition: Partition): string =>
  partition === 'aws-cn' ? 'sts.amazonaws.com.cn' : 'sts.amazonaws.com';
/** Issuer of a v17 cluster with IRSA: a bucket of its account (Giant Swarm documentation). */
export const bucketIssuer = (partition: Partition, version = ''): string =>
  `https://s3.${regions[partition]}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}/${home}-g8s-abcl0-oidc-pod-identity${version}`;

/** The role of Giant Swarm's operator; by default with what it needs for IRSA. */
export const operator = (partition: Partition, statements: readonly object[] = operatorStatements(partition)) => ({
  name: 'GiantSwarmAWSOperator',
  trust: {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { AWS: `arn:${partition}:iam::999988887777:root` }, Action: 'sts:AssumeRole' },
    ],
  },
  inline: {
    operator: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'ec2:*', Resource: '*' }, ...statements],
    },
  },
});

/** A workload cluster: its API server signs with an issuer of its own until IRSA is switched on. */
export const workloadCluster = (
  partition: Partition,
  more: Parameters<typeof estate>[0] & { readonly issuer?: string } = {},
): ScenarioInput => {
  const { issuer, roles, ...rest } = more;
  return estate({
    partition,
    kind: 'giantswarm',
    nodeLabels: { 'giantswarm.io/cluster': 'abcl0' },
    ...rest,
    roles: roles ?? [appRole(partition, 'api'), operator(partition)],
    cluster: {
      name: 'abcl0',
      issuer: issuer ?? clusterApi,
      webhook: { audience: audienceOf(partition) },
      ...rest.cluster,
    },
  });
};
/** The management cluster with the AWSCluster of the workload cluster; `null`: one that tells no release. */
export const managementCluster = (
  release: string | null,
  annotations: Readonly<Record<string, string>> = {},
  more: readonly Record<string, unknown>[] = [],
): ScenarioInput => ({
  cluster: { name: 'gauss', kind: 'giantswarm', account: home, issuer: 'https://gauss.example.net' },
  accounts: {},
  kubernetes: [
    {
      apiVersion: 'infrastructure.giantswarm.io/v1alpha3',
      kind: 'AWSCluster',
      metadata: {
        name: 'abcl0',
        namespace: 'org-acme',
        annotations,
        labels: release === null ? {} : { 'release.giantswarm.io/version': release },
      },
      spec: {},
    },
    ...more,
  ],
});
/** What Giant Swarm's operator does once the cluster is annotated, and the roll of the control plane that a person starts. */
export const rollControlPlane = (sandbox: Sandbox, partition: Partition, issuer: string): void => {
  const account = sandbox.world.accounts.get(home)!;
  const arn = `arn:${partition}:iam::${home}:oidc-provider/${issuer.slice('https://'.length)}`;
  account.providers.set(arn, {
    arn,
    url: issuer.slice('https://'.length),
    audiences: [audienceOf(partition)],
    thumbprints: [],
    tags: { 'giantswarm.io/cluster': 'abcl0' },
    createdAt: 0,
  });
  sandbox.cluster.roll(issuer);
};
