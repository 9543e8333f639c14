import type { Inventory } from '../model/inventory.js';
import { annotationKeys, marks } from '../model/words.js';
import { removeStatement } from '../trust/edit.js';
import type { MarkReads } from './mark-reads.js';
import type { MarkedDraft } from './marked-draft.js';
import { type OurStatement, ourStatements } from './our-statements.js';

/** Bindings that a plan copied for its service accounts. */
const addBindings = (draft: MarkedDraft, reads: MarkReads, id: string): void => {
  for (const { params } of reads.bindings.filter(({ plan }) => plan === id)) {
    const binding = params.binding as {
      readonly kind: string;
      readonly namespace: string | null;
      readonly name: string;
    };
    const subject = params.subject as { readonly namespace: string; readonly name: string };
    draft.add('copy-rbac-subject', `${binding.namespace ?? ''}/${binding.kind}/${binding.name}`, {
      stage: 'prepare',
      move: draft.moveOf(subject.namespace, subject.name).key,
      target: {
        api: 'kubernetes',
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: binding.kind,
        ...(binding.namespace === null ? {} : { namespace: binding.namespace }),
        name: binding.name,
      },
      params,
    });
  }
};

/** Statements of ours; those on roles that the plan made stay with the roles. */
const addTrust = (
  draft: MarkedDraft,
  inventory: Inventory,
  of: { readonly id: string; readonly lone: boolean; readonly created: ReadonlySet<string> },
): void => {
  const { id, lone, created } = of;
  for (const statement of ourStatements(inventory)) {
    if (created.has(statement.roleArn)) continue;
    const word = trustWord(inventory, statement, draft, id, lone);
    if (word === 'take') {
      const removed = removeStatement(statement.trust, statement.statement as never);
      draft.add(
        'add-trust-statement',
        `${statement.account}/Role/${statement.role}:${statement.namespace}.${statement.name}`,
        {
          stage: 'prepare',
          move: draft.moveOf(statement.namespace, statement.name).key,
          target: { api: 'iam', kind: 'Role', account: statement.account, name: statement.role },
          params: {
            account: statement.account,
            role: statement.role,
            roleArn: statement.roleArn,
            statement: statement.statement,
            limit: Number.MAX_SAFE_INTEGER,
          },
          preimage: removed.is === 'changed' ? { document: { present: true, value: removed.text } } : {},
        },
      );
    } else if (word !== '') draft.left.push(word);
  }
};

/** OIDC providers that a plan made. */
const addProviders = (draft: MarkedDraft, inventory: Inventory, id: string): void => {
  for (const provider of inventory.oidcProviders.filter(({ tags }) => tags[marks.plan] === id)) {
    const host = provider.arn.slice(provider.arn.indexOf('oidc-provider/') + 'oidc-provider/'.length);
    draft.add('create-oidc-provider', `${provider.account}/OIDCProvider/${host}`, {
      stage: 'prepare',
      move: null,
      target: { api: 'iam', kind: 'OIDCProvider', account: provider.account, name: host },
      params: { account: provider.account, issuer: `https://${host}`, audiences: [...provider.audiences] },
      before: { exists: false, audiences: null },
      preimage: { audiences: { present: false } },
    });
  }
};

/** Everything that a plan's moves stand on. `lone`: statements of accounts that carry no mark are this plan's, too. */
export const addGround = (
  draft: MarkedDraft,
  inventory: Inventory,
  reads: MarkReads,
  of: { readonly id: string; readonly lone: boolean; readonly created: ReadonlySet<string> },
): void => {
  addBindings(draft, reads, of.id);
  addTrust(draft, inventory, of);
  addProviders(draft, inventory, of.id);
};

/** `take`, '' for none of our business, or why it stays. */
const trustWord = (
  inventory: Inventory,
  statement: OurStatement,
  draft: MarkedDraft,
  id: string,
  lone: boolean,
): string => {
  const what = `statement ${statement.sid} of role ${statement.role}`;
  if (!statement.ours) return `${what} is of another cluster: left`;
  if (draft.moves.has(`move:${statement.namespace}/${statement.name}`)) return 'take';
  const account = inventory.serviceAccounts.find(
    ({ ref }) => ref.namespace === statement.namespace && ref.name === statement.name,
  );
  const marked = account?.annotations[marks.plan];
  if (marked !== undefined && marked !== id) return '';
  if (account?.annotations[annotationKeys.irsaRole] !== undefined)
    return `${what} stays: ${statement.namespace}/${statement.name} is bound by somebody else's source; take the annotation back there first`;
  return lone ? 'take' : '';
};
