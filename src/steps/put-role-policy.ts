import { z } from 'zod';
import { at, type JsonObject } from '../model/json.js';
import { sameTrust } from '../trust/document.js';
import { inlinePolicy, putInline, removeInline } from './iam-policies.js';
import { fieldOf } from './object-fields.js';
import { accountParam, jsonMap, parserOf } from './params.js';
import { policiesLock, roleChange, roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { stepError } from './step-errors.js';
import { roleSubject } from './trust-write.js';

const schema = z.strictObject({ account: accountParam, role: z.string(), policyName: z.string(), document: jsonMap });
export type PutRolePolicyParams = z.infer<typeof schema>;
const kind = 'put-role-policy';

/** Gives a role an inline policy of its own; one of that name that says something else is not overwritten (IAM: PutRolePolicy). */
export const putRolePolicy = defineStep<PutRolePolicyParams>({
  kind,
  stages: ['prepare', 'cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Put the inline policy ${params.policyName} on role ${params.role}`,
    effect: 'additive',
    undo: `Deletes the inline policy ${params.policyName} from ${params.role} again.`,
  }),
  changes: ({ params: { account, role, policyName, document } }, direction) => [
    direction === 'apply'
      ? roleChange(account, 'PutRolePolicy', {
          RoleName: role,
          PolicyName: policyName,
          PolicyDocument: JSON.stringify(document),
        })
      : roleChange(account, 'DeleteRolePolicy', { RoleName: role, PolicyName: policyName }),
  ],
  reads: ({ params: { account, role, policyName } }) => [
    roleUse(account, 'GetRolePolicy', { RoleName: role, PolicyName: policyName }),
  ],
  locks: ({ params: { account, role } }) => [policiesLock(account, role)],
  preconditions: async () => [],

  async observe(ctx, { params: { account, role, policyName, document } }): Promise<Observation> {
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    if (now === null) return { is: 'not-applied', saw: { document: { present: false } } };
    const saw: JsonObject = { document: { present: true, value: now } };
    return sameTrust(now, JSON.stringify(document))
      ? { is: 'applied', saw }
      : { is: 'drifted', saw, field: 'PolicyDocument', by: null };
  },
  async preimage(ctx, { params: { account, role, policyName } }): Promise<JsonObject> {
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    return { document: fieldOf(now) };
  },
  async apply(ctx, { params }): Promise<Outcome> {
    const { account, role, policyName } = params;
    const wanted = JSON.stringify(params.document);
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    if (now !== null && !sameTrust(now, wanted))
      throw stepError('RL826', `role ${role} has an inline policy ${policyName} that says something else`, {
        subject: roleSubject(account, role),
        remedy: 'Rename or remove it, and make the plan again.',
      });
    if (now === null) await putInline(ctx, params, wanted);
    return { is: 'done', output: { wrote: now === null } };
  },
  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const { account, role, policyName } = params;
    if (at(record.preimage, 'document', 'present') === true)
      return { is: 'done', how: 'kept', note: 'it was there before' };
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    if (now === null) return { is: 'done', how: 'gone', note: '' };
    if (!sameTrust(now, JSON.stringify(params.document)))
      return { is: 'done', how: 'kept', note: `somebody else changed the inline policy ${policyName} meanwhile` };
    await removeInline(ctx, params);
    return { is: 'done', how: 'exact', note: '' };
  },
});
