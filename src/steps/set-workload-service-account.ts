import { z } from 'zod';
import { at, type JsonObject } from '../model/json.js';
import { pointerKeys, pointerTo } from '../model/json-pointer.js';
import type { Step } from '../model/plan.js';
import { refKey, subjectOf, subjectTitle } from '../model/resource.js';
import { marks } from '../model/words.js';
import { previewChange } from './admission-preview.js';
import { type Field, fieldAt, managerOf, mergePatchOf, preimageOf, setTo } from './object-fields.js';
import { editFields, restoreFields } from './object-write.js';
import { restartMark, restartMarkField, unnamedPlan } from './our-marks.js';
import { identityParam, parserOf, pointerParam, workloadParam, workloadRef } from './params.js';
import { accountOf, lacks, podName } from './pods.js';
import { podDeletion, previewWanted } from './restart-workload.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { stepError } from './step-errors.js';
import { finishRoll, insideTemplate, livePods, mannerOf, templateOf } from './template-roll.js';
import { workloadReads } from './workload-reads.js';

const schema = z.strictObject({
  workload: workloadParam,
  /** JSON pointer of the name in the owner. */
  pointer: pointerParam,
  from: z.string(),
  to: z.string(),
  identity: identityParam,
});
export type SetWorkloadServiceAccountParams = z.infer<typeof schema>;
type SwitchStep = Step<SetWorkloadServiceAccountParams>;
const kind = 'set-workload-service-account';

/** The deprecated twin `serviceAccount`: the API server fills it, and it would win where only the name is deleted. */
const twinOf = (pointer: string): string | null => {
  const keys = pointerKeys(pointer);
  return keys.at(-1) === 'serviceAccountName' ? pointerTo(...keys.slice(0, -1), 'serviceAccount') : null;
};
const markOf = ({ params: { workload } }: SwitchStep): string | null =>
  workload.templatePath === '' ? null : insideTemplate(workload, 'metadata', 'annotations', marks.restart);
const pointers = (step: SwitchStep): readonly string[] =>
  [step.params.pointer, twinOf(step.params.pointer), markOf(step)].filter((one): one is string => one !== null);
/** An absent name is `default`. */
const nameIn = (object: unknown, pointer: string): string => {
  const found = at(object, ...pointerKeys(pointer));
  return typeof found === 'string' && found !== '' ? found : 'default';
};
const immutable = ({ params: { workload } }: SwitchStep): boolean => ['Pod', 'Job'].includes(workload.kind);

