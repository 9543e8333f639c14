import { parseRoleArn } from '../../model/resource.js';
import { issuerHost, providerArnFor } from '../../trust/statement.js';
import type { FindingDraft, Rule } from '../rule.js';
import { candidates, proposalOf, roleOf, sorted, towardsPodIdentity } from '../subjects.js';
import { audienceOf, issuersOf } from '../trust-plans.js';

export const oidcProviderIncomplete: Rule = {
  code: 'RL306',
  name: 'oidc-provider-incomplete',
  severity: 'info',
  acceptable: true,
  says: "the role's account has no OIDC provider for this cluster, or one without the audience",
  remedy: 'Nothing by hand: the plan creates it, or adds the audience to the one that is there.',
  explain: `Under IRSA a pod shows AWS a token that the cluster has signed. AWS believes it only if the account of the role has an IAM OIDC provider for the cluster's issuer, and the provider lists the audience for which the token was made (usually \`sts.amazonaws.com\`).

Here the provider is missing, or lacks the audience. Without it STS answers "No OpenIDConnect provider found in your account" or "Incorrect token audience", and no pod would get its role.

The plan takes care of it in the stage \`prepare\`: it creates the provider once per account and cluster, or adds the audience to the one that exists; it never recreates one that others may use. On rollback the provider is removed only if no other role's trust names it.

Look for yourself: \`aws iam list-open-id-connect-providers\`, and \`aws iam get-open-id-connect-provider --open-id-connect-provider-arn ARN\` for the audiences.`,
  find: (input) => {
    const { inventory } = input.estate;
    const issuers = issuersOf(inventory, input.options);
    const moving = candidates(input).filter(
      (use) => (proposalOf(input, use)?.to?.mechanism ?? (towardsPodIdentity(input, use) ? '' : 'irsa')) === 'irsa',
    );
    const wanted = new Map<string, Set<string>>();
    for (const use of moving) {
      const proposal = proposalOf(input, use);
      const account = parseRoleArn(proposal?.to?.role ?? roleOf(use) ?? '')?.account;
      if (account === undefined) continue;
      const { namespace, serviceAccount } = proposal?.to ?? use.workload.template;
      wanted.set(account, (wanted.get(account) ?? new Set()).add(audienceOf(input.estate, namespace, serviceAccount)));
    }
    return sorted([...wanted.keys()]).flatMap((account) =>
      issuers.flatMap((issuer): FindingDraft[] => {
        const arn = providerArnFor(inventory.cluster.partition, account, issuer);
        const provider = inventory.oidcProviders.find((each) => each.arn === arn);
        const missing = sorted(wanted.get(account) ?? []).filter((audience) => !provider?.audiences.includes(audience));
        if (provider !== undefined && missing.length === 0) return [];
        const audience = missing.join(', ');
        return [
          {
            subject: { kind: 'OIDCProvider', account, name: issuerHost(issuer) },
            message:
              provider === undefined
                ? `the account ${account} has no OIDC provider for ${issuer}`
                : `the OIDC provider of ${issuer} in ${account} lacks the audience ${audience}`,
            evidence: { arn, present: provider !== undefined, audiences: provider?.audiences ?? [], audience },
          },
        ];
      }),
    );
  },
};
