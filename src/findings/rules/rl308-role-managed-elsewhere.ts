import { editedRoles } from '../edited-roles.js';
import { roleOwner } from '../role-owner.js';
import type { FindingDraft, Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';

export const roleManagedElsewhere: Rule = {
  code: 'RL308',
  name: 'role-managed-elsewhere',
  severity: 'warn',
  acceptable: true,
  says: 'Terraform, CloudFormation or a controller owns the role and will rewrite its trust: retire waits for the source',
  remedy:
    'Put the new trust statement into the source that makes the role (rolelift handoff prints it), then confirm it with --confirm-source ROLE.',
  explain: `Most roles are made by Terraform, CloudFormation, CDK or a controller. What such a tool makes, it makes again: its next apply writes the trust policy that stands in its source, and removes the statement that Rolelift added. That may happen weeks later, when the broker is gone, and then the workload has no way to its role at all.

So a live change of this role is only a bridge. The plan uses it, and keeps the stage \`retire\` closed for the role until the source holds the statement too. Where nothing tells who owns the role, it counts as managed: that costs a look, the other error costs an outage.

Look for yourself: \`aws iam list-role-tags --role-name NAME\`, \`terraform state list | grep aws_iam_role\`, or the stack that the tag names.

Put the statement into the source: \`rolelift handoff PLAN --format terraform\` (or cloudformation) prints it. If nobody manages the role by such a tool, say so: \`--iac ROLE_ARN=none\`. \`rolelift verify\` and \`report\` raise the alarm when a statement of ours is gone.`,
  find: (input) =>
    editedRoles(input).flatMap((role): FindingDraft[] => {
      const owner = roleOwner(role, input.estate, input.options);
      if (owner.tool === 'none') return [];
      return [
        {
          subject: roleSubject(role.arn),
          message:
            owner.tool === 'unknown'
              ? `who makes ${role.arn} is not known, so its trust may be rewritten`
              : `${role.arn} is made by ${owner.tool}${owner.ref === '' ? '' : ` (${owner.ref})`}, which will rewrite its trust`,
          evidence: { owner: owner.tool, ref: owner.ref, seen: owner.evidence },
        },
      ];
    }),
};
