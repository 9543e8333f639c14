import type {
  Association,
  BrokerInstall,
  ClusterNode,
  ContainerView,
  Inventory,
  PodView,
  Role,
  ServiceAccount,
} from '../../src/model/inventory.js';
import { kubernetesRef, parseRoleArn, serviceAccountRef } from '../../src/model/resource.js';

/** Small estates for the identity model: one EKS cluster with kiam in account 111122223333. */

export const account = '111122223333';
export const arn = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const issuer = 'https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
export const provider = `arn:aws:iam::${account}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE`;
export const clusterArn = `arn:aws:eks:eu-west-1:${account}:cluster/prod`;

export const policy = (...statements: object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
export const trusting = (...principals: string[]): string =>
  policy(...principals.map((AWS) => ({ Effect: 'Allow', Principal: { AWS }, Action: 'sts:AssumeRole' })));
export const mayAssumeAll = { assume: policy({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }) };

export const role = (given: string, extra: Partial<Role> = {}): Role => {
  const parts = parseRoleArn(given.startsWith('arn:') ? given : arn(given));
  if (!parts) throw new Error(given);
  return {
    arn: given.startsWith('arn:') ? given : arn(given),
    name: parts.name,
    account: parts.account,
    path: parts.path,
    roleId: 'AROAEXAMPLE1234567890',
    trust: trusting(arn('kiam-server')),
    attached: [],
    inline: {},
    maxSessionSeconds: 3_600,
    description: '',
    tags: {},
    ...extra,
  };
};

export const container = (extra: Partial<ContainerView> = {}): ContainerView => ({
  name: 'app',
  kind: 'normal',
  image: 'app:1',
  env: Object.keys(extra.identityEnv ?? {}),
  identityEnv: {},
  envFromRef: [],
  envFrom: [],
  mounts: [],
  ...extra,
});

export const pod = (extra: Partial<PodView> = {}): PodView => ({
  namespace: 'payments',
  serviceAccount: 'api',
  hostNetwork: false,
  labels: {},
  annotations: {},
  containers: [container()],
  volumes: [],
  nodeSelector: {},
  scheduling: {},
  ...extra,
});

export const asking = (text: string, extra: Partial<PodView> = {}): PodView =>
  pod({ ...extra, annotations: { 'iam.amazonaws.com/role': text, ...extra.annotations } });

export const kiam = (extra: Partial<BrokerInstall> = {}): BrokerInstall => ({
  broker: 'kiam',
  ref: kubernetesRef('apps/v1', 'DaemonSet', 'kube-system', extra.component === 'agent' ? 'kiam-agent' : 'kiam-server'),
  component: 'all',
  version: '4.2',
  rules: 'kiam-v4',
  assumed: false,
  flags: {},
  nodes: 'all',
  assumer: arn('kiam-server'),
  baseArn: `arn:aws:iam::${account}:role/`,
  ...extra,
});

export const kube2iam = (extra: Partial<BrokerInstall> = {}): BrokerInstall => ({
  broker: 'kube2iam',
  ref: kubernetesRef('apps/v1', 'DaemonSet', 'kube-system', 'kube2iam'),
  component: 'all',
  version: '0.11',
  rules: 'kube2iam',
  assumed: false,
  flags: {},
  nodes: 'all',
  assumer: null,
  baseArn: `arn:aws:iam::${account}:role/`,
  ...extra,
});

export const node = (name: string, extra: Partial<ClusterNode> = {}): ClusterNode => ({
  name,
  uid: name,
  instanceId: `i-${name}`,
  role: arn('node'),
  instanceProfile: null,
  compute: 'ec2',
  nodegroup: null,
  labels: {},
  taints: [],
  ready: true,
  hopLimit: 2,
  imdsTokensRequired: true,
  agentReady: true,
  ...extra,
});

export const serviceAccount = (
  annotations: Record<string, string>,
  name = 'api',
  namespace = 'payments',
): ServiceAccount => ({
  ref: serviceAccountRef(namespace, name),
  uid: `${namespace}/${name}`,
  exists: true,
  annotations,
  labels: {},
  imagePullSecrets: [],
  secrets: [],
  automount: { is: 'absent' },
  owners: [],
});

export const association = (extra: Partial<Association> = {}): Association => ({
  id: 'a-1',
  arn: `arn:aws:eks:eu-west-1:${account}:podidentityassociation/prod/a-1`,
  namespace: 'payments',
  serviceAccount: 'api',
  role: arn('app'),
  sessionTags: true,
  tags: {},
  ...extra,
});

/** A node role as kube2iam and the Pod Identity agent need it. */
export const nodeRole = role('node', {
  inline: {
    ...mayAssumeAll,
    agent: policy({ Effect: 'Allow', Action: 'eks-auth:AssumeRoleForPodIdentity', Resource: '*' }),
  },
});

export const estate = (extra: Partial<Inventory> = {}): Inventory => ({
  format: 'rolelift.inventory/1',
  source: 'live',
  cluster: {
    kind: 'eks',
    name: 'prod',
    arn: clusterArn,
    accountId: account,
    region: 'eu-west-1',
    partition: 'aws',
    kubernetesVersion: '1.31',
    platformVersion: 'eks.10',
    oidcIssuers: [issuer],
    ipFamily: 'ipv4',
    server: 'https://example',
    uid: 'cluster',
    autoMode: false,
    closedVpc: false,
    facts: {},
  },
  caller: null,
  namespaces: [{ name: 'payments', uid: 'n', annotations: { 'iam.amazonaws.com/permitted': '.*' }, labels: {} }],
  brokers: [kiam()],
  webhook: {
    present: true,
    healthy: true,
    audience: 'sts.amazonaws.com',
    skipLabel: true,
    allowsDryRun: true,
    prefix: 'eks.amazonaws.com',
    injectsRegion: true,
  },
  workloads: [],
  serviceAccounts: [serviceAccount({})],
  bindings: [],
  nodes: [node('one')],
  nodeRoles: [
    {
      arn: arn('node'),
      sources: [{ kind: 'instance', name: 'i-one' }],
      inUse: true,
      sharedWith: [],
      sharingKnown: true,
    },
  ],
  roles: [role('kiam-server', { inline: mayAssumeAll }), nodeRole, role('app')],
  rolesMissing: [],
  policies: [],
  associations: [],
  oidcProviders: [{ arn: provider, account, audiences: ['sts.amazonaws.com'], tags: {} }],
  addons: [],
  fargateProfiles: [],
  accounts: [{ id: account, quotas: {}, credentials: 'default' }],
  objects: [],
  gaps: [],
  ...extra,
});
