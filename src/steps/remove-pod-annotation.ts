import { z } from 'zod';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { isReady } from '../model/pod-state.js';
import { refKey, subjectOf, subjectTitle } from '../model/resource.js';
import { marks } from '../model/words.js';
import { previewChange } from './admission-preview.js';
import {
  fieldAt,
  managerOf,
  mergePatchOf,
  plannedAt,
  preimageOf,
  recordedField,
  sameField,
  setTo,
} from './object-fields.js';
import { editFields, restoreFields } from './object-write.js';
import { restartMark, restartMarkField, unnamedPlan } from './our-marks.js';
import { identityParam, parserOf, type WorkloadParam, workloadParam, workloadRef } from './params.js';
import { accountOf, carries, lacks, podName } from './pods.js';
import { podDeletion, previewWanted } from './restart-workload.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { hasCode, stepError } from './step-errors.js';
import { finishRoll, insideTemplate, livePods, mannerOf, templateOf } from './template-roll.js';
import { workloadReads } from './workload-reads.js';

const schema = z.strictObject({
  workload: workloadParam,
  /** Annotation keys of the broker. */
  keys: z.array(z.string()),
  identity: identityParam,
});
export type RemovePodAnnotationParams = z.infer<typeof schema>;
type RemoveStep = Step<RemovePodAnnotationParams>;
const kind = 'remove-pod-annotation';

const pointers = ({ params: { workload, keys } }: RemoveStep): readonly string[] =>
  keys.map((key) => insideTemplate(workload, 'metadata', 'annotations', key));
const markOf = (workload: WorkloadParam): string => insideTemplate(workload, 'metadata', 'annotations', marks.restart);
const mark = (step: RemoveStep, planId: string) => setTo(markOf(step.params.workload), restartMark(planId, step.id));
const holds = (pod: JsonObject, keys: readonly string[]): readonly string[] =>
  keys
    .filter(
      (key) =>
        fieldAt(pod, insideTemplate({ templatePath: '' } as WorkloadParam, 'metadata', 'annotations', key)).present,
    )
    .map((key) => `it still has the annotation ${key}`);
/** A Job's template is immutable, and an ended one's annotation does nothing any more. */
const immutable = (workload: WorkloadParam): boolean => workload.kind === 'Job';

