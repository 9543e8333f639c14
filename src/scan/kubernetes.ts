import type { Binding, ClusterNode, ServiceAccount, Workload } from '../model/inventory.js';
import { refKey } from '../model/resource.js';
import { type Namespaces, readBindings, readNamespaces, readServiceAccounts } from './accounts.js';
import { type BrokerSighting, sightBroker } from './brokers.js';
import type { Gaps } from './gaps.js';
import { sightIssuers } from './issuers.js';
import { readNodes } from './nodes.js';
import { type KeptObject, readObjects } from './objects.js';
import type { ObjectSource } from './source.js';
import { sightAgent, sightWebhook } from './webhook.js';
import { readWorkloads } from './workloads.js';

/** The cluster's half of an inventory, before anything is known of the account. */
export interface ClusterPart {
  readonly namespaces: Namespaces;
  readonly workloads: readonly Workload[];
  readonly serviceAccounts: readonly ServiceAccount[];
  readonly bindings: readonly Binding[];
  readonly nodes: readonly ClusterNode[];
  readonly objects: readonly KeptObject[];
  readonly sightings: readonly BrokerSighting[];
  /** Flags of a self-hosted identity webhook; null where none runs here. */
  readonly webhookFlags: Readonly<Record<string, string>> | null;
  /** Issuers on the command line of a kube-apiserver that runs as a pod. */
  readonly apiServerIssuers: readonly string[];
}

/** Told as each part is begun and done, for progress. */
export type OnPart = (part: string, state: 'running' | 'done', count?: number) => void;

/** Reads everything that the cluster tells. Refused parts become gaps. */
export const readCluster = async (
  source: ObjectSource,
  gaps: Gaps,
  onPart: OnPart,
  namespacesFirst: (namespaces: Namespaces) => void = () => undefined,
): Promise<ClusterPart> => {
  onPart('namespaces', 'running');
  const namespaces = await readNamespaces(source);
  namespacesFirst(namespaces);
  onPart('namespaces', 'done', namespaces.length);

  const sightings = new Map<string, BrokerSighting>();
  const agents = new Set<string>();
  let webhookFlags: Readonly<Record<string, string>> | null = null;
  const issuers = new Set<string>();
  onPart('workloads', 'running');
  const { workloads, objects: customs } = await readWorkloads(source, gaps, (ref, template) => {
    const sighted = sightBroker(ref, template);
    // ReplicaSets repeat their Deployment's template: they are no installs of their own.
    if (sighted !== null && ref.kind !== 'ReplicaSet') sightings.set(refKey(ref), sighted);
    if (sightAgent(template)) agents.add(refKey(ref));
    webhookFlags ??= sightWebhook(template);
    for (const issuer of sightIssuers(template)) issuers.add(issuer);
  });
  onPart('workloads', 'done', workloads.length);

  onPart('service accounts', 'running');
  const serviceAccounts = await readServiceAccounts(
    source,
    workloads,
    () => !gaps.list().some((gap) => gap.area.startsWith('kubernetes:serviceaccounts')),
  );
  const bindings = await readBindings(source);
  onPart('service accounts', 'done', serviceAccounts.length);

  onPart('nodes and policies', 'running');
  const served = new Set(
    workloads
      .filter((workload) => agents.has(refKey(workload.ref)))
      .flatMap((workload) => workload.pods.flatMap((pod) => (pod.ready && pod.node !== undefined ? [pod.node] : []))),
  );
  const nodes = (await readNodes(source)).map((node) => ({
    ...node,
    agentReady: node.agentReady || served.has(node.name),
  }));
  const objects = await readObjects(source);
  onPart('nodes and policies', 'done', nodes.length);
  return {
    namespaces,
    workloads,
    serviceAccounts,
    bindings,
    nodes,
    objects: [...customs, ...objects].sort((left, right) => (refKey(left.ref) < refKey(right.ref) ? -1 : 1)),
    sightings: [...sightings.values()].sort((left, right) => (refKey(left.ref) < refKey(right.ref) ? -1 : 1)),
    webhookFlags,
    apiServerIssuers: [...issuers],
  };
};
