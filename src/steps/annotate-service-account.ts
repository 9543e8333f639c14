import { z } from 'zod';
import { byText, sameJson } from '../model/canonical.js';
import { type JsonObject, textAt } from '../model/json.js';
import { pointerTo } from '../model/json-pointer.js';
import type { Step } from '../model/plan.js';
import { refKey, serviceAccountRef } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { plainPod, podFromTemplate, preview, previewChange } from './admission-preview.js';
import {
  type FieldEdit,
  fieldAt,
  managerOf,
  mergePatchOf,
  plannedAt,
  preimageOf,
  sameField,
  setTo,
} from './object-fields.js';
import { editFields, restoreFields } from './object-write.js';
import { markEdits, unnamedPlan } from './our-marks.js';
import { parserOf, textMap } from './params.js';
import { accountUserReads, carries, usersOf } from './pods.js';
import {
  type Drift,
  defineStep,
  type Observation,
  type Outcome,
  type ReadCtx,
  type UndoOutcome,
  type WriteCtx,
} from './step.js';
import { stepError } from './step-errors.js';

const schema = z.strictObject({
  namespace: z.string(),
  name: z.string(),
  annotations: textMap,
  /** Every workload that may use the account (H21): `Kind/namespace/name`. */
  users: z.array(z.string()),
});
export type AnnotateServiceAccountParams = z.infer<typeof schema>;
type AnnotateStep = Step<AnnotateServiceAccountParams>;
const kind = 'annotate-service-account';

const ref = (params: AnnotateServiceAccountParams) => serviceAccountRef(params.namespace, params.name);
const wanted = ({ params }: AnnotateStep): readonly FieldEdit[] =>
  Object.entries(params.annotations)
    .sort(([left], [right]) => byText(left, right))
    .map(([key, value]) => setTo(pointerTo('metadata', 'annotations', key), value));
const written = (step: AnnotateStep, planId: string): readonly FieldEdit[] => [
  ...wanted(step),
  ...markEdits(planId, step.id),
];
const plannedField = (step: AnnotateStep, pointer: string) => setTo(pointer, plannedAt(step, pointer) ?? null).field;

/**
 * Puts annotations on a service account that the identity webhook reads; only pods created from then on are touched by it
 * (amazon-eks-pod-identity-webhook, pkg/cache). Present and absent are told apart: absent is never written as empty.
 */
export const annotateServiceAccount = defineStep<AnnotateServiceAccountParams>({
  kind,
  stages: ['cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Annotate service account ${params.namespace}/${params.name}`,
    effect: 'additive',
    undo: 'Puts each annotation back to what it was, and waits until new pods come without the injected variables.',
  }),
  changes(step, direction, planId = unnamedPlan) {
    const edits =
      direction === 'apply'
        ? written(step, planId)
        : [
            ...wanted(step).map(({ pointer }) => ({ pointer, field: plannedField(step, pointer) })),
            ...markEdits(planId, step.id).map(({ pointer }) => setTo(pointer, null)),
          ];
    return [
      { api: 'kubernetes', verb: 'patch', ref: ref(step.params), body: mergePatchOf(edits), rollout: false },
      ...(direction === 'undo' ? [previewChange(step.params.namespace)] : []),
    ];
  },
  reads: ({ params }) => [{ api: 'kubernetes', verb: 'get', ref: ref(params) }, ...accountUserReads(params.namespace)],
  locks: ({ params }) => [refKey(ref(params))],

  async preconditions(ctx, { params }) {
    return foreignUsers(ctx, params);
  },

  async observe(ctx, step): Promise<Observation> {
    const object = await ctx.kubernetes().get(ref(step.params));
    if (object === null) return { is: 'gone', what: ref(step.params) };
    const edits = wanted(step);
    const saw: JsonObject = Object.fromEntries(edits.map(({ pointer }) => [pointer, { ...fieldAt(object, pointer) }]));
    if (edits.every((edit) => sameField(fieldAt(object, edit.pointer), edit.field))) return { is: 'applied', saw };
    const strange = edits.find((edit) => {
      const live = fieldAt(object, edit.pointer);
      return !sameField(live, edit.field) && !sameField(live, plannedField(step, edit.pointer));
    });
    return strange === undefined
      ? { is: 'not-applied', saw }
      : { is: 'drifted', saw, field: strange.pointer, by: managerOf(object, strange.pointer) };
  },

  async preimage(ctx, step): Promise<JsonObject> {
    const object = await ctx.kubernetes().get(ref(step.params));
    return preimageOf(
      object,
      written(step, ctx.plan.id).map((edit) => edit.pointer),
    );
  },

  async apply(ctx, step): Promise<Outcome> {
    const edits = wanted(step);
    const edited = await editFields(ctx.kubernetes(), ref(step.params), (object) => {
      if (edits.every((edit) => sameField(fieldAt(object, edit.pointer), edit.field))) return [];
      for (const edit of edits) {
        const live = fieldAt(object, edit.pointer);
        if (sameField(live, edit.field) || sameField(live, plannedField(step, edit.pointer))) continue;
        throw stepError(
          'RL824',
          `service account ${step.params.namespace}/${step.params.name} has another ${edit.pointer}`,
          {
            subject: { kind: 'ServiceAccount', namespace: step.params.namespace, name: step.params.name },
            cause: `it is ${JSON.stringify(live.present ? live.value : null)}, written by ${managerOf(object, edit.pointer) ?? 'an unknown hand'}`,
            remedy: 'Find out who set it; take it away or make the plan again.',
          },
        );
      }
      return written(step, ctx.plan.id);
    });
    if (edited.is === 'gone')
      throw stepError('RL825', `service account ${step.params.namespace}/${step.params.name} is not there`, {
        remedy: 'Find out who deleted it, and make the plan again.',
      });
    return { is: 'done', output: { uid: textAt(edited.object, 'metadata', 'uid') ?? null } };
  },

  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { how, edited, foreign } = await restoreFields(
      ctx.kubernetes(),
      ref(step.params),
      [
        ...wanted(step).map((edit) => ({
          pointer: edit.pointer,
          ours: edit.field,
          fallback: plannedField(step, edit.pointer),
        })),
        ...markEdits(ctx.plan.id, step.id).map((edit) => ({
          pointer: edit.pointer,
          ours: edit.field,
          fallback: { present: false } as const,
        })),
      ],
      record.preimage,
    );
    if (edited.is === 'gone') return { is: 'done', how: 'gone', note: 'the service account is not there any more' };
    const note = foreign.length > 0 ? `left as others wrote it: ${foreign.join(', ')}` : await untilGone(ctx, step);
    return { is: 'done', how, note };
  },
});

