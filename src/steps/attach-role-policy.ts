import { z } from 'zod';
import { at, type JsonObject } from '../model/json.js';
import { attachedPolicies } from './iam-policies.js';
import { accountParam, parserOf } from './params.js';
import { attach, detach, policiesLock, roleChange, roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { roleRef } from './trust-write.js';

const schema = z.strictObject({ account: accountParam, role: z.string(), policyArn: z.string() });
export type AttachRolePolicyParams = z.infer<typeof schema>;
const kind = 'attach-role-policy';

/** Lets a role do what a managed policy says (IAM: AttachRolePolicy). */
export const attachRolePolicy = defineStep<AttachRolePolicyParams>({
  kind,
  stages: ['prepare', 'cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Attach ${params.policyArn} to role ${params.role}`,
    effect: 'additive',
    undo: `Detaches ${params.policyArn} from ${params.role} again.`,
  }),
  changes: ({ params: { account, role, policyArn } }, direction) => [
    roleChange(account, direction === 'apply' ? 'AttachRolePolicy' : 'DetachRolePolicy', {
      RoleName: role,
      PolicyArn: policyArn,
    }),
  ],
  reads: ({ params: { account, role } }) => [roleUse(account, 'ListAttachedRolePolicies', { RoleName: role })],
  locks: ({ params: { account, role } }) => [policiesLock(account, role)],
  preconditions: async () => [],

  async observe(ctx, { params: { account, role, policyArn } }): Promise<Observation> {
    const now = await attachedPolicies(ctx.aws(account), role);
    if (now === null) return { is: 'gone', what: roleRef(account, role) };
    return { is: now.includes(policyArn) ? 'applied' : 'not-applied', saw: { attached: [...now] } };
  },
  async preimage(ctx, { params: { account, role, policyArn } }): Promise<JsonObject> {
    const now = await attachedPolicies(ctx.aws(account), role);
    return { attached: { present: now?.includes(policyArn) === true } };
  },
  async apply(ctx, { params: { account, role, policyArn } }): Promise<Outcome> {
    return { is: 'done', output: { wrote: await attach(ctx, account, role, policyArn) } };
  },
  async undo(ctx, { params: { account, role, policyArn } }, record): Promise<UndoOutcome> {
    if (at(record.preimage, 'attached', 'present') === true)
      return { is: 'done', how: 'kept', note: 'it was attached before' };
    const wrote = await detach(ctx, account, role, policyArn);
    return { is: 'done', how: wrote ? 'exact' : 'gone', note: '' };
  },
});
