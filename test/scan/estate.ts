import type { JsonObject } from '../../src/model/json.js';
import type { FakeAccount, FakeWorld } from '../helpers/fake-clients.js';
import { fakeIam } from '../helpers/fake-clients.js';

export const account = '111122223333';
export const issuer = 'https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
export const clusterArn = `arn:aws:eks:eu-west-1:${account}:cluster/prod`;
export const canary = 'CANARY-7f3e';
export const roleArn = (name: string, id = account): string => `arn:aws:iam::${id}:role/${name}`;

let counter = 0;
const nextUid = (name: string): string => {
  counter += 1;
  return `uid-${name}-${counter}`;
};
export const meta = (name: string, namespace: string | null, rest: JsonObject = {}): JsonObject => ({
  name,
  ...(namespace === null ? {} : { namespace }),
  uid: nextUid(name),
  creationTimestamp: '2026-11-01T00:00:00Z',
  ...rest,
});
const uidOf = (object: JsonObject): string => (object['metadata'] as JsonObject)['uid'] as string;

export const template = (
  serviceAccount: string,
  annotations: JsonObject,
  containers: readonly JsonObject[] = [app],
): JsonObject => ({
  metadata: { annotations, labels: { app: 'x' } },
  spec: { serviceAccountName: serviceAccount, containers },
});
export const app: JsonObject = {
  name: 'app',
  image: 'example.com/app:1',
  env: [
    { name: 'PASSWORD', value: canary },
    { name: 'AWS_REGION', value: 'eu-west-1' },
    { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  ],
  envFrom: [{ secretRef: { name: 'keys' } }, { configMapRef: { name: 'settings' } }],
};
export const object = (apiVersion: string, kind: string, metadata: JsonObject, rest: JsonObject = {}): JsonObject => ({
  apiVersion,
  kind,
  metadata,
  ...rest,
});
export const owned = (by: JsonObject): JsonObject => ({
  ownerReferences: [
    {
      apiVersion: by['apiVersion'] as string,
      kind: by['kind'] as string,
      name: (by['metadata'] as JsonObject)['name'] as string,
      uid: uidOf(by),
      controller: true,
    },
  ],
});
/** A pod of a template, running and ready. */
export const podOf = (
  by: JsonObject,
  name: string,
  namespace: string,
  pod: JsonObject,
  node: string,
  hash?: string,
): JsonObject => {
  const metadata = pod['metadata'] as JsonObject;
  return object(
    'v1',
    'Pod',
    meta(name, namespace, {
      ...owned(by),
      annotations: (metadata['annotations'] as JsonObject) ?? {},
      labels: { ...(metadata['labels'] as JsonObject), ...(hash === undefined ? {} : { 'pod-template-hash': hash }) },
    }),
    {
      spec: { ...(pod['spec'] as JsonObject), nodeName: node },
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    },
  );
};
export const deployment = (
  name: string,
  namespace: string,
  pod: JsonObject,
  options: { readonly node?: string; readonly annotations?: JsonObject; readonly labels?: JsonObject } = {},
): readonly JsonObject[] => {
  const own = object(
    'apps/v1',
    'Deployment',
    meta(name, namespace, {
      generation: 3,
      labels: options.labels ?? {},
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec: { env: canary } }),
        ...options.annotations,
      },
    }),
    { spec: { replicas: 2, template: pod } },
  );
  const set = object('apps/v1', 'ReplicaSet', meta(`${name}-abc12`, namespace, owned(own)), {
    spec: { template: pod },
  });
  return [own, set, podOf(set, `${name}-abc12-1`, namespace, pod, options.node ?? 'node-1', 'abc12')];
};
export const node = (
  name: string,
  labels: JsonObject = {},
  provider = `aws:///eu-west-1a/i-0${name.slice(-1)}`,
): JsonObject =>
  object('v1', 'Node', meta(name, null, { labels }), {
    spec: { providerID: provider },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });

const kiamServer = (): readonly JsonObject[] => {
  const pod = template('kiam-server', {}, [
    {
      name: 'server',
      image: 'quay.io/uswitch/kiam:v4.2',
      command: ['/kiam'],
      args: ['server', '--bind=0.0.0.0:443', `--role-base-arn=arn:aws:iam::${account}:role/`, '--sync=1m'],
    },
  ]);
  const set = object('apps/v1', 'DaemonSet', meta('iam-proxy-server', 'kube-system'), { spec: { template: pod } });
  return [set, podOf(set, 'iam-proxy-server-1', 'kube-system', pod, 'node-2')];
};
const kiamAgent = (): readonly JsonObject[] => {
  const pod = template('kiam-agent', {}, [
    {
      name: 'agent',
      image: 'registry.example.com/mirror/kiam@sha256:abc',
      command: ['/kiam'],
      args: ['agent', '--host-interface=!eth0', '--port=8181', '--iptables'],
    },
  ]);
  const set = object('apps/v1', 'DaemonSet', meta('iam-proxy-agent', 'kube-system'), { spec: { template: pod } });
  return [set, podOf(set, 'iam-proxy-agent-1', 'kube-system', pod, 'node-1')];
};

