import { z } from 'zod';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { sameTrust } from '../trust/document.js';
import { contains } from '../trust/edit.js';
import { narrow, narrowness, widen } from '../trust/external-id.js';
import { associationOf, eksUse } from './associations.js';
import { fieldOf } from './object-fields.js';
import { accountParam, jsonMap, parserOf } from './params.js';
import { roleChange, roleGone } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type ReadCtx, type UndoOutcome } from './step.js';
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
  /** The statement as `add-trust-statement` or `create-role` wrote it, still without an external id. */
  statement: jsonMap,
  /** Non-white-space characters that the account allows (AssumeRolePolicySizeQuota). */
  limit: z.number(),
  /** Whose association has the external id; it exists only once the association does (H15). */
  externalIdOf: z.strictObject({
    cluster: z.string(),
    account: accountParam,
    namespace: z.string(),
    serviceAccount: z.string(),
  }),
});
export type TightenTrustStatementParams = z.infer<typeof schema>;
type TightenStep = Step<TightenTrustStatementParams>;
const kind = 'tighten-trust-statement';

const externalId = async (ctx: ReadCtx, { externalIdOf: of }: TightenTrustStatementParams): Promise<string | null> => {
  const live = await associationOf(ctx.aws(of.account), of.cluster, of.namespace, of.serviceAccount);
  return live?.externalId === '' ? null : (live?.externalId ?? null);
};
const noRoom = (size: number, { limit }: TightenTrustStatementParams): string =>
  `not narrowed: it would have ${size} characters, and the account allows ${limit}`;

/**
 * Narrows the trust of a target role to the external id of the association that reaches it, last of a move and after its proof
 * (EKS User Guide, target roles; H15). One write: the pods' next credentials come with the id in any case.
 */
export const tightenTrustStatement = defineStep<TightenTrustStatementParams>({
  kind,
  stages: ['cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Narrow the trust of role ${params.role} to the external id of ${params.externalIdOf.namespace}/${params.externalIdOf.serviceAccount}`,
    effect: 'additive',
    undo: 'Puts the statement back without the external id.',
  }),
  changes: ({ params: { account, role } }) => [roleChange(account, 'UpdateAssumeRolePolicy', { RoleName: role })],
  reads: ({ params: { account, role, externalIdOf } }) => [
    getRole(account, role),
    eksUse(externalIdOf.account, 'ListPodIdentityAssociations', { clusterName: externalIdOf.cluster }),
    eksUse(externalIdOf.account, 'DescribePodIdentityAssociation', { clusterName: externalIdOf.cluster }),
  ],
  locks: ({ params: { account, role } }) => [roleKey(account, role)],

  async preconditions(ctx, { params }) {
    return anotherRole(params, await readRole(ctx.aws(params.account), params.role));
  },
  async observe(ctx, { params }): Promise<Observation> {
    const role = await freshRole(ctx, params.account, params.role);
    if (role === null) return { is: 'gone', what: roleRef(params.account, params.role) };
    const id = await externalId(ctx, params);
    const saw: JsonObject = { document: role.trust };
    const found = narrowness(role.trust, params.statement, id);
    if (found === 'narrowed') return { is: 'applied', saw };
    if (found === 'open') {
      const narrowed = id === null ? null : narrow(role.trust, params.statement, id);
      // Without room for the external id it works all the same: better than a move that is taken back for the want of it.
      return narrowed?.is === 'changed' && narrowed.size > params.limit
        ? { is: 'applied', saw: { ...saw, note: noRoom(narrowed.size, params) } }
        : { is: 'not-applied', saw };
    }
    // Where a statement of another hand says the same, ours was never written, and there is nothing to narrow.
    if (contains(role.trust, params.statement)) return { is: 'applied', saw };
    return { is: 'drifted', saw, field: 'AssumeRolePolicyDocument', by: null };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    const role = await freshRole(ctx, params.account, params.role);
    return { document: fieldOf(role?.trust) };
  },
  async apply(ctx, step: TightenStep): Promise<Outcome> {
    const { params } = step;
    const id = await externalId(ctx, params);
    if (id === null)
      throw stepError('RL828', 'the association that the external id is to come from is not there, or has none', {
        subject: {
          kind: 'ServiceAccount',
          namespace: params.externalIdOf.namespace,
          name: params.externalIdOf.serviceAccount,
        },
        remedy: 'Find out who changed the association, then run the same command again.',
      });
    let note = '';
    const done = await editTrust(
      ctx,
      params.account,
      params.role,
      (live) => {
        note = '';
        const narrowed = narrow(live.trust, params.statement, id);
        if (narrowed.is === 'refused')
          throw stepError('RL827', `the trust policy of role ${params.role} cannot be read`, {
            subject: roleSubject(params.account, params.role),
            cause: narrowed.detail,
            remedy: 'Repair the trust policy by hand, then run the same command again.',
          });
        if (narrowed.is === 'absent') return { is: 'leave' };
        if (narrowed.size > params.limit) {
          note = noRoom(narrowed.size, params);
          return { is: 'leave' };
        }
        return { is: 'write', text: narrowed.text };
      },
      (text) => narrowness(text, params.statement, id) !== 'open',
    );
    if (done === null) throw roleGone(params.account, params.role);
    return {
      is: 'done',
      output: { document: done.after, wrote: done.wrote, note },
    };
  },
  async undo(ctx, { params }, record): Promise<UndoOutcome> {
    const recorded = [record.preimage, ...record.siblings].map(recordedTrust).filter((text) => text !== null);
    let how = 'gone' as 'exact' | 'surgical' | 'gone';
    const done = await editTrust(
      ctx,
      params.account,
      params.role,
      (live) => {
        const widened = widen(live.trust, params.statement);
        if (widened.is !== 'changed') return { is: 'leave' };
        const exact = recorded.find((text) => sameTrust(text, widened.text));
        how = exact === undefined ? 'surgical' : 'exact';
        return { is: 'write', text: exact ?? widened.text };
      },
      (text) => narrowness(text, params.statement, null) !== 'narrowed',
    );
    if (done === null) return { is: 'done', how: 'gone', note: `role ${params.role} is not there any more` };
    return { is: 'done', how, note: how === 'surgical' ? 'somebody else changed the trust policy meanwhile' : '' };
  },
});
