import { movesOffNode, nodeRolesInPlay } from '../node-roles.js';
import type { Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';

export const nodeRoleShared: Rule = {
  code: 'RL402',
  name: 'node-role-shared',
  severity: 'block',
  acceptable: true,
  says: 'the node role serves another cluster or other instances, or that cannot be ruled out: nothing is detached',
  remedy:
    'Give this cluster node roles of its own, or make the other users independent of the policy first; let the scan read every Region to rule others out.',
  explain: `IAM is global: a role serves every cluster and every instance that uses it, in all Regions. This node role is used outside this cluster too (the evidence says by whom), or a Region or cluster could not be read, so that it cannot be ruled out.

Detaching the CNI's policy from it would stop the other cluster from giving addresses to new pods. Nothing here would show it: it would be somebody else's outage, at their next scale-up.

Look for yourself: \`aws iam list-instance-profiles-for-role --role-name NAME\`; then in each Region \`aws ec2 describe-instances --filters Name=iam-instance-profile.arn,Values=PROFILE_ARN\` and \`aws eks describe-nodegroup\` for the other clusters.

Give this cluster's node groups a role of their own, or move the other clusters' \`aws-node\` first. Where it is only a Region that could not be read, grant the scan that. A person who knows better accepts it by the role's exact name: \`--accept RL402:ACCOUNT/ROLE\`.`,
  find: (input) =>
    nodeRolesInPlay(input)
      .filter(
        ({ nodeRole, cni, role }) =>
          (cni.length > 0 || role === undefined) && (nodeRole.sharedWith.length > 0 || !nodeRole.sharingKnown),
      )
      .map(({ nodeRole }) => ({
        subject: roleSubject(nodeRole.arn),
        message:
          nodeRole.sharedWith.length > 0
            ? `${nodeRole.arn} also serves ${nodeRole.sharedWith.map(({ kind, name, region }) => `${kind} ${name} in ${region}`).join(', ')}`
            : `that ${nodeRole.arn} serves nobody else cannot be ruled out: not everything could be read`,
        evidence: {
          sharedWith: nodeRole.sharedWith,
          sharingKnown: nodeRole.sharingKnown,
          moves: movesOffNode(input, nodeRole.arn),
        },
      })),
};
