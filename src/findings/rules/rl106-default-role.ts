import { offersOf } from '../estate.js';
import type { Rule } from '../rule.js';
import { namespaceInScope, titleOf, workloadSubject } from '../subjects.js';

export const defaultRole: Rule = {
  code: 'RL106',
  name: 'default-role',
  severity: 'warn',
  acceptable: true,
  says: "kube2iam's default role reaches this workload, which has no annotation",
  remedy: 'Move it with --include default-role if it needs the role; else know that it loses it with the broker.',
  explain: `kube2iam can be started with --default-role (or find one by --auto-discover-default-role). Then every pod that does not use the host's network has that role, though nothing on the pod says so.

Most such pods never call AWS. Some do, and nobody remembers, because it always worked. When kube2iam goes, their calls fail, or, worse, they get the node role.

This workload is one that the default role reaches. By default it is listed and not moved: giving hundreds of service accounts a role for good, because a broker gave it to all, would be the opposite of what a migration is for. With \`--include default-role\` each of them becomes a move.

Look for yourself: CloudTrail shows the default role's sessions; kube2iam's session names end in the role's name, and its debug log (\`--verbose\`) tells which pod IP asked. Include those that call AWS, better with a role of their own, and leave the rest.`,
  find: (input) =>
    input.estate.uses.flatMap((use) => {
      if (!namespaceInScope(input.options, use.workload.template.namespace)) return [];
      const offer = offersOf(use.template).find(
        ({ source, role }) => source.kind === 'kube2iam' && source.resolvedFrom === 'default-role' && role !== null,
      );
      if (offer === undefined || offer !== use.template.wins) return [];
      const included = input.options.include.includes('default-role');
      return [
        {
          subject: workloadSubject(use),
          message: `${titleOf(use)} has kube2iam's default role ${offer.role} without asking for it${included ? '' : '; it is not moved unless --include default-role is given'}`,
          evidence: { role: offer.role, included },
        },
      ];
    }),
};
