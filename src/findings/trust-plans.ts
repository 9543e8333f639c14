import type { Role } from '../model/inventory.js';
import { parseRoleArn } from '../model/resource.js';
import { addStatement, type Refusal, type Statement, statementFor } from '../trust/edit.js';
import { issuerHost, providerArnFor } from '../trust/statement.js';
import { roleByArn } from './policy-documents.js';
import type { Estate, Proposal, RuleInput } from './rule.js';
import { sorted } from './subjects.js';

/** Default of the quota `AssumeRolePolicySizeQuota` (IAM User Guide, quotas). */
export const defaultTrustQuota = 2048;

/** Characters that a trust policy of that account may have: its live quota, else the default. */
export const trustQuotaOf = (estate: Estate, account: string): number => {
  const quotas = estate.inventory.accounts.find(({ id }) => id === account)?.quotas ?? {};
  return (
    (Object.hasOwn(quotas, 'AssumeRolePolicySizeQuota') ? quotas['AssumeRolePolicySizeQuota'] : undefined) ??
    defaultTrustQuota
  );
};

/** The issuer that new trust is written for: the one that was asked for, else the cluster's present one; null where neither is known. */
export const issuerOf = (input: RuleInput): string | null =>
  input.options.oidcIssuer ?? input.estate.inventory.cluster.oidcIssuers[0] ?? null;

/** The statement that a proposal would add to a trust policy; null where that cannot be told yet. */
export const intendedStatement = (input: RuleInput, proposal: Proposal): Statement | null => {
  const { to } = proposal;
  const { cluster, webhook } = input.estate.inventory;
  if (to === null) return null;
  if (to.mechanism === 'pod-identity')
    return cluster.arn === null
      ? null
      : statementFor({
          mechanism: 'pod-identity',
          namespace: to.namespace,
          serviceAccount: to.serviceAccount,
          clusterArn: cluster.arn,
          disableSessionTags: input.options.disableSessionTags,
        });
  const account = parseRoleArn(to.role)?.account;
  const issuer = issuerOf(input);
  if (account === undefined || issuer === null) return null;
  return statementFor({
    mechanism: 'irsa',
    namespace: to.namespace,
    serviceAccount: to.serviceAccount,
    issuer: issuerHost(issuer),
    providerArn: providerArnFor(cluster.partition, account, issuer),
    audience: webhook.audience || 'sts.amazonaws.com',
  });
};

/** Existing roles whose trust the proposals would widen, with the proposals; sorted by ARN. */
export const widened = (
  input: RuleInput,
): readonly { readonly role: Role; readonly proposals: readonly Proposal[] }[] => {
  const target = (proposal: Proposal): string | null =>
    proposal.newRole || proposal.to === null ? null : (proposal.to.associationRole ?? proposal.to.role);
  return sorted(input.proposals.flatMap((proposal) => target(proposal) ?? [])).flatMap((arn) => {
    const role = roleByArn(input.estate.inventory, arn);
    return role === undefined
      ? []
      : [{ role, proposals: input.proposals.filter((proposal) => target(proposal) === arn) }];
  });
};

/** Adds every statement of these proposals to the role's trust, one after the other; the first refusal ends it. */
export const trustAfter = (
  input: RuleInput,
  role: Role,
  proposals: readonly Proposal[],
):
  | { readonly is: 'fits'; readonly text: string; readonly size: number | null }
  | (Refusal & { readonly at: string }) => {
  const limit = trustQuotaOf(input.estate, role.account);
  let text = role.trust;
  let size: number | null = null;
  for (const proposal of proposals) {
    const statement = intendedStatement(input, proposal);
    if (statement === null) continue;
    const added = addStatement(text, statement, { limit });
    if (added.is === 'refused') return { ...added, at: proposal.id };
    text = added.text;
    size = added.size;
  }
  return { is: 'fits', text, size };
};
