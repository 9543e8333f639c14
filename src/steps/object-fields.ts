import { sameJson } from '../model/canonical.js';
import { at, isObject, type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import { pointerKeys, pointerTo } from '../model/json-pointer.js';
import type { Step } from '../model/plan.js';

export type Field = { readonly present: false } | { readonly present: true; readonly value: Json };

/** A value as a field: null and undefined are absent. */
export const fieldOf = (value: Json | null | undefined): Field =>
  value === null || value === undefined ? { present: false } : { present: true, value };

/** Absent is not empty. */
export const fieldAt = (object: unknown, pointer: string): Field => {
  const value = at(object, ...pointerKeys(pointer));
  return value === undefined ? { present: false } : { present: true, value };
};
export const sameField = (left: Field, right: Field): boolean =>
  left.present === right.present && (!left.present || !right.present || sameJson(left.value, right.value));

/** One field as it shall be. */
export interface FieldEdit {
  readonly pointer: string;
  readonly field: Field;
}
export const setTo = (pointer: string, value: Json | null | undefined): FieldEdit => ({
  pointer,
  field: fieldOf(value),
});

const nest = (keys: readonly string[], value: Json): Json =>
  keys.reduceRight<Json>((inner, key) => Object.fromEntries([[key, inner]]), value);

/** Two merge patches in one; the second holds where both say something. */
const mergedPatch = (left: Json, right: Json): Json => {
  if (!isObject(left) || !isObject(right)) return right;
  const entries = new Map<string, Json>(Object.entries(left));
  for (const [key, value] of Object.entries(right)) {
    const there = entries.get(key);
    entries.set(key, there === undefined ? value : mergedPatch(there, value));
  }
  return Object.fromEntries(entries);
};

/** JSON merge patch (RFC 7386) that makes these fields so: null deletes. */
export const mergePatchOf = (edits: readonly FieldEdit[]): JsonObject =>
  edits.reduce<Json>(
    (patch, { pointer, field }) => mergedPatch(patch, nest(pointerKeys(pointer), field.present ? field.value : null)),
    {},
  ) as JsonObject;

/** Whether a pointer leads through a list, where a merge patch would replace the list whole. */
export const throughList = (object: unknown, pointer: string): boolean => {
  const keys = pointerKeys(pointer);
  return keys.some((_, index) => Array.isArray(at(object, ...keys.slice(0, index))));
};

/** JSON patch (RFC 6902) that makes these fields so, on exactly this version of the object. */
export const jsonPatchOf = (object: JsonObject, edits: readonly FieldEdit[]): readonly JsonObject[] => {
  const operations: JsonObject[] = [
    { op: 'test', path: '/metadata/resourceVersion', value: textAt(object, 'metadata', 'resourceVersion') ?? '' },
  ];
  const made = new Set<string>();
  for (const { pointer, field } of edits) {
    const there = fieldAt(object, pointer).present;
    if (!field.present) {
      if (there) operations.push({ op: 'remove', path: pointer });
      continue;
    }
    const keys = pointerKeys(pointer);
    for (let length = 1; length < keys.length; length += 1) {
      const parent = pointerTo(...keys.slice(0, length));
      if (fieldAt(object, parent).present || made.has(parent)) continue;
      operations.push({ op: 'add', path: parent, value: {} });
      made.add(parent);
    }
    operations.push({ op: there ? 'replace' : 'add', path: pointer, value: field.value });
  }
  return operations;
};

const parentOf = (pointer: string): string => pointerTo(...pointerKeys(pointer).slice(0, -1));

/** Pre-image of exactly these fields: raw, each present or absent, with uid and resourceVersion (H26). */
export const preimageOf = (object: JsonObject | null, pointers: readonly string[]): JsonObject => ({
  uid: textAt(object, 'metadata', 'uid') ?? null,
  resourceVersion: textAt(object, 'metadata', 'resourceVersion') ?? null,
  fields: Object.fromEntries(pointers.map((pointer) => [pointer, { ...fieldAt(object, pointer) }])),
  /** Whether the map around each field was there: an empty map is not an absent one. */
  maps: Object.fromEntries(
    [...new Set(pointers.map(parentOf))].map((pointer) => [pointer, fieldAt(object, pointer).present]),
  ),
});

/** A field as a pre-image holds it; null where it tells nothing about it. */
export const recordedField = (preimage: JsonObject | null, pointer: string): Field | null => {
  const field = at(preimage, 'fields', pointer);
  if (!isObject(field)) return null;
  const value = at(field, 'value');
  if (field.present === false) return { present: false };
  return field.present === true && value !== undefined ? { present: true, value } : null;
};

/** Adds the removal of a map that was not there before and would be left empty. */
export const withoutEmptyMaps = (
  object: JsonObject,
  edits: readonly FieldEdit[],
  preimage: JsonObject | null,
): readonly FieldEdit[] => {
  const result = [...edits];
  for (const map of new Set(edits.map((edit) => parentOf(edit.pointer)))) {
    if (at(preimage, 'maps', map) !== false) continue;
    const there = at(object, ...pointerKeys(map));
    if (!isObject(there)) continue;
    const gone = new Set(
      edits
        .filter((edit) => parentOf(edit.pointer) === map && !edit.field.present)
        .map((edit) => pointerKeys(edit.pointer).at(-1)),
    );
    const stays = edits.some((edit) => parentOf(edit.pointer) === map && edit.field.present);
    if (!stays && Object.keys(there).every((key) => gone.has(key))) {
      for (let index = result.length - 1; index >= 0; index -= 1)
        if (parentOf((result[index] as FieldEdit).pointer) === map) result.splice(index, 1);
      result.push({ pointer: map, field: { present: false } });
    }
  }
  return result;
};

/**
 * What planning saw at a place, where the step's `before` tells it: by JSON pointer, or by the last key (in `annotations` or
 * bare). Undefined where it says nothing; null means absent.
 */
export const plannedAt = (step: Pick<Step, 'before'>, pointer: string): Json | undefined => {
  const key = pointerKeys(pointer).at(-1) ?? '';
  return at(step.before, pointer) ?? at(step.before, 'annotations', key) ?? at(step.before, key);
};

/** Who wrote a field last, as managedFields tell (Kubernetes documentation, server-side apply); null where they do not. */
export const managerOf = (object: JsonObject | null, pointer: string): string | null => {
  const keys = pointerKeys(pointer);
  let found: { readonly name: string; readonly time: string } | null = null;
  for (const entry of listAt(object, 'metadata', 'managedFields')) {
    const owns = at(entry, 'fieldsV1', ...keys.map((key) => `f:${key}`)) !== undefined;
    const name = textAt(entry, 'manager');
    const time = textAt(entry, 'time') ?? '';
    if (owns && name !== undefined && (found === null || time >= found.time)) found = { name, time };
  }
  return found?.name ?? null;
};
