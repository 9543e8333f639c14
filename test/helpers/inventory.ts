import type {
  Addon,
  Association,
  Binding,
  BrokerInstall,
  ClusterNode,
  ContainerView,
  Inventory,
  NodeRole,
  Pod,
  PodView,
  Role,
  ServiceAccount,
  Workload,
} from '../../src/model/inventory.js';
import type { JsonObject } from '../../src/model/json.js';
import { kubernetesRef, serviceAccountRef } from '../../src/model/resource.js';

/** Builders of small inventories: a plain EKS cluster with kiam, to which a test adds what it is about. */
export const account = '111122223333';
export const otherAccount = '999988887777';
export const region = 'eu-west-1';
export const issuer = `https://oidc.eks.${region}.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E`;
export const issuerHost = issuer.slice('https://'.length);
export const providerArn = `arn:aws:iam::${account}:oidc-provider/${issuerHost}`;
export const kiamServerRole = `arn:aws:iam::${account}:role/kiam-server`;
export const nodeRoleArn = `arn:aws:iam::${account}:role/nodes`;
export const roleArn = (name: string, inAccount: string = account): string => `arn:aws:iam::${inAccount}:role/${name}`;

export const aContainer = (over: Partial<ContainerView> = {}): ContainerView => ({
  name: 'app',
  kind: 'normal',
  image: 'registry.example/app:1',
  env: [],
  identityEnv: {},
  envFromRef: [],
  envFrom: [],
  mounts: [],
  ...over,
});

export const aView = (over: Partial<PodView> = {}): PodView => ({
  namespace: 'payments',
  serviceAccount: 'api',
  hostNetwork: false,
  labels: { app: 'api' },
  annotations: {},
  containers: [aContainer()],
  volumes: [],
  nodeSelector: {},
  scheduling: {},
  ...over,
});

/** A pod view whose annotation asks a broker for that role. */
export const asking = (role: string, over: Partial<PodView> = {}): PodView =>
  aView({ ...over, annotations: { 'iam.amazonaws.com/role': role, ...over.annotations } });

export const aPod = (name: string, over: Partial<Omit<Pod, 'ref'>> = {}): Pod => {
  const view = over.view ?? aView();
  return {
    ref: kubernetesRef('v1', 'Pod', view.namespace, name),
    uid: `uid-${name}`,
    node: 'node-1',
    phase: 'Running',
    ready: true,
    ...over,
    view,
  };
};

/** A Deployment of two replicas, one live pod with the same view as its template unless `pods` says otherwise. */
export const aWorkload = (
  name: string,
  over: Partial<Omit<Workload, 'ref'>> & { readonly kind?: string; readonly apiVersion?: string } = {},
): Workload => {
  const { kind = 'Deployment', apiVersion, ...rest } = over;
  const template = rest.template ?? aView();
  const defaults: Record<string, string> = { CronJob: 'batch/v1', Job: 'batch/v1', Pod: 'v1' };
  const version = apiVersion ?? defaults[kind] ?? 'apps/v1';
  const templatePath = kind === 'Pod' ? '' : kind === 'CronJob' ? '/spec/jobTemplate/spec/template' : '/spec/template';
  return {
    ref: kubernetesRef(version, kind, template.namespace, name),
    uid: `uid-${name}`,
    generation: 1,
    templatePath,
    serviceAccountPath: `${templatePath}/spec/serviceAccountName`,
    ownAnnotations: {},
    ownLabels: {},
    replicas: 2,
    strategy: 'RollingUpdate',
    paused: false,
    suspended: false,
    rolls: true,
    custom: false,
    owners: [],
    pods: [aPod(`${name}-1`, { view: template })],
    ...rest,
    template,
  };
};

export const aServiceAccount = (
  namespace: string,
  name: string,
  over: Partial<Omit<ServiceAccount, 'ref'>> = {},
): ServiceAccount => ({
  ref: serviceAccountRef(namespace, name),
  uid: `uid-sa-${namespace}-${name}`,
  exists: true,
  annotations: {},
  labels: {},
  imagePullSecrets: [],
  secrets: [],
  automount: { is: 'absent' },
  owners: [],
  ...over,
});

