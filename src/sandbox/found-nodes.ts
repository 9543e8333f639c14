import type { JsonObject } from '../model/json.js';
import type { Account } from './aws/account.js';
import { stableId } from './found-names.js';
import type { Scenario } from './scenario-schema.js';

const instanceIdOf = (node: Scenario['nodes'][number]): string => node.instanceId ?? stableId('i-', node.name, 17);

/** The EC2 instance behind a node; Fargate's and hybrid nodes have none. */
export const addInstance = (home: Account, scenario: Scenario, node: Scenario['nodes'][number]): void => {
  if (node.compute === 'fargate' || node.compute === 'hybrid') return;
  const id = instanceIdOf(node);
  home.instances.set(id, {
    id,
    region: scenario.cluster.region,
    profile: node.instanceProfile,
    tags: {
      [`kubernetes.io/cluster/${scenario.cluster.name}`]: 'owned',
      ...(node.nodegroup === undefined
        ? {}
        : { 'eks:nodegroup-name': node.nodegroup, 'eks:cluster-name': scenario.cluster.name }),
    },
    hopLimit: node.hopLimit,
    tokensRequired: node.tokensRequired,
    privateDnsName: node.name,
    launchTemplate: scenario.cluster.nodegroups.find((group) => group.name === node.nodegroup)?.launchTemplate ?? null,
  });
};

/** Node objects of a scenario's `nodes`. */
export const nodeObjects = (scenario: Scenario): JsonObject[] =>
  scenario.nodes.map((node) => nodeObject(scenario, node));

/** A node as its kubelet registers it. */
export const nodeObject = (scenario: Scenario, node: Scenario['nodes'][number]): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: node.name,
    labels: {
      'kubernetes.io/hostname': node.name,
      'kubernetes.io/os': node.compute === 'windows' ? 'windows' : 'linux',
      'kubernetes.io/arch': 'amd64',
      'topology.kubernetes.io/region': scenario.cluster.region,
      'topology.kubernetes.io/zone': `${scenario.cluster.region}a`,
      ...(node.nodegroup === undefined ? {} : { 'eks.amazonaws.com/nodegroup': node.nodegroup }),
      ...(node.compute === 'fargate' || node.compute === 'auto' || node.compute === 'hybrid'
        ? { 'eks.amazonaws.com/compute-type': node.compute }
        : {}),
      ...node.labels,
    },
  },
  spec: {
    ...(node.compute === 'fargate' || node.compute === 'hybrid'
      ? { providerID: `aws:///${scenario.cluster.region}a/fargate-${node.name}` }
      : { providerID: `aws:///${scenario.cluster.region}a/${instanceIdOf(node)}` }),
    ...(node.taints.length === 0 ? {} : { taints: node.taints }),
  },
  status: {
    conditions: [{ type: 'Ready', status: node.ready ? 'True' : 'False' }],
    nodeInfo: {
      kubeletVersion: `v${scenario.cluster.version}.0-eks-1234567`,
      operatingSystem: node.compute === 'windows' ? 'windows' : 'linux',
    },
    addresses: [{ type: 'InternalDNS', address: node.name }],
    capacity: { cpu: '2', memory: '8Gi', pods: '110' },
    allocatable: { cpu: '2', memory: '8Gi', pods: '110' },
  },
});
