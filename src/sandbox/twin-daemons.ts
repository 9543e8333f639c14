import type { BrokerInstall, Inventory, Workload } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import { brokerArgs, imageOf } from './twin-brokers.js';
import { keyOf } from './twin-names.js';

/** DaemonSets that must be there for what was seen, though no workload was recorded that they are. `assumed` gets what was made up. */
export const unrecordedDaemons = (inventory: Inventory, assumed: string[]): readonly JsonObject[] => {
  const known = new Set(inventory.workloads.map((each) => keyOf(each.ref)));
  const objects: JsonObject[] = [];
  for (const broker of inventory.brokers) {
    if (known.has(keyOf(broker.ref)) || broker.broker === 'zalando' || broker.broker === 'iam4kube') continue;
    assumed.push(`${broker.broker} as ${broker.ref.kind} ${broker.ref.name}`);
    objects.push(
      daemon(broker.ref.name, broker.ref.namespace ?? 'kube-system', broker.nodes, {
        name: broker.broker,
        image: imageOf(broker, ''),
        args: [...brokerArgs(broker), ...assumerArgs(broker, inventory)],
      }),
    );
  }
  const served = inventory.nodes.filter((node) => node.agentReady && node.compute === 'ec2').map((node) => node.name);
  if (served.length > 0 && !inventory.workloads.some((each) => runsAgent(each))) {
    assumed.push('the Pod Identity agent as a DaemonSet');
    const name = 'eks-pod-identity-agent';
    objects.push(daemon(name, 'kube-system', served, { name, image: `${name}:twin` }));
  }
  if (
    inventory.brokers.some((each) => each.broker === 'kiam') &&
    !inventory.brokers.some((each) => each.broker === 'kiam' && each.component === 'agent')
  ) {
    const serving = inventory.brokers.filter((each) => each.broker === 'kiam').map((each) => each.nodes);
    const nodes = serving.some((each) => each === 'all') ? 'all' : [...new Set(serving.flat())].sort();
    assumed.push(nodes === 'all' ? "kiam's agent on every node" : "kiam's agent on the nodes that kiam serves");
    objects.push(
      daemon('kiam-agent', 'kube-system', nodes, {
        name: 'kiam-agent',
        image: 'quay.io/uswitch/kiam:v4.2',
        args: ['agent', '--iptables'],
      }),
    );
  }
  return objects;
};

/** A made-up kiam server runs with the nodes' role: it has to be told of a role of its own. */
const assumerArgs = (install: BrokerInstall, inventory: Inventory): string[] =>
  install.broker !== 'kiam' ||
  install.component === 'agent' ||
  install.assumer === null ||
  Object.hasOwn(install.flags, 'assume-role-arn') ||
  inventory.nodes.some((node) => node.role === install.assumer)
    ? []
    : [`--assume-role-arn=${install.assumer}`];

const runsAgent = (workload: Workload): boolean =>
  workload.template.containers.some((each) => /(^|\/)eks-pod-identity-agent([:@]|$)/.test(each.image));

/** A DaemonSet of the nodes' own network that nobody recorded, on every node or on those that are named. */
const daemon = (
  name: string,
  namespace: string,
  nodes: 'all' | readonly string[],
  container: JsonObject,
): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, namespace },
  spec: {
    selector: { matchLabels: { 'twin.rolelift.dev/broker': name } },
    template: {
      metadata: { labels: { 'twin.rolelift.dev/broker': name } },
      spec: {
        hostNetwork: true,
        tolerations: [{ operator: 'Exists' }],
        containers: [container],
        ...(nodes === 'all' ? {} : { affinity: { nodeAffinity: only(nodes) } }),
      },
    },
  },
});

/** Nothing can be on no node: an empty list names one that is not there. */
const only = (nodes: readonly string[]): JsonObject => ({
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: (nodes.length === 0 ? ['none'] : nodes).map((name) => ({
      matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }],
    })),
  },
});