export const trustOf = (...statements: readonly JsonObject[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

/** Statement by which an AWS principal may assume. */
export const trustsAws = (arn: string): JsonObject => ({
  Effect: 'Allow',
  Principal: { AWS: arn },
  Action: 'sts:AssumeRole',
});

/** Statement by which one service account of the builders' cluster may assume. */
export const trustsAccount = (namespace: string, name: string): JsonObject => ({
  Effect: 'Allow',
  Principal: { Federated: providerArn },
  Action: 'sts:AssumeRoleWithWebIdentity',
  Condition: {
    StringEquals: {
      [`${issuerHost}:aud`]: 'sts.amazonaws.com',
      [`${issuerHost}:sub`]: `system:serviceaccount:${namespace}:${name}`,
    },
  },
});

/** A role that trusts kiam's server role. */
export const aRole = (name: string, over: Partial<Role> = {}): Role => {
  const inAccount = over.account ?? account;
  const path = over.path ?? '/';
  return {
    arn: `arn:aws:iam::${inAccount}:role${path}${name}`,
    name,
    account: inAccount,
    path,
    roleId: `AROA${name.toUpperCase().replace(/[^A-Z0-9]/g, '')}`,
    trust: trustOf(trustsAws(kiamServerRole)),
    attached: [],
    inline: {},
    maxSessionSeconds: 3600,
    description: '',
    tags: {},
    ...over,
  };
};

export const policyText = (...statements: readonly JsonObject[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

export const aNode = (name: string, over: Partial<ClusterNode> = {}): ClusterNode => ({
  name,
  uid: `uid-${name}`,
  // Instance ids are hexadecimal, and are read as such.
  instanceId: `i-${Buffer.from(name).toString('hex')}`,
  role: nodeRoleArn,
  instanceProfile: 'nodes',
  compute: 'ec2',
  nodegroup: 'main',
  labels: {},
  taints: [],
  ready: true,
  hopLimit: 1,
  imdsTokensRequired: true,
  agentReady: false,
  ...over,
});

/** kiam v4: `all` in one, on every node, with the builders' base ARN. */
export const aBroker = (over: Partial<BrokerInstall> = {}): BrokerInstall => ({
  broker: 'kiam',
  ref: kubernetesRef('apps/v1', 'DaemonSet', 'kube-system', 'kiam-server'),
  component: 'all',
  version: '4.2',
  rules: 'kiam-v4',
  assumed: false,
  flags: { 'role-base-arn': `arn:aws:iam::${account}:role/` },
  nodes: ['node-1'],
  assumer: kiamServerRole,
  baseArn: `arn:aws:iam::${account}:role/`,
  ...over,
});

export const aKube2iam = (over: Partial<BrokerInstall> = {}): BrokerInstall =>
  aBroker({
    broker: 'kube2iam',
    ref: kubernetesRef('apps/v1', 'DaemonSet', 'kube-system', 'kube2iam'),
    version: '0.11.1',
    rules: 'kube2iam',
    flags: { 'base-role-arn': `arn:aws:iam::${account}:role/` },
    assumer: nodeRoleArn,
    ...over,
  });

export const aNodeRole = (over: Partial<NodeRole> = {}): NodeRole => ({
  arn: nodeRoleArn,
  sources: [{ kind: 'nodegroup', name: 'main' }],
  inUse: true,
  sharedWith: [],
  sharingKnown: true,
  ...over,
});

export const anAddon = (name: string, over: Partial<Addon> = {}): Addon => ({
  name,
  version: 'v1.18.0-eksbuild.1',
  status: 'ACTIVE',
  role: null,
  associations: [],
  requiresIam: true,
  namespace: 'kube-system',
  podIdentityConfiguration: null,
  ...over,
});

export const anAssociation = (
  namespace: string,
  serviceAccount: string,
  role: string,
  over: Partial<Association> = {},
): Association => ({
  id: `a-${namespace}-${serviceAccount}`,
  arn: `arn:aws:eks:${region}:${account}:podidentityassociation/prod/a-${namespace}-${serviceAccount}`,
  namespace,
  serviceAccount,
  role,
  sessionTags: true,
  tags: {},
  ...over,
});

export const aBinding = (
  name: string,
  subjects: Binding['subjects'],
  over: { readonly namespace?: string; readonly role?: string } = {},
): Binding => ({
  ref: kubernetesRef(
    'rbac.authorization.k8s.io/v1',
    over.namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    over.namespace,
    name,
  ),
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: over.role ?? 'view' },
  subjects,
});

export const anObject = (
  apiVersion: string,
  kind: string,
  namespace: string | undefined,
  name: string,
  raw: JsonObject = {},
): Inventory['objects'][number] => ({
  ref: kubernetesRef(apiVersion, kind, namespace, name),
  raw: {
    apiVersion,
    kind,
    metadata: namespace === undefined ? { name } : { namespace, name },
    ...raw,
  },
});

/**
 * An EKS cluster `prod` with kiam v4, one node, a node role, the OIDC provider, the namespace `payments` that permits
 * everything, and nothing else.
 */
export const anInventory = (
  over: Partial<Omit<Inventory, 'cluster' | 'webhook'>> & {
    readonly cluster?: Partial<Inventory['cluster']>;
    readonly webhook?: Partial<Inventory['webhook']>;
  } = {},
): Inventory => {
  const { cluster, webhook, ...rest } = over;
  return {
    format: 'rolelift.inventory/1',
    source: 'live',
    cluster: {
      kind: 'eks',
      name: 'prod',
      arn: `arn:aws:eks:${region}:${account}:cluster/prod`,
      accountId: account,
      region,
      partition: 'aws',
      kubernetesVersion: '1.31',
      platformVersion: 'eks.20',
      oidcIssuers: [issuer],
      ipFamily: 'ipv4',
      server: 'https://prod.example',
      uid: 'uid-kube-system',
      autoMode: false,
      closedVpc: false,
      facts: {},
      ...cluster,
    },
    caller: { arn: `arn:aws:iam::${account}:user/operator`, account, kubernetesUser: 'operator' },
    namespaces: [
      { name: 'payments', uid: 'uid-payments', annotations: { 'iam.amazonaws.com/permitted': '.*' }, labels: {} },
    ],
    brokers: [aBroker()],
    webhook: {
      present: true,
      healthy: true,
      audience: 'sts.amazonaws.com',
      skipLabel: true,
      allowsDryRun: true,
      prefix: 'eks.amazonaws.com',
      injectsRegion: false,
      ...webhook,
    },
    workloads: [],
    serviceAccounts: [],
    bindings: [],
    nodes: [aNode('node-1')],
    nodeRoles: [aNodeRole()],
    roles: [
      aRole('kiam-server', {
        trust: trustOf(trustsAws(nodeRoleArn)),
        inline: { assume: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }) },
      }),
      aRole('nodes', {
        trust: trustOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }),
        attached: ['arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy'],
      }),
    ],
    rolesMissing: [],
    policies: [],
    associations: [],
    oidcProviders: [{ arn: providerArn, account, audiences: ['sts.amazonaws.com'], tags: {} }],
    addons: [],
    fargateProfiles: [],
    accounts: [{ id: account, quotas: { AssumeRolePolicySizeQuota: 2048 }, credentials: 'default' }],
    objects: [],
    gaps: [],
    ...rest,
  };
};
