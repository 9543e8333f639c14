import { z } from 'zod';
import { sameJson } from '../model/canonical.js';
import { at, type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { type KubernetesRef, kubernetesRef, refKey, subjectOf } from '../model/resource.js';
import { createdChange, createOnce, objectBefore, removeRead } from './created-object.js';
import { setTo } from './object-fields.js';
import { editFields } from './object-write.js';
import { createdMetadata, isCreatedBy, unnamedPlan } from './our-marks.js';
import { parserOf } from './params.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { stepError } from './step-errors.js';

const kindParam = z.enum(['RoleBinding', 'ClusterRoleBinding']);
const schema = z.strictObject({
  /** The binding that is made, ours. */
  binding: z.strictObject({ kind: kindParam, namespace: z.string().nullable(), name: z.string() }),
  /** The binding that it is made after, never edited (H18). */
  of: z.strictObject({ kind: kindParam, name: z.string() }),
  roleRef: z.strictObject({ apiGroup: z.string(), kind: z.string(), name: z.string() }),
  subject: z.strictObject({ namespace: z.string(), name: z.string() }),
});
export type CopyRbacSubjectParams = z.infer<typeof schema>;
type RbacStep = Step<CopyRbacSubjectParams>;
const kind = 'copy-rbac-subject';
const rbac = 'rbac.authorization.k8s.io/v1';

const ref = ({ binding }: CopyRbacSubjectParams): KubernetesRef =>
  kubernetesRef(rbac, binding.kind, binding.namespace ?? undefined, binding.name);
const source = ({ binding, of }: CopyRbacSubjectParams): KubernetesRef =>
  kubernetesRef(rbac, of.kind, of.kind === 'RoleBinding' ? (binding.namespace ?? undefined) : undefined, of.name);
const subject = (params: CopyRbacSubjectParams): JsonObject => ({ kind: 'ServiceAccount', ...params.subject });

const body = ({ id, params }: RbacStep, planId: string): JsonObject => ({
  apiVersion: rbac,
  kind: params.binding.kind,
  metadata: {
    name: params.binding.name,
    ...(params.binding.namespace === null ? {} : { namespace: params.binding.namespace }),
    ...createdMetadata(planId, id),
  },
  roleRef: params.roleRef,
  subjects: [subject(params)],
});
const isOurSubject = (params: CopyRbacSubjectParams, one: Json): boolean =>
  textAt(one, 'kind') === 'ServiceAccount' &&
  textAt(one, 'name') === params.subject.name &&
  textAt(one, 'namespace') === params.subject.namespace;

/**
 * Gives the new service account what the old one may do in Kubernetes, by a binding of our own with the same roleRef. Takes
 * `bind` on that role, or all its rights (Kubernetes RBAC, privilege escalation prevention).
 */
export const copyRbacSubject = defineStep<CopyRbacSubjectParams>({
  kind,
  stages: ['prepare'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Bind ${params.subject.namespace}/${params.subject.name} to ${params.roleRef.kind} ${params.roleRef.name}`,
    effect: 'additive',
    undo: `Deletes our ${params.binding.kind} ${params.binding.name}.`,
  }),
  changes: (step, direction, planId = unnamedPlan) => [createdChange(ref(step.params), body(step, planId), direction)],
  reads: ({ params }, direction) => [
    { api: 'kubernetes', verb: 'get', ref: ref(params) },
    ...(direction === 'undo'
      ? []
      : [{ api: 'kubernetes' as const, verb: 'get' as const, ref: source(params), only: 'run' as const }]),
  ],
  locks: ({ params }) => [refKey(ref(params))],

  async preconditions(ctx, { params }) {
    const object = await ctx.kubernetes().get(source(params));
    const live = at(object, 'roleRef') ?? null;
    // A right that was taken away since planning must not come back by our hand.
    return sameJson(live, params.roleRef)
      ? []
      : [{ subject: subjectOf(source(params)), field: '/roleRef', expected: params.roleRef, found: live, by: null }];
  },
  async observe(ctx, { params }): Promise<Observation> {
    const object = await ctx.kubernetes().get(ref(params));
    if (object === null) return { is: 'not-applied', saw: { object: { present: false } } };
    const saw: JsonObject = { subjects: at(object, 'subjects') ?? null };
    if (!isCreatedBy(object, ctx.plan.id)) return { is: 'drifted', saw, field: '/metadata', by: null };
    if (!sameJson(at(object, 'roleRef'), params.roleRef)) return { is: 'drifted', saw, field: '/roleRef', by: null };
    return { is: listAt(object, 'subjects').some((one) => isOurSubject(params, one)) ? 'applied' : 'not-applied', saw };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    return objectBefore(await ctx.kubernetes().get(ref(params)));
  },
  async apply(ctx, step): Promise<Outcome> {
    const kubernetes = ctx.kubernetes();
    const place = ref(step.params);
    const object = await createOnce(kubernetes, place, body(step, ctx.plan.id));
    if (!isCreatedBy(object, ctx.plan.id) || !sameJson(at(object, 'roleRef'), step.params.roleRef))
      throw stepError('RL826', `a ${step.params.binding.kind} ${step.params.binding.name} exists and is not ours`, {
        subject: subjectOf(place),
        remedy: 'Rename or remove it, and make the plan again.',
      });
    await editFields(kubernetes, place, (live) => {
      const subjects = listAt(live, 'subjects');
      return subjects.some((one) => isOurSubject(step.params, one))
        ? []
        : [setTo('/subjects', [...subjects, subject(step.params)])];
    });
    return { is: 'done', output: { uid: textAt(object, 'metadata', 'uid') ?? null } };
  },
  async undo(ctx, { params }): Promise<UndoOutcome> {
    const kubernetes = ctx.kubernetes();
    const object = await kubernetes.get(ref(params));
    if (object === null) return { is: 'done', how: 'gone', note: 'the binding is not there any more' };
    if (!isCreatedBy(object, ctx.plan.id)) return { is: 'done', how: 'kept', note: 'the binding is not ours' };
    if (listAt(object, 'subjects').some((one) => !isOurSubject(params, one))) {
      await editFields(kubernetes, ref(params), (live) => [
        setTo(
          '/subjects',
          listAt(live, 'subjects').filter((one) => !isOurSubject(params, one)),
        ),
      ]);
      return { is: 'done', how: 'surgical', note: 'others put subjects into our binding: it stays with theirs' };
    }
    await removeRead(kubernetes, ref(params), object);
    return { is: 'done', how: 'exact', note: '' };
  },
});
