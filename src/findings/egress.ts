import type { Inventory, PodView } from '../model/inventory.js';
import { at, isObject, type Json, listAt, numberAt, textAt } from '../model/json.js';
import type { Mechanism } from '../model/words.js';
import { selects } from './label-selectors.js';
import type { Estate } from './rule.js';

/** What a network policy means for a pod's way to its credentials. */
export interface EgressVerdict {
  /** `open`: no policy selects it; `allowed`: one that does lets it through; `closed`: selected, and nothing lets it through; `unknown`. */
  readonly is: 'open' | 'allowed' | 'closed' | 'unknown';
  /** Policies that select the pod for egress. */
  readonly policies: readonly string[];
  readonly why: string;
}

const agentAddresses = ['169.254.170.23', 'fd00:ec2::23'] as const;

const ipv4 = (text: string): number | null => {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let value = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return null;
    value = value * 256 + Number(part);
  }
  return value;
};

/** Whether an IPv4 CIDR holds an address; anything unreadable holds none. */
const cidrHolds = (cidr: string, address: string): boolean => {
  const [base, bits, ...rest] = cidr.split('/');
  if (rest.length > 0 || base === undefined || bits === undefined || !/^\d{1,3}$/.test(bits)) return false;
  const wanted = ipv4(address);
  const start = ipv4(base);
  const size = Number(bits);
  if (wanted === null || start === null) return size === 0 && address.includes(':') === base.includes(':');
  if (size > 32) return false;
  const block = 2 ** (32 - size);
  return Math.floor(wanted / block) === Math.floor(start / block);
};

interface Goal {
  /** Address that has to be reachable; null for STS, whose addresses change and which is reached at some public or VPC address. */
  readonly address: string | null;
  readonly port: number;
}

/** Where a pod must get to: STS over HTTPS, or the agent on its own node. */
const goalOf = (mechanism: Mechanism): Goal =>
  mechanism === 'pod-identity' ? { address: agentAddresses[0], port: 80 } : { address: null, port: 443 };

/** A list that is not given or empty means all; what is no list means nothing. */
const unset = (list: Json | undefined): boolean =>
  list === undefined || list === null || (Array.isArray(list) && list.length === 0);

const portAllowed = (ports: Json | undefined, goal: Goal): boolean =>
  unset(ports) ||
  (Array.isArray(ports) ? (ports as readonly Json[]) : []).some((port) => {
    if ((textAt(port, 'protocol') ?? 'TCP') !== 'TCP') return false;
    const number = at(port, 'port');
    if (number === undefined) return true;
    if (typeof number !== 'number') return number === (goal.port === 443 ? 'https' : 'http');
    const end = numberAt(port, 'endPort') ?? number;
    return number <= goal.port && goal.port <= end;
  });

const peerAllowed = (peer: Json, goal: Goal): boolean => {
  const cidr = textAt(peer, 'ipBlock', 'cidr');
  // Pods and namespaces are selected by labels; neither STS nor the agent's link-local address is one.
  if (cidr === undefined) return false;
  const except = listAt(peer, 'ipBlock', 'except').filter((each): each is string => typeof each === 'string');
  if (goal.address !== null) {
    const { address } = goal;
    return cidrHolds(cidr, address) && !except.some((each) => cidrHolds(each, address));
  }
  // STS has no fixed address: a block that is wide open does it, a private one may hold the VPC endpoint.
  return !isLinkLocal(cidr);
};

const isLinkLocal = (cidr: string): boolean => cidr.startsWith('169.254.') || cidr.startsWith('127.');

const selectsNamespace = (policyNamespace: string | undefined, view: PodView): boolean =>
  policyNamespace === view.namespace;

const policyKinds = new Set([
  'NetworkPolicy',
  'GlobalNetworkPolicy',
  'CiliumNetworkPolicy',
  'CiliumClusterwideNetworkPolicy',
  'Sidecar',
]);
const policyLists = new WeakMap<Inventory, ReadonlyMap<string, Inventory['objects']>>();

