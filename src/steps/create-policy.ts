import { z } from 'zod';
import { at, type JsonObject, numberAt, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { refKey } from '../model/resource.js';
import { sameTrust } from '../trust/document.js';
import { madeInIam, removedFromIam } from './iam-objects.js';
import { decodedPolicy } from './iam-policies.js';
import { fieldOf } from './object-fields.js';
import { isTaggedBy, tagList, unnamedPlan } from './our-marks.js';
import { accountParam, jsonMap, parserOf } from './params.js';
import { roleChange, roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type ReadCtx, type UndoOutcome } from './step.js';
import { orNull, stepError } from './step-errors.js';

const schema = z.strictObject({
  account: accountParam,
  name: z.string(),
  path: z.string(),
  document: jsonMap,
  description: z.string(),
});
export type CreatePolicyParams = z.infer<typeof schema>;
type PolicyStep = Step<CreatePolicyParams>;
const kind = 'create-policy';

const input = ({ id, params }: PolicyStep, planId: string): JsonObject => ({
  PolicyName: params.name,
  Path: params.path,
  Description: params.description,
  PolicyDocument: JSON.stringify(params.document),
  Tags: tagList(planId, id),
});
const arnFor = (partition: string, params: CreatePolicyParams): string =>
  `arn:${partition}:iam::${params.account}:policy${params.path}${params.name}`;
/** For changes shown without a context: the partition stands in the plan's own ARNs of the document, else `aws`. */
const shownArn = (step: PolicyStep): string =>
  arnFor(/arn:(aws[a-z0-9-]*):/.exec(JSON.stringify(step.params.document))?.[1] ?? 'aws', step.params);

const policyOf = (ctx: ReadCtx, params: CreatePolicyParams) => ({
  what: `policy ${params.name}`,
  read: () => read(ctx, params),
});

const read = async (ctx: ReadCtx, params: CreatePolicyParams) => {
  const aws = ctx.aws(params.account);
  const arn = arnFor(ctx.plan.partition, params);
  const answer = await orNull(aws.call('iam', 'GetPolicy', { PolicyArn: arn }));
  if (answer === null) return null;
  const VersionId = textAt(answer, 'Policy', 'DefaultVersionId') ?? 'v1';
  const version = await orNull(aws.call('iam', 'GetPolicyVersion', { PolicyArn: arn, VersionId }));
  return {
    arn,
    document: decodedPolicy(textAt(version, 'PolicyVersion', 'Document') ?? ''),
    tags: at(answer, 'Policy', 'Tags') ?? [],
    attachments:
      (numberAt(answer, 'Policy', 'AttachmentCount') ?? 0) +
      (numberAt(answer, 'Policy', 'PermissionsBoundaryUsageCount') ?? 0),
  };
};

/** Makes a customer-managed policy, or finds the one that says the same (IAM: CreatePolicy). */
export const createPolicy = defineStep<CreatePolicyParams>({
  kind,
  stages: ['prepare'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Create policy ${params.path}${params.name} in account ${params.account}`,
    effect: 'additive',
    undo: 'Deletes the policy, unless it is attached somewhere by then.',
  }),
  changes: (step, direction, planId = unnamedPlan) => [
    direction === 'apply'
      ? roleChange(step.params.account, 'CreatePolicy', input(step, planId))
      : roleChange(step.params.account, 'DeletePolicy', { PolicyArn: shownArn(step) }),
  ],
  reads: (step) => [
    roleUse(step.params.account, 'GetPolicy', { PolicyArn: shownArn(step) }),
    roleUse(step.params.account, 'GetPolicyVersion', { PolicyArn: shownArn(step) }),
  ],
  locks: ({ params }) => [refKey({ api: 'iam', kind: 'Policy', account: params.account, name: params.name })],
  preconditions: async () => [],

  async observe(ctx, { params }): Promise<Observation> {
    const policy = await read(ctx, params);
    if (policy === null) return { is: 'not-applied', saw: { policy: { present: false } } };
    const saw: JsonObject = { policy: { present: true, value: policy.document } };
    return sameTrust(policy.document, JSON.stringify(params.document))
      ? { is: 'applied', saw }
      : { is: 'drifted', saw, field: 'PolicyDocument', by: null };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    const policy = await read(ctx, params);
    return { policy: fieldOf(policy?.arn) };
  },
  async apply(ctx, step): Promise<Outcome> {
    const { params } = step;
    const policy = await madeInIam(ctx, policyOf(ctx, params), () =>
      ctx.aws(params.account).call('iam', 'CreatePolicy', input(step, ctx.plan.id)),
    );
    if (!sameTrust(policy.document, JSON.stringify(params.document)))
      throw stepError('RL826', `a policy ${params.name} exists in account ${params.account} and says something else`, {
        subject: { kind: 'Policy', account: params.account, name: params.name },
        remedy: 'Rename or remove it, and make the plan again.',
      });
    return { is: 'done', output: { arn: policy.arn } };
  },
  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const policy = await read(ctx, params);
    if (policy === null) return { is: 'done', how: 'gone', note: 'the policy is not there any more' };
    if (at(record.preimage, 'policy', 'present') === true || !isTaggedBy(policy.tags, ctx.plan.id))
      return { is: 'done', how: 'kept', note: 'the policy is not ours' };
    if (policy.attachments > 0) return { is: 'done', how: 'kept', note: `it hangs on ${policy.attachments} other(s)` };
    if (!sameTrust(policy.document, JSON.stringify(params.document)))
      return { is: 'done', how: 'kept', note: 'somebody else changed it meanwhile' };
    const removed = await removedFromIam(ctx, policyOf(ctx, params), () =>
      ctx.aws(params.account).call('iam', 'DeletePolicy', { PolicyArn: policy.arn }),
    );
    return removed ? { is: 'done', how: 'exact', note: '' } : { is: 'done', how: 'kept', note: 'others use it' };
  },
});
