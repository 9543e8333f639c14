import { type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';

/** A Kubernetes object as JSON. Stored ones are frozen all the way down, so that they can be shared between forks. */
export type KubeObject = JsonObject;

export const nameOf = (object: KubeObject): string => textAt(object, 'metadata', 'name') ?? '';
export const namespaceOf = (object: KubeObject): string => textAt(object, 'metadata', 'namespace') ?? '';
export const uidOf = (object: KubeObject): string => textAt(object, 'metadata', 'uid') ?? '';
export const annotationOf = (object: KubeObject, key: string): string | undefined =>
  textAt(object, 'metadata', 'annotations', key);

export const keyOf = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
export const objectKey = (object: KubeObject): string => keyOf(namespaceOf(object), nameOf(object));
export const isDeleting = (object: KubeObject): boolean =>
  textAt(object, 'metadata', 'deletionTimestamp') !== undefined;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}
export const ownersOf = (object: KubeObject): readonly OwnerReference[] =>
  listAt(object, 'metadata', 'ownerReferences').map((reference) => ({
    apiVersion: textAt(reference, 'apiVersion') ?? '',
    kind: textAt(reference, 'kind') ?? '',
    name: textAt(reference, 'name') ?? '',
    uid: textAt(reference, 'uid') ?? '',
    controller: objectAt({ reference }, 'reference')['controller'] === true,
  }));
export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  ownersOf(object).find((reference) => reference.controller);
export const controllerReference = (owner: KubeObject): JsonObject => ({
  apiVersion: textAt(owner, 'apiVersion') ?? '',
  blockOwnerDeletion: true,
  controller: true,
  kind: textAt(owner, 'kind') ?? '',
  name: nameOf(owner),
  uid: uidOf(owner),
});

/** A copy with that value at that path; `undefined` takes the key away. Missing objects on the way are made, unless there is nothing to take. */
export const withAt = (object: JsonObject, path: readonly string[], value: Json | undefined): JsonObject => {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  const held = Object.hasOwn(object, key) ? object[key] : undefined;
  if (rest.length === 0) {
    if (value === undefined) {
      if (held === undefined) return object;
      const { [key]: _, ...others } = object;
      return others;
    }
    return held === value ? object : { ...object, [key]: value };
  }
  const inner = typeof held === 'object' && held !== null && !Array.isArray(held) ? (held as JsonObject) : undefined;
  if (inner === undefined && value === undefined) return object;
  const changed = withAt(inner ?? {}, rest, value);
  return changed === inner ? object : { ...object, [key]: changed };
};

/** Several of them in turn. */
export const withAll = (
  object: JsonObject,
  changes: readonly (readonly [path: readonly string[], value: Json | undefined])[],
): JsonObject => changes.reduce((held, [path, value]) => withAt(held, path, value), object);

/** Whether two JSON values are the same; shared parts are not looked into. */
export const same = (left: Json | undefined, right: Json | undefined): boolean => {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (left === undefined || right === undefined) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => same(item, right[index]));
  }
  const a = left as JsonObject;
  const b = right as JsonObject;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
};

/** Freezes all the way down and stops at what is frozen already: an update costs no more than its changes. */
export const frozen = <T extends Json>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Array.isArray(value) ? value : Object.values(value)) frozen(inner as Json);
  return value;
};

/** RFC 3339 in whole seconds, as the API server writes times. */
export const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export type { Json, JsonObject };
