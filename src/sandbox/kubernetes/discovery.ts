import { byText } from '../../model/canonical.js';
import { apiVersionOf, type Kind, kindsOf } from './kinds.js';
import type { JsonObject } from './object.js';
import type { State } from './state.js';

/** `/version`, with the numbers that clients look at. EKS puts a `+` behind the minor version. */
export const versionInfo = (version: string): JsonObject => {
  const [major = '1', minor = '33'] = version.split('.');
  return {
    major,
    minor: `${minor}+`,
    gitVersion: `v${version}-eks-sandbox`,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '2026-01-01T00:00:00Z',
    goVersion: 'go1.24',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
};

const groupOf = (kinds: readonly Kind[], group: string): JsonObject => {
  const versions = [...new Set(kinds.filter((entry) => entry.group === group).flatMap((entry) => entry.versions))];
  const all = versions.map((version) => ({ groupVersion: apiVersionOf(group, version), version }));
  return { name: group, versions: all, preferredVersion: all[0] ?? {} };
};

/** `/apis`: every group but the core. */
export const groupList = (state: State): JsonObject => {
  const kinds = kindsOf(state.store);
  const groups = [...new Set(kinds.map((entry) => entry.group))].filter((group) => group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((group) => groupOf(kinds, group)) };
};
/** `/apis/<group>`; null where there is no such group. */
export const groupInfo = (state: State, group: string): JsonObject | null => {
  const kinds = kindsOf(state.store);
  if (!kinds.some((entry) => entry.group === group)) return null;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(kinds, group) };
};

const subresourceKinds: Readonly<Record<string, JsonObject>> = {
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
  binding: { kind: 'Binding', verbs: ['create'] },
  log: { verbs: ['get'] },
};
/** `/api/v1` and `/apis/<group>/<version>`; null where nothing is served under it. */
export const resourceList = (state: State, group: string, version: string): JsonObject | null => {
  const kinds = kindsOf(state.store).filter((entry) => entry.group === group && entry.versions.includes(version));
  if (kinds.length === 0) return null;
  const resources = kinds.flatMap((entry): readonly JsonObject[] => [
    {
      name: entry.resource,
      singularName: entry.singular,
      namespaced: entry.namespaced,
      kind: entry.kind,
      verbs: entry.verbs,
      ...(entry.shortNames.length === 0 ? {} : { shortNames: entry.shortNames }),
      ...(entry.categories.length === 0 ? {} : { categories: entry.categories }),
    },
    ...entry.subresources.map((subresource) => ({
      name: `${entry.resource}/${subresource}`,
      singularName: '',
      namespaced: entry.namespaced,
      kind: entry.kind,
      verbs: ['get', 'patch', 'update'],
      ...(Object.hasOwn(subresourceKinds, subresource) ? subresourceKinds[subresource] : {}),
    })),
  ]);
  resources.sort((left, right) => byText(String(left['name']), String(right['name'])));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(group, version), resources };
};
