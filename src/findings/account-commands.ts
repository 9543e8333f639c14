import { canonical } from '../model/canonical.js';
import { parseRoleArn } from '../model/resource.js';
import { targetStatementFor } from '../trust/edit.js';
import { providerArnFor } from '../trust/statement.js';
import type { Proposal, RuleInput } from './rule.js';
import { audienceOf, issuersOf, trustStatements } from './trust-plans.js';

/** A word for a POSIX shell: whatever stands in it, nothing of it is executed. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * What the owner of another account does there so that a move can end on its role, as commands for a POSIX shell with the AWS CLI
 * and jq: the provider, and one more statement beside those that the role trusts already. Each can be run twice.
 */
export const accountCommands = (input: RuleInput, proposal: Proposal): readonly string[] => {
  const { to } = proposal;
  const role = to === null ? null : parseRoleArn(to.role);
  if (to === null || role === null || proposal.newRole) return [];
  const { estate, options } = input;
  const chained = to.associationRole !== null;
  const statements = chained
    ? [targetStatementFor({ associationRole: to.associationRole })]
    : trustStatements(estate, options, to).map(({ statement }) => statement);
  const audience = audienceOf(estate, to.namespace, to.serviceAccount);
  const providers = chained || to.mechanism !== 'irsa' ? [] : issuersOf(estate.inventory, options);
  return [
    ...providers.map((issuer) => {
      const arn = quoted(providerArnFor(role.partition, role.account, issuer));
      return `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${arn} --client-id ${quoted(audience)} || aws iam create-open-id-connect-provider --url ${quoted(issuer)} --client-id-list ${quoted(audience)}`;
    }),
    ...statements.map((statement) => {
      const name = quoted(role.name);
      const add = `.Statement |= ((if type == "array" then . else [.] end) | map(select(.Sid != $s.Sid)) + [$s])`;
      return `aws iam get-role --role-name ${name} --query Role.AssumeRolePolicyDocument --output json | jq -c --argjson s ${quoted(canonical(statement))} ${quoted(add)} > trust.json && aws iam update-assume-role-policy --role-name ${name} --policy-document file://trust.json`;
    }),
  ];
};
