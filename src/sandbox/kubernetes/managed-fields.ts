import { isObject, type Json, type JsonObject, listAt, textAt } from '../../model/json.js';
import { type KubeObject, same, timeText, withAt } from './object.js';

/** Who wrote which field: `metadata.managedFields` in the form FieldsV1 (structured-merge-diff `fieldpath/serialize.go`). */

type Tree = Map<string, Tree>;

const keyFields: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  conditions: 'type',
  ownerReferences: 'uid',
  imagePullSecrets: 'name',
  webhooks: 'name',
};
const ignored = new Set([
  'metadata.managedFields',
  'metadata.resourceVersion',
  'metadata.uid',
  'metadata.generation',
  'metadata.creationTimestamp',
  'metadata.name',
  'metadata.namespace',
  'metadata.generateName',
  'apiVersion',
  'kind',
]);
const childrenOf = (value: Json, field: string): readonly (readonly [string, Json])[] | null => {
  if (isObject(value)) return Object.entries(value).map(([key, inner]) => [`f:${key}`, inner]);
  const key = Object.hasOwn(keyFields, field) ? keyFields[field] : undefined;
  if (!Array.isArray(value) || key === undefined) return null;
  return value.map((item, index) => {
    const name = isObject(item) ? item[key] : undefined;
    return [name === undefined ? `i:${index}` : `k:${JSON.stringify({ [key]: name })}`, item as Json];
  });
};
const within = (tree: Tree, step: string): Tree => {
  const held = tree.get(step);
  if (held !== undefined) return held;
  const made: Tree = new Map();
  tree.set(step, made);
  return made;
};
/** Puts into `changed` what is new or different, and into `gone` what is no longer there. */
const compare = (
  before: Json | undefined,
  after: Json | undefined,
  field: string,
  path: string,
  changed: Tree,
  gone: Tree,
): void => {
  if (same(before, after) || ignored.has(path)) return;
  const old = before === undefined ? null : childrenOf(before, field);
  const now = after === undefined ? null : childrenOf(after, field);
  const olds = new Map(old ?? []);
  const news = new Map(now ?? []);
  const steps = [...new Set([...olds.keys(), ...news.keys()])];
  for (const step of steps) {
    const left = olds.get(step);
    const right = news.get(step);
    if (same(left, right)) continue;
    const inner = step.startsWith('f:') ? step.slice(2) : '';
    const place = path === '' ? inner : `${path}.${inner}`;
    if (ignored.has(place)) continue;
    if (right === undefined) {
      within(gone, step);
      continue;
    }
    const branch = within(changed, step);
    const lost: Tree = new Map();
    compare(left, right, inner, place, branch, lost);
    if (lost.size > 0) gone.set(step, lost);
    // An element of a keyed list is owned itself, too; an object whose only change was a loss owns nothing new.
    if (branch.size === 0 && lost.size > 0) changed.delete(step);
  }
};
const fromFields = (fields: JsonObject): Tree =>
  new Map(Object.entries(fields).map(([key, value]) => [key, isObject(value) ? fromFields(value) : new Map()]));
const toFields = (tree: Tree): JsonObject =>
  Object.fromEntries([...tree].map(([key, inner]) => [key, toFields(inner)]));
const added = (tree: Tree, other: Tree): Tree => {
  const out: Tree = new Map(tree);
  for (const [key, inner] of other) out.set(key, added(out.get(key) ?? new Map(), inner));
  return out;
};
const without = (tree: Tree, other: Tree): Tree => {
  const out: Tree = new Map();
  for (const [key, inner] of tree) {
    const taken = other.get(key);
    if (taken === undefined) out.set(key, inner);
    else if (taken.size > 0 && inner.size > 0) {
      const left = without(inner, taken);
      if (left.size > 0) out.set(key, left);
    }
  }
  return out;
};

export interface Writer {
  readonly manager: string;
  readonly operation: 'Update' | 'Apply';
  readonly subresource: string;
}
/** The new object with the writer entered as the manager of everything that differs from the old one. */
export const withManager = (old: KubeObject | null, object: KubeObject, writer: Writer, now: number): KubeObject => {
  const changed: Tree = new Map();
  const gone: Tree = new Map();
  compare(old ?? {}, object, '', '', changed, gone);
  const held = listAt(old, 'metadata', 'managedFields').filter(isObject);
  if (changed.size === 0 && gone.size === 0) return withAt(object, ['metadata', 'managedFields'], held);
  const isWriter = (entry: JsonObject): boolean =>
    textAt(entry, 'manager') === writer.manager &&
    textAt(entry, 'operation') === writer.operation &&
    (textAt(entry, 'subresource') ?? '') === writer.subresource;
  const mine = held.find(isWriter);
  const own = without(mine === undefined ? new Map() : fromFields(mine['fieldsV1'] as JsonObject), gone);
  const entry: JsonObject = {
    manager: writer.manager,
    operation: writer.operation,
    apiVersion: textAt(object, 'apiVersion') ?? '',
    time: timeText(now),
    fieldsType: 'FieldsV1',
    fieldsV1: toFields(added(own, changed)),
    ...(writer.subresource === '' ? {} : { subresource: writer.subresource }),
  };
  const others = held
    .filter((other) => !isWriter(other))
    .map((other) => {
      const left = without(without(fromFields(other['fieldsV1'] as JsonObject), changed), gone);
      return left.size === 0 ? null : { ...other, fieldsV1: toFields(left) };
    })
    .filter((other) => other !== null);
  return withAt(object, ['metadata', 'managedFields'], [...others, entry]);
};
