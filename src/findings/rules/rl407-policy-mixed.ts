import { movesOffNode, nodeRolesInPlay } from '../node-roles.js';
import type { Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';

export const policyMixed: Rule = {
  code: 'RL407',
  name: 'policy-mixed',
  severity: 'warn',
  acceptable: true,
  says: "the policy holds more than the CNI's statements: removal is a hand-off",
  remedy:
    "Split the policy: take the CNI's statements out of it where it is written, and leave the rest on the node role.",
  explain: `The CNI's permission stands in a policy on this node role that holds other statements too. Detaching it would take those away as well, and nobody told Rolelift who needs them.

So this policy is not detached and not edited. The plan still gives \`aws-node\` a role of its own; what is left is to remove the CNI's statements from the policy by hand, where the policy is written, when the proof is done. The run waits for that as for any hand-off.

Look for yourself: \`aws iam get-policy-version\` or \`aws iam get-role-policy\` for the policy in the evidence, which also names the actions beyond the CNI's.

Split it in two in your Terraform or CloudFormation, so that the CNI's half can go and the rest stays.`,
  find: (input) =>
    nodeRolesInPlay(input).flatMap(({ nodeRole, cni }) => {
      const mixed = cni.filter(({ more }) => more.length > 0);
      if (mixed.length === 0) return [];
      return [
        {
          subject: roleSubject(nodeRole.arn),
          message: `${mixed.map(({ name }) => name).join(', ')} on ${nodeRole.arn} holds more than the CNI needs: its removal is handed off`,
          evidence: {
            policies: mixed.map(({ name, kind, more }) => ({ name, kind, more })),
            moves: movesOffNode(input, nodeRole.arn),
          },
        },
      ];
    }),
};
