import { isObject, type Json, type JsonObject } from '../../model/json.js';
import { same } from './object.js';
import { badRequest } from './status.js';

/**
 * Lists that are merged by key, by the name of their field (patchMergeKey in k8s.io/api); `''` merges a list of plain values as a set.
 * `ports` has its key by place: containers use containerPort, Services port.
 */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  ownerReferences: 'uid',
  finalizers: '',
  conditions: 'type',
  secrets: 'name',
  addresses: 'type',
  taints: 'key',
  webhooks: 'name',
  podIPs: 'ip',
  resourceClaims: 'name',
};
const keyFor = (path: readonly string[]): string | undefined => {
  const field = path.at(-1) ?? '';
  if (field === 'ports') {
    if (path.includes('containers') || path.includes('initContainers')) return 'containerPort';
    return path.includes('subsets') ? undefined : 'port';
  }
  // Taints, and conditions of Jobs and Deployments among others, are merged by key; `secrets` only on a ServiceAccount.
  return Object.hasOwn(mergeKeys, field) ? mergeKeys[field] : undefined;
};

const directive = '$patch';
const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

const mergeObject = (target: JsonObject, patch: JsonObject, path: readonly string[]): JsonObject => {
  const how = textOf(patch[directive]);
  if (how === 'replace') return withoutDirectives(patch) as JsonObject;
  if (how === 'delete') return {};
  const out = new Map<string, Json>(Object.entries(target));
  const retain = patch['$retainKeys'];
  if (Array.isArray(retain)) for (const key of [...out.keys()]) if (!retain.includes(key)) out.delete(key);
  for (const [key, value] of Object.entries(patch)) {
    if (key === directive || key === '$retainKeys' || key.startsWith('$setElementOrder/')) continue;
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const field = key.slice('$deleteFromPrimitiveList/'.length);
      const held = out.get(field);
      const gone = Array.isArray(value) ? value : [];
      if (Array.isArray(held))
        out.set(
          field,
          held.filter((item) => !gone.some((other) => same(item, other))),
        );
      continue;
    }
    if (value === null) {
      out.delete(key);
      continue;
    }
    out.set(key, mergeValue(out.get(key), value, [...path, key]));
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith('$setElementOrder/') || !Array.isArray(order)) continue;
    const field = key.slice('$setElementOrder/'.length);
    const held = out.get(field);
    if (Array.isArray(held)) out.set(field, reordered(held, order, keyFor([...path, field])));
  }
  return Object.fromEntries(out);
};

const mergeValue = (target: Json | undefined, patch: Json, path: readonly string[]): Json => {
  if (isObject(patch)) return mergeObject(isObject(target) ? target : {}, patch, path);
  if (Array.isArray(patch)) {
    const key = keyFor(path);
    if (key === undefined) return withoutDirectives(patch);
    return mergeList(Array.isArray(target) ? target : [], patch, key, path);
  }
  return patch;
};

const mergeList = (target: readonly Json[], patch: readonly Json[], key: string, path: readonly string[]): Json => {
  if (key === '') return [...target, ...patch.filter((item) => !target.some((held) => same(held, item)))];
  const items = patch.map((item) => {
    if (!isObject(item)) throw badRequest(`invalid patch: a list element of ${path.join('.')} is not an object`);
    return item;
  });
  const rest = items.filter((item) => textOf(item[directive]) !== 'replace' || Object.keys(item).length > 1);
  if (rest.length < items.length) return withoutDirectives(rest);
  let out = [...target];
  for (const item of items) {
    const identity = item[key];
    if (identity === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const at = out.findIndex((held) => isObject(held) && same(held[key], identity));
    if (textOf(item[directive]) === 'delete') out = out.filter((_, index) => index !== at);
    else if (at < 0) out.push(mergeObject({}, item, path));
    else out[at] = mergeObject(out[at] as JsonObject, item, path);
  }
  return out;
};

/** Elements that the order names come in its order; the others keep their place relative to the one before them. */
const reordered = (items: readonly Json[], order: readonly Json[], key: string | undefined): readonly Json[] => {
  const rank = (item: Json): number =>
    order.findIndex((wanted) =>
      key !== undefined && key !== '' && isObject(item) && isObject(wanted)
        ? same(item[key], wanted[key])
        : same(item, wanted),
    );
  const named = items.filter((item) => rank(item) >= 0).sort((left, right) => rank(left) - rank(right));
  const out: Json[] = [];
  let next = 0;
  for (const item of items) {
    if (rank(item) < 0) out.push(item);
    else out.push(named[next++] as Json);
  }
  return out;
};

const withoutDirectives = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !key.startsWith('$') && inner !== null)
      .map(([key, inner]) => [key, withoutDirectives(inner)]),
  );
};

/** Strategic merge patch of a built-in kind (apimachinery `pkg/util/strategicpatch/patch.go`). */
export const strategicMerge = (target: JsonObject, patch: JsonObject): JsonObject => mergeObject(target, patch, []);
