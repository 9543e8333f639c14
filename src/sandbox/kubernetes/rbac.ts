import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import type { KubeObject } from './object.js';
import type { State, User } from './state.js';
import type { Store } from './store.js';

/** What somebody wants to do. */
export interface Attributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}
const group = 'rbac.authorization.k8s.io';
export const rbacTables = {
  roles: `${group}/roles`,
  clusterRoles: `${group}/clusterroles`,
  roleBindings: `${group}/rolebindings`,
  clusterRoleBindings: `${group}/clusterrolebindings`,
} as const;

const texts = (value: Json | undefined, key: string): readonly string[] =>
  listAt(value, key).filter((item) => typeof item === 'string');
const bindsTo = (subject: Json, user: User, bindingNamespace: string): boolean => {
  const name = textAt(subject, 'name') ?? '';
  switch (textAt(subject, 'kind')) {
    case 'User':
      return user.name === name;
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount':
      return user.name === `system:serviceaccount:${textAt(subject, 'namespace') ?? bindingNamespace}:${name}`;
    default:
      return false;
  }
};
/** Rules of a role, those of the roles that it aggregates included. */
const rulesOf = (store: Store, kind: string, namespace: string, name: string): readonly JsonObject[] => {
  const role =
    kind === 'ClusterRole'
      ? store.get(rbacTables.clusterRoles, name)
      : store.get(rbacTables.roles, `${namespace}/${name}`);
  return listAt(role, 'rules').filter(isObject);
};
/** Rules that a user has in a namespace (and cluster-wide ones). */
export const rulesFor = (store: Store, user: User, namespace: string): readonly JsonObject[] => {
  const bound = (binding: KubeObject, inside: string): readonly JsonObject[] =>
    listAt(binding, 'subjects').some((subject) => bindsTo(subject, user, inside))
      ? rulesOf(store, textAt(binding, 'roleRef', 'kind') ?? '', inside, textAt(binding, 'roleRef', 'name') ?? '')
      : [];
  return [
    ...store.list(rbacTables.clusterRoleBindings).flatMap((binding) => bound(binding, '')),
    ...(namespace === ''
      ? []
      : store.list(rbacTables.roleBindings, namespace).flatMap((binding) => bound(binding, namespace))),
  ];
};
const takes = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value);
const takesResource = (list: readonly string[], resource: string, subresource: string): boolean => {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return takes(list, whole) || (subresource !== '' && list.includes(`*/${subresource}`));
};
/** Kubernetes `plugin/pkg/auth/authorizer/rbac`: one rule that has the verb, group, resource and name. */
const allows = (rule: JsonObject, wanted: Attributes): boolean => {
  const names = texts(rule, 'resourceNames');
  return (
    takes(texts(rule, 'verbs'), wanted.verb) &&
    takes(texts(rule, 'apiGroups'), wanted.group) &&
    takesResource(texts(rule, 'resources'), wanted.resource, wanted.subresource) &&
    (names.length === 0 || names.includes(wanted.name))
  );
};
export const isMaster = (user: User): boolean => user.groups.includes('system:masters');

const grants = (state: State, user: User, wanted: Attributes): boolean =>
  isMaster(user) || rulesFor(state.store, user, wanted.namespace).some((rule) => allows(rule, wanted));

/** Whether a request may go on; what users with limited rights ask is noted. */
export const mayDo = (state: State, user: User, wanted: Attributes): boolean => {
  const allowed = grants(state, user, wanted);
  if (!isMaster(user)) state.rights?.note({ api: 'kubernetes', ...wanted, allowed });
  return allowed;
};

export const mayGetPath = (state: State, user: User, verb: string, path: string): boolean => {
  const allowed = grantsPath(state, user, verb, path);
  if (!isMaster(user)) state.rights?.note({ api: 'path', verb, path, allowed });
  return allowed;
};

const grantsPath = (state: State, user: User, verb: string, path: string): boolean =>
  isMaster(user) ||
  rulesFor(state.store, user, '').some(
    (rule) =>
      takes(texts(rule, 'verbs'), verb) &&
      texts(rule, 'nonResourceURLs').some((url) =>
        url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : url === path,
      ),
  );

