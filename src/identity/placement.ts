import type { ClusterNode, Inventory, PodView } from '../model/inventory.js';
import { matchesWildcard } from '../trust/wildcard.js';

/** All of a view that decides where it may run. */
export const placing = (view: PodView): string => JSON.stringify([view.nodeSelector, view.scheduling]);

/** Stands for the nodes that Fargate makes, one for each pod. */
export const fargateNode: ClusterNode = {
  name: 'fargate',
  uid: '',
  instanceId: null,
  role: null,
  instanceProfile: null,
  compute: 'fargate',
  nodegroup: null,
  labels: {},
  taints: [],
  ready: true,
  agentReady: false,
};

/** Name of the Fargate profile that takes the pod: by namespace and all labels, wildcards allowed (EKS User Guide). */
export const fargateProfileFor = (inventory: Inventory, view: PodView): string | null =>
  inventory.fargateProfiles.find((profile) =>
    profile.selectors.some(
      (selector) =>
        matchesWildcard(selector.namespace, view.namespace) &&
        Object.entries(selector.labels).every(
          ([key, value]) => Object.hasOwn(view.labels, key) && matchesWildcard(value, view.labels[key] as string),
        ),
    ),
  )?.name ?? null;

/** Whether a Fargate profile takes the pod. */
export const onFargate = (inventory: Inventory, view: PodView): boolean => fargateProfileFor(inventory, view) !== null;

/** A thousand nodes are a handful of questions: role, compute, metadata options, the brokers that serve it, the agent. */
export const kindsOf = (inventory: Inventory, nodes: readonly ClusterNode[]): readonly ClusterNode[] => {
  const served = inventory.brokers.map((install) => (install.nodes === 'all' ? null : new Set(install.nodes)));
  const found = new Map<string, ClusterNode>();
  for (const node of nodes) {
    const brokers = served.map((names) => names?.has(node.name) ?? true);
    const key = JSON.stringify([
      node.role,
      node.compute,
      node.hopLimit,
      node.imdsTokensRequired,
      node.agentReady,
      brokers,
    ]);
    if (!found.has(key)) found.set(key, node);
  }
  return [...found.values()];
};

interface Term {
  readonly key?: unknown;
  readonly operator?: unknown;
  readonly values?: unknown;
}

const meets = (term: Term, labels: Readonly<Record<string, string>>): boolean => {
  const key = String(term.key);
  const has = Object.hasOwn(labels, key);
  const label = has ? labels[key] : undefined;
  const values = Array.isArray(term.values) ? term.values.map(String) : [];
  switch (term.operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return has;
    case 'DoesNotExist':
      return !has;
    case 'Gt':
      return label !== undefined && Number(label) > Number(values[0]);
    case 'Lt':
      return label !== undefined && Number(label) < Number(values[0]);
    default:
      return true;
  }
};

const objects = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : [];

const child = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;

/** Selector, required node affinity and taints, as the scheduler reads them (Kubernetes, assigning pods to nodes). */
export const mayRunOn = (view: PodView, node: ClusterNode): boolean => {
  for (const [key, value] of Object.entries(view.nodeSelector))
    if (!Object.hasOwn(node.labels, key) || node.labels[key] !== value) return false;
  const affinity = child(child(view.scheduling, 'affinity'), 'nodeAffinity');
  const terms = objects(child(child(affinity, 'requiredDuringSchedulingIgnoredDuringExecution'), 'nodeSelectorTerms'));
  if (
    terms.length > 0 &&
    !terms.some((term) => {
      const expressions = objects(child(term, 'matchExpressions'));
      const fields = objects(child(term, 'matchFields'));
      if (expressions.length + fields.length === 0) return false;
      return (
        expressions.every((one) => meets(one, node.labels)) &&
        fields.every((one) => meets(one, { 'metadata.name': node.name }))
      );
    })
  )
    return false;
  const tolerations = objects(child(view.scheduling, 'tolerations'));
  return node.taints.every(
    (taint) =>
      taint.effect === 'PreferNoSchedule' ||
      tolerations.some((one) => {
        if (one.effect !== undefined && one.effect !== '' && one.effect !== taint.effect) return false;
        if (one.key === undefined || one.key === '') return one.operator === 'Exists';
        if (one.key !== taint.key) return false;
        return one.operator === 'Exists' || (one.value ?? '') === taint.value;
      }),
  );
};
