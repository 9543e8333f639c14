import { awsManagedName, controllers, nodePolicies } from '../controllers.js';
import { nodeRolesInPlay } from '../node-roles.js';
import { isAllow, policiesOf, speaksOf } from '../policy-documents.js';
import type { Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';

export const nodeRoleCarriesMore: Rule = {
  code: 'RL403',
  name: 'node-role-carries-more',
  severity: 'warn',
  acceptable: true,
  says: "the node role carries policies that belong to a controller's own role",
  remedy:
    'Move the named controllers with --include NAME, or give them roles of their own by hand; then take the policies off the node role.',
  explain: `A node role should hold what the node itself needs: \`AmazonEKSWorkerNodePolicy\`, reading images, perhaps Session Manager. This one holds more: permissions of storage drivers, the cluster autoscaler, external-dns, log collectors or applications, which use the node's identity because nobody gave them one.

Every pod that can reach the node's metadata has all of that, and will have it the more when the broker is gone (RL404).

Look for yourself: \`aws iam list-attached-role-policies --role-name NAME\`, \`aws iam list-role-policies --role-name NAME\`, and the role's last-accessed report for what is really used.

The evidence names the controller to which each policy belongs, as far as its actions tell. Plan with \`--include cluster-autoscaler\` (or whichever it is) to move that controller to a role of its own; it is not done unasked, as it restarts things that a cluster depends on. \`sts:AssumeRole\` on a node role is kube2iam's and goes last of all.`,
  find: (input) =>
    nodeRolesInPlay(input).flatMap(({ nodeRole, role, cni }) => {
      if (role === undefined) return [];
      const carried = new Set(cni.map(({ name }) => name));
      const more = policiesOf(input.estate.inventory, role).flatMap((policy) => {
        const managed = awsManagedName(policy.name);
        if (carried.has(policy.name) || (managed !== null && nodePolicies.has(managed))) return [];
        const owners = controllers.filter(
          ({ managedPolicies, actions }) =>
            (managed !== null && managedPolicies.includes(managed)) ||
            actions.some((action) => policy.statements.some((each) => isAllow(each) && speaksOf(each, action))),
        );
        const assumes = policy.statements.some((each) => isAllow(each) && speaksOf(each, 'sts:AssumeRole'));
        return [
          {
            policy: policy.name,
            kind: policy.kind,
            controllers: owners.map(({ name }) => name),
            assumesRoles: assumes,
            readable: policy.readable,
          },
        ];
      });
      if (more.length === 0) return [];
      return [
        {
          subject: roleSubject(nodeRole.arn),
          message: `${nodeRole.arn} also carries ${more.map(({ policy, controllers: names }) => `${policy}${names.length > 0 ? ` (${names.join(', ')})` : ''}`).join(', ')}`,
          evidence: { policies: more, moves: [] },
        },
      ];
    }),
};
