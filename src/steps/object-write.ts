import type { UndoHow } from '../model/journal.js';
import { type JsonObject, textAt } from '../model/json.js';
import type { KubernetesWriter } from '../model/ports.js';
import { type KubernetesRef, subjectOf, subjectTitle } from '../model/resource.js';
import {
  type Field,
  type FieldEdit,
  fieldAt,
  jsonPatchOf,
  mergePatchOf,
  recordedField,
  sameField,
  throughList,
  withoutEmptyMaps,
} from './object-fields.js';
import { hasCode, stepError } from './step-errors.js';

/** How often a conflict is answered by reading and deciding again. */
const attempts = 6;

export type Edited =
  | { readonly is: 'gone' }
  | { readonly is: 'same'; readonly object: JsonObject }
  | { readonly is: 'written'; readonly object: JsonObject };

/**
 * Reads an object, lets `decide` say which fields are to be written, and writes these with the resourceVersion that was read.
 * On a conflict it reads and decides again, a bounded number of times (RL874); never a blind overwrite. An error of the write
 * is settled by reading: where every field is as wanted, it was carried out.
 */
export const editFields = async (
  kubernetes: KubernetesWriter,
  ref: KubernetesRef,
  decide: (object: JsonObject) => readonly FieldEdit[],
  preimage: JsonObject | null = null,
): Promise<Edited> => {
  for (let attempt = 1; ; attempt += 1) {
    const object = await kubernetes.get(ref);
    if (object === null) return { is: 'gone' };
    const wanted = decide(object).filter((edit) => !sameField(fieldAt(object, edit.pointer), edit.field));
    if (wanted.length === 0) return { is: 'same', object };
    const edits = withoutEmptyMaps(object, wanted, preimage);
    try {
      const version = textAt(object, 'metadata', 'resourceVersion') ?? '';
      const written = edits.some((edit) => throughList(object, edit.pointer))
        ? await kubernetes.jsonPatch(ref, jsonPatchOf(object, edits))
        : await kubernetes.mergePatch(ref, mergePatchOf(edits), version);
      return { is: 'written', object: written };
    } catch (thrown) {
      if (hasCode(thrown, 'RL733')) return { is: 'gone' };
      const live = await kubernetes.get(ref).catch(() => undefined);
      if (live === null) return { is: 'gone' };
      if (live !== undefined && wanted.every((edit) => sameField(fieldAt(live, edit.pointer), edit.field)))
        return { is: 'written', object: live };
      if (!hasCode(thrown, 'RL732')) throw thrown;
      if (attempt >= attempts)
        throw stepError('RL874', `${subjectTitle(subjectOf(ref))} is changed by others again and again`, {
          subject: subjectOf(ref),
          remedy: 'Find out which controller writes it all the time, then run the same command again.',
          because: thrown,
        });
    }
  }
};

/** A field that the undo gives back: what we wrote, and what was there before where a pre-image tells it. */
export interface OurField {
  readonly pointer: string;
  readonly ours: Field;
  /** Used where no pre-image was recorded. */
  readonly fallback: Field;
  /** What another step of the same plan wrote there, whose own undo takes it back: left alone, and nobody else's. */
  readonly later?: (live: Field) => boolean;
}

/** Fields that are still ours go back to what they were; what another hand wrote since is left alone. */
export const restoreFields = async (
  kubernetes: KubernetesWriter,
  ref: KubernetesRef,
  fields: readonly OurField[],
  preimage: JsonObject | null,
): Promise<{ readonly how: UndoHow; readonly edited: Edited; readonly foreign: readonly string[] }> => {
  let foreign: readonly string[] = [];
  const edited = await editFields(
    kubernetes,
    ref,
    (object) => {
      const left: string[] = [];
      const edits = fields.flatMap(({ pointer, ours, fallback, later }): FieldEdit[] => {
        const live = fieldAt(object, pointer);
        const before = recordedField(preimage, pointer) ?? fallback;
        if (sameField(live, before)) return [];
        if (sameField(live, ours)) return [{ pointer, field: before }];
        if (later?.(live) !== true) left.push(pointer);
        return [];
      });
      foreign = left;
      return edits;
    },
    preimage,
  );
  return { how: edited.is === 'gone' ? 'gone' : foreign.length > 0 ? 'surgical' : 'exact', edited, foreign };
};