/** A small kiam estate, as the API server would hold it. */
export const kiamObjects = (): readonly JsonObject[] => [
  object('v1', 'Namespace', meta('payments', null, { annotations: { 'iam.amazonaws.com/permitted': '.*' } })),
  object('v1', 'Namespace', meta('kube-system', null)),
  node('node-1'),
  node('node-2', { 'eks.amazonaws.com/nodegroup': 'system' }),
  ...kiamServer(),
  ...kiamAgent(),
  ...deployment('api', 'payments', template('api', { 'iam.amazonaws.com/role': '/team/api' }), {
    annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:payments/api' },
  }),
  ...deployment('web', 'payments', template('web', { 'iam.amazonaws.com/role': 'gone' })),
  ...deployment('other', 'payments', template('other', { 'iam.amazonaws.com/role': roleArn('far', '999988887777') })),
  object('v1', 'ServiceAccount', meta('api', 'payments'), { imagePullSecrets: [{ name: 'pull' }] }),
  object('v1', 'ConfigMap', meta('settings', 'payments'), { data: { AWS_PROFILE: canary, COLOUR: canary } }),
  object('v1', 'Secret', meta('keys', 'payments'), { data: { AWS_ACCESS_KEY_ID: canary } }),
  object('rbac.authorization.k8s.io/v1', 'RoleBinding', meta('api', 'payments'), {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'api', namespace: 'payments' }],
  }),
  object('policy/v1', 'PodDisruptionBudget', meta('api', 'payments'), { spec: { minAvailable: 1 } }),
  object('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', meta('pod-identity-webhook', null), {
    webhooks: [
      {
        name: 'iam-for-pods.amazonaws.com',
        sideEffects: 'None',
        clientConfig: { url: 'https://127.0.0.1:23443/mutate' },
        objectSelector: {
          matchExpressions: [{ key: 'eks.amazonaws.com/skip-pod-identity-webhook', operator: 'DoesNotExist' }],
        },
      },
    ],
  }),
];

const trustOf = (arn: string): JsonObject => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' }],
});

export const kiamAccount = (): FakeAccount => ({
  ...fakeIam(
    [
      {
        arn: roleArn('team/api'),
        trust: trustOf(roleArn('kiam-server')),
        attached: ['arn:aws:iam::aws:policy/A', 'arn:aws:iam::aws:policy/B'],
        tags: { owner: 'x' },
      },
      {
        arn: roleArn('nodes'),
        trust: trustOf('ec2'),
        inline: { assume: { Statement: [] } },
        profiles: ['node-profile'],
      },
      { arn: roleArn('system-nodes'), trust: trustOf('ec2'), profiles: ['system-profile'] },
    ],
    {
      policies: { 'arn:aws:iam::aws:policy/A': { Statement: [] }, 'arn:aws:iam::aws:policy/B': { Statement: [] } },
      providers: {
        [`arn:aws:iam::${account}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE`]: ['sts.amazonaws.com'],
      },
    },
  ),
  'eks:DescribeCluster': () => ({
    cluster: {
      name: 'prod',
      arn: clusterArn,
      endpoint: 'https://example.gr7.eu-west-1.eks.amazonaws.com',
      version: '1.33',
      platformVersion: 'eks.4',
      identity: { oidc: { issuer } },
      kubernetesNetworkConfig: { ipFamily: 'ipv4' },
      accessConfig: { authenticationMode: 'API_AND_CONFIG_MAP' },
    },
  }),
  'eks:ListPodIdentityAssociations': () => ({ associations: [] }),
  'eks:ListAddons': () => ({ addons: [] }),
  'eks:ListNodegroups': () => ({ nodegroups: ['system'] }),
  'eks:DescribeNodegroup': () => ({ nodegroup: { nodeRole: roleArn('system-nodes') } }),
  'eks:ListFargateProfiles': () => ({ fargateProfileNames: [] }),
  'eks:ListAccessEntries': () => ({ accessEntries: [] }),
  'eks:ListClusters': (_input, region) => ({ clusters: region === 'eu-west-1' ? ['prod'] : [] }),
  'ec2:DescribeRegions': () => ({ Regions: [{ RegionName: 'eu-west-1' }, { RegionName: 'us-east-1' }] }),
  'ec2:DescribeLaunchTemplateVersions': () => ({ LaunchTemplateVersions: [] }),
  'ec2:DescribeInstances': (_input, region) => ({
    Reservations:
      region === 'eu-west-1'
        ? [{ Instances: [instance('i-01', 'node-profile', 2), instance('i-02', 'system-profile', 1)] }]
        : [],
  }),
});

export const instance = (
  id: string,
  profile: string,
  hops: number,
  tags: JsonObject = { 'eks:cluster-name': 'prod' },
): JsonObject => ({
  InstanceId: id,
  IamInstanceProfile: { Arn: `arn:aws:iam::${account}:instance-profile/eks/${profile}` },
  MetadataOptions: { HttpPutResponseHopLimit: hops, HttpTokens: 'required' },
  Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
});

export const kiamWorld = (change: Partial<FakeWorld> = {}): FakeWorld => ({
  objects: kiamObjects(),
  aws: { [account]: kiamAccount() },
  ...change,
});
export const scanOptions = { context: clusterArn, server: 'https://example.gr7.eu-west-1.eks.amazonaws.com' };
