import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import { type KubeObject, nameOf, withAt } from './object.js';

/** Fields that are filled in where they are absent, as `pkg/apis/<group>/v1/defaults.go` do. */
const filled = (object: JsonObject, defaults: JsonObject): JsonObject => {
  const missing = Object.entries(defaults).filter(([key]) => (object[key] ?? null) === null);
  return missing.length === 0 ? object : { ...object, ...Object.fromEntries(missing) };
};
const within = (object: JsonObject, key: string, change: (inner: JsonObject) => JsonObject): JsonObject => {
  const inner = object[key];
  if (!isObject(inner)) return object;
  const changed = change(inner);
  return changed === inner ? object : { ...object, [key]: changed };
};
const each = (object: JsonObject, key: string, change: (item: JsonObject) => JsonObject): JsonObject => {
  const items = listAt(object, key);
  if (items.length === 0) return object;
  const changed = items.map((item) => (isObject(item) ? change(item) : item));
  return changed.every((item, index) => item === items[index]) ? object : { ...object, [key]: changed };
};

/** Go leaves out what is empty (`omitempty`): null, empty lists, and those maps; absent and empty are one to every comparison. */
const emptyMaps = new Set(['annotations', 'labels', 'nodeSelector', 'limits', 'requests', 'matchLabels']);
const withoutEmpty = (object: JsonObject): JsonObject => {
  const empty = ([key, value]: [string, Json]): boolean =>
    value === null ||
    (Array.isArray(value) && value.length === 0) ||
    (emptyMaps.has(key) && isObject(value) && Object.keys(value).length === 0);
  const entries = Object.entries(object);
  return entries.some(empty) ? Object.fromEntries(entries.filter((entry) => !empty(entry))) : object;
};

const probe = (value: JsonObject): JsonObject =>
  within(
    filled(value, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 }),
    'httpGet',
    (get) => filled(get, { path: '/', scheme: 'HTTP' }),
  );
