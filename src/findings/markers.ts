import type { Inventory, PodView } from '../model/inventory.js';
import type { Json } from '../model/json.js';
import { listOf, parseTrust } from '../trust/document.js';
import type { Estate, WorkloadUse } from './rule.js';
import { sorted, titleOf } from './subjects.js';

/** A sign that somebody besides AWS trusts a service account by its name (H18). */
export interface Marker {
  readonly kind: 'token-audience' | 'annotation' | 'sidecar' | 'policy' | 'aws-trust' | 'custom-resource' | 'rbac-user';
  /** Where it was seen, in words. */
  readonly where: string;
}

/** Audiences that are the cluster's own or AWS's: a token for one of them says nothing of others' trust. */
const ownAudiences = new Set([
  '',
  'sts.amazonaws.com',
  'sts.amazonaws.com.cn',
  'amazonaws.com',
  'pods.eks.amazonaws.com',
  'api',
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
  'kubernetes.default.svc',
]);

/** Pod annotations and labels of systems that know a workload by its service account, by prefix or whole key. */
const knownKeys: readonly (readonly [string, string])[] = [
  ['vault.hashicorp.com/', 'HashiCorp Vault agent'],
  ['sidecar.istio.io/', 'Istio'],
  ['istio.io/', 'Istio'],
  ['security.istio.io/', 'Istio'],
  ['linkerd.io/', 'Linkerd'],
  ['config.linkerd.io/', 'Linkerd'],
  ['consul.hashicorp.com/', 'Consul'],
  ['appmesh.k8s.aws/', 'App Mesh'],
  ['spiffe.io/', 'SPIFFE'],
  ['azure.workload.identity/', 'Azure Workload Identity'],
  ['iam.gke.io/', 'Google Workload Identity'],
];
const meshOff = new Set(['false', 'disabled']);

const accountAnnotations: readonly (readonly [string, string])[] = [
  ['iam.gke.io/', 'Google Workload Identity'],
  ['azure.workload.identity/', 'Azure Workload Identity'],
  ['vault.hashicorp.com/', 'HashiCorp Vault'],
];

const sidecars: readonly (readonly [RegExp, string])[] = [
  [/(^|\/)(istio-)?proxyv2([:@]|$)/, 'Istio proxy'],
  [/(^|\/)linkerd2?(-|\/)?proxy([:@]|$)|\/linkerd\/proxy([:@]|$)/, 'Linkerd proxy'],
  [/(^|\/)vault(-agent|-k8s|-enterprise)?([:@]|$)/, 'Vault agent'],
  [/(^|\/)(consul-dataplane|consul-k8s[\w-]*)([:@]|$)/, 'Consul'],
  [/(^|\/)(spiffe-helper|spire-agent)([:@]|$)/, 'SPIFFE'],
];

const keyed = (
  texts: Readonly<Record<string, string>>,
  table: readonly (readonly [string, string])[],
  what: string,
): readonly Marker[] =>
  Object.entries(texts).flatMap(([key, value]) => {
    const known = table.find(([prefix]) => key.startsWith(prefix));
    if (known === undefined || meshOff.has(value)) return [];
    return [{ kind: 'annotation' as const, where: `${what} ${key} (${known[1]})` }];
  });

const inView = (view: PodView, title: string): readonly Marker[] => [
  ...view.volumes.flatMap((volume) =>
    volume.tokens
      .filter(({ audience }) => !ownAudiences.has(audience))
      .map(({ audience }) => ({
        kind: 'token-audience' as const,
        where: `${title} mounts a token for the audience ${audience}`,
      })),
  ),
  ...keyed(view.annotations, knownKeys, `${title}: annotation`),
  ...keyed(view.labels, knownKeys, `${title}: label`),
  ...view.containers.flatMap((container) =>
    sidecars
      .filter(([image]) => image.test(container.image))
      .map(([, name]) => ({ kind: 'sidecar' as const, where: `${title}: container ${container.name} (${name})` })),
  ),
];

/** Built-in kinds that name service accounts as a matter of course, or are looked at on their own. */
const plainKinds = new Set([
  'Pod',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'ReplicationController',
  'ServiceAccount',
  'RoleBinding',
  'ClusterRoleBinding',
  'PodDisruptionBudget',
  'Node',
  'Namespace',
]);

