import { type JsonObject, textsAt } from '../model/json.js';
import { pointerTo } from '../model/json-pointer.js';
import { marks } from '../model/words.js';
import { type Field, type FieldEdit, recordedField, setTo } from './object-fields.js';
import type { OurField } from './object-write.js';
import type { UndoRecord } from './step.js';

/** What stands for the plan's id where a change is shown without one. */
export const unnamedPlan = 'this-plan';

export const planMark = pointerTo('metadata', 'annotations', marks.plan);
const stepMark = pointerTo('metadata', 'annotations', marks.step);

/** Annotations that mark a Kubernetes object as written by this plan and step (H5). */
export const markEdits = (planId: string, stepId: string): readonly FieldEdit[] => [
  setTo(planMark, planId),
  setTo(stepMark, stepId),
];
const markTexts = (planId: string, stepId: string): Readonly<Record<string, string>> => ({
  [marks.plan]: planId,
  [marks.step]: stepId,
});

/** Value of the template annotation that makes a restart recognisable as ours. */
export const restartMark = (planId: string, stepId: string): string => `${planId}/${stepId}`;
const isRestartMark = (field: Field, planId: string): boolean =>
  field.present && typeof field.value === 'string' && field.value.startsWith(restartMark(planId, ''));

/** The template annotation as the undo of a step gives it back; the mark of a later step of the plan is that step's to take. */
export const restartMarkField = (pointer: string, planId: string, stepId: string): OurField => ({
  pointer,
  ours: { present: true, value: restartMark(planId, stepId) },
  fallback: { present: false },
  later: (live) => isRestartMark(live, planId),
});

/**
 * The pre-image that tells what a restart has to give back. All steps that change a template write the same mark, and by H1 the restart
 * is undone after the others: a mark of theirs that it found goes with its own, or nobody would be left to take it.
 */
export const restartPreimage = (record: UndoRecord, pointer: string, planId: string): JsonObject | null => {
  const before = recordedField(record.preimage, pointer);
  if (before === null || !isRestartMark(before, planId)) return record.preimage;
  return (
    record.siblings.find((preimage) => {
      const field = recordedField(preimage, pointer);
      return field !== null && !isRestartMark(field, planId);
    }) ?? null
  );
};

/** Labels and annotations of an object that we create. */
export const createdMetadata = (
  planId: string,
  stepId: string,
): { readonly labels: Record<string, string>; readonly annotations: Record<string, string> } => ({
  labels: { [marks.managedBy]: marks.managedByValue },
  annotations: { ...markTexts(planId, stepId) },
});

/** Whether this plan created the object. */
export const isCreatedBy = (object: JsonObject | null, planId: string): boolean =>
  textsAt(object, 'metadata', 'labels')[marks.managedBy] === marks.managedByValue &&
  textsAt(object, 'metadata', 'annotations')[marks.plan] === planId;

/** Tag keys and values allow letters, digits, spaces and `_.:/=+-@` (IAM and EKS API references). */
const tagValue = (text: string): string => text.replace(/[^\p{L}\p{N} _.:/=+\-@]/gu, '-').slice(0, 256);

/** Tags of AWS objects that we create, as IAM lists them. */
export const tagList = (
  planId: string,
  stepId: string,
  more: Readonly<Record<string, string>> = {},
): { readonly Key: string; readonly Value: string }[] =>
  Object.entries(tagMap(planId, stepId, more)).map(([Key, Value]) => ({ Key, Value }));
/** The same as EKS takes them. */
export const tagMap = (
  planId: string,
  stepId: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> => ({
  ...more,
  [marks.plan]: tagValue(planId),
  [marks.step]: tagValue(stepId),
});
export const isTaggedBy = (tags: unknown, planId: string): boolean => {
  const wanted = tagValue(planId);
  if (Array.isArray(tags))
    return tags.some((tag: { Key?: unknown; Value?: unknown }) => tag?.Key === marks.plan && tag?.Value === wanted);
  return textsAt(tags)[marks.plan] === wanted;
};