const container = (value: JsonObject): JsonObject => {
  const image = textAt(value, 'image') ?? '';
  const tag = image.includes('@') ? 'digest' : (image.slice(image.lastIndexOf('/') + 1).split(':')[1] ?? 'latest');
  let out = filled(withoutEmpty(value), {
    imagePullPolicy: tag === 'latest' ? 'Always' : 'IfNotPresent',
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  out = each(out, 'ports', (port) => filled(port, { protocol: 'TCP' }));
  out = each(out, 'env', (variable) =>
    within(variable, 'valueFrom', (from) => within(from, 'fieldRef', (ref) => filled(ref, { apiVersion: 'v1' }))),
  );
  for (const key of ['livenessProbe', 'readinessProbe', 'startupProbe']) out = within(out, key, probe);
  return out;
};
const volume = (value: JsonObject): JsonObject => {
  if (Object.keys(value).every((key) => key === 'name')) return { ...value, emptyDir: {} };
  let out = value;
  for (const key of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    out = within(out, key, (source) => filled(source, { defaultMode: 420 }));
  }
  out = within(out, 'hostPath', (path) => filled(path, { type: '' }));
  return within(out, 'projected', (projected) =>
    each(projected, 'sources', (source) =>
      within(source, 'serviceAccountToken', (token) => filled(token, { expirationSeconds: 3600 })),
    ),
  );
};
const podSpecDefaults = (spec: JsonObject): JsonObject => {
  let out = filled(withoutEmpty(spec), {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
  });
  out = each(out, 'containers', container);
  out = each(out, 'initContainers', container);
  out = each(out, 'volumes', volume);
  // `serviceAccount` is the old name of the same field: whichever is there gives both (pkg/apis/core/v1/conversion.go).
  const account = textAt(out, 'serviceAccountName') || textAt(out, 'serviceAccount');
  return account === undefined || account === ''
    ? out
    : filled({ ...out, serviceAccountName: account, serviceAccount: account }, {});
};
const template = (value: JsonObject): JsonObject =>
  within(within(filled(value, { metadata: {} }), 'metadata', withoutEmpty), 'spec', podSpecDefaults);

const workload = (defaults: JsonObject) => (object: KubeObject) =>
  within(object, 'spec', (spec) => within(filled(spec, defaults), 'template', template));

const jobSpec = (spec: JsonObject): JsonObject => {
  const fixed = spec['completions'] === undefined && spec['parallelism'] === undefined;
  return within(
    filled(spec, {
      ...(fixed ? { completions: 1 } : {}),
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      manualSelector: false,
    }),
    'template',
    template,
  );
};
const rbacGroup = 'rbac.authorization.k8s.io';
const binding = (object: KubeObject): KubeObject =>
  each(
    within(object, 'roleRef', (ref) => filled(ref, { apiGroup: rbacGroup })),
    'subjects',
    (subject) => {
      if (textAt(subject, 'kind') === 'ServiceAccount') return subject;
      return filled(subject, { apiGroup: rbacGroup });
    },
  );
const rolling = (inner: JsonObject) => (object: KubeObject) =>
  within(object, 'spec', (spec) =>
    within(spec, 'updateStrategy', (strategy) =>
      textAt(strategy, 'type') === 'RollingUpdate'
        ? { ...strategy, rollingUpdate: filled(objectAt(strategy, 'rollingUpdate'), inner) }
        : strategy,
    ),
  );

type Change = (object: KubeObject) => KubeObject;
const byKind: Readonly<Record<string, readonly Change[]>> = {
  '/Pod': [(object) => within(object, 'spec', podSpecDefaults)],
  '/PodTemplate': [(object) => within(object, 'template', template)],
  'apps/Deployment': [
    workload({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate' },
    }),
    (object) =>
      within(object, 'spec', (spec) =>
        within(spec, 'strategy', (strategy) => {
          const typed = filled(strategy, { type: 'RollingUpdate' });
          if (textAt(typed, 'type') !== 'RollingUpdate') return typed;
          const inner = filled(objectAt(typed, 'rollingUpdate'), { maxSurge: '25%', maxUnavailable: '25%' });
          return { ...typed, rollingUpdate: inner };
        }),
      ),
  ],
  'apps/ReplicaSet': [workload({ replicas: 1 })],
  '/ReplicationController': [
    workload({ replicas: 1 }),
    (object) =>
      within(object, 'spec', (spec) => filled(spec, { selector: objectAt(spec, 'template', 'metadata', 'labels') })),
  ],
  'apps/StatefulSet': [
    workload({
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate' },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    }),
    rolling({ partition: 0 }),
  ],
  'apps/DaemonSet': [
    workload({ revisionHistoryLimit: 10, updateStrategy: { type: 'RollingUpdate' } }),
    rolling({ maxUnavailable: 1, maxSurge: 0 }),
  ],
  'batch/Job': [(object) => within(object, 'spec', jobSpec)],
  'batch/CronJob': [
    (object) =>
      within(object, 'spec', (spec) =>
        within(
          filled(spec, {
            concurrencyPolicy: 'Allow',
            suspend: false,
            successfulJobsHistoryLimit: 3,
            failedJobsHistoryLimit: 1,
          }),
          'jobTemplate',
          (job) => within(job, 'spec', (inner) => within(inner, 'template', template)),
        ),
      ),
  ],
  '/Namespace': [
    (object) => withAt(object, ['metadata', 'labels', 'kubernetes.io/metadata.name'], nameOf(object)),
    (object) => filled(object, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
  ],
  '/Secret': [(object) => filled(object, { type: 'Opaque' })],
  '/Service': [
    (object) =>
      within(filled(object, { status: { loadBalancer: {} } }), 'spec', (spec) =>
        each(filled(spec, { type: 'ClusterIP', sessionAffinity: 'None' }), 'ports', (port) =>
          filled(port, { protocol: 'TCP', targetPort: port['port'] ?? 0 }),
        ),
      ),
  ],
  'rbac.authorization.k8s.io/RoleBinding': [binding],
  'rbac.authorization.k8s.io/ClusterRoleBinding': [binding],
  'networking.k8s.io/NetworkPolicy': [
    (object) =>
      within(object, 'spec', (spec) => {
        const types = spec['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
        return filled(spec, { podSelector: {}, policyTypes: types });
      }),
  ],
};

/** The object with the server's defaults for its kind; custom resources have none. */
export const withDefaults = (group: string, kind: string, object: KubeObject): KubeObject => {
  const changes = Object.hasOwn(byKind, `${group}/${kind}`) ? (byKind[`${group}/${kind}`] ?? []) : [];
  return changes.reduce((held, change) => change(held), object);
};
