/** A made-up estate of any size: Deployments of four pods, each with a service account, as an API server shows them. */

const filler = (seed, bytes) => {
  let text = '';
  for (let at = seed; text.length < bytes; at++) text += (Math.imul(at + 1, 0x9e3779b1) >>> 0).toString(36);
  return text.slice(0, bytes);
};

/** Field managers make up half of what a real list weighs. */
const managedFields = (seed, entries) =>
  ['kubectl-client-side-apply', 'kube-controller-manager', 'kubelet'].map((manager) => ({
    manager,
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-10-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: Object.fromEntries(
      Array.from({ length: entries }, (_, at) => [
        `f:field-${at}-${(seed % 97) + at}`,
        { 'f:name': {}, 'f:value': {}, [`k:{"name":"${manager}-${at}"}`]: { '.': {}, 'f:image': {} } },
      ]),
    ),
  }));

const container = (name, at) => ({
  name,
  image: `registry.example/${name}:1.${at % 50}.0`,
  args: ['--config', '/etc/app/config.yaml', '--log-level', 'info'],
  env: [
    { name: 'AWS_REGION', value: 'eu-west-1' },
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: `app-${at}`, key: 'url' } } },
    ...Array.from({ length: 6 }, (_, number) => ({ name: `SETTING_${number}`, value: filler(at + number, 40) })),
  ],
  resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
  livenessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 10 },
  readinessProbe: { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 5 },
  volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
  imagePullPolicy: 'IfNotPresent',
  terminationMessagePath: '/dev/termination-log',
});

const spec = (at) => ({
  serviceAccountName: `app-${at}`,
  containers: [container('app', at), container('proxy', at)],
  volumes: [{ name: 'config', configMap: { name: `app-${at}`, defaultMode: 420 } }],
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  schedulerName: 'default-scheduler',
  securityContext: { fsGroup: 2000 },
  terminationGracePeriodSeconds: 30,
});

const namespaceOf = (at) => `team-${at % 100}`;
const roleOf = (at) => `app-${at % 500}`;
const template = (at) => ({
  metadata: {
    labels: { app: `app-${at}`, 'app.kubernetes.io/name': `app-${at}`, team: namespaceOf(at) },
    annotations: { 'iam.amazonaws.com/role': roleOf(at), 'prometheus.io/scrape': 'true' },
  },
  spec: spec(at),
});
const metadata = (kind, name, at, more = {}) => ({
  name,
  namespace: namespaceOf(at),
  uid: `${kind}-${name}`,
  resourceVersion: String(1000 + at),
  creationTimestamp: '2026-09-01T00:00:00Z',
  labels: { app: `app-${at}`, team: namespaceOf(at) },
  ...more,
  managedFields: managedFields(at, kind === 'sa' ? 2 : 12),
});
const owner = (apiVersion, kind, name, uid) => [
  { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true },
];

const makers = {
  deployments: (at) => ({
    metadata: metadata('deployment', `app-${at}`, at, {
      generation: 3,
      annotations: {
        'deployment.kubernetes.io/revision': '3',
        'kubectl.kubernetes.io/last-applied-configuration': filler(at, 1500),
      },
    }),
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: `app-${at}` } },
      template: template(at),
      strategy: { type: 'RollingUpdate' },
    },
    status: { observedGeneration: 3, replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4 },
  }),
  replicasets: (at) => ({
    metadata: metadata('rs', `app-${at}-abc`, at, {
      ownerReferences: owner('apps/v1', 'Deployment', `app-${at}`, `deployment-app-${at}`),
    }),
    spec: { replicas: 4, selector: { matchLabels: { app: `app-${at}` } }, template: template(at) },
    status: { replicas: 4, readyReplicas: 4 },
  }),
  pods: (number) => {
    const at = number >> 2;
    return {
      metadata: metadata('pod', `app-${at}-abc-${number % 4}`, at, {
        generateName: `app-${at}-abc-`,
        labels: { app: `app-${at}`, 'pod-template-hash': 'abc' },
        annotations: template(at).metadata.annotations,
        ownerReferences: owner('apps/v1', 'ReplicaSet', `app-${at}-abc`, `rs-app-${at}-abc`),
      }),
      spec: { ...spec(at), nodeName: `node-${number % 200}` },
      status: {
        phase: 'Running',
        podIP: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`,
        startTime: '2026-10-01T00:00:00Z',
        conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
          type,
          status: 'True',
          lastTransitionTime: '2026-10-01T00:00:00Z',
        })),
        containerStatuses: ['app', 'proxy'].map((name) => ({
          name,
          ready: true,
          restartCount: 0,
          image: `registry.example/${name}:1.${at % 50}.0`,
          imageID: `registry.example/${name}@sha256:${filler(at, 64)}`,
          containerID: `containerd://${filler(number, 64)}`,
          state: { running: { startedAt: '2026-10-01T00:00:00Z' } },
        })),
      },
    };
  },
  serviceaccounts: (at) => ({ metadata: metadata('sa', `app-${at}`, at) }),
};

const broker = (part) => ({
  metadata: { name: `kiam-${part}`, namespace: 'kube-system', uid: `kiam-${part}`, generation: 1 },
  spec: {
    selector: { matchLabels: { app: `kiam-${part}` } },
    template: {
      metadata: { labels: { app: `kiam-${part}` } },
      spec: {
        hostNetwork: true,
        containers: [
          {
            name: 'kiam',
            image: 'quay.io/uswitch/kiam:v4.2',
            args: [part, '--role-base-arn=arn:aws:iam::111122223333:role/'],
          },
        ],
      },
    },
  },
  status: {},
});

const small = {
  namespaces: [
    { metadata: { name: 'kube-system', uid: 'kube-system' } },
    ...Array.from({ length: 100 }, (_, at) => ({
      metadata: { name: `team-${at}`, uid: `ns-${at}`, annotations: { 'iam.amazonaws.com/permitted': '.*' } },
    })),
  ],
  nodes: Array.from({ length: 200 }, (_, at) => ({
    metadata: { name: `node-${at}`, uid: `node-${at}`, labels: { 'kubernetes.io/os': 'linux' } },
    spec: { providerID: `aws:///eu-west-1a/i-${at.toString(16).padStart(17, '0')}` },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  })),
  daemonsets: [broker('agent'), broker('server')],
};

export const paths = {
  pods: '/api/v1/pods',
  deployments: '/apis/apps/v1/deployments',
  replicasets: '/apis/apps/v1/replicasets',
  serviceaccounts: '/api/v1/serviceaccounts',
};
const others = { namespaces: '/api/v1/namespaces', nodes: '/api/v1/nodes', daemonsets: '/apis/apps/v1/daemonsets' };

/** Every list by path, as the bytes of its pages. */
export const pagesOf = (pods, size = 500) => {
  const lists = new Map();
  const put = (path, count, make) => {
    const pages = [];
    for (let from = 0; from === 0 || from < count; from += size) {
      const to = Math.min(count, from + size);
      const items = Array.from({ length: to - from }, (_, index) => make(from + index));
      const more = to < count ? { continue: String(to / size) } : {};
      pages.push(Buffer.from(JSON.stringify({ kind: 'List', metadata: { resourceVersion: '1', ...more }, items })));
    }
    lists.set(path, pages);
  };
  for (const [name, path] of Object.entries(paths)) put(path, name === 'pods' ? pods : pods / 4, makers[name]);
  for (const [name, path] of Object.entries(others)) put(path, small[name].length, (at) => small[name][at]);
  return lists;
};
