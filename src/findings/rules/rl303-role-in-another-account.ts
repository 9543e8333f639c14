import { parseRoleArn } from '../../model/resource.js';
import { accountCommands } from '../account-commands.js';
import type { FindingDraft, Rule } from '../rule.js';
import { proposalOf, roleSubject, rolesInPlay } from '../subjects.js';

export const roleInAnotherAccount: Rule = {
  code: 'RL303',
  name: 'role-in-another-account',
  severity: 'info',
  acceptable: true,
  says: 'the role lives in another account than the cluster: what that account needs, and whose credentials make it',
  remedy:
    'Name credentials for that account with --account-profile ACCOUNT=PROFILE or --account-role ACCOUNT=ARN, or give its owner the printed commands, and plan again with credentials that may read the role.',
  explain: `The role belongs to another AWS account than the cluster. A broker does not mind: it calls \`sts:AssumeRole\` across accounts. The new mechanisms need something in that account.

IRSA: the account needs an IAM OIDC provider of its own for the cluster's issuer, and the role's trust policy names that provider. Pod Identity: a role in the cluster's account is associated, and chains to this one, whose trust policy names it (session tags and, afterwards, an external id included).

Someone with credentials for that account has to make these changes. Rolelift does it when you name such credentials; each step says whose it uses. Without them only the moves of this account are blocked, and the plan holds the commands with which its owner makes the provider and adds the statement; RUNBOOK.md has them too. Once they were run, credentials that may only read the role are enough: what is there already is not made again.

Look for yourself: \`aws sts get-caller-identity --profile PROFILE\` shows the account of a profile.`,
  find: (input) => {
    const { inventory } = input.estate;
    return [...rolesInPlay(input)].flatMap(([arn, uses]): FindingDraft[] => {
      const account = parseRoleArn(arn)?.account;
      if (account === undefined || account === inventory.cluster.accountId || inventory.cluster.accountId === '')
        return [];
      const credentials = inventory.accounts.find(({ id }) => id === account)?.credentials ?? 'none';
      const blocked = credentials === 'none' && inventory.source === 'live';
      const commands = blocked
        ? [
            ...new Set(
              input.proposals.filter(({ to }) => to?.role === arn).flatMap((one) => accountCommands(input, one)),
            ),
          ]
        : [];
      const podIdentity = uses.some((use) => proposalOf(input, use)?.to?.mechanism === 'pod-identity');
      return [
        {
          subject: roleSubject(arn),
          severity: blocked ? ('block' as const) : ('info' as const),
          message: blocked
            ? `${arn} is in the account ${account}, for which no credentials were named`
            : `${arn} is in the account ${account}; its part is made with ${credentials === 'none' ? 'credentials that are still to be named' : credentials}`,
          evidence: {
            account,
            clusterAccount: inventory.cluster.accountId,
            credentials,
            ...(commands.length === 0 ? {} : { commands }),
            needs: podIdentity
              ? ['trust for the associated role, with sts:AssumeRole and sts:TagSession']
              : [
                  `an OIDC provider for ${inventory.cluster.oidcIssuers[0] ?? 'the issuer'}`,
                  'a trust statement for the service account',
                ],
          },
        },
      ];
    });
  },
};
