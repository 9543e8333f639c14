import { z } from 'zod';
import { at, type JsonObject } from '../model/json.js';
import { attachedPolicies } from './iam-policies.js';
import { guardParam, stillNeeded, takingReads, watched } from './node-role-watch.js';
import { accountParam, parserOf } from './params.js';
import { attach, detach, policiesLock, roleChange, roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { roleRef } from './trust-write.js';

const schema = z.strictObject({
  account: accountParam,
  role: z.string(),
  policyArn: z.string(),
  guard: guardParam.optional(),
});
export type DetachRolePolicyParams = z.infer<typeof schema>;
const kind = 'detach-role-policy';

/** Takes a managed policy from a node role, once nobody else needs it there, and watches the nodes (H13). */
export const detachRolePolicy = defineStep<DetachRolePolicyParams>({
  kind,
  stages: ['retire'],
  skippable: true,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Detach ${params.policyArn} from role ${params.role}`,
    effect: 'destructive',
    undo: `Attaches ${params.policyArn} to ${params.role} again.`,
  }),
  changes: ({ params: { account, role, policyArn } }, direction) => {
    const input = { RoleName: role, PolicyArn: policyArn };
    return direction === 'apply'
      ? [
          roleChange(account, 'DetachRolePolicy', input),
          { ...roleChange(account, 'AttachRolePolicy', input), maybe: true },
        ]
      : [roleChange(account, 'AttachRolePolicy', input)];
  },
  reads: ({ params: { account, role, guard } }) => [
    roleUse(account, 'ListAttachedRolePolicies', { RoleName: role }),
    ...takingReads({ account, role, guard }),
  ],
  locks: ({ params: { account, role } }) => [policiesLock(account, role)],
  preconditions: (ctx, { params }) => stillNeeded(ctx, params),

  async observe(ctx, { params: { account, role, policyArn } }): Promise<Observation> {
    const now = await attachedPolicies(ctx.aws(account), role);
    if (now === null) return { is: 'gone', what: roleRef(account, role) };
    return { is: now.includes(policyArn) ? 'not-applied' : 'applied', saw: { attached: [...now] } };
  },
  async preimage(ctx, { params: { account, role, policyArn } }): Promise<JsonObject> {
    const now = await attachedPolicies(ctx.aws(account), role);
    return { attached: { present: now?.includes(policyArn) === true } };
  },
  async apply(ctx, { params: { account, role, policyArn, guard } }): Promise<Outcome> {
    const wrote = await watched(
      ctx,
      () => detach(ctx, account, role, policyArn),
      () => attach(ctx, account, role, policyArn),
      guard,
    );
    return { is: 'done', output: { wrote } };
  },
  async undo(ctx, { params: { account, role, policyArn } }, record): Promise<UndoOutcome> {
    if (at(record.preimage, 'attached', 'present') === false)
      return { is: 'done', how: 'kept', note: 'it was not attached before' };
    if ((await attachedPolicies(ctx.aws(account), role)) === null)
      return { is: 'done', how: 'gone', note: `role ${role} is not there any more` };
    await attach(ctx, account, role, policyArn);
    return { is: 'done', how: 'exact', note: '' };
  },
});