/** Whether what one rule grants is granted by these too: piece by piece, as the escalation check does. */
const covered = (wanted: JsonObject, held: readonly JsonObject[]): boolean => {
  const urls = texts(wanted, 'nonResourceURLs');
  const verbs = texts(wanted, 'verbs');
  if (urls.length > 0) {
    return urls.every((url) =>
      verbs.every((verb) =>
        held.some(
          (rule) =>
            takes(texts(rule, 'verbs'), verb) &&
            texts(rule, 'nonResourceURLs').some(
              (mine) => mine === '*' || mine === url || (mine.endsWith('*') && url.startsWith(mine.slice(0, -1))),
            ),
        ),
      ),
    );
  }
  const names = texts(wanted, 'resourceNames');
  return texts(wanted, 'apiGroups').every((apiGroup) =>
    texts(wanted, 'resources').every((resource) =>
      verbs.every((verb) =>
        (names.length === 0 ? [null] : names).every((name) =>
          held.some((rule) => {
            const mine = texts(rule, 'resourceNames');
            const [, subresource] = resource.split('/');
            return (
              takes(texts(rule, 'verbs'), verb) &&
              takes(texts(rule, 'apiGroups'), apiGroup) &&
              (takes(texts(rule, 'resources'), resource) ||
                (subresource !== undefined && texts(rule, 'resources').includes(`*/${subresource}`))) &&
              (mine.length === 0 || (name !== null && mine.includes(name)))
            );
          }),
        ),
      ),
    ),
  );
};

const ruleText = (rule: JsonObject): string => {
  const part = (key: string, title: string): string => {
    const values = texts(rule, key);
    return values.length === 0 ? '' : `${title}:[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
  };
  const all = [
    part('apiGroups', 'APIGroups'),
    part('resources', 'Resources'),
    part('resourceNames', 'ResourceNames'),
    part('nonResourceURLs', 'NonResourceURLs'),
    part('verbs', 'Verbs'),
  ];
  return `{${all.filter((text) => text !== '').join(', ')}}`;
};

/**
 * Why a user may not write this role or binding; null where he may: only who holds every right in it, or has `escalate` on roles
 * (`bind` for bindings), may give it (Kubernetes "Privilege escalation prevention").
 */
export const escalation = (state: State, user: User, object: KubeObject): string | null => {
  if (isMaster(user)) return null;
  const kind = textAt(object, 'kind') ?? '';
  const namespace = textAt(object, 'metadata', 'namespace') ?? '';
  const isBinding = kind === 'RoleBinding' || kind === 'ClusterRoleBinding';
  const roleKind = isBinding ? (textAt(object, 'roleRef', 'kind') ?? '') : kind;
  const name = (isBinding ? textAt(object, 'roleRef', 'name') : textAt(object, 'metadata', 'name')) ?? '';
  const wanted: Attributes = {
    verb: isBinding ? 'bind' : 'escalate',
    group,
    resource: roleKind === 'ClusterRole' ? 'clusterroles' : 'roles',
    subresource: '',
    namespace,
    name,
  };
  const bind = (allowed: boolean): void => state.rights?.note({ api: 'kubernetes', ...wanted, allowed });
  if (grants(state, user, wanted)) {
    bind(true);
    return null;
  }
  const rules = isBinding ? rulesOf(state.store, roleKind, namespace, name) : listAt(object, 'rules').filter(isObject);
  const held = rulesFor(state.store, user, namespace);
  const missing = rules.filter((rule) => !covered(rule, held));
  if (missing.length === 0) return null;
  bind(false);
  const groups = user.groups.map((one) => JSON.stringify(one)).join(' ');
  return `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${missing.map(ruleText).join('\n')}`;
};

/** The spec of a SubjectAccessReview answered: `{allowed}` with a reason where there is one. */
export const reviewed = (state: State, user: User, spec: JsonObject): JsonObject => {
  const resource = objectAt(spec, 'resourceAttributes');
  const path = objectAt(spec, 'nonResourceAttributes');
  const allowed =
    Object.keys(path).length > 0
      ? grantsPath(state, user, textAt(path, 'verb') ?? '', textAt(path, 'path') ?? '')
      : grants(state, user, {
          verb: textAt(resource, 'verb') ?? '',
          group: textAt(resource, 'group') ?? '',
          resource: textAt(resource, 'resource') ?? '',
          subresource: textAt(resource, 'subresource') ?? '',
          namespace: textAt(resource, 'namespace') ?? '',
          name: textAt(resource, 'name') ?? '',
        });
  return allowed ? { allowed: true, ...(isMaster(user) ? {} : { reason: 'RBAC: allowed' }) } : { allowed: false };
};
