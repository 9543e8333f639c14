import { byText, canonical } from '../../model/canonical.js';
import { listAt, objectAt, textAt } from '../../model/json.js';
import { controllerOf, type JsonObject, type KubeObject, withAll, withAt } from './object.js';
import type { Store } from './store.js';

/**
 * The estate without what servers and controllers set, so that a cluster can be compared with itself at another time: no status,
 * uids, versions, times and managers; no events, revisions or objects that a controller made, but for what pods look like: of
 * each controller's live pods the distinct specs, without names, nodes and tokens' volumes, with their numbers.
 */

const left = new Set(['/events', 'apps/controllerrevisions', 'discovery.k8s.io/endpointslices', '/endpoints']);
const serverFields = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'managedFields',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;
const serverAnnotations = ['deployment.kubernetes.io/revision', 'deployment.kubernetes.io/revision-history'] as const;

const emptied = (object: JsonObject, path: readonly string[]): JsonObject =>
  Object.keys(objectAt(object, ...path)).length === 0 ? withAt(object, path, undefined) : object;

const stripped = (object: KubeObject): JsonObject => {
  const bare = withAll(object, [
    [['status'], undefined],
    ...serverFields.map((field) => [['metadata', field], undefined] as const),
    ...serverAnnotations.map((key) => [['metadata', 'annotations', key], undefined] as const),
  ]);
  return emptied(emptied(bare, ['metadata', 'annotations']), ['metadata', 'labels']);
};
const podLabels = [
  'pod-template-hash',
  'controller-revision-hash',
  'batch.kubernetes.io/controller-uid',
  'controller-uid',
  'batch.kubernetes.io/job-name',
  'job-name',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
] as const;

/** A pod as its template and admission made it, without what tells it from its siblings. */
const podLook = (pod: KubeObject): JsonObject => {
  const spec = objectAt(pod, 'spec');
  const isApiToken = (name: string | undefined): boolean => name?.startsWith('kube-api-access-') === true;
  const containers = (list: string) =>
    listAt(spec, list).map((container) => ({
      ...objectAt({ container }, 'container'),
      volumeMounts: listAt(container, 'volumeMounts').filter((mount) => !isApiToken(textAt(mount, 'name'))),
    }));
  const volumes = listAt(spec, 'volumes')
    .filter((volume) => !isApiToken(textAt(volume, 'name')))
    .map((volume) =>
      // The life of a Pod Identity token is drawn by lot.
      textAt(volume, 'name') === 'eks-pod-identity-token' ? { name: 'eks-pod-identity-token' } : volume,
    );
  const look = withAll(pod, [
    [
      ['metadata'],
      { labels: objectAt(pod, 'metadata', 'labels'), annotations: objectAt(pod, 'metadata', 'annotations') },
    ],
    ...podLabels.map((label) => [['metadata', 'labels', label], undefined] as const),
    [
      ['spec'],
      { ...spec, containers: containers('containers'), initContainers: containers('initContainers'), volumes },
    ],
    [['spec', 'nodeName'], undefined],
    [['spec', 'hostname'], undefined],
    [['spec', 'affinity'], undefined],
    [['status'], undefined],
  ]);
  return emptied(emptied(look, ['metadata', 'annotations']), ['metadata', 'labels']);
};

const texts = new WeakMap<KubeObject, string>();
const textOf = (object: KubeObject, make: (object: KubeObject) => JsonObject): string => {
  const held = texts.get(object);
  if (held !== undefined) return held;
  const text = canonical(make(object));
  texts.set(object, text);
  return text;
};

const withoutAnnotation = (object: JsonObject, keys: readonly string[]): JsonObject => {
  const drop = (one: JsonObject, path: readonly string[]): JsonObject =>
    keys.reduce((held, key) => emptied(withAt(held, [...path, key], undefined), path), one);
  const places = [
    ['metadata', 'annotations'],
    ['spec', 'template', 'metadata', 'annotations'],
    ['spec', 'jobTemplate', 'spec', 'template', 'metadata', 'annotations'],
  ];
  return places.reduce(
    (held, path) => (Object.keys(objectAt(held, ...path)).length === 0 ? held : drop(held, path)),
    object,
  );
};

/** Canonical text of each object by `<group>/<resource>:<namespace>/<name>`, and of pods by their controller. */
export const estateOf = (store: Store, withoutAnnotations: readonly string[] = []): ReadonlyMap<string, string> => {
  const out = new Map<string, string>();
  const looks = new Map<string, Map<string, number>>();
  const plain = withoutAnnotations.length === 0;
  for (const table of store.tables) {
    if (left.has(table)) continue;
    for (const object of store.list(table)) {
      const owner = controllerOf(object);
      const namespace = textAt(object, 'metadata', 'namespace') ?? '';
      if (table === '/pods' && owner !== undefined) {
        if (textAt(object, 'metadata', 'deletionTimestamp') !== undefined) continue;
        const name = owner.kind === 'ReplicaSet' ? owner.name.replace(/-[^-]+$/, '') : owner.name;
        const key = `pods of ${owner.kind === 'ReplicaSet' ? 'Deployment' : owner.kind}:${namespace}/${name}`;
        const make = (pod: KubeObject): JsonObject => withoutAnnotation(podLook(pod), withoutAnnotations);
        const text = plain ? textOf(object, make) : canonical(make(object));
        const held = looks.get(key) ?? new Map<string, number>();
        held.set(text, (held.get(text) ?? 0) + 1);
        looks.set(key, held);
      } else if (owner === undefined) {
        const make = (one: KubeObject): JsonObject => withoutAnnotation(stripped(one), withoutAnnotations);
        const name = textAt(object, 'metadata', 'name') ?? '';
        out.set(`${table}:${namespace}/${name}`, plain ? textOf(object, make) : canonical(make(object)));
      }
    }
  }
  for (const [key, held] of looks) {
    out.set(
      key,
      canonical(
        [...held].sort((a, b) => byText(a[0], b[0])).map(([text, count]) => ({ count, pod: JSON.parse(text) })),
      ),
    );
  }
  return new Map([...out].sort((a, b) => byText(a[0], b[0])));
};
export const canonicalEstate = (store: Store, withoutAnnotations: readonly string[]): string =>
  canonical(Object.fromEntries(estateOf(store, withoutAnnotations)));
