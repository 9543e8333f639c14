import { z } from 'zod';
import { type JsonObject, textAt } from '../model/json.js';
import { sameTrust } from '../trust/document.js';
import { addStatement, contains, removeStatement } from '../trust/edit.js';
import { fieldOf } from './object-fields.js';
import { accountParam, jsonMap, parserOf } from './params.js';
import { roleChange } from './role-policy.js';
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

const schema = z.strictObject({ account: accountParam, role: z.string(), roleArn: z.string(), statement: jsonMap });
export type RemoveTrustStatementParams = z.infer<typeof schema>;
const kind = 'remove-trust-statement';

/** Takes the broker's own statement out of a role's trust policy, last of all and only when asked (--retire-trust). */
export const removeTrustStatement = defineStep<RemoveTrustStatementParams>({
  kind,
  stages: ['retire'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Take the broker's statement out of the trust policy of role ${params.role}`,
    effect: 'destructive',
    undo: 'Puts the statement back; byte for byte where nobody else touched the document.',
  }),
  changes: ({ params: { account, role } }) => [roleChange(account, 'UpdateAssumeRolePolicy', { RoleName: role })],
  reads: ({ params: { account, role } }) => [getRole(account, role)],
  locks: ({ params: { account, role } }) => [roleKey(account, role)],

  async preconditions(ctx, { params }) {
    return anotherRole(params, await readRole(ctx.aws(params.account), params.role));
  },
  async observe(ctx, { params }): Promise<Observation> {
    const role = await freshRole(ctx, params.account, params.role);
    if (role === null) return { is: 'gone', what: roleRef(params.account, params.role) };
    const there = contains(role.trust, params.statement);
    return { is: there ? 'not-applied' : 'applied', saw: { document: role.trust } };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    const role = await freshRole(ctx, params.account, params.role);
    return { document: fieldOf(role?.trust) };
  },
  async apply(ctx, { params }): Promise<Outcome> {
    const done = await editTrust(
      ctx,
      params.account,
      params.role,
      (live) => {
        const removal = removeStatement(live.trust, params.statement, { anySid: true });
        if (removal.is === 'refused') throw refused(params, removal.detail);
        return removal.is === 'absent' ? { is: 'leave' } : { is: 'write', text: removal.text };
      },
      (text) => !contains(text, params.statement),
    );
    return done === null
      ? { is: 'done', output: { note: `role ${params.role} is not there any more` } }
      : { is: 'done', output: { document: done.after, wrote: done.wrote } };
  },
  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const before = recordedTrust(record.preimage);
    if (before !== null && !contains(before, params.statement))
      return { is: 'done', how: 'kept', note: 'the statement was not there before' };
    const known = [before, ...record.siblings.map(recordedTrust)].filter((text) => text !== null);
    let how = 'exact' as 'exact' | 'surgical';
    const done = await editTrust(
      ctx,
      params.account,
      params.role,
      (live) => {
        const added = addStatement(live.trust, params.statement);
        if (added.is === 'refused') throw refused(params, added.detail);
        if (added.is === 'already') return { is: 'leave' };
        const text = withSid(added.text, added.sid, params.statement);
        const exact = known.find((one) => sameTrust(one, text));
        how = exact === undefined ? 'surgical' : 'exact';
        return { is: 'write', text: exact ?? text };
      },
      (text) => contains(text, params.statement),
    );
    return done === null
      ? { is: 'done', how: 'gone', note: `role ${params.role} is not there any more` }
      : { is: 'done', how, note: how === 'surgical' ? 'somebody else changed the trust policy meanwhile' : '' };
  },
});

/** The statement was never ours: it goes back under its own Sid, or under none. */
const withSid = (text: string, sid: string, statement: JsonObject): string => {
  const document = JSON.parse(text) as { Statement: Record<string, unknown>[] };
  document.Statement = document.Statement.map((one) => {
    if (one.Sid !== sid || textAt(statement, 'Sid') === sid) return one;
    const { Sid: _ours, ...rest } = one;
    const own = textAt(statement, 'Sid');
    return own === undefined ? rest : { Sid: own, ...rest };
  });
  return JSON.stringify(document);
};

const refused = (params: RemoveTrustStatementParams, detail: string) =>
  stepError('RL827', `the trust policy of role ${params.role} cannot be written`, {
    subject: roleSubject(params.account, params.role),
    cause: detail,
    remedy: 'Repair the trust policy by hand, then run the same command again.',
  });
