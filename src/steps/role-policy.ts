import type { JsonObject } from '../model/json.js';
import { refKey } from '../model/resource.js';
import { attachedPolicies } from './iam-policies.js';
import type { Change, ReadCtx, Use, WriteCtx } from './step.js';
import { settled, settledRemoval, stepError } from './step-errors.js';
import { roleSubject } from './trust-write.js';

/** What attaching, detaching, putting and deleting policies of a role have in common. */
export const roleChange = (account: string, operation: string, input: JsonObject): Change => ({
  api: 'aws',
  service: 'iam',
  operation,
  account,
  input,
});
export const roleUse = (account: string, operation: string, input: JsonObject): Use => ({
  api: 'aws',
  service: 'iam',
  operation,
  account,
  input,
});
export const policiesLock = (account: string, role: string): string =>
  refKey({ api: 'iam', kind: 'RolePolicies', account, name: role });

export const roleGone = (account: string, role: string) =>
  stepError('RL825', `role ${role} is not there`, {
    subject: roleSubject(account, role),
    remedy: 'Find out who deleted it, and make the plan again.',
  });

const shown = (ctx: ReadCtx, account: string, role: string, policyArn: string, attached: boolean) =>
  ctx.until(`IAM does not show the policies of ${role} as they are yet`, 60_000, async () => {
    const now = await attachedPolicies(ctx.aws(account), role);
    if (now === null) return attached ? null : true;
    return now.includes(policyArn) === attached ? true : null;
  });

/** Attaches; true where it was not there before. */
export const attach = async (ctx: WriteCtx, account: string, role: string, policyArn: string): Promise<boolean> => {
  const now = await attachedPolicies(ctx.aws(account), role);
  if (now === null) throw roleGone(account, role);
  if (now.includes(policyArn)) return false;
  await settled(
    () => ctx.aws(account).call('iam', 'AttachRolePolicy', { RoleName: role, PolicyArn: policyArn }),
    async () => (await attachedPolicies(ctx.aws(account), role))?.includes(policyArn) === true,
  );
  await shown(ctx, account, role, policyArn, true);
  return true;
};

/** Detaches; NoSuchEntity means that it does not hang there: done. */
export const detach = async (ctx: WriteCtx, account: string, role: string, policyArn: string): Promise<boolean> => {
  const now = await attachedPolicies(ctx.aws(account), role);
  if (now === null || !now.includes(policyArn)) return false;
  await settledRemoval(
    () => ctx.aws(account).call('iam', 'DetachRolePolicy', { RoleName: role, PolicyArn: policyArn }),
    async () => (await attachedPolicies(ctx.aws(account), role))?.includes(policyArn) !== true,
  );
  await shown(ctx, account, role, policyArn, false);
  return true;
};
