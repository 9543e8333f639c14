import { type JsonObject, listAt, textAt } from '../model/json.js';
import type { Sandbox } from '../sandbox/sandbox.js';

/** What a service account gives a pod beside an identity at AWS, each in words. */
export type AccessText = ReadonlySet<string>;

/** RBAC by bindings that name the pod's service account, and secrets that its images are pulled with. */
export const accessOf = (sandbox: Sandbox, pod: JsonObject): AccessText => {
  const namespace = textAt(pod, 'metadata', 'namespace') ?? '';
  const account = textAt(pod, 'spec', 'serviceAccountName') ?? 'default';
  const found = new Set<string>();
  const named = (binding: JsonObject): boolean =>
    listAt(binding, 'subjects').some(
      (subject) =>
        textAt(subject, 'kind') === 'ServiceAccount' &&
        textAt(subject, 'name') === account &&
        (textAt(subject, 'namespace') ?? namespace) === namespace,
    );
  const api = 'rbac.authorization.k8s.io/v1';
  for (const kind of ['RoleBinding', 'ClusterRoleBinding'])
    for (const binding of sandbox.view.list(api, kind))
      if (named(binding)) {
        const where = kind === 'RoleBinding' ? ` in ${textAt(binding, 'metadata', 'namespace') ?? ''}` : '';
        found.add(`${textAt(binding, 'roleRef', 'kind')} ${textAt(binding, 'roleRef', 'name')}${where}`);
      }
  const object = sandbox.view.get('v1', 'ServiceAccount', namespace, account);
  for (const secret of listAt(object, 'imagePullSecrets')) found.add(`image pull secret ${textAt(secret, 'name')}`);
  return found;
};
