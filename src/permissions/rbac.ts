import { guessedPlural, knownResource } from '../clients/kube-paths.js';
import { byKey, byText } from '../model/canonical.js';
import { type JsonObject, listAt } from '../model/json.js';
import { groupOf } from '../model/resource.js';

/** One right in Kubernetes. `name` empty: any object. `namespace` undefined: cluster-wide, or a cluster-scoped kind. */
export interface Right {
  readonly verb: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** kubeconfig context of another cluster; absent for the plan's own. */
  readonly cluster?: string | undefined;
}

/** Plural of a kind: from the table of known kinds, else by the rule that nearly every custom resource follows. */
const pluralOf = (apiVersion: string, kind: string): string =>
  knownResource(apiVersion, kind)?.plural ?? guessedPlural(kind);

interface Rule {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  readonly names: readonly string[];
}

/** Verbs that the API server does not match against a name. */
const nameless: ReadonlySet<string> = new Set(['create', 'list', 'watch']);

const rulesOf = (rights: readonly Right[]): readonly JsonObject[] => {
  const rules = new Map<string, { group: string; resource: string; verb: string; names: Set<string>; all: boolean }>();
  for (const right of rights) {
    const resource = `${pluralOf(right.apiVersion, right.kind)}${right.subresource === undefined ? '' : `/${right.subresource}`}`;
    const group = groupOf(right.apiVersion);
    const key = `${group}|${resource}|${right.verb}`;
    const rule = rules.get(key) ?? { group, resource, verb: right.verb, names: new Set<string>(), all: false };
    // A token is made for one account by name; every other create has no name to match.
    const named =
      right.name !== undefined && right.name !== '' && (!nameless.has(right.verb) || right.subresource === 'token');
    if (named) rule.names.add(right.name as string);
    else rule.all = true;
    rules.set(key, rule);
  }
  const merged = new Map<string, Rule>();
  for (const rule of [...rules.values()].sort(byKey((each) => `${each.group}|${each.resource}|${each.verb}`))) {
    const names = rule.all ? [] : [...rule.names].sort(byText);
    const key = `${rule.group}|${rule.resource}|${names.join(',')}`;
    const before = merged.get(key);
    merged.set(key, {
      group: rule.group,
      resource: rule.resource,
      names,
      verbs: [...(before?.verbs ?? []), rule.verb].sort(byText),
    });
  }
  return [...merged.values()].map((rule) => ({
    apiGroups: [rule.group],
    resources: [rule.resource],
    verbs: rule.verbs,
    ...(rule.names.length === 0 ? {} : { resourceNames: rule.names }),
  }));
};

/** Rights as Kubernetes objects: one ClusterRole, one Role a namespace, each bound to the group or user named. */
export const rbacObjects = (
  rights: readonly Right[],
  name: string,
  subject: JsonObject,
  nonResourcePaths: readonly string[] = [],
): readonly JsonObject[] => {
  // What is allowed everywhere need not be allowed again in a namespace.
  const everywhere = new Set(
    rights.filter((right) => right.namespace === undefined && (right.name ?? '') === '').map((right) => keyOf(right)),
  );
  const scoped = rights.filter((right) => right.namespace !== undefined && !everywhere.has(keyOf(right)));
  const objects: JsonObject[] = [];
  const wide = rights.filter((right) => right.namespace === undefined);
  if (wide.length > 0 || nonResourcePaths.length > 0) {
    objects.push({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name },
      rules: [
        ...rulesOf(wide),
        ...(nonResourcePaths.length === 0
          ? []
          : [{ nonResourceURLs: [...nonResourcePaths].sort(byText), verbs: ['get'] }]),
      ],
    });
    objects.push(bindingOf('ClusterRoleBinding', 'ClusterRole', name, undefined, subject));
  }
  const namespaces = [...new Set(scoped.map((right) => right.namespace as string))].sort(byText);
  for (const namespace of namespaces) {
    objects.push({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name, namespace },
      rules: rulesOf(scoped.filter((right) => right.namespace === namespace)),
    });
    objects.push(bindingOf('RoleBinding', 'Role', name, namespace, subject));
  }
  return objects;
};

const keyOf = (right: Right): string =>
  `${groupOf(right.apiVersion)}|${right.kind}|${right.subresource ?? ''}|${right.verb}`;

const bindingOf = (
  kind: string,
  roleKind: string,
  name: string,
  namespace: string | undefined,
  subject: JsonObject,
): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  metadata: namespace === undefined ? { name } : { name, namespace },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: roleKind, name },
  subjects: [subject],
});

const textsOf = (rule: JsonObject, key: string): readonly string[] =>
  listAt(rule, key).filter((each): each is string => typeof each === 'string');

/** Whether rules that a server showed give a right (Kubernetes, `rbac/v1` PolicyRule: `*` is any). */
export const grantedBy = (right: Right, rules: readonly JsonObject[]): boolean => {
  const plural = pluralOf(right.apiVersion, right.kind);
  const resource = right.subresource === undefined ? plural : `${plural}/${right.subresource}`;
  const has = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value);
  return rules.some((rule) => {
    const names = textsOf(rule, 'resourceNames');
    return (
      has(textsOf(rule, 'verbs'), right.verb) &&
      has(textsOf(rule, 'apiGroups'), groupOf(right.apiVersion)) &&
      has(textsOf(rule, 'resources'), resource) &&
      (names.length === 0 || (right.name !== undefined && names.includes(right.name)))
    );
  });
};

/** A right as people say it: `patch deployments.apps api in payments`. */
export const rightText = (right: Right): string => {
  const group = groupOf(right.apiVersion);
  const resource = `${pluralOf(right.apiVersion, right.kind)}${right.subresource === undefined ? '' : `/${right.subresource}`}`;
  return [
    right.verb,
    group === '' ? resource : `${resource}.${group}`,
    ...(right.name === undefined || right.name === '' ? [] : [right.name]),
    ...(right.namespace === undefined ? [] : [`in ${right.namespace}`]),
  ].join(' ');
};
