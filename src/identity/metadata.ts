import { sameJson } from '../model/canonical.js';
import type { BrokerInstall, ClusterNode, Inventory, PodView } from '../model/inventory.js';
import { oncePer } from '../model/once-per.js';
import { type RefKey, refKey } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { type Assumption, brokerMayAssume } from './broker-assume.js';
import {
  kiamDetectsBase,
  kiamPermits,
  kiamRequest,
  kiamResolve,
  kiamUnanchored,
  type Permission,
  type Resolution,
} from './kiam.js';
import { kube2iamDefault, kube2iamPermits, kube2iamRequest, kube2iamResolve } from './kube2iam.js';
import { nodeRoleOffer } from './node-role.js';
import type { Offer } from './types.js';
import { roleKey, type World } from './world.js';

/** What the metadata address gives a pod, whoever answers there: a broker, or the node. */
export interface Metadata {
  readonly offer: Offer | null;
  /** What would answer there if the broker went away. */
  readonly next: readonly Offer[];
  readonly refused: readonly Offer[];
  /** RL1xx of what stands out; null where all is plain. */
  readonly code: string | null;
  /** False where the estate does not tell what happens. */
  readonly certain: boolean;
  readonly reason: string;
  readonly readFrom: readonly RefKey[];
}

const nodesOf = oncePer(
  (install: BrokerInstall): ReadonlySet<string> => new Set(install.nodes === 'all' ? [] : install.nodes),
);
const serves = (install: BrokerInstall, node: ClusterNode | null): boolean =>
  install.nodes === 'all' || node === null || nodesOf(install).has(node.name);

const isAgent = (install: BrokerInstall): boolean => install.component !== 'server';

/** The brokers that answer pods. */
const answering = oncePer((inventory: Inventory): readonly BrokerInstall[] => {
  const brokers = inventory.brokers.filter(({ broker }) => broker === 'kiam' || broker === 'kube2iam');
  const agents = brokers.filter(isAgent);
  // Manifests may hold kiam's server alone: that an agent serves the nodes is then taken to be so.
  return agents.length === 0 && inventory.source === 'manifests' ? brokers : agents;
});

/** Whether a pod's annotations ask any broker that is known for a role. */
const asksBroker = (view: PodView, world: World): boolean =>
  Object.hasOwn(view.annotations, annotationKeys.brokerRole) ||
  world.inventory.brokers.some(
    (install) => install.broker === 'kube2iam' && kube2iamRequest(view, install) !== undefined,
  );

/**
 * What the metadata service gives a pod on a node, or on all nodes where it may run. Several kinds of nodes that give
 * different things make the answer uncertain, and say why.
 */
export const metadataFor = (view: PodView, world: World, node: ClusterNode | null): Metadata => {
  const nodes = node ? [node] : world.nodeKindsFor(view);
  if (nodes.length === 0) return metadataOn(view, world, null);
  const answers = nodes.map((one) => metadataOn(view, world, one));
  const first = answers[0] as Metadata;
  const gist = (one: Metadata): unknown => [
    one.offer?.source.kind,
    one.offer?.role,
    one.offer?.assumable,
    one.code,
    one.certain,
  ];
  if (answers.every((one) => sameJson(gist(one) ?? null, gist(first)))) return first;
  const asks = asksBroker(view, world);
  const bare = answers.some((one) => one.code === 'RL111');
  const code = bare ? 'RL111' : answers.some((one) => one.code === 'RL102') || asks ? 'RL102' : null;
  return {
    offer: null,
    next: answers.flatMap((one) => (one.offer ? [one.offer] : [])),
    refused: answers.flatMap((one) => one.refused),
    code,
    certain: false,
    reason: `it depends on the node: ${[...new Set(answers.map((one) => one.reason))].join('; or ')}`,
    readFrom: answers.flatMap((one) => one.readFrom),
  };
};

