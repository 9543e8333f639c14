import type { Finding } from '../model/finding.js';
import { parseRoleArn, subjectText } from '../model/resource.js';
import type { Proposal } from './rule.js';

const sameRole = (finding: Finding, arn: string | null | undefined): boolean => {
  if (!arn) return false;
  const parts = parseRoleArn(arn);
  if (parts === null) return finding.subject.name === arn;
  return finding.subject.name === parts.name && finding.subject.account === parts.account;
};

/**
 * Whether a finding is about a move: its workloads and their pods' account, the account that it ends on, its roles and the OIDC
 * provider of their account, or something that every move depends on (the webhook). Findings that name moves in
 * `evidence.moves` are about exactly those.
 */
export const concerns = (finding: Finding, proposal: Proposal): boolean => {
  const { subject, evidence } = finding;
  if (Array.isArray(evidence.moves)) return evidence.moves.includes(proposal.id);
  switch (subject.kind) {
    case 'ServiceAccount':
      return (
        subjectText(subject) === `${proposal.subject.namespace}/${proposal.subject.name}` ||
        (proposal.to !== null && subjectText(subject) === `${proposal.to.namespace}/${proposal.to.serviceAccount}`)
      );
    case 'Role':
      return (
        sameRole(finding, proposal.from.role) ||
        sameRole(finding, proposal.to?.role) ||
        sameRole(finding, proposal.to?.associationRole) ||
        proposal.uses.some((use) => sameRole(finding, use.wanted))
      );
    case 'OIDCProvider':
      return proposal.to?.mechanism === 'irsa' && parseRoleArn(proposal.to.role)?.account === subject.account;
    case 'MutatingWebhookConfiguration':
      return true;
    default:
      return proposal.uses.some(
        ({ workload: { ref } }) =>
          ref.kind === subject.kind && ref.namespace === subject.namespace && ref.name === subject.name,
      );
  }
};