/** Takes the broker's annotations from a pod template, which is a rollout of its own; waits for it. */
export const removePodAnnotation = defineStep<RemovePodAnnotationParams>({
  kind,
  stages: ['cutover', 'retire'],
  skippable: true,
  undoWithMove: false,
  rollout: true,
  parseParams: parserOf(kind, schema),
  describe: ({ params: { workload, keys } }) => ({
    title: `Take ${keys.join(', ')} from ${workload.kind} ${workload.namespace}/${workload.name}`,
    effect: 'disruptive',
    undo: 'Puts the annotations back with exactly the values that they had, and waits for the rollout.',
  }),
  changes(step, direction, planId = unnamedPlan) {
    const { workload } = step.params;
    const edits =
      direction === 'apply'
        ? [...pointers(step).map((pointer) => setTo(pointer, null)), mark(step, planId)]
        : [
            ...pointers(step).map((pointer) => setTo(pointer, plannedAt(step, pointer) ?? '')),
            setTo(markOf(workload), null),
          ];
    return [
      ...(direction === 'apply' ? [previewChange(workload.namespace)] : []),
      { api: 'kubernetes', verb: 'patch', ref: workloadRef(workload), body: mergePatchOf(edits), rollout: true },
      podDeletion(workload),
    ];
  },
  reads: ({ params: { workload } }) => workloadReads(workload),
  locks: ({ params: { workload } }) => [refKey(workloadRef(workload))],

  async preconditions(ctx, step) {
    const { workload, identity } = step.params;
    if (step.stage !== 'retire') return [];
    const bad = (await livePods(ctx, workload)).filter((pod) => lacks(pod, identity).length > 0);
    return bad.map((pod) => ({
      subject: subjectOf(workloadRef(workload)),
      field: `pod ${podName(pod)}`,
      expected: 'the new identity',
      found: [...lacks(pod, identity)],
      by: null,
    }));
  },

  async observe(ctx, step): Promise<Observation> {
    const { workload, keys } = step.params;
    const object = await ctx.kubernetes().get(workloadRef(workload));
    if (object === null) return { is: 'gone', what: workloadRef(workload) };
    const live = await livePods(ctx, workload);
    const left = pointers(step).filter((pointer) => fieldAt(object, pointer).present);
    const bearing = live.filter((pod) => holds(pod, keys).length > 0);
    const saw: JsonObject = {
      template: Object.fromEntries(pointers(step).map((pointer) => [pointer, { ...fieldAt(object, pointer) }])),
      pods: bearing.map(podName),
    };
    if (immutable(workload)) return { is: live.length === 0 || bearing.length === 0 ? 'applied' : 'not-applied', saw };
    if (left.length === 0)
      return { is: bearing.length === 0 || mannerOf(object, workload).is === 'later' ? 'applied' : 'in-progress', saw };
    const strange = left.find((pointer) => {
      const planned = plannedAt(step, pointer);
      return planned !== undefined && !sameField(fieldAt(object, pointer), setTo(pointer, planned).field);
    });
    return strange === undefined
      ? { is: 'not-applied', saw }
      : { is: 'drifted', saw, field: strange, by: managerOf(object, strange) };
  },

  async preimage(ctx, step): Promise<JsonObject> {
    const object = await ctx.kubernetes().get(workloadRef(step.params.workload));
    return preimageOf(object, [...pointers(step), markOf(step.params.workload)]);
  },

  async apply(ctx, step): Promise<Outcome> {
    const { workload, keys, identity } = step.params;
    const ref = workloadRef(workload);
    const object = await ctx.kubernetes().get(ref);
    if (object === null)
      throw stepError('RL825', `${subjectTitle(subjectOf(ref))} is not there`, {
        subject: subjectOf(ref),
        remedy: 'Find out who deleted it, and make the plan again.',
      });
    const template = templateOf(object, workload);
    if (immutable(workload)) {
      const live = await livePods(ctx, workload);
      if (live.some((pod) => holds(pod, keys).length > 0)) {
        const manner = mannerOf(object, workload);
        return manner.is === 'by-hand'
          ? { is: 'paused', gate: `restart:${step.id}`, reason: manner.reason, how: manner.how }
          : { is: 'done', output: {} };
      }
      return { is: 'done', output: { note: 'the Job has ended; its template cannot be changed' } };
    }
    const note =
      workload.kind === 'Pod' || pointers(step).every((pointer) => !fieldAt(object, pointer).present)
        ? ''
        : await previewWanted(ctx, workload, template, identity, accountOf(template));
    const edited = await editFields(ctx.kubernetes(), ref, (live) =>
      pointers(step).every((pointer) => !fieldAt(live, pointer).present)
        ? []
        : [...pointers(step).map((pointer) => setTo(pointer, null)), mark(step, ctx.plan.id)],
    );
    if (edited.is === 'gone')
      throw stepError('RL825', `${subjectTitle(subjectOf(ref))} is not there`, {
        remedy: 'Make the plan again.',
      });
    const wrong = (pod: JsonObject): readonly string[] => [
      ...holds(pod, keys),
      ...(workload.kind === 'Pod' ? [] : lacks(pod, identity)),
    ];
    const rolled = await finishRoll(ctx, workload, edited.object, wrong, {
      why: `pods of ${subjectTitle(subjectOf(ref))} still have the old annotation`,
      rolling: true,
    });
    if (rolled.is === 'paused')
      return { is: 'paused', gate: `restart:${step.id}`, reason: rolled.reason, how: rolled.how };
    return { is: 'done', output: { pods: rolled.pods, note: rolled.note || note } };
  },

  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { workload, keys, identity } = step.params;
    if (immutable(workload)) return { is: 'done', how: 'exact', note: 'the template was never changed' };
    const { how, edited, foreign } = await restoreFields(
      ctx.kubernetes(),
      workloadRef(workload),
      [
        ...pointers(step).map((pointer) => ({
          pointer,
          ours: { present: false } as const,
          fallback: setTo(pointer, plannedAt(step, pointer) ?? null).field,
        })),
        restartMarkField(markOf(workload), ctx.plan.id, step.id),
      ],
      record.preimage,
    );
    if (edited.is === 'gone') return { is: 'done', how: 'gone', note: 'the workload is not there any more' };
    const back = keys.filter((key, index) => {
      const pointer = pointers(step)[index] as string;
      const before = recordedField(record.preimage, pointer) ?? setTo(pointer, plannedAt(step, pointer) ?? null).field;
      return before.present && key !== '';
    });
    const wrong = (pod: JsonObject): readonly string[] => {
      const has = new Set(keys.filter((key) => holds(pod, [key]).length > 0));
      return back.filter((key) => !has.has(key)).map((key) => `the annotation ${key} is not back on it`);
    };
    const roll = finishRoll(ctx, workload, edited.object, wrong, {
      why: `pods of ${workload.namespace}/${workload.name} do not have the old annotation back yet`,
      rolling: edited.is === 'written',
      force: true,
    });
    const rolled = await roll.catch(async (thrown: unknown) => {
      if (!hasCode(thrown, 'RL811', 'RL821')) throw thrown;
      // Pods that fail with the new identity get ready only once it is gone: its binding goes next, then those pods (H1).
      const bad = (await livePods(ctx, workload)).filter((pod) => !isReady(pod) || wrong(pod).length > 0);
      if (bad.length === 0 || !bad.every((pod) => carries(pod, identity))) throw thrown;
      return { is: 'failing', pods: bad.map(podName) } as const;
    });
    if (rolled.is === 'failing')
      return {
        is: 'done',
        how,
        note: `not ready with the new identity, which they still carry: ${rolled.pods.join(', ')}`,
      };
    // A run that is under way keeps the identity that it carries, so it is not what the undo of the annotation waits for.
    if (rolled.is === 'paused' && !['CronJob'].includes(workload.kind))
      return { is: 'paused', gate: `restart:${step.id}`, reason: rolled.reason, how: rolled.how };
    return {
      is: 'done',
      how,
      note: foreign.length > 0 ? `left as others wrote it: ${foreign.join(', ')}` : '',
    };
  },
});
