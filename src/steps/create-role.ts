import { z } from 'zod';
import { at, type JsonObject, listAt, numberAt, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { sameTrust } from '../trust/document.js';
import { madeInIam, removedFromIam } from './iam-objects.js';
import { everyPage } from './iam-policies.js';
import { fieldOf } from './object-fields.js';
import { isTaggedBy, tagList, unnamedPlan } from './our-marks.js';
import { accountParam, jsonMap, parserOf, textMap } from './params.js';
import { roleChange, roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type ReadCtx, type UndoOutcome } from './step.js';
import { isGone, stepError } from './step-errors.js';
import { getRole, type LiveRole, readRole, roleKey, roleSubject } from './trust-write.js';

const schema = z.strictObject({
  account: accountParam,
  name: z.string().regex(/^[\w+=,.@-]{1,64}$/),
  path: z.string(),
  description: z.string(),
  trust: jsonMap,
  boundary: z.string().nullable(),
  maxSessionSeconds: z.number().int().min(3600).max(43_200),
  tags: textMap,
});
export type CreateRoleParams = z.infer<typeof schema>;
type RoleStep = Step<CreateRoleParams>;
const kind = 'create-role';

const input = ({ id, params }: RoleStep, planId: string): JsonObject => ({
  RoleName: params.name,
  Path: params.path,
  Description: params.description,
  AssumeRolePolicyDocument: JSON.stringify(params.trust),
  MaxSessionDuration: params.maxSessionSeconds,
  ...(params.boundary === null ? {} : { PermissionsBoundary: params.boundary }),
  Tags: tagList(planId, id, params.tags),
});

/** What of a live role is not as this step makes it. Its trust policy is left out: later steps add to it. */
const differs = ({ params }: RoleStep, role: LiveRole): string | null =>
  role.path !== params.path
    ? 'Path'
    : (textAt(role.raw, 'PermissionsBoundary', 'PermissionsBoundaryArn') ?? null) !== params.boundary
      ? 'PermissionsBoundary'
      : (numberAt(role.raw, 'MaxSessionDuration') ?? 3600) !== params.maxSessionSeconds
        ? 'MaxSessionDuration'
        : null;

const roleOf = (ctx: ReadCtx, { account, name }: CreateRoleParams) => ({
  what: `role ${name}`,
  read: () => readRole(ctx.aws(account), name),
});

/** Makes a role for one service account, marked as ours (IAM: CreateRole; NoSuchEntity and EntityAlreadyExists by name). */
export const createRole = defineStep<CreateRoleParams>({
  kind,
  stages: ['prepare'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Create role ${params.path}${params.name} in account ${params.account}`,
    effect: 'additive',
    undo: 'Deletes the role, unless something else uses it by then.',
  }),
  changes: (step, direction, planId = unnamedPlan) => [
    direction === 'apply'
      ? roleChange(step.params.account, 'CreateRole', input(step, planId))
      : roleChange(step.params.account, 'DeleteRole', { RoleName: step.params.name }),
  ],
  reads: ({ params: { account, name } }) => [
    getRole(account, name),
    roleUse(account, 'ListAttachedRolePolicies', { RoleName: name }),
    roleUse(account, 'ListRolePolicies', { RoleName: name }),
    { ...roleUse(account, 'ListInstanceProfilesForRole', { RoleName: name }), only: 'run' },
  ],
  locks: ({ params }) => [roleKey(params.account, params.name)],
  preconditions: async () => [],

  async observe(ctx, step): Promise<Observation> {
    const role = await readRole(ctx.aws(step.params.account), step.params.name);
    if (role === null) return { is: 'not-applied', saw: { role: { present: false } } };
    const saw: JsonObject = { role: { present: true, value: role.arn } };
    const field = isTaggedBy(at(role.raw, 'Tags'), ctx.plan.id) ? differs(step, role) : 'Tags';
    return field === null ? { is: 'applied', saw } : { is: 'drifted', saw, field, by: null };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    const role = await readRole(ctx.aws(params.account), params.name);
    return { role: fieldOf(role?.roleId) };
  },
  async apply(ctx, step): Promise<Outcome> {
    const { account, name } = step.params;
    const role = await madeInIam(ctx, roleOf(ctx, step.params), () =>
      ctx.aws(account).call('iam', 'CreateRole', input(step, ctx.plan.id)),
    );
    if (!isTaggedBy(at(role.raw, 'Tags'), ctx.plan.id) || differs(step, role) !== null)
      throw stepError('RL826', `a role ${name} exists in account ${account} and is not the one that the plan makes`, {
        subject: roleSubject(account, name),
        cause: `it differs in ${differs(step, role) ?? 'its tags: somebody else made it'}`,
        remedy: 'Rename or remove it, and make the plan again.',
      });
    return { is: 'done', output: { arn: role.arn, roleId: role.roleId } };
  },
  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const { account, name } = params;
    const role = await readRole(ctx.aws(account), name);
    if (role === null) return { is: 'done', how: 'gone', note: 'the role is not there any more' };
    if (at(record.preimage, 'role', 'present') === true || !isTaggedBy(at(role.raw, 'Tags'), ctx.plan.id))
      return { is: 'done', how: 'kept', note: 'the role is not ours' };
    const users = await usersOf(ctx, params, role);
    if (users.length > 0) return { is: 'done', how: 'kept', note: `others use it: ${users.join(', ')}` };
    const removed = await removedFromIam(ctx, roleOf(ctx, params), () =>
      ctx.aws(account).call('iam', 'DeleteRole', { RoleName: name }),
    );
    return removed
      ? { is: 'done', how: 'exact', note: '' }
      : { is: 'done', how: 'kept', note: 'something hangs on it that we did not put there' };
  },
});

/** What hangs on a role of ours after all our own steps were undone: other hands put it there (H3). */
const usersOf = async (ctx: ReadCtx, params: CreateRoleParams, role: LiveRole): Promise<readonly string[]> => {
  const aws = ctx.aws(params.account);
  const asked = { RoleName: params.name };
  const attached = (await everyPage(aws, 'ListAttachedRolePolicies', asked, 'AttachedPolicies')) ?? [];
  const profiles = (await everyPage(aws, 'ListInstanceProfilesForRole', asked, 'InstanceProfiles')) ?? [];
  const inline = await aws.call('iam', 'ListRolePolicies', asked).catch((thrown: unknown) => {
    if (isGone(thrown)) return {};
    throw thrown;
  });
  return [
    ...attached.map((policy) => `policy ${textAt(policy, 'PolicyArn')}`),
    ...listAt(inline, 'PolicyNames').map((name) => `inline policy ${String(name)}`),
    ...profiles.map((profile) => `instance profile ${textAt(profile, 'InstanceProfileName')}`),
    ...(sameTrust(role.trust, JSON.stringify(params.trust)) ? [] : ['other statements in its trust policy']),
  ];
};
