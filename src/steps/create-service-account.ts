import { z } from 'zod';
import { type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import type { KubernetesReader } from '../model/ports.js';
import { kubernetesRef, refKey, serviceAccountRef } from '../model/resource.js';
import { createdChange, createOnce, objectBefore, removeRead } from './created-object.js';
import { managerOf } from './object-fields.js';
import { createdMetadata, isCreatedBy, unnamedPlan } from './our-marks.js';
import { json, parserOf, textMap } from './params.js';
import { accountUserReads, usersOf } from './pods.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome, type Use } from './step.js';
import { stepError } from './step-errors.js';

const schema = z.strictObject({
  namespace: z.string(),
  name: z.string(),
  /** The account that it is made like. */
  like: z.string(),
  /** As they stand there: names, or `{ name }`. */
  imagePullSecrets: z.array(json),
  automount: z.boolean().nullable(),
  annotations: textMap,
});
export type CreateServiceAccountParams = z.infer<typeof schema>;
type AccountStep = Step<CreateServiceAccountParams>;
const kind = 'create-service-account';
const ref = (params: CreateServiceAccountParams) => serviceAccountRef(params.namespace, params.name);

/** Never with the old account's labels or tracking annotations: Argo CD would prune it (H18). */
const body = ({ id, params }: AccountStep, planId: string): JsonObject => {
  const { labels, annotations } = createdMetadata(planId, id);
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: params.name,
      namespace: params.namespace,
      labels,
      annotations: { ...params.annotations, ...annotations },
    },
    ...(params.imagePullSecrets.length === 0
      ? {}
      : {
          imagePullSecrets: params.imagePullSecrets.map((secret) =>
            typeof secret === 'string' ? { name: secret } : secret,
          ),
        }),
    ...(params.automount === null ? {} : { automountServiceAccountToken: params.automount }),
  };
};

const bindingReads: readonly Use[] = ['RoleBinding', 'ClusterRoleBinding'].map((kindOf) => ({
  api: 'kubernetes',
  verb: 'list',
  ref: kubernetesRef('rbac.authorization.k8s.io/v1', kindOf, undefined, '*'),
}));

/** Makes a service account for the workloads of one role, where the old one serves others too. */
export const createServiceAccount = defineStep<CreateServiceAccountParams>({
  kind,
  stages: ['prepare'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Create service account ${params.namespace}/${params.name}`,
    effect: 'additive',
    undo: 'Deletes the service account, unless a pod, a template or a binding of others names it by then.',
  }),
  changes: (step, direction, planId = unnamedPlan) => [createdChange(ref(step.params), body(step, planId), direction)],
  reads: ({ params }) => [
    { api: 'kubernetes', verb: 'get', ref: ref(params) },
    ...accountUserReads(params.namespace),
    ...bindingReads,
  ],
  locks: ({ params }) => [refKey(ref(params))],
  preconditions: async () => [],

  async observe(ctx, { params }): Promise<Observation> {
    const object = await ctx.kubernetes().get(ref(params));
    if (object === null) return { is: 'not-applied', saw: { object: { present: false } } };
    const saw = objectBefore(object);
    return isCreatedBy(object, ctx.plan.id)
      ? { is: 'applied', saw }
      : { is: 'drifted', saw, field: '/metadata', by: managerOf(object, '/metadata/name') };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    return objectBefore(await ctx.kubernetes().get(ref(params)));
  },
  async apply(ctx, step): Promise<Outcome> {
    const object = await createOnce(ctx.kubernetes(), ref(step.params), body(step, ctx.plan.id));
    if (!isCreatedBy(object, ctx.plan.id))
      throw stepError(
        'RL826',
        `a service account ${step.params.namespace}/${step.params.name} exists and is not ours`,
        {
          subject: { kind: 'ServiceAccount', namespace: step.params.namespace, name: step.params.name },
          remedy: 'Rename or remove it, and make the plan again.',
        },
      );
    return { is: 'done', output: { uid: textAt(object, 'metadata', 'uid') ?? null } };
  },
  async undo(ctx, { params }): Promise<UndoOutcome> {
    const kubernetes = ctx.kubernetes();
    const object = await kubernetes.get(ref(params));
    if (object === null) return { is: 'done', how: 'gone', note: 'the service account is not there any more' };
    if (!isCreatedBy(object, ctx.plan.id)) return { is: 'done', how: 'kept', note: 'the service account is not ours' };
    const users = (await usersOf(kubernetes, params.namespace, params.name)).map((user) => user.id);
    const names = [...users, ...(await bindingsOf(kubernetes, params, ctx.plan.id))];
    if (names.length > 0) return { is: 'done', how: 'kept', note: `others use it: ${names.slice(0, 5).join(', ')}` };
    await removeRead(kubernetes, ref(params), object);
    return { is: 'done', how: 'exact', note: '' };
  },
});

/** Bindings of others that name the account, as a service account or as a user (RBAC; H3). */
const bindingsOf = async (
  kubernetes: KubernetesReader,
  params: CreateServiceAccountParams,
  planId: string,
): Promise<readonly string[]> => {
  const found: string[] = [];
  const user = `system:serviceaccount:${params.namespace}:${params.name}`;
  for (const kindOf of ['RoleBinding', 'ClusterRoleBinding'])
    for await (const binding of kubernetes.list('rbac.authorization.k8s.io/v1', kindOf)) {
      if (isCreatedBy(binding, planId)) continue;
      const own = textAt(binding, 'metadata', 'namespace');
      const names = (subject: Json): boolean =>
        textAt(subject, 'kind') === 'ServiceAccount'
          ? textAt(subject, 'name') === params.name && (textAt(subject, 'namespace') ?? own) === params.namespace
          : textAt(subject, 'kind') === 'User' && textAt(subject, 'name') === user;
      if (listAt(binding, 'subjects').some(names))
        found.push(`${kindOf}/${own ?? ''}/${textAt(binding, 'metadata', 'name')}`);
    }
  return found;
};
