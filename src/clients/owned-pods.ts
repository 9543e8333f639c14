import { at, type JsonObject, listAt, objectAt, textAt, textsAt } from '../model/json.js';
import type { KubernetesReader } from '../model/ports.js';
import type { KubernetesRef } from '../model/resource.js';

/** How many owners stand at most between a pod and its top owner (Rollout → ReplicaSet → Pod is two). */
const depth = 5;

/** Live pods that a workload owns: through its ReplicaSets and Jobs, and through whatever a custom resource puts between. */
export const ownedPods = async (kubernetes: KubernetesReader, ref: KubernetesRef): Promise<readonly JsonObject[]> => {
  const top = await kubernetes.get(ref);
  if (top === null) return [];
  if (ref.kind === 'Pod') return finished(top) ? [] : [top];
  const uid = textAt(top, 'metadata', 'uid');
  if (uid === undefined) return [];
  const known = new Map<string, boolean>([[uid, true]]);
  const owned = async (object: JsonObject, left: number): Promise<boolean> => {
    const owner = controllerOf(object);
    if (owner === null) return false;
    const before = known.get(owner.uid);
    if (before !== undefined) return before;
    if (left === 0) return false;
    const parent = await kubernetes.get({
      api: 'kubernetes',
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      namespace: textAt(object, 'metadata', 'namespace') as string,
      name: owner.name,
    });
    const answer =
      parent !== null && textAt(parent, 'metadata', 'uid') === owner.uid && (await owned(parent, left - 1));
    known.set(owner.uid, answer);
    return answer;
  };
  const pods: JsonObject[] = [];
  const selector = selectorOf(top);
  const options = { namespace: ref.namespace as string, ...(selector === null ? {} : { labelSelector: selector }) };
  for await (const pod of kubernetes.list('v1', 'Pod', options)) {
    if (!finished(pod) && (await owned(pod, depth))) pods.push(pod);
  }
  return pods;
};

/** A pod that has ended holds no credentials any more. */
const finished = (pod: JsonObject): boolean => ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '');

const controllerOf = (
  object: JsonObject,
): { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string } | null => {
  const references = listAt(object, 'metadata', 'ownerReferences');
  const owner = references.find((entry) => at(entry, 'controller') === true) ?? references[0];
  const uid = textAt(owner, 'uid');
  if (owner === undefined || uid === undefined) return null;
  return {
    apiVersion: textAt(owner, 'apiVersion') ?? '',
    kind: textAt(owner, 'kind') ?? '',
    name: textAt(owner, 'name') ?? '',
    uid,
  };
};

/** Equality selectors as text; anything else asks for the whole namespace. */
const selectorOf = (top: JsonObject): string | null => {
  const kind = textAt(top, 'kind');
  if (!['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(kind ?? '')) return null;
  if (listAt(top, 'spec', 'selector', 'matchExpressions').length > 0) return null;
  const labels = Object.entries(textsAt(objectAt(top, 'spec', 'selector'), 'matchLabels'));
  return labels.length === 0 ? null : labels.map(([name, value]) => `${name}=${value}`).join(',');
};
