import type { Pod, PodView } from '../model/inventory.js';
import { type JsonObject, listAt, textAt } from '../model/json.js';
import { kubernetesRef } from '../model/resource.js';
import { type ConfigMapKeys, podView } from './pod-view.js';

/** One copy of equal parts: most pods of a cluster repeat a few thousand templates. */
export const createPool = (): (<T>(value: T) => T) => {
  const known = new Map<string, unknown>();
  return <T>(value: T): T => {
    const key = JSON.stringify(value);
    const found = known.get(key);
    if (found !== undefined) return found as T;
    known.set(key, value);
    return value;
  };
};

/** True for pods that run or will run; kiam and the kubelet forget the others. */
export const isLive = (object: JsonObject): boolean => {
  const phase = textAt(object, 'status', 'phase');
  return phase !== 'Succeeded' && phase !== 'Failed';
};

export const isReady = (object: JsonObject): boolean =>
  textAt(object, 'metadata', 'deletionTimestamp') === undefined &&
  listAt(object, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );

/** The parts of a live pod that an inventory keeps. */
export const podOf = (object: JsonObject, keysOf: ConfigMapKeys, pool: <T>(value: T) => T): Pod => {
  const namespace = textAt(object, 'metadata', 'namespace') ?? 'default';
  const view = podView(object, namespace, keysOf);
  const shared: PodView = {
    ...view,
    containers: pool(view.containers),
    volumes: pool(view.volumes),
    scheduling: pool(view.scheduling),
    nodeSelector: pool(view.nodeSelector),
    annotations: pool(view.annotations),
  };
  const node = textAt(object, 'spec', 'nodeName');
  const hash =
    textAt(object, 'metadata', 'labels', 'pod-template-hash') ??
    textAt(object, 'metadata', 'labels', 'controller-revision-hash') ??
    textAt(object, 'metadata', 'labels', 'rollouts-pod-template-hash');
  const createdAt = textAt(object, 'metadata', 'creationTimestamp');
  return {
    ref: kubernetesRef('v1', 'Pod', namespace, textAt(object, 'metadata', 'name') ?? ''),
    uid: textAt(object, 'metadata', 'uid') ?? '',
    ...(node === undefined ? {} : { node }),
    view: shared,
    ...(hash === undefined ? {} : { templateHash: hash }),
    phase: textAt(object, 'status', 'phase') ?? 'Unknown',
    ready: isReady(object),
    ...(createdAt === undefined ? {} : { createdAt }),
  };
};