const metadataOn = (view: PodView, world: World, node: ClusterNode | null): Metadata => {
  const all = answering(world.inventory);
  const here = all.filter((install) => serves(install, node));
  const asks = asksBroker(view, world);
  const readFrom: RefKey[] = [
    ...here.map((install) => refKey(install.ref)),
    refKey({ api: 'kubernetes', apiVersion: 'v1', kind: 'Namespace', name: view.namespace }),
    ...(node ? [refKey({ api: 'kubernetes', apiVersion: 'v1', kind: 'Node', name: node.name })] : []),
  ];
  const plain = nodeRoleOffer(view, world, node);
  const unreachable =
    node?.compute === 'fargate'
      ? 'Fargate has no metadata service'
      : 'the metadata service is out of reach (hop limit 1, IMDSv2 only)';
  const fromNode = (code: string | null, reason: string): Metadata => ({
    offer: plain,
    next: [],
    refused: [],
    code,
    certain: plain?.assumable !== 'unknown',
    reason: plain ? `${reason}: it has the node role` : `${reason}; ${unreachable}`,
    readFrom,
  });
  if (node?.compute === 'fargate') return fromNode(asks ? 'RL111' : null, 'no broker runs on Fargate');
  if (view.hostNetwork) {
    if (!asks) return fromNode(null, "the pod uses the node's network");
    return fromNode(all.length > 0 ? 'RL105' : 'RL102', "the pod uses the node's network and passes the broker by");
  }
  if (here.length === 0) {
    if (!asks) return fromNode(null, 'no broker answers there');
    if (all.length > 0) return fromNode('RL111', `no ready broker agent on node ${node?.name ?? ''}`);
    return unknown(plain, [], 'RL102', 'it asks for a role, and no broker was found', readFrom);
  }
  const answers = here.map((install) =>
    (install.broker === 'kiam' ? fromKiam : fromKube2iam)(view, world, install, node),
  );
  const first = answers[0] as Asked;
  if (!answers.every((one) => sameJson(gistOf(one), gistOf(first))))
    return unknown(plain, answers.flatMap(offersOf), 'RL102', 'several brokers answer there, and not alike', readFrom);
  if (new Set(here.map((install) => install.broker)).size > 1 && asks)
    return unknown(plain, answers.flatMap(offersOf), 'RL102', 'both kiam and kube2iam answer there', readFrom);
  return { ...settled(first, plain), readFrom: [...readFrom, ...first.readFrom] };
};

const unknown = (
  plain: Offer | null,
  refused: readonly Offer[],
  code: string,
  reason: string,
  readFrom: readonly RefKey[],
): Metadata => ({ offer: null, next: plain ? [plain] : [], refused, code, certain: false, reason, readFrom });

/** What one broker makes of the pod. */
type Asked =
  | { readonly is: 'nothing'; readonly reason: string; readonly readFrom: readonly RefKey[] }
  | { readonly is: 'offer'; readonly offer: Offer; readonly readFrom: readonly RefKey[] }
  | { readonly is: 'unclear'; readonly reason: string; readonly readFrom: readonly RefKey[] };

const gistOf = (one: Asked): unknown =>
  one.is === 'offer' ? [one.is, one.offer.role, one.offer.assumable, one.offer.code] : [one.is];
const offersOf = (one: Asked): readonly Offer[] => (one.is === 'offer' ? [one.offer] : []);

const settled = (asked: Asked, plain: Offer | null): Omit<Metadata, 'readFrom'> => {
  const next = plain ? [plain] : [];
  if (asked.is === 'nothing')
    return { offer: null, next, refused: [], code: null, certain: true, reason: asked.reason };
  if (asked.is === 'unclear')
    return { offer: null, next, refused: [], code: 'RL102', certain: false, reason: asked.reason };
  const { offer } = asked;
  if (offer.assumable === 'no')
    return { offer: null, next, refused: [offer], code: offer.code, certain: true, reason: offer.why };
  return { offer, next, refused: [], code: offer.code, certain: offer.assumable === 'yes', reason: offer.why };
};

const fromKiam = (view: PodView, world: World, agent: BrokerInstall, _node: ClusterNode | null): Asked => {
  if (kiamRequest(view) === undefined)
    return { is: 'nothing', reason: 'the pod has no role annotation: kiam answers 404', readFrom: [] };
  const servers = world.inventory.brokers.filter((one) => one.broker === 'kiam' && one.component !== 'agent');
  if (servers.length === 0)
    return { is: 'unclear', reason: 'a kiam agent is there, but no kiam server was found', readFrom: [] };
  const answers = servers.map((server) => kiamOffer(view, world, agent, server));
  const first = answers[0] as Asked;
  return answers.every((one) => sameJson(gistOf(one), gistOf(first)))
    ? first
    : { is: 'unclear', reason: 'several kiam servers with different flags were found', readFrom: [] };
};

const kiamOffer = (view: PodView, world: World, agent: BrokerInstall, server: BrokerInstall): Asked => {
  const resolved = kiamResolve(view, server);
  // cmd/kiam/server.go ends at start without either; that it runs all the same means that its flags were not seen.
  if (resolved.is === 'role' && !world.offline && server.baseArn === null && !kiamDetectsBase(server))
    return {
      is: 'unclear',
      reason: 'the kiam server has no --role-base-arn and does not detect one: such a server does not start',
      readFrom: [refKey(server.ref)],
    };
  const permits = (role: Extract<Resolution, { is: 'role' }>): Permission =>
    kiamPermits(world.namespaceAnnotations(view.namespace), role.compared, kiamUnanchored(server));
  return brokerOffer(world, resolved, permits, {
    kind: 'kiam',
    install: agent,
    assumer: server.assumer,
    through: server.through ?? [],
    keys: [refKey(server.ref)],
  });
};

