import { trustedElsewhere } from '../markers.js';
import type { Rule } from '../rule.js';
import { sharedAccounts } from '../splits.js';
import { accountSubject, titleOf } from '../subjects.js';

export const oneAccountTwoRoles: Rule = {
  code: 'RL201',
  name: 'one-account-two-roles',
  severity: 'warn',
  acceptable: true,
  says: 'workloads with different roles share a service account: it is split, one account for each role',
  remedy:
    'Review the new service accounts and their bindings in the plan. Where the name is trusted elsewhere, teach those systems the new name first, then accept the finding.',
  explain: `Under kiam and kube2iam the role belongs to the pod: two Deployments with one service account can have two roles. Under IRSA and Pod Identity the role belongs to the service account, and there is room for one.

So the plan makes a service account of its own for each role, with the same image pull secrets and automount setting, gives it bindings of its own for every RoleBinding and ClusterRoleBinding that reaches the old account, and moves the workloads to it. Nobody loses a Kubernetes permission, and nobody gains an AWS one.

What cannot be copied is trust in the name. Vault, service meshes, SPIFFE, other clouds and some policies know a workload by its service account; after the split the name is another. Where Rolelift sees such a marker (a projected token for another audience, a known annotation or sidecar, a policy that names the account), the finding blocks until a person has looked.

Look for yourself: \`kubectl get pods -n NAMESPACE -o custom-columns=NAME:.metadata.name,SA:.spec.serviceAccountName,ROLE:.metadata.annotations.iam\\.amazonaws\\.com/role\`. Teach the systems in the evidence the new names (the plan lists them), then accept: \`--accept RL201:NAMESPACE/ACCOUNT\`.`,
  find: (input) =>
    sharedAccounts(input)
      .filter(({ roles }) => roles.length > 1)
      .map(({ namespace, name, roles }) => {
        const markers = trustedElsewhere(
          input.estate,
          namespace,
          name,
          roles.flatMap(({ uses }) => uses),
        ).map(({ where }) => where);
        return {
          subject: accountSubject(namespace, name),
          severity: markers.length > 0 ? ('block' as const) : ('warn' as const),
          message: `the service account ${namespace}/${name} serves workloads with ${roles.length} different roles and is split${markers.length > 0 ? '; its name is trusted elsewhere' : ''}`,
          evidence: {
            roles: roles.map(({ role, uses }) => ({ role, workloads: uses.map(titleOf) })),
            trustedElsewhere: markers,
          },
        };
      }),
};
