import { trustedElsewhere } from '../markers.js';
import type { Rule } from '../rule.js';
import { sharedAccounts } from '../splits.js';
import { accountSubject, titleOf } from '../subjects.js';

export const bystanders: Rule = {
  code: 'RL202',
  name: 'bystanders',
  severity: 'warn',
  acceptable: true,
  says: 'workloads without a role share the service account and would gain it: the workload gets an account of its own',
  remedy:
    'Review the new service account and its bindings in the plan. Where the name is trusted elsewhere, teach those systems the new name first, then accept the finding.',
  explain: `A role bound to a service account reaches every pod that uses the account. Here workloads that have no role today share the account with one that has. Binding the role to it would hand it to them as well.

So the plan leaves the account alone: the workload with the role gets a service account of its own, with the same image pull secrets, automount setting and Kubernetes permissions. The account called \`default\` is never bound at all, because every pod that names no account uses it, those of tomorrow too.

As with every split, trust in the old name does not move along. Where a marker shows that the name is known to Vault, a mesh, SPIFFE, another cloud or a policy, the finding blocks until a person has looked.

Look for yourself: \`kubectl get pods -n NAMESPACE -o custom-columns=NAME:.metadata.name,SA:.spec.serviceAccountName\`. If the bystanders were meant to have the role all along, give them its annotation first; if not, nothing is to be done but to review the new account.`,
  find: (input) =>
    sharedAccounts(input)
      .filter(({ name, roles, bystanders: others }) => roles.length > 0 && (others.length > 0 || name === 'default'))
      .map(({ namespace, name, roles, bystanders: others }) => {
        const moving = roles.flatMap(({ uses }) => uses);
        const markers = trustedElsewhere(input.estate, namespace, name, moving).map(({ where }) => where);
        const rest =
          others.length > 0
            ? `is used by ${others.length} workload${others.length === 1 ? '' : 's'} without a role`
            : 'is that of every pod that names none';
        return {
          subject: accountSubject(namespace, name),
          severity: markers.length > 0 ? ('block' as const) : ('warn' as const),
          message: `the service account ${namespace}/${name} ${rest}: ${moving.map(titleOf).join(', ')} get${moving.length === 1 ? 's' : ''} an account of ${moving.length === 1 ? 'its' : 'their'} own${markers.length > 0 ? '; the name is trusted elsewhere' : ''}`,
          evidence: {
            bystanders: others.map(titleOf),
            workloads: moving.map(titleOf),
            trustedElsewhere: markers,
          },
        };
      }),
};
