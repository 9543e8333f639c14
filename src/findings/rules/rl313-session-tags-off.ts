import type { Rule } from '../rule.js';
import { roleSubject, sorted } from '../subjects.js';

export const sessionTagsOff: Rule = {
  code: 'RL313',
  name: 'session-tags-off',
  severity: 'block',
  acceptable: true,
  says: 'without session tags a Pod Identity trust cannot be narrowed: the role must serve one service account alone',
  remedy: 'Use --role-mode new with --disable-session-tags, or leave the session tags on.',
  explain: `EKS Pod Identity tells IAM by session tags which cluster, namespace and service account asks, and the trust policy that Rolelift writes tests them: the role is widened by exactly one service account. With \`--disable-session-tags\` (for sessions whose tags grow too large, or roles further down the chain that do not allow \`sts:TagSession\`) nothing of that is sent, and nothing can be tested.

A role that is shared, or may be, would then be open to whatever anybody associates with it in this account. So it must be dedicated: made for this one service account. The moves to existing roles are blocked.

Look for yourself: \`aws iam get-role --role-name NAME\` shows the trust; \`aws eks list-pod-identity-associations --cluster-name NAME\` who is associated with what.

Plan with \`--role-mode new\`, so that each service account gets a role of its own; or accept it by name where you know that the role serves nobody else and will not.`,
  find: ({ proposals, options }) => {
    if (!options.disableSessionTags) return [];
    const open = proposals.filter(
      ({ to, newRole }) => to?.mechanism === 'pod-identity' && to.associationRole === null && !newRole,
    );
    return sorted(open.flatMap(({ to }) => to?.role ?? [])).map((arn) => ({
      subject: roleSubject(arn),
      message: `without session tags the trust of ${arn} cannot be narrowed to one service account`,
      evidence: { moves: sorted(open.filter(({ to }) => to?.role === arn).map(({ id }) => id)) },
    }));
  },
};
