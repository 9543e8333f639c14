import { z } from 'zod';
import { type JsonObject, textAt } from '../model/json.js';
import { addStatement, contains, containsOurs } from '../trust/edit.js';
import { restore } from '../trust/restore.js';
import { accountParam, jsonMap, parserOf } from './params.js';
import { roleChange, roleGone } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { stepError } from './step-errors.js';
import {
  anotherRole,
  editTrust,
  freshRole,
  getRole,
  readRole,
  recordedTrust,
  roleKey,
  roleRef,
  roleSubject,
} from './trust-write.js';

const schema = z.strictObject({
  account: accountParam,
  role: z.string(),
  roleArn: z.string(),
  statement: jsonMap,
  /** Non-white-space characters that the account allows (AssumeRolePolicySizeQuota). */
  limit: z.number(),
});
export type AddTrustStatementParams = z.infer<typeof schema>;
const kind = 'add-trust-statement';

/**
 * Adds one statement to a role's trust policy beside all that is there, one step per move and role (IAM: UpdateAssumeRolePolicy
 * replaces the whole document and knows no condition; H20).
 */
export const addTrustStatement = defineStep<AddTrustStatementParams>({
  kind,
  stages: ['prepare', 'cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Let role ${params.role} be assumed by one more service account`,
    effect: 'additive',
    undo: `Takes exactly this statement out of the trust policy of ${params.role} again.`,
  }),
  changes: ({ params }) => [roleChange(params.account, 'UpdateAssumeRolePolicy', { RoleName: params.role })],
  reads: ({ params }) => [getRole(params.account, params.role)],
  locks: ({ params }) => [roleKey(params.account, params.role)],

  async preconditions(ctx, { params }) {
    const role = await readRole(ctx.aws(params.account), params.role);
    const drifts = anotherRole(params, role);
    if (role === null || !role.path.startsWith('/aws-service-role/')) return drifts;
    const subject = roleSubject(params.account, params.role);
    return [...drifts, { subject, field: 'Path', expected: 'not service-linked', found: role.path, by: null }];
  },

  async observe(ctx, { params }): Promise<Observation> {
    const role = await freshRole(ctx, params.account, params.role);
    if (role === null) return { is: 'gone', what: roleRef(params.account, params.role) };
    const there = contains(role.trust, params.statement);
    return { is: there ? 'applied' : 'not-applied', saw: { document: role.trust } };
  },

  async preimage(ctx, { params }): Promise<JsonObject> {
    const role = await freshRole(ctx, params.account, params.role);
    return role === null
      ? { document: { present: false } }
      : { document: { present: true, value: role.trust }, roleId: role.roleId };
  },

  async apply(ctx, { params }): Promise<Outcome> {
    const done = await editTrust(
      ctx,
      params.account,
      params.role,
      (live) => {
        const added = addStatement(live.trust, params.statement, { limit: params.limit });
        if (added.is === 'refused')
          throw stepError('RL827', `the trust policy of role ${params.role} cannot take the statement`, {
            subject: roleSubject(params.account, params.role),
            cause: added.detail,
            remedy:
              added.reason === 'too-large'
                ? 'Ask for a higher quota of the trust policy length, or use a role of its own (--role-mode new).'
                : 'Repair the trust policy first: remove what IAM would not take back.',
          });
        return added.is === 'already' ? { is: 'leave' } : { is: 'write', text: added.text };
      },
      (text) => contains(text, params.statement),
    );
    if (done === null) throw roleGone(params.account, params.role);
    return { is: 'done', output: { document: done.after, wrote: done.wrote } };
  },

  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const recorded = record.siblings.map(recordedTrust).filter((text) => text !== null);
    const before = recordedTrust(record.preimage);
    let how: 'exact' | 'surgical' | 'gone' = 'gone';
    let foreign = false;
    const done = await editTrust(
      ctx,
      params.account,
      params.role,
      (live) => {
        const result = restore({
          before: before ?? live.trust,
          after: textAt(record.output, 'document') ?? live.trust,
          live: live.trust,
          statement: params.statement,
          recorded,
        });
        if (result.is === 'refused')
          throw stepError('RL827', `the trust policy of role ${params.role} cannot be brought back`, {
            subject: roleSubject(params.account, params.role),
            cause: result.detail,
            remedy: `Remove the statement ${textAt(params.statement, 'Sid') ?? ''} by hand once the cause is healed, then run the rollback again.`,
          });
        how = how === 'gone' || result.is !== 'gone' ? result.is : how;
        foreign = result.is !== 'exact' && result.foreign;
        return result.is === 'gone' ? { is: 'leave' } : { is: 'write', text: result.text };
      },
      (text) => !containsOurs(text, params.statement),
    );
    if (done === null) return { is: 'done', how: 'gone', note: `role ${params.role} is not there any more` };
    return {
      is: 'done',
      how,
      note: foreign ? 'somebody else changed the trust policy meanwhile; only our statement was taken out' : '',
    };
  },
});
