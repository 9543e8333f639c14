import { canonical } from '../../model/canonical.js';
import type { Estate, FindingDraft, Rule } from '../rule.js';
import { roleSubject, sorted } from '../subjects.js';
import { boundTo } from './rl204-account-already-bound.js';

/** What nobody can read from here, and what may name a role all the same (H14). */
const unread: readonly string[] = [
  'bucket, queue, topic, secret and registry policies',
  'KMS key policies and grants',
  'policies and trust in other accounts and organisations',
  'allow-lists of systems outside AWS',
];

/** Whether text holds the ARN as a whole, not as the beginning of a longer one. */
const names = (text: string, arn: string): boolean => {
  for (let from = text.indexOf(arn); from >= 0; from = text.indexOf(arn, from + 1)) {
    const next = text[from + arn.length];
    if (next === undefined || !/[\w+=,.@/-]/.test(next)) return true;
  }
  return false;
};

/** Places in the inventory that name a role by its ARN. */
const namedBy = (estate: Estate, arn: string): readonly string[] => {
  const { inventory } = estate;
  return sorted([
    ...inventory.roles.flatMap((role) => [
      ...(role.arn !== arn && names(role.trust, arn) ? [`trust policy of ${role.arn}`] : []),
      ...Object.entries(role.inline).flatMap(([name, text]) =>
        names(text, arn) ? [`inline policy ${name} of ${role.arn}`] : [],
      ),
    ]),
    ...inventory.policies.flatMap((policy) => (names(policy.document, arn) ? [`policy ${policy.arn}`] : [])),
    ...inventory.objects.flatMap(({ ref, raw }) =>
      names(canonical(raw), arn)
        ? [`${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`]
        : [],
    ),
    ...inventory.serviceAccounts.flatMap(({ ref }) =>
      boundTo(estate, ref.namespace ?? '', ref.name).some(({ role }) => role === arn)
        ? [`ServiceAccount ${ref.namespace ?? ''}/${ref.name}`]
        : [],
    ),
  ]);
};

export const namedByArn: Rule = {
  code: 'RL310',
  name: 'named-by-arn',
  severity: 'block',
  acceptable: true,
  says: "with a new role, access that others grant to the old role's ARN is lost (warn by nature, block until accepted)",
  remedy:
    "Search for the old role's ARN in resource policies and other systems, let them name the new role too, then accept; or keep the role (--role-mode reuse).",
  explain: `With \`--role-mode new\` the workload gets a new role with copies of the old one's policies. What is not copied is what others grant to the old role by name: a bucket policy or a KMS key policy with its ARN, a KMS grant, \`aws-auth\` or an access entry of a cluster, other roles' trust policies, allow-lists of systems outside AWS.

After the move the workload is denied all of that. Rolelift has searched what it could read, and the evidence says where it found the ARN; what it cannot read is listed too, and it is usually the longer list. So the finding blocks until a person has looked and accepts it by name.

Look for yourself: search the account for the ARN, for example with \`aws s3api get-bucket-policy\`, \`aws kms get-key-policy\`, \`aws kms list-grants\`, IAM Access Analyzer, and the last 90 days of CloudTrail by the role's sessions, which show the resources that it uses.

Let each of them name the new role beside the old one, then \`--accept RL310:ACCOUNT/ROLE\`. Or keep the role: \`--role-mode reuse\`, the default, loses none of it.`,
  find: (input) => {
    const moved = input.proposals.filter(
      ({ newRole, from }) => newRole && from.role !== null && from.broker !== 'node-role',
    );
    return sorted(moved.map(({ from }) => from.role as string)).map((arn): FindingDraft => {
      const found = namedBy(input.estate, arn);
      return {
        subject: roleSubject(arn),
        message:
          found.length > 0
            ? `${arn} is named by ${found.slice(0, 3).join(', ')}${found.length > 3 ? ` and ${found.length - 3} more` : ''}; a new role does not get what they grant`
            : `access that others grant to ${arn} by its ARN is lost with a new role, and not all of it can be read from here`,
        evidence: {
          namedBy: found,
          notRead: unread,
          moves: sorted(moved.filter(({ from }) => from.role === arn).map(({ id }) => id)),
        },
      };
    });
  },
};
