import { z } from 'zod';
import { isAws } from '../model/aws-error.js';
import { at, type JsonObject, textsAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { refKey, serviceAccountRef } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { previewChange } from './admission-preview.js';
import { foreignUsers, previewGone } from './annotate-service-account.js';
import { associationOf, eksChange, eksUse, type LiveAssociation } from './associations.js';
import { fieldOf } from './object-fields.js';
import { isTaggedBy, tagMap, unnamedPlan } from './our-marks.js';
import { accountParam, parserOf } from './params.js';
import { accountUserReads } from './pods.js';
import { defineStep, type Observation, type Outcome, type ReadCtx, type UndoOutcome } from './step.js';
import { isGone, stepError } from './step-errors.js';

const schema = z.strictObject({
  cluster: z.string(),
  account: accountParam,
  namespace: z.string(),
  serviceAccount: z.string(),
  roleArn: z.string(),
  targetRoleArn: z.string().nullable(),
  disableSessionTags: z.boolean(),
  users: z.array(z.string()),
});
export type CreatePodIdentityAssociationParams = z.infer<typeof schema>;
type AssociationStep = Step<CreatePodIdentityAssociationParams>;
const kind = 'create-pod-identity-association';

const input = ({ id, params }: AssociationStep, planId: string): JsonObject => ({
  clusterName: params.cluster,
  namespace: params.namespace,
  serviceAccount: params.serviceAccount,
  roleArn: params.roleArn,
  ...(params.targetRoleArn === null ? {} : { targetRoleArn: params.targetRoleArn }),
  ...(params.disableSessionTags ? { disableSessionTags: true } : {}),
  tags: tagMap(planId, id),
});
const read = (ctx: ReadCtx, params: CreatePodIdentityAssociationParams): Promise<LiveAssociation | null> =>
  associationOf(ctx.aws(params.account), params.cluster, params.namespace, params.serviceAccount);
const fits = (params: CreatePodIdentityAssociationParams, live: LiveAssociation): boolean =>
  live.role === params.roleArn && live.targetRole === params.targetRoleArn;

/**
 * Binds a service account to a role for EKS Pod Identity. Not inert: the next pod flips the identity (H6). The request carries
 * a token made of plan and step, so an unclear answer is settled by asking again (EKS: CreatePodIdentityAssociation).
 */
export const createPodIdentityAssociation = defineStep<CreatePodIdentityAssociationParams>({
  kind,
  stages: ['cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Associate ${params.namespace}/${params.serviceAccount} with ${params.roleArn}`,
    effect: 'additive',
    undo: 'Deletes the association, after which an annotation on the service account speaks again; waits until new pods come without it.',
  }),
  changes: (step, direction, planId = unnamedPlan) => [
    direction === 'apply'
      ? eksChange(step.params.account, 'CreatePodIdentityAssociation', input(step, planId))
      : eksChange(step.params.account, 'DeletePodIdentityAssociation', { clusterName: step.params.cluster }),
    ...(direction === 'undo' ? [previewChange(step.params.namespace)] : []),
  ],
  reads: ({ params: { account, cluster, namespace, serviceAccount } }) => [
    eksUse(account, 'ListPodIdentityAssociations', { clusterName: cluster }),
    eksUse(account, 'DescribePodIdentityAssociation', { clusterName: cluster }),
    { api: 'kubernetes', verb: 'get', ref: serviceAccountRef(namespace, serviceAccount), only: 'run' },
    ...accountUserReads(namespace),
  ],
  locks: ({ params }) => [refKey(serviceAccountRef(params.namespace, params.serviceAccount))],
  preconditions: (ctx, { params }) =>
    foreignUsers(ctx, { namespace: params.namespace, name: params.serviceAccount, users: params.users }),

  async observe(ctx, { params }): Promise<Observation> {
    const live = await read(ctx, params);
    if (live === null) return { is: 'not-applied', saw: { association: { present: false } } };
    const saw: JsonObject = { association: { present: true, value: live.role } };
    return fits(params, live) ? { is: 'applied', saw } : { is: 'drifted', saw, field: 'roleArn', by: live.ownerArn };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    const live = await read(ctx, params);
    return { association: fieldOf(live?.id) };
  },
  async apply(ctx, step): Promise<Outcome> {
    const { params } = step;
    const aws = ctx.aws(params.account);
    // A role made seconds ago is unknown to EKS for a while: InvalidParameter, asked again for a bounded time.
    const live = await ctx.until(`EKS does not take the role ${params.roleArn} yet`, 120_000, async () => {
      const now = await read(ctx, params);
      if (now !== null) return now;
      try {
        await aws.call('eks', 'CreatePodIdentityAssociation', {
          ...input(step, ctx.plan.id),
          clientRequestToken: ctx.token,
        });
      } catch (thrown) {
        if (!isAws(thrown)) throw thrown;
        const mayPass = isAws(thrown, 'ResourceInUse', 'InvalidParameter', 'Server', 'ServiceUnavailable');
        const after = await read(ctx, params).catch(() => null);
        if (after !== null) return after;
        if (!mayPass) throw thrown;
        if (isAws(thrown, 'InvalidParameter') && !/role/i.test(`${thrown.data.message} ${thrown.data.cause}`))
          throw thrown;
        return null;
      }
      return read(ctx, params);
    });
    if (!fits(params, live))
      throw stepError('RL828', `${params.namespace}/${params.serviceAccount} is associated with another role`, {
        subject: { kind: 'ServiceAccount', namespace: params.namespace, name: params.serviceAccount },
        cause: `association ${live.id} names ${live.role}${live.ownerArn === null ? '' : `, owned by ${live.ownerArn}`}`,
        remedy: 'Remove that association if nobody needs it, and make the plan again.',
      });
    return { is: 'done', output: { associationId: live.id, externalId: live.externalId } };
  },
  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const live = await read(ctx, params);
    const identity = { mechanism: 'pod-identity', role: params.roleArn } as const;
    if (live === null) {
      const note = await previewGone(ctx, params.namespace, params.serviceAccount, identity);
      return { is: 'done', how: 'gone', note };
    }
    if (at(record.preimage, 'association', 'present') === true || !isTaggedBy(live.tags, ctx.plan.id))
      return { is: 'done', how: 'kept', note: 'the association is not ours' };
    if (!fits(params, live)) return { is: 'done', how: 'kept', note: `somebody else changed its role to ${live.role}` };
    try {
      await ctx
        .aws(params.account)
        .call('eks', 'DeletePodIdentityAssociation', { clusterName: params.cluster, associationId: live.id });
    } catch (thrown) {
      if (!isGone(thrown) && (await read(ctx, params)) !== null) throw thrown;
    }
    await ctx.until(
      `EKS still shows the association of ${params.namespace}/${params.serviceAccount}`,
      60_000,
      async () => ((await read(ctx, params)) === null ? true : null),
    );
    const account = await ctx.kubernetes().get(serviceAccountRef(params.namespace, params.serviceAccount));
    const speaks = textsAt(account, 'metadata', 'annotations')[annotationKeys.irsaRole];
    const note = await previewGone(ctx, params.namespace, params.serviceAccount, identity);
    return {
      is: 'done',
      how: 'exact',
      note: [note, speaks === undefined ? '' : `the annotation for ${speaks} speaks again`]
        .filter((one) => one)
        .join('; '),
    };
  },
});
