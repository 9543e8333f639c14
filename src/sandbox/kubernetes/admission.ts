import { type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import { isDeleting, type KubeObject, nameOf, namespaceOf, withAt } from './object.js';
import { newSuffix, type State } from './state.js';
import { ApiError, forbidden, type Named, notFound } from './status.js';
import { callWebhook } from './webhook.js';

const namespaceNamed: Named = { group: '', resource: 'namespaces', kind: 'Namespace' };
const apiMount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** NamespaceLifecycle: 404 where the namespace is not there, 403 where it ends. */
export const checkNamespace = (state: State, named: Named, object: KubeObject): void => {
  const name = namespaceOf(object);
  const namespace = state.store.get('/namespaces', name);
  if (namespace === null) throw notFound(namespaceNamed, name);
  if (isDeleting(namespace)) {
    const why = `unable to create new content in namespace ${name} because it is being terminated`;
    const refusal = forbidden(named, nameOf(object), why);
    const causes = [
      { reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' },
    ];
    throw new ApiError(403, 'Forbidden', refusal.message, { ...refusal.details, causes });
  }
};

/** The ServiceAccount plugin: the default name, the account's existence, its pull secrets, and the API token's volume. */
const serviceAccount = (state: State, named: Named, pod: KubeObject): KubeObject => {
  const name = textAt(pod, 'spec', 'serviceAccountName') || 'default';
  let out = withAt(withAt(pod, ['spec', 'serviceAccountName'], name), ['spec', 'serviceAccount'], name);
  const key = `${namespaceOf(pod)}/${name}`;
  const account = state.store.get('/serviceaccounts', key);
  if (account === null) {
    throw forbidden(named, nameOf(pod), `error looking up service account ${key}: serviceaccount "${name}" not found`);
  }
  const pull = listAt(account, 'imagePullSecrets');
  if (listAt(pod, 'spec', 'imagePullSecrets').length === 0 && pull.length > 0) {
    out = withAt(out, ['spec', 'imagePullSecrets'], pull);
  }
  const automount = objectAt(pod, 'spec')['automountServiceAccountToken'] ?? account['automountServiceAccountToken'];
  if (automount === false) return out;
  const volumes = listAt(out, 'spec', 'volumes');
  const there = volumes
    .map((volume) => textAt(volume, 'name') ?? '')
    .find((held) => held.startsWith('kube-api-access-'));
  const volumeName = there ?? `kube-api-access-${newSuffix(state)}`;
  const mount = (container: Json): Json => {
    const mounts = listAt(container, 'volumeMounts');
    if (mounts.some((held) => textAt(held, 'mountPath') === apiMount)) return container;
    return {
      ...(container as JsonObject),
      volumeMounts: [...mounts, { name: volumeName, readOnly: true, mountPath: apiMount }],
    };
  };
  const containers = listAt(out, 'spec', 'containers').map(mount);
  const init = listAt(out, 'spec', 'initContainers').map(mount);
  out = withAt(out, ['spec', 'containers'], containers);
  if (init.length > 0) out = withAt(out, ['spec', 'initContainers'], init);
  if (there !== undefined) return out;
  const sources: readonly JsonObject[] = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
      },
    },
  ];
  return withAt(out, ['spec', 'volumes'], [...volumes, { name: volumeName, projected: { defaultMode: 420, sources } }]);
};

/** DefaultTolerationSeconds and Priority. */
const scheduling = (pod: KubeObject): KubeObject => {
  const tolerations = listAt(pod, 'spec', 'tolerations');
  const added = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
    .filter((key) => !tolerations.some((held) => [key, undefined].includes(textAt(held, 'key'))))
    .map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }));
  const out = added.length === 0 ? pod : withAt(pod, ['spec', 'tolerations'], [...tolerations, ...added]);
  const spec = objectAt(out, 'spec');
  return {
    ...out,
    spec: {
      ...spec,
      priority: spec['priority'] ?? 0,
      preemptionPolicy: spec['preemptionPolicy'] ?? 'PreemptLowerPriority',
      enableServiceLinks: spec['enableServiceLinks'] ?? true,
    },
  };
};

/** What happens to a new pod between its request and the store. */
export const admitPod = (state: State, named: Named, pod: KubeObject, dryRun: boolean): KubeObject =>
  callWebhook(state, scheduling(serviceAccount(state, named, pod)), dryRun);