/** Policies of a namespace and those of the whole cluster; listed once an inventory. */
const policiesIn = (inventory: Inventory, namespace: string): Inventory['objects'] => {
  let lists = policyLists.get(inventory);
  if (lists === undefined) {
    const made = new Map<string, Inventory['objects'][number][]>();
    for (const object of inventory.objects) {
      if (!policyKinds.has(object.ref.kind)) continue;
      const key = object.ref.namespace ?? '';
      const known = made.get(key);
      if (known === undefined) made.set(key, [object]);
      else known.push(object);
    }
    lists = made;
    policyLists.set(inventory, lists);
  }
  return [...(lists.get('') ?? []), ...(lists.get(namespace) ?? [])];
};

interface Seen {
  readonly name: string;
  readonly allows: boolean | 'unknown';
}

const plainPolicies = (inventory: Inventory, view: PodView, goal: Goal): readonly Seen[] =>
  policiesIn(inventory, view.namespace)
    .filter(
      ({ ref, raw }) =>
        ref.kind === 'NetworkPolicy' &&
        ref.apiVersion.startsWith('networking.k8s.io/') &&
        selectsNamespace(ref.namespace, view) &&
        selects(at(raw, 'spec', 'podSelector') ?? {}, view.labels) &&
        (listAt(raw, 'spec', 'policyTypes').includes('Egress') ||
          isObject(at(raw, 'spec', 'egress')) ||
          Array.isArray(at(raw, 'spec', 'egress'))),
    )
    .map(({ ref, raw }) => ({
      name: `NetworkPolicy ${ref.namespace}/${ref.name}`,
      allows: listAt(raw, 'spec', 'egress').some(
        (rule) =>
          isObject(rule) &&
          portAllowed(rule.ports, goal) &&
          (unset(rule.to) || listAt(rule, 'to').some((peer) => peerAllowed(peer, goal))),
      ),
    }));

const ciliumLabels = (selector: unknown): unknown => {
  const plain = (key: string): string => key.replace(/^(?:k8s|any)[:.]/, '');
  const labels = at(selector, 'matchLabels');
  return {
    ...(isObject(selector) ? selector : {}),
    ...(isObject(labels)
      ? { matchLabels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [plain(key), value])) }
      : {}),
  };
};

const ciliumRuleAllows = (rule: Json, goal: Goal): boolean => {
  if (!isObject(rule)) return false;
  const ports = listAt(rule, 'toPorts').flatMap((each) => listAt(each, 'ports'));
  const portOk =
    ports.length === 0 ||
    ports.some((port) => textAt(port, 'port') === String(goal.port) || textAt(port, 'port') === '0');
  if (!portOk) return false;
  const entities = listAt(rule, 'toEntities');
  if (entities.includes('all')) return true;
  const cidrs = [
    ...listAt(rule, 'toCIDR'),
    ...listAt(rule, 'toCIDRSet').map((set) => textAt(set, 'cidr') ?? ''),
  ].filter((each): each is string => typeof each === 'string');
  if (goal.address !== null) {
    const { address } = goal;
    // The agent listens in the node's own network: Cilium calls that the entity host.
    return entities.includes('host') || cidrs.some((cidr) => cidrHolds(cidr, address));
  }
  if (entities.includes('world')) return true;
  const names = listAt(rule, 'toFQDNs').map((each) => textAt(each, 'matchName') ?? textAt(each, 'matchPattern') ?? '');
  if (
    names.some(
      (name) =>
        /(^|[.*])(sts[\w.*-]*\.)?(\*\.)?amazonaws\.com(\.cn)?$/.test(name) &&
        (name.includes('sts') || name.includes('*')),
    )
  )
    return true;
  if (cidrs.some((cidr) => !isLinkLocal(cidr))) return true;
  return !['toEndpoints', 'toServices', 'toEntities', 'toCIDR', 'toCIDRSet', 'toFQDNs', 'toGroups', 'toNodes'].some(
    (key) => at(rule, key) !== undefined,
  );
};

