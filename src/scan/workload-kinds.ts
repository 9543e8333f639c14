import type { PodView, Workload } from '../model/inventory.js';
import { at, isObject, type JsonObject, listAt, numberAt, objectAt, textAt, textsAt } from '../model/json.js';
import { pointerKeys } from '../model/json-pointer.js';
import { type KubernetesRef, kubernetesRef } from '../model/resource.js';
import { ownersOf } from './owners.js';
import { type ConfigMapKeys, podView } from './pod-view.js';
import { keptAnnotations } from './redact.js';

/** Built-in kinds that hold a pod template, in the order in which they are read. */
export const templateKinds = [
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'StatefulSet' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  { apiVersion: 'v1', kind: 'ReplicationController' },
  { apiVersion: 'batch/v1', kind: 'CronJob' },
  { apiVersion: 'batch/v1', kind: 'Job' },
] as const;

/** The controller that an object names in its ownerReferences. */
export interface OwnerLink {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export const controllerOf = (object: unknown): OwnerLink | null => {
  const references = listAt(object, 'metadata', 'ownerReferences');
  const found =
    references.find((reference) => at(reference, 'controller') === true) ??
    (references.length === 1 ? references[0] : undefined);
  if (found === undefined) return null;
  const link = {
    apiVersion: textAt(found, 'apiVersion') ?? '',
    kind: textAt(found, 'kind') ?? '',
    name: textAt(found, 'name') ?? '',
    uid: textAt(found, 'uid') ?? '',
  };
  return link.kind === '' ? null : link;
};

export const templatePathOf = (kind: string): string =>
  kind === 'CronJob' ? '/spec/jobTemplate/spec/template' : kind === 'Pod' ? '' : '/spec/template';

/** The object at a JSON pointer; an empty object where there is none. */
export const objectAtPointer = (object: unknown, pointer: string): JsonObject => {
  const found = at(object, ...pointerKeys(pointer));
  return isObject(found) ? found : {};
};
export const refOf = (object: JsonObject): KubernetesRef =>
  kubernetesRef(
    textAt(object, 'apiVersion') ?? '',
    textAt(object, 'kind') ?? '',
    textAt(object, 'metadata', 'namespace'),
    textAt(object, 'metadata', 'name') ?? '',
  );

/** True for a Job that has come to its end: no pod will be made from it any more. */
export const isFinished = (object: JsonObject): boolean =>
  textAt(object, 'kind') === 'Job' &&
  listAt(object, 'status', 'conditions').some(
    (condition) =>
      ['Complete', 'Failed'].includes(textAt(condition, 'type') ?? '') && textAt(condition, 'status') === 'True',
  );

const strategyOf = (kind: string, object: JsonObject): string => {
  if (kind === 'Deployment') return textAt(object, 'spec', 'strategy', 'type') ?? 'RollingUpdate';
  if (kind === 'StatefulSet' || kind === 'DaemonSet')
    return textAt(object, 'spec', 'updateStrategy', 'type') ?? 'RollingUpdate';
  return 'none';
};

const scaled = new Set(['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController']);

/** A workload of a built-in kind, without its pods. */
export const builtInWorkload = (object: JsonObject, keysOf: ConfigMapKeys): Workload => {
  const ref = refOf(object);
  const kind = ref.kind;
  const namespace = ref.namespace ?? 'default';
  const templatePath = templatePathOf(kind);
  const strategy = strategyOf(kind, object);
  const partition = numberAt(object, 'spec', 'updateStrategy', 'rollingUpdate', 'partition');
  const rolled = kind === 'Deployment' || kind === 'StatefulSet' || kind === 'DaemonSet';
  return {
    ref,
    uid: textAt(object, 'metadata', 'uid') ?? '',
    generation: numberAt(object, 'metadata', 'generation') ?? 0,
    template: podView(objectAtPointer(object, templatePath), namespace, keysOf),
    templatePath,
    serviceAccountPath: `${templatePath}/spec/serviceAccountName`,
    ownAnnotations: keptAnnotations(textsAt(object, 'metadata', 'annotations')),
    ownLabels: textsAt(object, 'metadata', 'labels'),
    replicas: scaled.has(kind) ? (numberAt(object, 'spec', 'replicas') ?? 1) : null,
    strategy,
    ...(kind === 'StatefulSet' && partition !== undefined ? { partition } : {}),
    paused: at(object, 'spec', 'paused') === true,
    suspended: at(object, 'spec', 'suspend') === true,
    rolls: rolled && strategy !== 'OnDelete',
    custom: false,
    owners: ownersOf(object),
    pods: [],
  };
};

/** A bare Pod as a workload of its own: it is its own template. */
export const podWorkload = (object: JsonObject, view: PodView): Workload => ({
  ref: refOf(object),
  uid: textAt(object, 'metadata', 'uid') ?? '',
  generation: numberAt(object, 'metadata', 'generation') ?? 0,
  template: view,
  templatePath: '',
  serviceAccountPath: '/spec/serviceAccountName',
  ownAnnotations: keptAnnotations(textsAt(object, 'metadata', 'annotations')),
  ownLabels: textsAt(object, 'metadata', 'labels'),
  replicas: null,
  strategy: 'none',
  paused: false,
  suspended: false,
  rolls: false,
  custom: false,
  owners: ownersOf(object),
  pods: [],
});

export const hasTemplate = (object: JsonObject, pointer: string): boolean =>
  listAt(objectAt(objectAtPointer(object, pointer), 'spec'), 'containers').length > 0;
