import { trustedElsewhere } from '../markers.js';
import type { Estate, FindingDraft, Rule } from '../rule.js';
import { splitAccounts } from '../splits.js';
import { accountSubject, sorted } from '../subjects.js';

/** Bindings that name the account as a user: they are not copied, as nobody can tell whether the name or the account is meant. */
const userBindings = (estate: Estate, namespace: string, name: string): readonly string[] =>
  sorted(
    estate.inventory.bindings
      .filter(({ subjects }) =>
        subjects.some(
          (subject) => subject.kind === 'User' && subject.name === `system:serviceaccount:${namespace}:${name}`,
        ),
      )
      .map(({ ref }) => `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`),
  );

export const nameReferencedElsewhere: Rule = {
  code: 'RL212',
  name: 'name-referenced-elsewhere',
  severity: 'warn',
  acceptable: true,
  says: 'something else names the old service account: an RBAC user subject, a network or admission policy, a token Secret',
  remedy: 'Look at each place that the evidence names, and let it know the new service account too where it should.',
  explain: `The plan gives workloads of this service account another one. Some things name the old account in a way that does not move along: a RoleBinding with a subject of kind User (\`system:serviceaccount:NAMESPACE:NAME\`), a network or admission policy, a custom resource, a Secret with a token of the account.

After the move the workload is no longer who these mean. A policy may refuse it, or stop refusing it; a token Secret stays the old account's.

Rolelift copies what grants Kubernetes permissions by account, and nothing else: what a name in a foreign object is for, only its owner knows.

Look for yourself: \`kubectl get rolebindings,clusterrolebindings -A -o json | grep system:serviceaccount:NAMESPACE:NAME\`, and the objects in the evidence. Add the new name where it belongs before the move; afterwards remove the old one where nothing uses it any more.`,
  find: (input) =>
    splitAccounts(input).flatMap(({ namespace, name, uses }): FindingDraft[] => {
      const users = userBindings(input.estate, namespace, name);
      const secrets = input.estate.accounts.get(`${namespace}/${name}`)?.secrets ?? [];
      const others = trustedElsewhere(input.estate, namespace, name, uses)
        .filter(({ kind }) => kind === 'policy' || kind === 'custom-resource')
        .map(({ where }) => where);
      if (users.length === 0 && secrets.length === 0 && others.length === 0) return [];
      const count = users.length + secrets.length + others.length;
      return [
        {
          subject: accountSubject(namespace, name),
          message: `the service account ${namespace}/${name} is named in ${count} other place${count === 1 ? '' : 's'}, which do not follow its workloads to a new account`,
          evidence: { userBindings: users, tokenSecrets: secrets, others },
        },
      ];
    }),
};
