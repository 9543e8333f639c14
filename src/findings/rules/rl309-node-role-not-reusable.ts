import type { FindingDraft, Rule } from '../rule.js';
import { roleSubject, rolesInPlay, sorted } from '../subjects.js';

export const nodeRoleNotReusable: Rule = {
  code: 'RL309',
  name: 'node-role-not-reusable',
  severity: 'block',
  acceptable: false,
  says: 'a node role is never reused for a service account: a new role with named policies',
  remedy: 'Give the workload a role of its own with the policies that it needs, and plan again.',
  explain: `The role that this move would bind to a service account is a node role: the one that the machines of the cluster run with. It may register nodes, pull images, and usually much more that has piled up over the years.

Bound to a service account, all of it would go to one workload, permanently and under its own name; and the node role's trust policy would from then on admit a token of the cluster. A mistake in that workload would be a mistake in every node. That cannot be accepted.

Look for yourself: \`aws iam list-attached-role-policies --role-name NAME\` shows what the node role carries, and its last-accessed report (\`aws iam generate-service-last-accessed-details\`) what is used.

Make a role with just the policies that the workload uses, let its annotation name it, see it work under the broker, and plan again. For add-ons and known controllers the plan makes such a role itself.`,
  find: (input) => {
    const nodeRoles = new Set([
      ...input.estate.inventory.nodeRoles.map(({ arn }) => arn),
      ...input.estate.inventory.nodes.flatMap(({ role }) => role ?? []),
    ]);
    const used = [...rolesInPlay(input)].flatMap(([arn, uses]) =>
      nodeRoles.has(arn) && uses.some((use) => use.wanted === arn) ? [arn] : [],
    );
    const bound = input.proposals.flatMap(({ to, newRole }) => [
      ...(to !== null && !newRole && nodeRoles.has(to.role) ? [to.role] : []),
      ...(to?.associationRole && nodeRoles.has(to.associationRole) ? [to.associationRole] : []),
    ]);
    return sorted([...used, ...bound]).map(
      (arn): FindingDraft => ({
        subject: roleSubject(arn),
        message: `${arn} is a node role of this cluster, and is not given to a service account`,
        evidence: {
          moves: sorted(
            input.proposals
              .filter(
                ({ to, uses, newRole }) =>
                  (!newRole && (to?.role === arn || uses.some((use) => use.wanted === arn))) ||
                  to?.associationRole === arn,
              )
              .map(({ id }) => id),
          ),
          sources: input.estate.inventory.nodeRoles.find((role) => role.arn === arn)?.sources ?? [],
        },
      }),
    );
  },
};
