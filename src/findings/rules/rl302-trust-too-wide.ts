import { parseTrust } from '../../trust/document.js';
import { tooWide } from '../../trust/lint.js';
import { roleByArn } from '../policy-documents.js';
import type { Rule } from '../rule.js';
import { roleSubject, rolesInPlay } from '../subjects.js';

export const trustTooWide: Rule = {
  code: 'RL302',
  name: 'trust-too-wide',
  severity: 'warn',
  acceptable: true,
  says: 'an existing trust statement lets in more than it looks like: no sub, no aud, a wildcard, or * under StringEquals',
  remedy:
    'Narrow the statement to the service accounts that need the role; Rolelift adds its own beside it and changes no other.',
  explain: `Trust for service account tokens is safe only if the statement tests two claims: \`sub\`, which names the service account, and \`aud\`, whom the token is meant for. Without \`sub\` every service account of that cluster may assume the role; with a wildcard whatever matches it may. A \`*\` under StringEquals is no wildcard but a plain character: that statement lets nobody in, and people tend to repair it by widening.

The role of this move carries such a statement already. Rolelift never writes one of this kind, and it does not change statements of others: it adds its own beside them.

Look for yourself: \`aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument\`. The evidence names the statement and what is wrong with it.

Narrow it: \`StringEquals\` on \`<issuer>:aud\` and on \`<issuer>:sub\` with \`system:serviceaccount:NAMESPACE:NAME\`, several of them as a list. Check before, with CloudTrail (AssumeRoleWithWebIdentity), which service accounts really use the role.`,
  find: (input) =>
    [...rolesInPlay(input).keys()].flatMap((arn) => {
      const role = roleByArn(input.estate.inventory, arn);
      if (role === undefined) return [];
      const wide = tooWide(parseTrust(role.trust));
      if (wide.length === 0) return [];
      return [
        {
          subject: roleSubject(arn),
          message: `the trust policy of ${arn} is wider than it should be: ${wide[0]?.detail}`,
          evidence: { statements: wide },
        },
      ];
    }),
};
