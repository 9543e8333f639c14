import type { ClusterNode, Inventory, PodView } from '../model/inventory.js';
import { at, listAt, textAt } from '../model/json.js';
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

const tolerates = (view: PodView, node: ClusterNode): boolean =>
  node.taints
    .filter(({ effect }) => effect !== 'PreferNoSchedule')
    .every((taint) =>
      listAt(view.scheduling, 'tolerations').some((toleration) => {
        const key = textAt(toleration, 'key');
        const operator = textAt(toleration, 'operator') ?? 'Equal';
        const effect = textAt(toleration, 'effect');
        if (effect !== undefined && effect !== taint.effect) return false;
        if (key === undefined || key === '') return operator === 'Exists';
        return key === taint.key && (operator === 'Exists' || (textAt(toleration, 'value') ?? '') === taint.value);
      }),
    );

const matchesTerm = (labels: Readonly<Record<string, string>>, expression: unknown): boolean => {
  const key = textAt(expression, 'key') ?? '';
  const values = listAt(expression, 'values').filter((value): value is string => typeof value === 'string');
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (textAt(expression, 'operator')) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      // Gt, Lt and what is not known: the pod may run there.
      return true;
  }
};

const affinityAllows = (view: PodView, node: ClusterNode): boolean => {
  const terms = listAt(
    view.scheduling,
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
  );
  return (
    terms.length === 0 ||
    terms.some((term) => listAt(term, 'matchExpressions').every((expression) => matchesTerm(node.labels, expression)))
  );
};

/** Nodes on which a new pod of this view could be placed: selector, taints and required affinity (Kubernetes scheduler). */
export const possibleNodes = (inventory: Inventory, view: PodView): readonly ClusterNode[] =>
  inventory.nodes.filter(
    (node) =>
      Object.entries(view.nodeSelector).every(([key, value]) => node.labels[key] === value) &&
      tolerates(view, node) &&
      affinityAllows(view, node),
  );

/** Fargate profiles that would take the pod: namespace (globs) and all labels of a selector (EKS User Guide). */
const fargateProfileOf = (inventory: Inventory, view: PodView): string | null =>
  inventory.fargateProfiles.find(({ selectors }) =>
    selectors.some(
      ({ namespace, labels }) =>
        namespace === view.namespace && Object.entries(labels).every(([key, value]) => view.labels[key] === value),
    ),
  )?.name ?? null;

/**
 * Why Pod Identity cannot serve a workload where it runs or may run; empty where it can (EKS User Guide, Pod Identity
 * considerations). A missing agent is none: the plan installs it. Variables in the template are RL205's business, SDKs RL217's.
 */
export const podIdentityObstacles = (estate: Estate, use: WorkloadUse): readonly string[] => {
  const { inventory } = estate;
  const view = use.workload.template;
  const cluster = clusterObstacles(inventory);
  if (cluster.length > 0) return cluster;
  const profile = fargateProfileOf(inventory, view);
  const running = new Set(use.pods.flatMap(({ pod }) => pod.node ?? []));
  const possible = new Set(possibleNodes(inventory, view));
  const nodes = inventory.nodes.filter((node) => running.has(node.name) || possible.has(node));
  const of = (compute: ClusterNode['compute']): readonly string[] =>
    nodes.filter((node) => node.compute === compute).map(({ name }) => name);
  const windows =
    (view.nodeSelector['kubernetes.io/os'] ??
      view.nodeSelector['beta.kubernetes.io/os'] ??
      textAt(view.scheduling, 'os', 'name')) === 'windows' ||
    nodes.some((node) => node.compute === 'windows' && running.has(node.name));
  const fargate = profile !== null || nodes.some((node) => node.compute === 'fargate' && running.has(node.name));
  const hybrid = of('hybrid').filter(
    (name) => running.has(name) || at(view, 'nodeSelector', 'eks.amazonaws.com/compute-type') === 'hybrid',
  );
  return [
    ...(fargate
      ? [`it runs on Fargate${profile === null ? '' : ` (profile ${profile})`}, where the agent cannot`]
      : []),
    ...(windows ? ['it runs on Windows nodes, where the agent cannot'] : []),
    ...(hybrid.length > 0
      ? [`it runs on hybrid nodes (${sorted(hybrid).join(', ')}), whose agent is off by default`]
      : []),
  ];
};

/** Linux EC2 nodes that could run the workload and have no ready agent now. */
export const nodesWithoutAgent = (estate: Estate, use: WorkloadUse): readonly string[] =>
  sorted(
    possibleNodes(estate.inventory, use.workload.template)
      .filter(({ compute, agentReady }) => (compute === 'ec2' || compute === 'auto') && !agentReady)
      .map(({ name }) => name),
  );