const fromKube2iam = (view: PodView, world: World, install: BrokerInstall, node: ClusterNode | null): Asked => {
  const nodeRole = node ? node.role : (nodeRoleOffer({ ...view, hostNetwork: true }, world, null)?.role ?? null);
  const resolved = kube2iamResolve(view, install, nodeRole);
  if (resolved.is === 'none')
    return {
      is: 'nothing',
      reason:
        install.baseArn === null
          ? 'the pod has no role annotation, and kube2iam has no default role'
          : 'the pod has no role annotation: kube2iam names an empty role and gives no credentials for it',
      readFrom: [],
    };
  const fallback = kube2iamDefault(install);
  const defaultRole = fallback === 'unknown' ? nodeRole : fallback;
  const permits = (role: Extract<Resolution, { is: 'role' }>): Permission =>
    kube2iamPermits(world.namespaceAnnotations(view.namespace), role.role, install, defaultRole);
  return brokerOffer(world, resolved, permits, {
    kind: 'kube2iam',
    install,
    assumer: install.assumer ?? nodeRole,
    through: [],
    keys: [],
  });
};

/** Whether the broker gets the role that it assumes the others with; `unknown` where that differs between its nodes. */
const firstHop = (
  world: World,
  through: readonly string[],
  assumer: string,
  sessionName: string | null,
): Assumption | null => {
  const hops = through
    .filter((principal) => principal !== assumer)
    .map((principal) => brokerMayAssume(world, principal, assumer, { externalId: null, sessionName }))
    // Who gets the broker's own role is not what a move rests on: what STS says is enough.
    .map((hop): Assumption => (hop.byTrustOnly ? { verdict: 'yes', why: hop.why, code: null } : hop));
  const worst = hops.find((hop) => hop.verdict === 'no') ?? hops.find((hop) => hop.verdict === 'unknown') ?? hops[0];
  if (worst === undefined) return null;
  const mixed = hops.some((hop) => hop.verdict !== worst.verdict);
  const why = `the broker's own role comes first, and ${worst.why}`;
  return { ...worst, why, verdict: mixed ? 'unknown' : worst.verdict, code: worst.code === null ? null : 'RL110' };
};

const brokerOffer = (
  world: World,
  resolved: Resolution,
  permits: (role: Extract<Resolution, { is: 'role' }>) => Permission,
  broker: {
    readonly kind: 'kiam' | 'kube2iam';
    readonly install: BrokerInstall;
    readonly assumer: string | null;
    /** Principals that take the assumer's role first. */
    readonly through: readonly string[];
    readonly keys: readonly RefKey[];
  },
): Asked => {
  if (resolved.is === 'none') return { is: 'nothing', reason: 'the pod asks for no role', readFrom: broker.keys };
  if (resolved.is === 'error' && resolved.code === 'RL102')
    return { is: 'unclear', reason: resolved.reason, readFrom: broker.keys };
  const offer = (
    role: string | null,
    assumable: Offer['assumable'],
    why: string,
    code: string | null,
    from: Extract<Resolution, { is: 'role' }> | null,
  ): Asked => ({
    is: 'offer',
    offer: {
      source: {
        kind: broker.kind,
        install: broker.install.ref,
        resolvedFrom: from?.from ?? 'annotation',
        sessionName: from?.sessionName ?? null,
        externalId: from?.externalId ?? null,
      },
      role,
      assumable,
      why,
      code,
    },
    readFrom: [...broker.keys, ...(role === null ? [] : [roleKey(role)])],
  });
  if (resolved.is === 'error') return offer(null, 'no', resolved.reason, resolved.code, null);
  const permission = permits(resolved);
  if (permission.is === 'denied') return offer(resolved.role, 'no', permission.reason, permission.code, resolved);
  const { verdict, why, code } = brokerMayAssume(world, broker.assumer, resolved.role, {
    externalId: resolved.externalId,
    sessionName: resolved.sessionName,
  });
  const first = broker.assumer === null ? null : firstHop(world, broker.through, broker.assumer, resolved.sessionName);
  if (verdict === 'no' || first === null || first.verdict === 'yes')
    return offer(resolved.role, verdict, why, code, resolved);
  return offer(resolved.role, first.verdict, first.why, first.code, resolved);
};

/** The role that a pod's annotation asks for, by the rules of the brokers that are there; null where it asks for none or it cannot be told. */
export const resolveRequested = (view: PodView, world: World): string | null => {
  const found = new Set<string>();
  for (const install of world.inventory.brokers) {
    const resolved =
      install.broker === 'kiam' && install.component !== 'agent'
        ? kiamResolve(view, install)
        : install.broker === 'kube2iam' && kube2iamRequest(view, install) !== undefined
          ? kube2iamResolve(view, install, null)
          : null;
    if (resolved?.is === 'role') found.add(resolved.role);
  }
  return found.size === 1 ? ([...found][0] ?? null) : null;
};
