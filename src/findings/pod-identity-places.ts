import { fargateProfileFor, mayRunOn, placing } from '../identity/placement.js';
import { agentDenied } from '../identity/pod-identity.js';
import { worldOf } from '../identity/world.js';
import type { ClusterNode, Inventory, PodView } from '../model/inventory.js';
import { at, textAt } from '../model/json.js';
import { oncePer } from '../model/once-per.js';
import type { Estate, WorkloadUse } from './rule.js';
import { sorted } from './subjects.js';

/** Oldest platform version per Kubernetes minor version (EKS User Guide, Pod Identity; December 2024). Later minors: all. */
const oldestPlatform: Readonly<Record<string, number>> = {
  '1.24': 13,
  '1.25': 10,
  '1.26': 9,
  '1.27': 8,
  '1.28': 4,
  '1.29': 1,
  '1.30': 2,
  '1.31': 4,
};

const numbersOf = (version: string): readonly [number, number] | null => {
  const match = /^v?(\d{1,3})\.(\d{1,3})/.exec(version);
  return match === null ? null : [Number(match[1]), Number(match[2])];
};

/** Why the cluster as a whole cannot do Pod Identity; empty where it can. */
export const clusterObstacles = (inventory: Inventory): readonly string[] => {
  const { cluster } = inventory;
  if (cluster.kind !== 'eks') return ['Pod Identity exists on EKS only'];
  const numbers = numbersOf(cluster.kubernetesVersion);
  if (numbers === null) return ['the Kubernetes version is not known'];
  const [major, minor] = numbers;
  if (major === 1 && minor < 24) return [`Kubernetes ${major}.${minor} is too old for Pod Identity`];
  const needed = oldestPlatform[`${major}.${minor}`];
  const platform = /^eks\.(\d{1,5})$/.exec(cluster.platformVersion ?? '');
  if (needed !== undefined && platform !== null && Number(platform[1]) < needed)
    return [`the platform version ${cluster.platformVersion} is older than eks.${needed}`];
  return [];
};

/** Nodes on which new pods of one placement could be placed. */
interface Places {
  readonly names: ReadonlySet<string>;
  readonly hybrid: readonly string[];
  /** EC2 nodes whose role may not make the agent's one call, sorted. */
  readonly powerless: readonly string[];
  /** Linux EC2 nodes without a ready agent, sorted. */
  readonly withoutAgent: readonly string[];
}

/** What the nodes of a cluster tell of Pod Identity: asked for thousands of workloads, which share a handful of placements. */
interface Ground {
  readonly of: (compute: ClusterNode['compute']) => ReadonlySet<string>;
  readonly denied: ReadonlySet<string>;
  readonly agentPresent: boolean;
  readonly placesFor: (view: PodView) => Places;
}

const groundOf = oncePer((inventory: Inventory): Ground => {
  const denied = deniedNodes(inventory);
  const byCompute = new Map<string, Set<string>>();
  for (const { compute, name } of inventory.nodes)
    byCompute.set(compute, (byCompute.get(compute) ?? new Set()).add(name));
  const places = new Map<string, Places>();
  const none: ReadonlySet<string> = new Set();
  return {
    of: (compute) => byCompute.get(compute) ?? none,
    denied,
    agentPresent:
      inventory.addons.some(({ name }) => name === 'eks-pod-identity-agent') ||
      inventory.nodes.some((node) => node.compute === 'ec2' && node.agentReady),
    placesFor: (view) => {
      const key = placing(view);
      const found =
        places.get(key) ??
        placesOf(
          inventory.nodes.filter((node) => mayRunOn(view, node)),
          denied,
        );
      places.set(key, found);
      return found;
    },
  };
});

