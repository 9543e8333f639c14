import type { FindingDraft, Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';
import { clusterWideRoles, trustAfter, trustQuotaOf, widened } from '../trust-plans.js';

export const trustTooLarge: Rule = {
  code: 'RL301',
  name: 'trust-too-large',
  severity: 'block',
  acceptable: true,
  says: "the trust policy would exceed the account's quota",
  remedy:
    'Raise the quota for trust policy length (Service Quotas, IAM), remove statements that nobody needs, use --role-mode new, or use Pod Identity, which needs one statement for many clusters.',
  explain: `A role's trust policy says who may assume it, and its length is limited: 2,048 characters by default, white space not counted. Each service account under IRSA takes some three hundred of them, because the issuer of the cluster stands in the statement three times.

Together with what this role trusts already, the statements of the plan do not fit. IAM would refuse the write (LimitExceeded, ACLSizePerRole), in the middle of the run, for whichever workload comes last. So the moves are blocked beforehand, all of them: which one would still fit is not a choice for a tool.

Look for yourself: \`aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument | tr -d ' \\n' | wc -c\`, and \`aws iam get-account-summary --query SummaryMap.AssumeRolePolicySizeQuota\`.

Under Pod Identity the names are left out where they do not fit, and the statement ends at the cluster: that is told as a warning.

Ways out: ask AWS for a higher quota (Service Quotas, Role trust policy length) and plan again; remove statements of clusters that are gone; give each service account a role of its own (\`--role-mode new\`); or Pod Identity, whose statement names no issuer.`,
  find: (input) => {
    const wide = clusterWideRoles(input);
    return widened(input).flatMap(({ role, proposals }): FindingDraft[] => {
      const after = trustAfter(input, role, proposals);
      if (after.is !== 'refused' || after.reason !== 'too-large') return [];
      const limit = trustQuotaOf(input.estate, role.account);
      const moves = proposals.map(({ id }) => id);
      if (wide.has(role.arn))
        return [
          {
            subject: roleSubject(role.arn),
            severity: 'warn' as const,
            message: `the trust policy of ${role.arn} has no room for the names of ${proposals.length} service accounts: its Pod Identity statement ends at the cluster`,
            remedy:
              'Nothing must be done: only who may pass the role (iam:PassRole) can associate it. For a narrower statement raise the quota, or use --role-mode new.',
            evidence: { size: after.size ?? null, limit, moves, narrowedTo: 'cluster' },
          },
        ];
      return [
        {
          subject: roleSubject(role.arn),
          message: `the trust policy of ${role.arn} would have ${after.size ?? 'too many'} characters, and the account allows ${limit}`,
          evidence: { size: after.size ?? null, limit, moves },
        },
      ];
    });
  },
};
