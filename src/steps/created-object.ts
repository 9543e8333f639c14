import { type JsonObject, textAt } from '../model/json.js';
import type { KubernetesWriter } from '../model/ports.js';
import type { KubernetesRef } from '../model/resource.js';
import { fieldOf } from './object-fields.js';
import type { Change } from './step.js';
import { settled } from './step-errors.js';

/** A Kubernetes object that a step makes, as its change: created on the way there, deleted on the way back. */
export const createdChange = (ref: KubernetesRef, body: JsonObject, direction: 'apply' | 'undo'): Change => ({
  api: 'kubernetes',
  verb: direction === 'apply' ? 'create' : 'delete',
  ref,
  body: direction === 'apply' ? body : null,
  rollout: false,
});

const uidOf = (object: JsonObject): string => textAt(object, 'metadata', 'uid') ?? '';

/** What a step records before it makes an object: which one was there, by its uid. */
export const objectBefore = (object: JsonObject | null): JsonObject => ({
  object: fieldOf(object === null ? null : uidOf(object)),
});

/** The object as the server has it, made where it is not there. */
export const createOnce = async (
  kubernetes: KubernetesWriter,
  ref: KubernetesRef,
  body: JsonObject,
): Promise<JsonObject | null> => {
  const object = await kubernetes.get(ref);
  if (object !== null) return object;
  await settled(
    () => kubernetes.create(ref, body),
    async () => (await kubernetes.get(ref)) !== null,
  );
  return kubernetes.get(ref);
};

/** Deletes exactly the object that was read, by its uid. */
export const removeRead = (kubernetes: KubernetesWriter, ref: KubernetesRef, object: JsonObject): Promise<void> =>
  settled(
    () => kubernetes.remove(ref, uidOf(object)),
    async () => (await kubernetes.get(ref)) === null,
  );
