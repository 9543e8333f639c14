import { z } from 'zod';
import { at, type JsonObject, textAt } from '../model/json.js';
import { sameTrust } from '../trust/document.js';
import { inlinePolicy, putInline, removeInline } from './iam-policies.js';
import { guardParam, stillNeeded, takingReads, watched } from './node-role-watch.js';
import { fieldOf } from './object-fields.js';
import { accountParam, jsonMap, parserOf } from './params.js';
import { policiesLock, roleChange, roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { isGone, stepError } from './step-errors.js';
import { roleSubject } from './trust-write.js';

const schema = z.strictObject({
  account: accountParam,
  role: z.string(),
  policyName: z.string(),
  document: jsonMap,
  guard: guardParam.optional(),
});
export type DeleteRolePolicyParams = z.infer<typeof schema>;
const kind = 'delete-role-policy';

/** Takes an inline policy from a node role, once nobody else needs it there, and watches the nodes (H13). */
export const deleteRolePolicy = defineStep<DeleteRolePolicyParams>({
  kind,
  stages: ['retire'],
  skippable: true,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Delete the inline policy ${params.policyName} of role ${params.role}`,
    effect: 'destructive',
    undo: `Puts the inline policy ${params.policyName} back on ${params.role}, byte for byte.`,
  }),
  changes: ({ params: { account, role, policyName, document } }, direction) => {
    const put = roleChange(account, 'PutRolePolicy', {
      RoleName: role,
      PolicyName: policyName,
      PolicyDocument: JSON.stringify(document),
    });
    return direction === 'undo'
      ? [put]
      : [roleChange(account, 'DeleteRolePolicy', { RoleName: role, PolicyName: policyName }), { ...put, maybe: true }];
  },
  reads: ({ params: { account, role, policyName, guard } }) => [
    roleUse(account, 'GetRolePolicy', { RoleName: role, PolicyName: policyName }),
    ...takingReads({ account, role, guard }),
  ],
  locks: ({ params: { account, role } }) => [policiesLock(account, role)],
  preconditions: (ctx, { params }) => stillNeeded(ctx, params),

  async observe(ctx, { params: { account, role, policyName, document } }): Promise<Observation> {
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    if (now === null) return { is: 'applied', saw: { document: { present: false } } };
    const saw: JsonObject = { document: { present: true, value: now } };
    return sameTrust(now, JSON.stringify(document))
      ? { is: 'not-applied', saw }
      : { is: 'drifted', saw, field: 'PolicyDocument', by: null };
  },
  async preimage(ctx, { params: { account, role, policyName } }): Promise<JsonObject> {
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    return { document: fieldOf(now) };
  },
  async apply(ctx, { params }): Promise<Outcome> {
    const { account, role, policyName } = params;
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    if (now === null) return { is: 'done', output: { wrote: false } };
    if (!sameTrust(now, JSON.stringify(params.document)))
      throw stepError('RL824', `somebody changed the inline policy ${policyName} of role ${role}`, {
        subject: roleSubject(account, role),
        remedy: 'Make the plan again.',
      });
    const take = async (): Promise<boolean> => {
      await removeInline(ctx, params);
      return true;
    };
    await watched(ctx, take, () => putInline(ctx, params, now), params.guard);
    return { is: 'done', output: { wrote: true } };
  },
  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const { account, role, policyName } = params;
    if (at(record.preimage, 'document', 'present') === false)
      return { is: 'done', how: 'kept', note: 'it was not there before' };
    // Only what the plan showed is written back: a record that says otherwise is not ours.
    const planned = JSON.stringify(params.document);
    const recorded = textAt(record.preimage, 'document', 'value');
    const before = recorded !== undefined && sameTrust(recorded, planned) ? recorded : planned;
    const now = await inlinePolicy(ctx.aws(account), role, policyName);
    if (now !== null && sameTrust(now, before)) return { is: 'done', how: 'exact', note: '' };
    if (now !== null)
      return { is: 'done', how: 'kept', note: `somebody else wrote an inline policy ${policyName} meanwhile` };
    try {
      await putInline(ctx, params, before);
    } catch (thrown) {
      if (!isGone(thrown)) throw thrown;
      return { is: 'done', how: 'gone', note: `role ${role} is not there any more` };
    }
    return { is: 'done', how: 'exact', note: '' };
  },
});
