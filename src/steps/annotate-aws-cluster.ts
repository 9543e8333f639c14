import { z } from 'zod';
import type { JsonObject } from '../model/json.js';
import { pointerTo } from '../model/json-pointer.js';
import type { Step } from '../model/plan.js';
import { type KubernetesRef, refKey } from '../model/resource.js';
import { fieldAt, managerOf, mergePatchOf, plannedAt, preimageOf, setTo } from './object-fields.js';
import { editFields, restoreFields } from './object-write.js';
import { markEdits, unnamedPlan } from './our-marks.js';
import { parserOf } from './params.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { stepError } from './step-errors.js';

const schema = z.strictObject({
  /** Context of the management cluster. */
  context: z.string(),
  namespace: z.string(),
  name: z.string(),
  annotation: z.string(),
  value: z.string(),
});
export type AnnotateAwsClusterParams = z.infer<typeof schema>;
type ClusterStep = Step<AnnotateAwsClusterParams>;
const kind = 'annotate-aws-cluster';

const ref = ({ context, namespace, name }: AnnotateAwsClusterParams): KubernetesRef => ({
  api: 'kubernetes',
  apiVersion: 'infrastructure.giantswarm.io/v1alpha3',
  kind: 'AWSCluster',
  namespace,
  name,
  cluster: context,
});
const pointer = ({ annotation }: AnnotateAwsClusterParams): string => pointerTo('metadata', 'annotations', annotation);
const edits = (step: ClusterStep, planId: string) => [
  setTo(pointer(step.params), step.params.value),
  ...markEdits(planId, step.id),
];

/** Turns IRSA on for a Giant Swarm workload cluster: the annotation's presence counts, not its value (Giant Swarm docs). */
export const annotateAwsCluster = defineStep<AnnotateAwsClusterParams>({
  kind,
  stages: ['prepare'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Annotate AWSCluster ${params.namespace}/${params.name} in ${params.context}`,
    effect: 'additive',
    undo: 'Takes the annotation away again; the control plane keeps its issuer until it is rolled.',
  }),
  changes: (step, direction, planId = unnamedPlan) => [
    {
      api: 'kubernetes',
      verb: 'patch',
      ref: ref(step.params),
      body: mergePatchOf(
        direction === 'apply'
          ? edits(step, planId)
          : edits(step, planId).map((edit) => setTo(edit.pointer, plannedAt(step, edit.pointer) ?? null)),
      ),
      rollout: false,
    },
  ],
  reads: ({ params }) => [{ api: 'kubernetes', verb: 'get', ref: ref(params) }],
  locks: ({ params }) => [refKey(ref(params))],
  preconditions: async () => [],

  async observe(ctx, { params }): Promise<Observation> {
    const object = await ctx.kubernetes(params.context).get(ref(params));
    if (object === null) return { is: 'gone', what: ref(params) };
    const field = fieldAt(object, pointer(params));
    return {
      is: field.present ? 'applied' : 'not-applied',
      saw: { field: { ...field }, by: managerOf(object, pointer(params)) },
    };
  },
  async preimage(ctx, step): Promise<JsonObject> {
    const object = await ctx.kubernetes(step.params.context).get(ref(step.params));
    return preimageOf(
      object,
      edits(step, ctx.plan.id).map((edit) => edit.pointer),
    );
  },
  async apply(ctx, step): Promise<Outcome> {
    const edited = await editFields(ctx.kubernetes(step.params.context), ref(step.params), (object) =>
      fieldAt(object, pointer(step.params)).present ? [] : edits(step, ctx.plan.id),
    );
    if (edited.is === 'gone')
      throw stepError('RL825', `AWSCluster ${step.params.namespace}/${step.params.name} is not there`, {
        remedy: 'Look whether the context is the management cluster, and make the plan again.',
      });
    return { is: 'done', output: {} };
  },
  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { how, edited, foreign } = await restoreFields(
      ctx.kubernetes(step.params.context),
      ref(step.params),
      edits(step, ctx.plan.id).map((edit) => ({
        pointer: edit.pointer,
        ours: edit.field,
        fallback: setTo(edit.pointer, plannedAt(step, edit.pointer) ?? null).field,
      })),
      record.preimage,
    );
    if (edited.is === 'gone') return { is: 'done', how: 'gone', note: 'the AWSCluster is not there any more' };
    return { is: 'done', how, note: foreign.length > 0 ? `left as others wrote it: ${foreign.join(', ')}` : '' };
  },
});