/** Keys whose text value is a service account's name in custom resources. */
const nameKeys = new Set([
  'serviceAccountName',
  'serviceAccount',
  'serviceAccountRef',
  'boundServiceAccountNames',
  'serviceAccounts',
  'io.cilium.k8s.policy.serviceaccount',
]);

const maximumDepth = 40;

const namesAccount = (raw: unknown, namespace: string, name: string, sameNamespace: boolean): boolean => {
  const full = `system:serviceaccount:${namespace}:${name}`;
  const mesh = `ns/${namespace}/sa/${name}`;
  const is = (value: Json | undefined): boolean =>
    typeof value === 'string'
      ? value === name && sameNamespace
      : Array.isArray(value)
        ? value.some(is)
        : typeof value === 'object' && value !== null
          ? (value as Record<string, unknown>).name === name &&
            ((value as Record<string, unknown>).namespace ?? (sameNamespace ? namespace : '')) === namespace
          : false;
  const walk = (value: unknown, depth: number): boolean => {
    if (depth > maximumDepth) return false;
    if (typeof value === 'string')
      return value === full || value.includes(`${full}"`) || value.includes(`${full}'`) || value.endsWith(mesh);
    if (Array.isArray(value)) return value.some((item) => walk(item, depth + 1));
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(
      ([key, item]) => (nameKeys.has(key) && is(item as Json)) || walk(item, depth + 1),
    );
  };
  return walk(raw, 0);
};

const inObjects = (inventory: Inventory, namespace: string, name: string): readonly Marker[] =>
  inventory.objects
    .filter(({ ref }) => !plainKinds.has(ref.kind))
    .filter(({ ref, raw }) =>
      namesAccount(raw, namespace, name, ref.namespace === undefined ? false : ref.namespace === namespace),
    )
    .map(({ ref }) => ({
      kind: /Polic/.test(ref.kind) ? ('policy' as const) : ('custom-resource' as const),
      where: `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name} names it`,
    }));

/** Roles, beyond those that the move is about, whose trust names the account as a token's subject. */
const inTrust = (inventory: Inventory, namespace: string, name: string): readonly Marker[] => {
  const subject = `system:serviceaccount:${namespace}:${name}`;
  return inventory.roles.flatMap((role) => {
    const document = parseTrust(role.trust);
    if (document.is === 'not-parseable') return [];
    const named = document.statements.some((statement) => {
      const { Condition: condition } = statement;
      if (typeof condition !== 'object' || condition === null) return false;
      return Object.values(condition).some(
        (keys) =>
          typeof keys === 'object' &&
          keys !== null &&
          Object.entries(keys).some(([key, value]) => key.endsWith(':sub') && listOf(value as Json).includes(subject)),
      );
    });
    return named ? [{ kind: 'aws-trust' as const, where: `the trust policy of ${role.arn} names its subject` }] : [];
  });
};

/** Signs in the pods and templates of one workload that its service account's name is trusted elsewhere. */
export const markersOf = (use: WorkloadUse): readonly Marker[] => inView(use.workload.template, titleOf(use));

/**
 * Every sign that a service account's name is trusted by something other than the role of a move: tokens for other audiences,
 * Vault, meshes, SPIFFE and other clouds' federation, policies and custom resources that name it, and AWS trust on its subject.
 * `only`: look at these workloads (those that would get another account), else at all that use it.
 */
export const trustedElsewhere = (
  estate: Estate,
  namespace: string,
  name: string,
  only?: readonly WorkloadUse[],
): readonly Marker[] => {
  const account = estate.accounts.get(`${namespace}/${name}`);
  const uses = only ?? estate.usesOf.get(`${namespace}/${name}`) ?? [];
  const all = [
    ...uses.flatMap(markersOf),
    ...(account === undefined ? [] : keyed(account.annotations, accountAnnotations, 'the service account: annotation')),
    ...inObjects(estate.inventory, namespace, name),
    ...inTrust(estate.inventory, namespace, name),
  ];
  const wheres = sorted(all.map(({ where }) => where));
  return wheres.map((where) => all.find((marker) => marker.where === where) as Marker);
};
