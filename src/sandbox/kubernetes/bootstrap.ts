import type { JsonObject } from '../../model/json.js';
import { timeText } from './object.js';
import { rbacTables } from './rbac.js';
import { newUid, type State } from './state.js';
import { webhookConfiguration, webhookTable } from './webhook.js';

/** What every cluster has from its first second: the roles that Kubernetes makes, the system's namespaces, the webhook. */

const group = 'rbac.authorization.k8s.io';
const rule = (apiGroups: string, resources: string, verbs: string): JsonObject => ({
  apiGroups: apiGroups.split(' ').map((one) => (one === 'core' ? '' : one)),
  resources: resources.split(' '),
  verbs: verbs.split(' '),
});
const urls = (...paths: readonly string[]): JsonObject => ({ nonResourceURLs: paths, verbs: ['get'] });
const read = 'get list watch';
const write = 'create delete deletecollection patch update';
const workloads = [
  rule(
    'core',
    'configmaps endpoints events persistentvolumeclaims pods replicationcontrollers serviceaccounts services',
    read,
  ),
  rule('core', 'bindings limitranges namespaces pods/log pods/status resourcequotas', read),
  rule('apps', 'controllerrevisions daemonsets deployments replicasets statefulsets', read),
  rule('autoscaling', 'horizontalpodautoscalers', read),
  rule('batch', 'cronjobs jobs', read),
  rule('networking.k8s.io', 'ingresses networkpolicies', read),
  rule('policy', 'poddisruptionbudgets', read),
];
const edits = [
  ...workloads,
  rule('core', 'secrets', read),
  rule(
    'core',
    'configmaps events persistentvolumeclaims pods replicationcontrollers secrets serviceaccounts services',
    write,
  ),
  rule('core', 'pods/eviction serviceaccounts/token', 'create'),
  rule('core', 'serviceaccounts', 'impersonate'),
  rule(
    'apps',
    'daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
    write,
  ),
  rule('autoscaling', 'horizontalpodautoscalers', write),
  rule('batch', 'cronjobs jobs', write),
  rule('networking.k8s.io', 'ingresses networkpolicies', write),
  rule('policy', 'poddisruptionbudgets', write),
  rule('coordination.k8s.io', 'leases', `${read} ${write}`),
];
const clusterRoles: Readonly<Record<string, readonly JsonObject[]>> = {
  'cluster-admin': [rule('*', '*', '*'), { nonResourceURLs: ['*'], verbs: ['*'] }],
  admin: [...edits, rule(group, 'rolebindings roles', `${read} ${write}`)],
  edit: edits,
  view: workloads,
  'system:basic-user': [
    rule('authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', 'create'),
    rule('authentication.k8s.io', 'selfsubjectreviews', 'create'),
  ],
  'system:discovery': [
    urls(
      '/api',
      '/api/*',
      '/apis',
      '/apis/*',
      '/healthz',
      '/livez',
      '/openapi',
      '/openapi/*',
      '/readyz',
      '/version',
      '/version/',
    ),
  ],
  'system:public-info-viewer': [urls('/healthz', '/livez', '/readyz', '/version', '/version/')],
  'system:service-account-issuer-discovery': [urls('/.well-known/openid-configuration', '/openid/v1/jwks')],
};
const bindings: readonly (readonly [name: string, groups: readonly string[]])[] = [
  ['cluster-admin', ['system:masters']],
  ['system:basic-user', ['system:authenticated']],
  ['system:discovery', ['system:authenticated']],
  ['system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']],
  ['system:service-account-issuer-discovery', ['system:serviceaccounts']],
];

export const bootstrap = (state: State): void => {
  const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
  const metadata = (name: string, more: JsonObject = {}): JsonObject => ({
    name,
    uid: newUid(state),
    creationTimestamp: timeText(state.clock.now()),
    ...more,
  });
  for (const [name, rules] of Object.entries(clusterRoles)) {
    const kind = { apiVersion: `${group}/v1`, kind: 'ClusterRole' };
    state.store.put(rbacTables.clusterRoles, { ...kind, metadata: metadata(name, { labels }), rules });
  }
  for (const [name, groups] of bindings) {
    state.store.put(rbacTables.clusterRoleBindings, {
      apiVersion: `${group}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: metadata(name, { labels }),
      roleRef: { apiGroup: group, kind: 'ClusterRole', name },
      subjects: groups.map((one) => ({ apiGroup: group, kind: 'Group', name: one })),
    });
  }
  for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system']) {
    state.store.put('/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: metadata(name, { labels: { 'kubernetes.io/metadata.name': name } }),
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  }
  if (state.webhook.mode !== 'absent') {
    const configuration = webhookConfiguration(state.webhook.dryRun);
    const named = metadata('pod-identity-webhook', { generation: 1 });
    state.store.put(webhookTable, { ...configuration, metadata: named });
  }
};
