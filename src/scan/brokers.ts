import { byKey } from '../model/canonical.js';
import type { BrokerInstall, ClusterNode, Workload } from '../model/inventory.js';
import { isObject, type JsonObject, listAt, textAt, textsAt } from '../model/json.js';
import { type KubernetesRef, parseArn, parseRoleArn, refKey } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { commandLineOf } from './command-line.js';

/** A container that serves a broker, as its template shows it. */
export interface BrokerSighting {
  readonly ref: KubernetesRef;
  readonly broker: BrokerInstall['broker'];
  readonly component: BrokerInstall['component'];
  readonly version: string;
  readonly rules: BrokerInstall['rules'];
  readonly assumed: boolean;
  readonly flags: Readonly<Record<string, string>>;
}

/** Last part of an image's name, without registry, tag and digest; and the tag. */
export const imageOf = (image: string): { readonly name: string; readonly tag: string } => {
  const bare = image.split('@')[0] as string;
  const slash = bare.lastIndexOf('/');
  const colon = bare.lastIndexOf(':');
  return colon > slash
    ? { name: bare.slice(slash + 1, colon), tag: bare.slice(colon + 1) }
    : { name: bare.slice(slash + 1), tag: '' };
};

const kube2iamFlags = [
  'iam-role-key',
  'iam-external-id',
  'auto-discover-base-arn',
  'auto-discover-default-role',
  'namespace-restrictions',
  'namespace-restriction-format',
  'iam-role-session-ttl',
  'use-regional-sts-endpoint',
  'default-role',
];

const versionOf = (tag: string): string => /^v?(\d+(?:\.\d+){0,2})/.exec(tag)?.[1] ?? '';

/**
 * The broker that a container of a template serves, by image or by what its command line says, whatever the workload is called
 * (kiam: deploy/ and helm/kiam; kube2iam: deployment.yaml; zalando-incubator/kube-aws-iam-controller; ash2k/iam4kube).
 */