/** Workloads and pods that use the account and that the plan does not know: they would gain the role (H21). */
export const foreignUsers = async (
  ctx: ReadCtx,
  params: { readonly namespace: string; readonly name: string; readonly users: readonly string[] },
): Promise<readonly Drift[]> => {
  const found = await usersOf(ctx.kubernetes(), params.namespace, params.name);
  const known = new Set(params.users);
  return found
    .filter((user) => !known.has(user.id))
    .map((user) => ({
      subject: { kind: user.ref.kind, namespace: params.namespace, name: user.ref.name },
      field: 'users',
      expected: [...params.users],
      found: found.map((one) => one.id),
      by: null,
    }));
};

/** After the annotation went: waits until admission gives new pods nothing of it any more (H1, H11). */
const untilGone = async (ctx: WriteCtx, step: AnnotateStep): Promise<string> => {
  const role = step.params.annotations[annotationKeys.irsaRole];
  if (role === undefined) return '';
  const before = plannedAt(step, pointerTo('metadata', 'annotations', annotationKeys.irsaRole));
  if (sameJson(before ?? null, role)) return '';
  return previewGone(ctx, step.params.namespace, step.params.name, { mechanism: 'irsa', role });
};

/** Waits until a preview with that service account shows nothing of the identity; tells where that cannot be proven. */
export const previewGone = async (
  ctx: WriteCtx,
  namespace: string,
  account: string,
  identity: { readonly mechanism: 'irsa' | 'pod-identity'; readonly role: string },
): Promise<string> => {
  const [user] = await usersOf(ctx.kubernetes(), namespace, account);
  const pod = podFromTemplate(
    user?.ref.kind === 'Pod' || !user ? plainPod(account) : user.template,
    namespace,
    account,
  );
  const answer = await preview(ctx, pod, `new pods of ${namespace}/${account} still get the variables`, (admitted) =>
    carries(admitted, identity) ? ['it still carries the new variables'] : [],
  );
  if (answer.is === 'agreed') return '';
  if (answer.is === 'not-provable') return `not provable by a dry run: ${answer.because}`;
  throw stepError('RL871', `new pods of ${namespace}/${account} still get the new identity`, {
    subject: { kind: 'ServiceAccount', namespace, name: account },
    cause: answer.reasons.join('; '),
    remedy:
      'Look for a ConfigMap of the webhook or an association that still names the account; then run the rollback again.',
  });
};
