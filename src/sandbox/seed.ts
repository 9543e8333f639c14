import { type JsonObject, textAt } from '../model/json.js';
import type { SimulatedCluster } from './kubernetes/cluster.js';

/** Kinds in the order in which they have to be there: accounts before the pods that the webhook looks at. */
const stages: readonly (readonly string[])[] = [
  ['Namespace'],
  ['CustomResourceDefinition'],
  ['ServiceAccount', 'ConfigMap', 'Secret', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'],
  ['Node'],
];
const later: readonly (readonly string[])[] = [
  ['DaemonSet'],
  ['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController', 'CronJob', 'Job'],
  ['Pod'],
];

const stageOf = (object: JsonObject): number => {
  const kind = textAt(object, 'kind') ?? '';
  const early = stages.findIndex((kinds) => kinds.includes(kind));
  if (early >= 0) return early;
  const late = later.findIndex((kinds) => kinds.includes(kind));
  return late >= 0 ? stages.length + 1 + late : stages.length;
};

/** The definition of a kind that the server does not have, so that a scenario need not write it down. */
const definitionOf = (object: JsonObject): JsonObject => {
  const [group = '', version = 'v1'] = (textAt(object, 'apiVersion') ?? '').split('/');
  const kind = textAt(object, 'kind') ?? '';
  const singular = kind.toLowerCase();
  const plural = singular.endsWith('s')
    ? `${singular}es`
    : singular.endsWith('y')
      ? `${singular.slice(0, -1)}ies`
      : `${singular}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, plural, singular, listKind: `${kind}List` },
      scope: textAt(object, 'metadata', 'namespace') === undefined ? 'Cluster' : 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
};

const namespaced = new Set(['ServiceAccount', 'ConfigMap', 'Secret', 'Role', 'RoleBinding', 'Pod', 'Service']);

/** Puts a scenario's objects into a cluster, in an order in which each finds what it needs. Throws ApiError where the server takes one never. */
export const seed = (cluster: SimulatedCluster, objects: readonly JsonObject[]): void => {
  const ordered = objects
    .map((object, index) => ({ object, index, stage: stageOf(object) }))
    .sort((left, right) => left.stage - right.stage || left.index - right.index);
  for (const { object } of ordered) {
    const whole = placed(object);
    try {
      cluster.put(whole);
    } catch (thrown) {
      if (!(textAt(object, 'apiVersion') ?? '').includes('/') || (thrown as { code?: unknown }).code !== 404)
        throw thrown;
      cluster.put(definitionOf(object));
      cluster.put(whole);
    }
  }
};

/** What names no namespace goes to `default`, as kubectl would have it. */
const placed = (object: JsonObject): JsonObject => {
  const kind = textAt(object, 'kind') ?? '';
  const inside = namespaced.has(kind) || stageOf(object) > stages.length;
  const metadata = object['metadata'] as JsonObject | undefined;
  return inside && textAt(object, 'metadata', 'namespace') === undefined
    ? { ...object, metadata: { ...metadata, namespace: 'default' } }
    : object;
};

/** `1.33` → `1.33.0`; longer ones stay. */
export const versionText = (version: string): string => (/^\d+\.\d+$/.test(version) ? `${version}.0` : version);
