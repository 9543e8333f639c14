import type { Inventory, PodView } from '../model/inventory.js';
import { isObject } from '../model/json.js';
import { conditionsOf, parseTrust } from '../trust/document.js';
import { isOurs, subjectFor } from '../trust/statement.js';
import type { Estate, WorkloadUse } from './rule.js';
import { roleOf, sorted, titleOf } from './subjects.js';

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
const subjectPattern = /system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})/g;
const meshPattern = /\bns\/([a-z0-9-]{1,63})\/sa\/([a-z0-9.-]{1,253})$/;

/** Accounts that an object names: with their namespace, or by a bare name that is meant in its own namespace. */
interface Mentions {
  readonly full: ReadonlySet<string>;
  readonly bare: ReadonlySet<string>;
}

const mentionsIn = (raw: unknown): Mentions => {
  const full = new Set<string>();
  const bare = new Set<string>();
  const named = (value: unknown): void => {
    if (typeof value === 'string') bare.add(value);
    else if (Array.isArray(value)) for (const item of value) named(item);
    else if (isObject(value) && typeof value.name === 'string') {
      if (typeof value.namespace === 'string') full.add(`${value.namespace}/${value.name}`);
      else bare.add(value.name);
    }
  };
  const walk = (value: unknown, depth: number): void => {
    if (depth > maximumDepth) return;
    if (typeof value === 'string') {
      for (const match of value.matchAll(subjectPattern)) full.add(`${match[1]}/${match[2]}`);
      const mesh = meshPattern.exec(value);
      if (mesh !== null) full.add(`${mesh[1]}/${mesh[2]}`);
    } else if (Array.isArray(value)) for (const item of value) walk(item, depth + 1);
    else if (isObject(value))
      for (const [key, item] of Object.entries(value)) {
        if (nameKeys.has(key)) named(item);
        walk(item, depth + 1);
      }
  };
  walk(raw, 0);
  return { full, bare };
};

/** Both indexes are made once an inventory: an estate has thousands of accounts and objects. */
interface Index {
  readonly objects: readonly { readonly ref: Inventory['objects'][number]['ref']; readonly mentions: Mentions }[];
  /** Roles by the token subject that their trust names, our own statements left out. */
  readonly trusting: ReadonlyMap<string, readonly string[]>;
}
const indexes = new WeakMap<Inventory, Index>();

const subjectsTrusted = (trust: string): readonly string[] => {
  const document = parseTrust(trust);
  if (document.is === 'not-parseable') return [];
  return document.statements
    .filter((statement) => !isOurs(statement))
    .flatMap((statement) => conditionsOf(statement.Condition) ?? [])
    .filter(({ key }) => key.endsWith(':sub'))
    .flatMap(({ values }) => values);
};

const indexOf = (inventory: Inventory): Index => {
  const known = indexes.get(inventory);
  if (known !== undefined) return known;
  const trusting = new Map<string, string[]>();
  for (const role of inventory.roles)
    for (const subject of new Set(subjectsTrusted(role.trust)))
      trusting.set(subject, [...(trusting.get(subject) ?? []), role.arn]);
  const made: Index = {
    objects: inventory.objects
      .filter(({ ref }) => !plainKinds.has(ref.kind))
      .map(({ ref, raw }) => ({ ref, mentions: mentionsIn(raw) })),
    trusting,
  };
  indexes.set(inventory, made);
  return made;
};

const inObjects = (inventory: Inventory, namespace: string, name: string): readonly Marker[] =>
  indexOf(inventory)
    .objects.filter(
      ({ ref, mentions }) =>
        mentions.full.has(`${namespace}/${name}`) || (ref.namespace === namespace && mentions.bare.has(name)),
    )
    .map(({ ref }) => ({
      kind: /Polic/.test(ref.kind) ? ('policy' as const) : ('custom-resource' as const),
      where: `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name} names it`,
    }));

/** Roles, beyond those that the move is about, whose trust names the account as a token's subject. */
const inTrust = (
  inventory: Inventory,
  namespace: string,
  name: string,
  own: ReadonlySet<string | null>,
): readonly Marker[] =>
  (indexOf(inventory).trusting.get(subjectFor(namespace, name)) ?? [])
    .filter((arn) => !own.has(arn))
    .map((arn) => ({ kind: 'aws-trust' as const, where: `the trust policy of ${arn} names its subject` }));

/** Signs in the pods and templates of one workload that its service account's name is trusted elsewhere. */
const markersOf = (use: WorkloadUse): readonly Marker[] => inView(use.workload.template, titleOf(use));

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
    ...inTrust(estate.inventory, namespace, name, new Set(uses.map(roleOf))),
  ];
  const wheres = sorted(all.map(({ where }) => where));
  return wheres.map((where) => all.find((marker) => marker.where === where) as Marker);
};