const placesOf = (nodes: readonly ClusterNode[], denied: ReadonlySet<string>): Places => {
  const named = (is: (node: ClusterNode) => boolean): readonly string[] => nodes.filter(is).map(({ name }) => name);
  return {
    names: new Set(named(() => true)),
    hybrid: named(({ compute }) => compute === 'hybrid'),
    powerless: sorted(named(({ compute, name }) => compute === 'ec2' && denied.has(name))),
    withoutAgent: sorted(named(({ compute, agentReady }) => (compute === 'ec2' || compute === 'auto') && !agentReady)),
  };
};

/** Nodes whose role may not make the agent's one call, so that the agent runs there and has nothing to hand out. */
const deniedNodes = (inventory: Inventory): ReadonlySet<string> => {
  const world = worldOf(inventory);
  const roles = new Map<string | null, boolean>();
  const names = inventory.nodes.filter((node) => {
    const key = node.compute === 'auto' ? null : node.role;
    const answer = roles.get(key) ?? agentDenied(world, node);
    roles.set(key, answer);
    return answer;
  });
  return new Set(names.map(({ name }) => name));
};

/**
 * Why Pod Identity cannot serve a workload where it runs or may run; empty where it can (EKS User Guide, Pod Identity
 * considerations). A missing agent is none: the plan installs it. Variables in the template are RL205's business, SDKs RL217's.
 */
export const podIdentityObstacles = (estate: Estate, use: WorkloadUse): readonly string[] => {
  const { inventory } = estate;
  const view = use.workload.template;
  const cluster = clusterObstacles(inventory);
  if (cluster.length > 0) return cluster;
  const profile = fargateProfileFor(inventory, view);
  const ground = groundOf(inventory);
  const places = ground.placesFor(view);
  const running = new Set(use.pods.flatMap(({ pod }) => pod.node ?? []));
  const runsOn = (compute: ClusterNode['compute']): readonly string[] =>
    [...running].filter((name) => ground.of(compute).has(name));
  const windows =
    (view.nodeSelector['kubernetes.io/os'] ??
      view.nodeSelector['beta.kubernetes.io/os'] ??
      textAt(view.scheduling, 'os', 'name')) === 'windows' || runsOn('windows').length > 0;
  const fargate = profile !== null || runsOn('fargate').length > 0;
  const wantsHybrid = at(view, 'nodeSelector', 'eks.amazonaws.com/compute-type') === 'hybrid';
  const hybrid = sorted([...(wantsHybrid ? places.hybrid : []), ...runsOn('hybrid')]);
  const beyond = runsOn('ec2').filter((name) => ground.denied.has(name) && !places.names.has(name));
  const powerless = beyond.length === 0 ? places.powerless : sorted([...places.powerless, ...beyond]);
  // Where there is no agent at all the plan installs it; one that is there and misses nodes is somebody's choice, or broken.
  const lacking = places.withoutAgent;
  return [
    ...(ground.agentPresent && lacking.length > 0
      ? [
          `the Pod Identity agent is not ready on ${lacking.slice(0, 3).join(', ')}${lacking.length > 3 ? ` and ${lacking.length - 3} more nodes` : ''}`,
        ]
      : []),
    ...(powerless.length > 0
      ? [
          `the role of node ${powerless[0]}${powerless.length > 1 ? ` (and ${powerless.length - 1} more)` : ''} may not call eks-auth:AssumeRoleForPodIdentity`,
        ]
      : []),
    ...(fargate
      ? [`it runs on Fargate${profile === null ? '' : ` (profile ${profile})`}, where the agent cannot`]
      : []),
    ...(windows ? ['it runs on Windows nodes, where the agent cannot'] : []),
    ...(hybrid.length > 0 ? [`it runs on hybrid nodes (${hybrid.join(', ')}), whose agent is off by default`] : []),
  ];
};

/** Linux EC2 nodes that could run the workload and have no ready agent now. */
export const nodesWithoutAgent = (estate: Estate, use: WorkloadUse): readonly string[] =>
  groundOf(estate.inventory).placesFor(use.workload.template).withoutAgent;