/** Lets a workload run with another service account, which rolls it; waits for that. */
export const setWorkloadServiceAccount = defineStep<SetWorkloadServiceAccountParams>({
  kind,
  stages: ['cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: true,
  parseParams: parserOf(kind, schema),
  describe: ({ params: { workload, from, to } }) => ({
    title: `Run ${workload.kind} ${workload.namespace}/${workload.name} as service account ${to}`,
    effect: 'disruptive',
    undo: `Runs it as ${from} again, and waits until no pod of it runs as ${to}.`,
  }),
  changes(step, direction, planId = unnamedPlan) {
    const { workload, pointer, from, to } = step.params;
    const mark = markOf(step);
    const name = direction === 'apply' ? to : from === 'default' ? null : from;
    const body = mergePatchOf([
      setTo(pointer, name),
      ...(mark === null ? [] : [setTo(mark, direction === 'apply' ? restartMark(planId, step.id) : null)]),
    ]);
    return [
      previewChange(workload.namespace),
      { api: 'kubernetes', verb: 'patch', ref: workloadRef(workload), body, rollout: true },
      podDeletion(workload),
    ];
  },
  reads: ({ params: { workload } }) => workloadReads(workload),
  locks: ({ params: { workload } }) => [refKey(workloadRef(workload))],

  async preconditions(ctx, { params: { workload, pointer, from, to } }) {
    const object = await ctx.kubernetes().get(workloadRef(workload));
    if (object === null) return [];
    const found = nameIn(object, pointer);
    return found === from || found === to
      ? []
      : [
          {
            subject: subjectOf(workloadRef(workload)),
            field: pointer,
            expected: from,
            found,
            by: managerOf(object, pointer),
          },
        ];
  },
  async observe(ctx, step): Promise<Observation> {
    const { workload, pointer, from, to } = step.params;
    const object = await ctx.kubernetes().get(workloadRef(workload));
    if (object === null) return { is: 'gone', what: workloadRef(workload) };
    const name = nameIn(object, pointer);
    const live = await livePods(ctx, workload);
    const old = live.filter((pod) => accountOf(pod) !== to);
    const saw: JsonObject = { serviceAccount: name, pods: old.map(podName) };
    // An ended Job keeps its template; nothing runs with the old name any more.
    if (immutable(step) && live.length === 0) return { is: 'applied', saw };
    if (name === to)
      return { is: old.length === 0 || mannerOf(object, workload).is === 'later' ? 'applied' : 'in-progress', saw };
    return name === from
      ? { is: 'not-applied', saw }
      : { is: 'drifted', saw, field: pointer, by: managerOf(object, pointer) };
  },
  async preimage(ctx, step): Promise<JsonObject> {
    return preimageOf(await ctx.kubernetes().get(workloadRef(step.params.workload)), pointers(step));
  },
  async apply(ctx, step): Promise<Outcome> {
    const { workload, pointer, from, to, identity } = step.params;
    const ref = workloadRef(workload);
    const object = await ctx.kubernetes().get(ref);
    if (object === null) throw gone(step);
    const manner = mannerOf(object, workload);
    if (immutable(step) && nameIn(object, pointer) !== to) {
      if ((await livePods(ctx, workload)).length === 0) return { is: 'done', output: { note: 'it has ended' } };
      return manner.is === 'by-hand'
        ? {
            is: 'paused',
            gate: `restart:${step.id}`,
            reason: manner.reason,
            how: `${manner.how}, with service account ${to}`,
          }
        : { is: 'done', output: {} };
    }
    const template = templateOf(object, workload);
    const known = workload.templatePath !== '';
    const note =
      nameIn(object, pointer) === to || !known ? '' : await previewWanted(ctx, workload, template, identity, to);
    const edited = await editFields(ctx.kubernetes(), ref, (live) => {
      const name = nameIn(live, pointer);
      if (name === to) return [];
      if (name !== from)
        throw stepError('RL824', `${subjectTitle(subjectOf(ref))} runs as ${name}, not as ${from}`, {
          subject: subjectOf(ref),
          cause: `written by ${managerOf(live, pointer) ?? 'an unknown hand'}`,
          remedy: 'Make the plan again.',
        });
      const twin = twinOf(pointer);
      const mark = markOf(step);
      return [
        setTo(pointer, to),
        ...(twin !== null && fieldAt(live, twin).present ? [setTo(twin, to)] : []),
        ...(mark === null ? [] : [setTo(mark, restartMark(ctx.plan.id, step.id))]),
      ];
    });
    if (edited.is === 'gone') throw gone(step);
    const rolled = await finishRoll(ctx, workload, edited.object, (pod) => lacks(pod, identity, to), {
      why: `pods of ${subjectTitle(subjectOf(ref))} do not run as ${to} yet`,
      rolling: true,
    });
    return rolled.is === 'paused'
      ? { is: 'paused', gate: `restart:${step.id}`, reason: rolled.reason, how: rolled.how }
      : { is: 'done', output: { pods: rolled.pods, note: rolled.note || note } };
  },
  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { workload, pointer, from, to } = step.params;
    const old: Field = from === 'default' ? { present: false } : { present: true, value: from };
    const twin = twinOf(pointer);
    const mark = markOf(step);
    const ours: Field = { present: true, value: to };
    if (immutable(step)) return { is: 'done', how: 'exact', note: 'the template was never changed' };
    const { how, edited, foreign } = await restoreFields(
      ctx.kubernetes(),
      workloadRef(workload),
      [
        { pointer, ours, fallback: old },
        ...(twin === null ? [] : [{ pointer: twin, ours, fallback: old }]),
        ...(mark === null ? [] : [restartMarkField(mark, ctx.plan.id, step.id)]),
      ],
      record.preimage,
    );
    if (edited.is === 'gone') return { is: 'done', how: 'gone', note: 'the workload is not there any more' };
    const rolled = await finishRoll(
      ctx,
      workload,
      edited.object,
      (pod) => (accountOf(pod) === to && nameIn(edited.object, pointer) !== to ? [`it still runs as ${to}`] : []),
      {
        why: `pods of ${workload.namespace}/${workload.name} still run as ${to}`,
        rolling: edited.is === 'written',
        force: true,
      },
    );
    return rolled.is === 'paused'
      ? { is: 'paused', gate: `restart:${step.id}`, reason: rolled.reason, how: rolled.how }
      : { is: 'done', how, note: foreign.length > 0 ? `left as others wrote it: ${foreign.join(', ')}` : '' };
  },
});

const gone = (step: SwitchStep) =>
  stepError('RL825', `${subjectTitle(subjectOf(workloadRef(step.params.workload)))} is not there`, {
    subject: subjectOf(workloadRef(step.params.workload)),
    remedy: 'Find out who deleted it, and make the plan again.',
  });