const ciliumPolicies = (inventory: Inventory, view: PodView, goal: Goal): readonly Seen[] =>
  policiesIn(inventory, view.namespace)
    .filter(({ ref }) => ref.kind === 'CiliumNetworkPolicy' || ref.kind === 'CiliumClusterwideNetworkPolicy')
    .filter(({ ref }) => ref.namespace === undefined || ref.namespace === view.namespace)
    .flatMap(({ ref, raw }) =>
      [at(raw, 'spec'), ...listAt(raw, 'specs')]
        .filter((spec) => isObject(spec) && Array.isArray(spec.egress))
        .filter((spec) => selects(ciliumLabels(at(spec, 'endpointSelector') ?? {}), view.labels))
        .map((spec) => ({
          name: `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`,
          allows: listAt(spec, 'egress').some((rule) => ciliumRuleAllows(rule, goal)),
        })),
    );

/** Calico's own policies and mesh egress have languages of their own: that they are there is told, what they allow is not known. */
const foreignPolicies = (inventory: Inventory, view: PodView): readonly Seen[] =>
  policiesIn(inventory, view.namespace)
    .filter(
      ({ ref, raw }) =>
        (ref.apiVersion.includes('projectcalico.org/') &&
          (ref.kind === 'NetworkPolicy' || ref.kind === 'GlobalNetworkPolicy') &&
          (listAt(raw, 'spec', 'types').includes('Egress') || listAt(raw, 'spec', 'egress').length > 0)) ||
        (ref.kind === 'Sidecar' && textAt(raw, 'spec', 'outboundTrafficPolicy', 'mode') === 'REGISTRY_ONLY'),
    )
    .filter(({ ref }) => ref.namespace === undefined || ref.namespace === view.namespace)
    .map(({ ref }) => ({
      name: `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name} (${ref.apiVersion})`,
      allows: 'unknown' as const,
    }));

/**
 * Whether policies leave a pod its own way to STS (IRSA) or to the agent (Pod Identity), H12. Policies add up: a pod that any
 * egress policy selects may go only where one of them allows (Kubernetes, network policies).
 */
export const egressVerdict = (inventory: Inventory, view: PodView, mechanism: Mechanism): EgressVerdict => {
  if (view.hostNetwork) return { is: 'open', policies: [], why: "policies do not apply to the host's network" };
  const goal = goalOf(mechanism);
  const towards = mechanism === 'irsa' ? 'STS (TCP 443)' : 'the agent (169.254.170.23, TCP 80)';
  const known = [...plainPolicies(inventory, view, goal), ...ciliumPolicies(inventory, view, goal)];
  const foreign = foreignPolicies(inventory, view);
  const policies = [...known, ...foreign].map(({ name }) => name).sort();
  if (policies.length === 0) return { is: 'open', policies, why: 'no policy selects it' };
  if (known.length > 0 && !known.some(({ allows }) => allows === true))
    return { is: 'closed', policies, why: `no policy that selects it allows ${towards}` };
  if (foreign.length > 0)
    return { is: 'unknown', policies, why: `what these policies allow towards ${towards} is not known` };
  return { is: 'allowed', policies, why: `a policy allows ${towards}` };
};

/** Containers that go through a proxy and do not say that the agent's address goes round it (EKS User Guide, Pod Identity). */
export const proxiedContainers = (view: PodView): readonly string[] =>
  view.containers
    .filter(
      ({ env }) =>
        env.some((name) => /^(?:https?_proxy)$/i.test(name)) && !env.some((name) => /^no_proxy$/i.test(name)),
    )
    .map(({ name }) => name);

/**
 * Whether a private cluster's VPC has the endpoint that the mechanism needs; null where the cluster is not private, or nothing
 * tells. The scan lists endpoints (`vpc.endpoints`) of private clusters only.
 */
export const endpointKnown = (estate: Estate, mechanism: Mechanism): boolean | null => {
  const { facts, closedVpc } = estate.inventory.cluster;
  const text = Object.hasOwn(facts, 'vpc.endpoints') ? facts['vpc.endpoints'] : undefined;
  if (text === undefined) return closedVpc ? false : null;
  return text.split(',').some((name) => name.trim() === (mechanism === 'irsa' ? 'sts' : 'eks-auth'));
};
