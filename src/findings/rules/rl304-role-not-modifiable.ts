import type { Role } from '../../model/inventory.js';
import { editedRoles } from '../edited-roles.js';
import { boundaryOf, covers, isAllow, isDeny, policiesOf, speaksOf } from '../policy-documents.js';
import type { Estate, FindingDraft, Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';
import { callerRole } from './rl503-own-identity-in-plan.js';

const action = 'iam:UpdateAssumeRolePolicy';

/** Why the tool's own role may not write a trust policy, as far as its documents tell; null where nothing speaks against it. */
const callerObstacle = (estate: Estate, role: Role): string | null => {
  const own = estate.inventory.caller === null ? null : callerRole(estate.inventory.caller.arn);
  const caller =
    own === null
      ? undefined
      : estate.inventory.roles.find(({ account, name }) => account === own.account && name === own.name);
  if (caller === undefined || caller.account !== role.account) return null;
  const boundary = boundaryOf(estate.inventory, caller);
  const mine = (statement: Parameters<typeof covers>[0]): boolean =>
    speaksOf(statement, action) && covers(statement, role.arn);
  const denied = [...policiesOf(estate.inventory, caller), ...(boundary === null ? [] : [boundary])].find((policy) =>
    // A Deny under a condition may not hold: only the server knows.
    policy.statements.some((statement) => isDeny(statement) && statement.Condition === undefined && mine(statement)),
  );
  if (denied !== undefined) return `${denied.name} of ${caller.arn} denies ${action}`;
  if (boundary?.readable && !boundary.statements.some((statement) => isAllow(statement) && mine(statement)))
    return `the permission boundary ${boundary.name} of ${caller.arn} does not allow ${action}`;
  return null;
};

const obstacleOf = (estate: Estate, role: Role): string | null => {
  if (role.path.startsWith('/aws-service-role/'))
    return 'it is a service-linked role: only its AWS service may change it';
  if (role.path.startsWith('/aws-reserved/'))
    return 'it is reserved by AWS (IAM Identity Center makes and rewrites such roles)';
  return callerObstacle(estate, role);
};

export const roleNotModifiable: Rule = {
  code: 'RL304',
  name: 'role-not-modifiable',
  severity: 'block',
  acceptable: true,
  says: 'the role is service-linked or reserved, or a permission boundary or policy forbids the change',
  remedy: 'Use a role of your own for the workload, or let somebody who may change this one do it.',
  explain: `A move widens the trust policy of its role by one service account. This role's trust policy cannot be changed by this run: it is a service-linked role or one that IAM Identity Center keeps, which IAM refuses to change for anybody (UnmodifiableEntity), or the documents of the identity that Rolelift runs with forbid \`iam:UpdateAssumeRolePolicy\` on it.

It is said now, so that it does not fail in the middle of a run.

Look for yourself: the role's path in \`aws iam get-role --role-name NAME\` (\`/aws-service-role/\` and \`/aws-reserved/\` are AWS's), and \`aws iam simulate-principal-policy --policy-source-arn CALLER --action-names iam:UpdateAssumeRolePolicy --resource-arns ROLE\`.

Give the workload a role of your own (\`--role-mode new\` makes one with the same policies), or run with an identity that may change this role.`,
  find: (input) =>
    editedRoles(input).flatMap((role): FindingDraft[] => {
      const obstacle = obstacleOf(input.estate, role);
      return obstacle === null
        ? []
        : [
            {
              subject: roleSubject(role.arn),
              message: `the trust policy of ${role.arn} cannot be changed: ${obstacle}`,
              evidence: { path: role.path, obstacle, caller: input.estate.inventory.caller?.arn ?? null },
            },
          ];
    }),
};