export const sightBroker = (ref: KubernetesRef, template: JsonObject): BrokerSighting | null => {
  for (const container of listAt(template, 'spec', 'containers')) {
    if (!isObject(container)) continue;
    const image = imageOf(textAt(container, 'image') ?? '');
    const { flags, words } = commandLineOf(container);
    const has = (flag: string): boolean => Object.hasOwn(flags, flag);
    const sub = words.map((word) => word.replace(/^.*\//, '')).find((word) => word === 'agent' || word === 'server');
    const version = versionOf(image.tag);
    const kiamImage = /^kiam(?:$|[-_])/.test(image.name);
    const kiamServer = has('role-base-arn') || has('role-base-arn-autodetect');
    const kiamAgent = has('host-interface') && (has('server-address') || has('gateway-timeout-creation'));
    if (
      (kiamImage && (sub !== undefined || kiamServer || kiamAgent || words.length === 0)) ||
      (sub === 'server' && kiamServer) ||
      (sub === 'agent' && kiamAgent)
    ) {
      const component = kiamComponent(sub, kiamServer, ref, template, textAt(container, 'name') ?? '');
      return { ref, broker: 'kiam', component, ...kiamRules(version, flags), flags };
    }
    if (/^kube2iam(?:$|[-_])/.test(image.name) || (has('host-interface') && kube2iamFlags.some(has))) {
      return { ref, broker: 'kube2iam', component: 'all', version, rules: 'kube2iam', assumed: false, flags };
    }
    if (
      /kube-aws-iam-controller/.test(image.name) ||
      (has('refresh-limit') && (has('base-role-arn') || has('assume-role')))
    ) {
      return { ref, broker: 'zalando', component: 'all', version, rules: 'other', assumed: false, flags };
    }
    if (/^iam4kube/.test(image.name)) {
      return { ref, broker: 'iam4kube', component: 'all', version, rules: 'other', assumed: false, flags };
    }
  }
  return null;
};

const kiamComponent = (
  sub: string | undefined,
  serves: boolean,
  ref: KubernetesRef,
  template: JsonObject,
  container: string,
): BrokerInstall['component'] => {
  if (sub === 'agent' || sub === 'server') return sub;
  if (serves) return 'server';
  const labels = textsAt(template, 'metadata', 'labels');
  const told = [labels['component'], labels['role'], container, ref.name].map(
    (text) => /agent|server/.exec(text ?? '')?.[0],
  );
  const found = told.find((text) => text !== undefined);
  return found === 'agent' || found === 'server' ? found : 'all';
};

/** v3 and v4 differ in what the namespace's expression is matched against and how; where no tag tells, v4 is assumed. */
export const kiamRules = (
  version: string,
  flags: Readonly<Record<string, string>>,
): Pick<BrokerSighting, 'version' | 'rules' | 'assumed'> => {
  const major = Number(version.split('.')[0]);
  if (version !== '') return { version, rules: major <= 3 ? 'kiam-v3' : 'kiam-v4', assumed: false };
  if (Object.hasOwn(flags, 'whitelist-route-regexp')) return { version, rules: 'kiam-v3', assumed: false };
  if (Object.hasOwn(flags, 'disable-strict-namespace-regexp')) return { version, rules: 'kiam-v4', assumed: false };
  return { version, rules: 'kiam-v4', assumed: true };
};

/** What else has to be known to say who assumes roles for pods, and what a bare role name means. */
export interface BrokerWorld {
  readonly workloads: readonly Workload[];
  readonly nodes: readonly ClusterNode[];
  readonly live: boolean;
  readonly partition: string;
  readonly accountId: string;
  /** Role of a service account by annotation or association; null for none. */
  readonly roleOfAccount: (namespace: string, serviceAccount: string) => string | null;
}

const dynamic = new Set(['role-base-arn-autodetect', 'auto-discover-base-arn', 'auto-discover-default-role']);
export const isOn = (flags: Readonly<Record<string, string>>, flag: string): boolean =>
  Object.hasOwn(flags, flag) && !/^(?:false|0|f)$/i.test(flags[flag] as string);

/** The prefix that the broker puts before a bare role name; null where it has none or it is not known. */
export const baseArnOf = (
  sighting: Pick<BrokerSighting, 'broker' | 'flags'>,
  discovered: string | null,
): string | null => {
  const { broker, flags } = sighting;
  const given = flags[broker === 'kiam' ? 'role-base-arn' : 'base-role-arn'];
  const automatic = [...dynamic].some((flag) => isOn(flags, flag));
  if (broker === 'kube2iam' && isOn(flags, 'auto-discover-default-role')) return discovered;
  if (given !== undefined && given !== '' && given !== 'true')
    return broker === 'kube2iam' && !given.endsWith('/') ? `${given}/` : given;
  return automatic ? discovered : null;
};

/** Installs of brokers, one for each workload and assuming role, so that `nodes` says for which nodes it holds. */
export const brokerInstalls = (sightings: readonly BrokerSighting[], world: BrokerWorld): readonly BrokerInstall[] => {
  const nodeByName = new Map(world.nodes.map((node) => [node.name, node]));
  const workloadOf = new Map(world.workloads.map((workload) => [refKey(workload.ref), workload]));
  const installs = sightings.flatMap((sighting): BrokerInstall[] => {
    const workload = workloadOf.get(refKey(sighting.ref));
    const ready = [
      ...new Set((workload?.pods ?? []).flatMap((pod) => (pod.ready && pod.node ? [pod.node] : []))),
    ].sort();
    const install = (
      nodes: BrokerInstall['nodes'],
      nodeRole: string | null,
      nodeRoles: readonly string[] = [],
    ): BrokerInstall => {
      const assumes = sighting.broker !== 'kiam' || sighting.component !== 'agent';
      const account = accountOfNodes(nodeRole) ?? (world.accountId === '' ? null : world.accountId);
      const discovered = account === null ? null : `arn:${world.partition}:iam::${account}:role/`;
      const base = assumes ? baseArnOf(sighting, discovered) : null;
      const own =
        workload === undefined
          ? null
          : world.roleOfAccount(workload.template.namespace, workload.template.serviceAccount);
      const assumer = assumes ? assumerOf(sighting, base, own ?? nodeRole) : null;
      const through = own === null ? [...nodeRoles].sort() : [own];
      return {
        ...sighting,
        nodes,
        baseArn: base,
        assumer,
        ...(assumes && hasVia(sighting) && through.length > 0 ? { through } : {}),
      };
    };
    if (!world.live) return [install('all', null)];
    const byRole = new Map<string, string[]>();
    for (const name of ready) {
      const role = nodeByName.get(name)?.role ?? '';
      byRole.set(role, [...(byRole.get(role) ?? []), name]);
    }
    if (byRole.size === 0) {
      const all = new Set(world.nodes.flatMap((node) => (node.role === null ? [] : [node.role])));
      return [install([], all.size === 1 ? ([...all][0] as string) : null)];
    }
    // Only where the node's role is what assumes do nodes of different roles make different installs.
    const probe = install(ready, '');
    const roles = [...byRole.keys()].filter((role) => role !== '');
    if (probe.assumer !== '' || byRole.size === 1) return [install(ready, [...byRole.keys()][0] || null, roles)];
    return [...byRole.entries()].map(([role, nodes]) => install(nodes, role === '' ? null : role));
  });
  return withServerRules(installs).sort(byKey((install) => `${refKey(install.ref)}\u0000${install.assumer ?? ''}`));
};

const accountOfNodes = (role: string | null): string | null =>
  role === null || role === '' ? null : (parseArn(role)?.account ?? null);

const viaOf = (sighting: BrokerSighting): string | undefined =>
  sighting.flags[sighting.broker === 'zalando' ? 'assume-role' : 'assume-role-arn'];
const hasVia = (sighting: BrokerSighting): boolean => !['', 'true', undefined].includes(viaOf(sighting));

const assumerOf = (sighting: BrokerSighting, base: string | null, principal: string | null): string | null => {
  const via = viaOf(sighting);
  if (via === undefined || !hasVia(sighting)) return principal;
  if (parseRoleArn(via) !== null) return via;
  return base === null ? null : `${base}${via.replace(/^\//, '')}`;
};

/** The server decides; an agent whose image does not tell goes by its server. */
const withServerRules = (installs: readonly BrokerInstall[]): BrokerInstall[] => {
  const servers = installs.filter((install) => install.broker === 'kiam' && install.component !== 'agent');
  const server = servers[0];
  return installs.map((install) =>
    install.broker === 'kiam' &&
    install.component === 'agent' &&
    install.assumed &&
    server !== undefined &&
    !server.assumed
      ? { ...install, rules: server.rules, version: server.version, assumed: false }
      : install,
  );
};

/** Annotation keys that may name a role: the fixed one and those that kube2iam was told. */
export const roleKeysOf = (sightings: readonly Pick<BrokerSighting, 'broker' | 'flags'>[]): readonly string[] => [
  ...new Set([
    annotationKeys.brokerRole,
    ...sightings.flatMap(({ broker, flags }) =>
      broker === 'kube2iam' && flags['iam-role-key'] !== undefined ? [flags['iam-role-key']] : [],
    ),
  ]),
];
