import { movesOffNode, nodeRolesInPlay } from '../node-roles.js';
import type { Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';

export const nodeRoleCarriesCni: Rule = {
  code: 'RL401',
  name: 'node-role-carries-cni',
  severity: 'info',
  acceptable: true,
  says: "the node role carries the CNI's permission, and by which policy",
  remedy: 'Nothing by hand: the plan gives aws-node a role of its own and takes the policy away last.',
  explain: `The Amazon VPC CNI (the DaemonSet \`aws-node\`) makes and attaches network interfaces, so that pods get addresses. In most clusters it does so with the node's role, which therefore carries \`AmazonEKS_CNI_Policy\` or a copy of it. Any pod that can reach the node's metadata has that permission too.

The plan gives \`aws-node\` a role of its own, proves it on one node and then on all, and only then detaches the policy from the node role, with a new node's first pod as the last proof. In the wrong order a cluster stops giving out addresses, hours later and on new nodes only; that is why this is the slowest part of a plan.

The policy is recognised by what it allows (\`ec2:AssignPrivateIpAddresses\` or, for IPv6, \`ec2:AssignIpv6Addresses\`, with the rest), not by its name.

Look for yourself: \`aws iam list-attached-role-policies --role-name NAME\`, and \`kubectl get serviceaccount aws-node -n kube-system -o yaml\`.`,
  find: (input) =>
    nodeRolesInPlay(input)
      .filter(({ cni }) => cni.length > 0)
      .map(({ nodeRole, cni }) => ({
        subject: roleSubject(nodeRole.arn),
        message: `${nodeRole.arn} carries the CNI's permission by ${cni.map(({ name }) => name).join(', ')}`,
        evidence: { policies: cni, sources: nodeRole.sources, moves: movesOffNode(input, nodeRole.arn) },
      })),
};
