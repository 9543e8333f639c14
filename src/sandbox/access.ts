import { type JsonObject, textAt } from '../model/json.js';
import type { User } from './kubernetes/state.js';
import { admin, adminToken } from './kubernetes/users.js';

/** Who the kubeconfig's user is: an administrator, or somebody with exactly the roles that were given. */
export interface Access {
  readonly users: Readonly<Record<string, User>>;
  readonly user: User;
  readonly objects: readonly JsonObject[];
}

/** Who the kubeconfig's user is once rights are limited. */
export const limitedUser: User = { name: 'sandbox-user', groups: ['system:authenticated'] };

const bindingFor = (role: JsonObject, index: number): JsonObject => {
  const namespaced = textAt(role, 'kind') === 'Role';
  const namespace = textAt(role, 'metadata', 'namespace') ?? 'default';
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: namespaced ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata: { name: `sandbox-user-${index}`, ...(namespaced ? { namespace } : {}) },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: namespaced ? 'Role' : 'ClusterRole',
      name: textAt(role, 'metadata', 'name') ?? '',
    },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: limitedUser.name }],
  };
};

export const limitedAccess = (rbac: readonly JsonObject[] | null): Access => {
  if (rbac === null) return { users: {}, user: admin, objects: [] };
  const roles = rbac.filter((each) => ['Role', 'ClusterRole'].includes(textAt(each, 'kind') ?? ''));
  return {
    users: { [adminToken]: limitedUser },
    user: limitedUser,
    objects: [...roles, ...roles.map(bindingFor)],
  };
};

/** EKS's own tokens are signed requests to STS; the signature is not checked, the caller is the kubeconfig's user. */
export const userOfEksToken = (token: string, access: Access): User | null =>
  token.startsWith('k8s-aws-v1.') ? access.user : null;
export { adminToken };
