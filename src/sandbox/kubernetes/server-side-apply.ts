import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import type { Kind } from './kinds.js';
import { type KubeObject, nameOf, same } from './object.js';
import { mergePatch } from './patch.js';
import { ApiError } from './status.js';
import { strategicMerge } from './strategic.js';

/** Paths of plain fields below a FieldsV1 tree: only maps of fields, which is where annotations, labels and values are. */
const ownedPaths = (fields: JsonObject, prefix: readonly string[] = []): readonly (readonly string[])[] =>
  Object.entries(fields).flatMap(([step, inner]) => {
    if (!step.startsWith('f:')) return [];
    const path = [...prefix, step.slice(2)];
    return isObject(inner) && Object.keys(inner).length > 0 ? ownedPaths(inner, path) : [path];
  });
const valueAt = (object: Json | undefined, path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>(
    (held, key) => (isObject(held) && Object.hasOwn(held, key) ? held[key] : undefined),
    object,
  );
const nullAt = (path: readonly string[]): Json => path.reduceRight<Json>((held, key) => ({ [key]: held }), null);

/**
 * Server-side apply in its essence: what the configuration says is set, what this manager had set and no longer says is taken
 * away, and a field that another manager set to something else is a conflict unless forced (KEP-555). Lists are merged by key.
 */
export const applied = (
  kind: Kind,
  old: KubeObject,
  config: KubeObject,
  manager: string,
  force: boolean,
): KubeObject => {
  const entries = listAt(old, 'metadata', 'managedFields').filter(isObject);
  const isMine = (entry: JsonObject): boolean =>
    textAt(entry, 'manager') === manager && textAt(entry, 'operation') === 'Apply';
  const conflicts = entries
    .filter((entry) => !isMine(entry))
    .flatMap((entry) =>
      ownedPaths(objectAt(entry, 'fieldsV1'))
        .filter((path) => {
          const wanted = valueAt(config, path);
          return wanted !== undefined && !same(wanted, valueAt(old, path));
        })
        .map((path) => ({
          manager: textAt(entry, 'manager') ?? '',
          path: `.${path.join('.')}`,
          apiVersion: textAt(entry, 'apiVersion') ?? '',
        })),
    );
  if (conflicts.length > 0 && !force) {
    const first = conflicts[0];
    throw new ApiError(
      409,
      'Conflict',
      `Apply failed with ${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}: conflict with "${first?.manager}" using ${first?.apiVersion}: ${first?.path}`,
      {
        causes: conflicts.map((one) => ({
          reason: 'FieldManagerConflict',
          message: `conflict with "${one.manager}" using ${one.apiVersion}`,
          field: one.path,
        })),
        name: nameOf(old),
        kind: kind.resource,
        ...(kind.group === '' ? {} : { group: kind.group }),
      },
    );
  }
  const mine = entries.find(isMine);
  const dropped =
    mine === undefined
      ? []
      : ownedPaths(objectAt(mine, 'fieldsV1')).filter((path) => valueAt(config, path) === undefined);
  const shared = (path: readonly string[]): boolean =>
    entries.some(
      (entry) =>
        !isMine(entry) && ownedPaths(objectAt(entry, 'fieldsV1')).some((other) => other.join('\0') === path.join('\0')),
    );
  const pruned = dropped
    .filter((path) => !shared(path))
    .reduce((held, path) => mergePatch(held, nullAt(path)) as KubeObject, old);
  return kind.custom ? (mergePatch(pruned, config) as KubeObject) : strategicMerge(pruned, config);
};
