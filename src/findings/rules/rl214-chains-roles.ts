import { chainOf } from '../chains.js';
import type { Rule } from '../rule.js';
import { roleSubject, rolesInPlay, towardsPodIdentity } from '../subjects.js';

export const chainsRoles: Rule = {
  code: 'RL214',
  name: 'chains-roles',
  severity: 'warn',
  acceptable: true,
  says: 'the role assumes further roles; under Pod Identity session tags would need sts:TagSession there',
  remedy:
    'Keep IRSA for this workload, let every role that it assumes allow sts:TagSession, or plan with session tags disabled.',
  explain: `The policies of this role allow \`sts:AssumeRole\`: the workload may go on from its own role to others, as is usual for access to further accounts.

Pod Identity puts six tags on the session (cluster, namespace, service account, pod), and these travel along when the session assumes another role. That works only if the trust policy of each of those roles allows \`sts:TagSession\` beside \`sts:AssumeRole\`; otherwise STS refuses. Under IRSA there are no such tags, and nothing changes. So this is a reason to stay with IRSA, and under Pod Identity the move is blocked unless every role is known to allow it.

Look for yourself: the targets are in the evidence; \`aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument\` in their accounts shows what they allow.

Ways out: IRSA (\`--target irsa\`, or \`auto\`, which chooses it here), \`sts:TagSession\` in all of those trust policies, or \`--disable-session-tags\`, which also gives up to narrow the trust by these tags.`,
  find: (input) =>
    [...rolesInPlay(input)].flatMap(([arn, uses]) => {
      const chain = chainOf(input.estate, arn);
      if (chain === null) return [];
      const podIdentity = uses.some((use) => towardsPodIdentity(input, use));
      const blocked = podIdentity && !input.options.disableSessionTags && !chain.tagged;
      return [
        {
          subject: roleSubject(arn),
          severity: blocked ? ('block' as const) : ('warn' as const),
          message: blocked
            ? `${arn} assumes further roles, and not all of them are known to allow sts:TagSession, which Pod Identity needs`
            : `${arn} may assume further roles (${chain.targets.slice(0, 3).join(', ')}${chain.targets.length > 3 ? ', …' : ''})`,
          evidence: {
            targets: chain.targets,
            roles: chain.roles,
            allowTagSession: chain.tagged,
            policies: chain.policies,
          },
        },
      ];
    }),
};
