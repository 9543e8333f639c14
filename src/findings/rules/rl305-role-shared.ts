import { parseTrust } from '../../trust/document.js';
import { whoTrusts } from '../../trust/lint.js';
import { issuerHost } from '../../trust/statement.js';
import { accountOf } from '../estate.js';
import { roleByArn } from '../policy-documents.js';
import type { FindingDraft, Rule } from '../rule.js';
import { roleSubject, rolesInPlay, sorted } from '../subjects.js';

export const roleShared: Rule = {
  code: 'RL305',
  name: 'role-shared',
  severity: 'info',
  acceptable: true,
  says: 'other moves, clusters or principals use this role; what must not be removed',
  remedy: 'Nothing now; remove the broker from the trust policy only when all of them have moved.',
  explain: `The role is used by more than one party: several service accounts of this cluster, other clusters (their OIDC providers stand in the trust policy), other AWS principals or services.

That is no obstacle: Rolelift adds a statement for one service account and touches no other. But the broker's statement must stay as long as anybody uses the role through the broker, here or in another cluster of the same broker; and everything in the list must still be there after a rollback.

Look for yourself: \`aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument\`, and the role's sessions in CloudTrail for the last 30 days.

If the sharing is more than you want, plan with \`--role-mode new\`: each service account gets a role of its own, and RL310 tells what that costs.`,
  find: (input) => {
    const { inventory } = input.estate;
    const brokers = new Set(inventory.brokers.flatMap(({ assumer }) => assumer ?? []));
    const hosts = new Set(inventory.cluster.oidcIssuers.map(issuerHost));
    return [...rolesInPlay(input)].flatMap(([arn, uses]): FindingDraft[] => {
      const accounts = sorted(uses.map(accountOf));
      const role = roleByArn(inventory, arn);
      const trusted =
        role === undefined ? [] : whoTrusts(parseTrust(role.trust)).filter(({ effect }) => effect === 'Allow');
      const others = sorted(
        trusted
          .filter(({ type, name }) =>
            type === 'Federated'
              ? ![...hosts].some((host) => name.endsWith(`:oidc-provider/${host}`))
              : !brokers.has(name) && name !== 'pods.eks.amazonaws.com',
          )
          .map(({ type, name }) => `${type} ${name}`),
      );
      const associated = sorted(
        inventory.associations
          .filter((each) => each.role === arn || each.targetRole === arn)
          .map((each) => `${each.namespace}/${each.serviceAccount}`)
          .filter((key) => !accounts.includes(key)),
      );
      if (accounts.length < 2 && others.length === 0 && associated.length === 0) return [];
      return [
        {
          subject: roleSubject(arn),
          message: `${arn} is also used by others: ${[
            ...(accounts.length > 1 ? [`${accounts.length} service accounts of this cluster`] : []),
            ...others,
            ...associated.map((key) => `association ${key}`),
          ].join(', ')}`,
          evidence: { serviceAccounts: accounts, principals: others, associations: associated },
        },
      ];
    });
  },
};
