import type { ScenarioInput } from '../../src/sandbox/scenario.js';

/** Estates of the platforms that the mechanisms are told on: one broker, a few workloads, the same everywhere but for the platform. */

export const home = '111122223333';
export const away = '444455556666';

export type Partition = 'aws' | 'aws-cn' | 'aws-us-gov';
export const regions: Readonly<Record<Partition, string>> = {
  aws: 'eu-west-1',
  'aws-cn': 'cn-north-1',
  'aws-us-gov': 'us-gov-west-1',
};

export const roleIn = (partition: Partition, account: string, name: string): string =>
  `arn:${partition}:iam::${account}:role/${name}`;

/** As EKS names it: China has its own suffix (EKS User Guide). */
export const eksIssuer = (partition: Partition): string =>
  `https://oidc.eks.${regions[partition]}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}/id/4B5F9C2E7A1D4E8F9A0B1C2D3E4F5A6B`;

const ec2 = (partition: Partition): string => (partition === 'aws-cn' ? 'ec2.amazonaws.com.cn' : 'ec2.amazonaws.com');
const allow = (Principal: Record<string, unknown>, Action: string | string[] = 'sts:AssumeRole') => ({
  Effect: 'Allow',
  Principal,
  Action,
});
const document = (...Statement: unknown[]) => ({ Version: '2012-10-17', Statement });

type Account = NonNullable<ScenarioInput['accounts'][string]>;
type Role = NonNullable<Account['roles']>[number];

/** A role of a workload as kiam's users have it: kiam's server may assume it, and it may read one bucket. */
export const appRole = (partition: Partition, name: string, more: Partial<Role> = {}): Role => ({
  name,
  trust: document(allow({ AWS: roleIn(partition, home, 'kiam-server') })),
  inline: {
    app: document({ Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:${partition}:s3:::acme-${name}/*` }),
  },
  ...more,
});

const platformRoles = (partition: Partition): Role[] => [
  {
    name: 'node',
    trust: document(allow({ Service: ec2(partition) })),
    attached: ['AmazonEKSWorkerNodePolicy', 'AmazonEC2ContainerRegistryReadOnly'],
    inline: {
      'become-kiam': document({
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Resource: roleIn(partition, home, 'kiam-server'),
      }),
    },
  },
  {
    name: 'kiam-server',
    trust: document(allow({ AWS: roleIn(partition, home, 'node') })),
    inline: { assume: document({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }) },
  },
];

/** A role of another account with which its owner lets the cluster's administrators in (`--account-role`). */
export const migrator = (partition: Partition): Role => ({
  name: 'migrator',
  trust: document(allow({ AWS: `arn:${partition}:iam::${home}:root` })),
  inline: { all: document({ Effect: 'Allow', Action: 'iam:*', Resource: '*' }) },
});

export const namespace = (name: string, annotations: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, annotations },
});
export const serviceAccount = (
  namespaceName: string,
  name: string,
  annotations: Readonly<Record<string, string>> = {},
) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace: namespaceName, annotations },
});
export const deployment = (
  namespaceName: string,
  name: string,
  of: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly account?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly replicas?: number;
  } = {},
) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: namespaceName },
  spec: {
    replicas: of.replicas ?? 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, ...of.labels }, annotations: of.annotations ?? {} },
      spec: {
        serviceAccountName: of.account ?? name,
        containers: [{ name: 'main', image: `ghcr.io/acme/${name}:1.0` }],
      },
    },
  },
});

const kiam = (partition: Partition) => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'kiam-server', namespace: 'kube-system' } },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kiam-server', namespace: 'kube-system', labels: { app: 'kiam', role: 'server' } },
    spec: {
      selector: { matchLabels: { app: 'kiam', role: 'server' } },
      updateStrategy: { type: 'OnDelete' },
      template: {
        metadata: { labels: { app: 'kiam', role: 'server' } },
        spec: {
          serviceAccountName: 'kiam-server',
          hostNetwork: true,
          containers: [
            {
              name: 'kiam-server',
              image: 'quay.io/uswitch/kiam:v4.2',
              command: ['/kiam'],
              args: [
                'server',
                `--role-base-arn=arn:${partition}:iam::${home}:role/`,
                `--assume-role-arn=${roleIn(partition, home, 'kiam-server')}`,
              ],
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kiam-agent', namespace: 'kube-system', labels: { app: 'kiam', role: 'agent' } },
    spec: {
      selector: { matchLabels: { app: 'kiam', role: 'agent' } },
      updateStrategy: { type: 'OnDelete' },
      template: {
        metadata: { labels: { app: 'kiam', role: 'agent' } },
        spec: {
          hostNetwork: true,
          containers: [
            {
              name: 'kiam-agent',
              image: 'quay.io/uswitch/kiam:v4.2',
              command: ['/kiam'],
              args: ['agent', '--iptables', '--host-interface=!eth0'],
            },
          ],
        },
      },
    },
  },
];

export interface EstateOptions {
  readonly partition?: Partition;
  readonly kind?: 'eks' | 'giantswarm' | 'kops' | 'self-managed';
  readonly cluster?: Partial<ScenarioInput['cluster']>;
  /** Roles of workloads in the cluster's account; one `api` unless said. */
  readonly roles?: readonly Role[];
  /** Parts of other accounts. */
  readonly others?: Readonly<Record<string, Account>>;
  readonly home?: Partial<Account>;
  /** Objects beside kiam. */
  readonly objects?: readonly Record<string, unknown>[];
  readonly nodeLabels?: Readonly<Record<string, string>>;
  readonly kiam?: boolean;
}

export const estate = (options: EstateOptions = {}): ScenarioInput => {
  const partition = options.partition ?? 'aws';
  const eks = (options.kind ?? 'eks') === 'eks';
  const region = regions[partition];
  const { roles, ...homePart } = options.home ?? {};
  return {
    title: 'story',
    cluster: {
      name: 'prod',
      kind: options.kind ?? 'eks',
      account: home,
      region,
      partition,
      issuer: eksIssuer(partition),
      ...(eks ? { nodegroups: [{ name: 'workers', role: 'node' }] } : {}),
      ...options.cluster,
    },
    regions: [region],
    accounts: {
      [home]: {
        instanceProfiles: [{ name: 'node', role: 'node' }],
        ...homePart,
        roles: [...platformRoles(partition), ...(options.roles ?? [appRole(partition, 'api')]), ...(roles ?? [])],
      },
      ...options.others,
    },
    nodes: ['a', 'b'].map((name) => ({
      name: `ip-10-0-1-${name === 'a' ? 10 : 11}.${region}.compute.internal`,
      instanceProfile: 'node',
      ...(eks ? { nodegroup: 'workers' } : {}),
      labels: { ...options.nodeLabels },
    })),
    kubernetes: [
      ...(options.kiam === false ? [] : kiam(partition)),
      ...(options.objects ?? [
        namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
        serviceAccount('shop', 'api'),
        deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': 'api' } }),
      ]),
    ] as Record<string, unknown>[],
  };
};
