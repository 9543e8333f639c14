import { expect } from 'vitest';
import { textAt } from '../../src/model/json.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario, parseScenario, type Scenario } from '../../src/sandbox/scenario.js';
import { nodeSchema } from '../../src/sandbox/scenario-schema.js';
import type { Story } from './story.js';

const agentImage = '602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/eks-pod-identity-agent:v1.3.8-eksbuild.2';
const agent = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'eks-pod-identity-agent', namespace: 'kube-system' },
  spec: {
    selector: { matchLabels: { app: 'eks-pod-identity-agent' } },
    template: {
      metadata: { labels: { app: 'eks-pod-identity-agent' } },
      spec: {
        hostNetwork: true,
        tolerations: [{ operator: 'Exists' }],
        containers: [{ name: 'agent', image: agentImage }],
      },
    },
  },
};

/** A scenario of the examples, changed. */
export const estateOf = (name: string, edit: (scenario: Scenario) => void = () => {}): Scenario => {
  const scenario = structuredClone(loadScenario(name));
  edit(scenario);
  return parseScenario(JSON.stringify(scenario), name);
};
export const withoutAddon = (scenario: Scenario): void => {
  scenario.cluster.addons = scenario.cluster.addons.filter(({ name }) => name !== 'vpc-cni');
};
export const withAgent = (scenario: Scenario): void => {
  scenario.cluster.addons.push({ name: 'eks-pod-identity-agent', status: 'ACTIVE' });
  scenario.kubernetes.push(agent);
};
/** For a Pod Identity move the SDK of the CNI has to be vouched for, as images do not tell it here. */
export const podIdentity = { target: 'pod-identity', sdkKnown: ['*'] } as const;

const nodesOf = (sandbox: Sandbox): readonly string[] =>
  sandbox.view
    .list('v1', 'Node')
    .filter((node) => textAt(node, 'metadata', 'labels', 'eks.amazonaws.com/compute-type') === undefined)
    .map((node) => textAt(node, 'metadata', 'name') ?? '')
    .sort();

/** What is wrong with the network now: nodes that are not Ready, or that could give a new pod no address. */
export const networkFaults = (sandbox: Sandbox): readonly string[] => [
  ...nodesOf(sandbox)
    .filter((node) => !sandbox.canAttachAddresses(node))
    .map((node) => `${node} gives no addresses`),
  ...sandbox.view
    .list('v1', 'Node')
    .filter((node) => !JSON.stringify(node.status).includes('"type":"Ready","status":"True"'))
    .map((node) => `${textAt(node, 'metadata', 'name')} is not Ready`),
];

let joined = 0;
/** A node of an instance profile joins. */
export const join = (sandbox: Sandbox, instanceProfile: string, more: Record<string, unknown> = {}): string => {
  joined += 1;
  const name = `ip-10-2-9-${joined}.eu-west-1.compute.internal`;
  sandbox.join(nodeSchema.parse({ name, instanceProfile, ...more }));
  return name;
};
export const nodeIsReady = (sandbox: Sandbox, name: string): boolean => {
  const node = sandbox.view.get('v1', 'Node', undefined, name);
  return JSON.stringify(node?.status).includes('"Ready"') && readyStatus(node) === 'True';
};
const readyStatus = (node: unknown): string | undefined => {
  const conditions = (node as { status?: { conditions?: { type: string; status: string }[] } } | null)?.status
    ?.conditions;
  return conditions?.find(({ type }) => type === 'Ready')?.status;
};

/** One more replica of the estate's workload, whose pod has to get an address on the newest node. */
export const scaleUp = async (story: Story, replicas: number): Promise<void> => {
  const answer = await story.sandbox.handle(
    {
      method: 'PATCH',
      url: 'http://sandbox.invalid/apis/apps/v1/namespaces/shop/deployments/web',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { replicas } }),
    },
    new AbortController().signal,
  );
  expect(answer.status).toBe(200);
};

/** Roles of the containers of every aws-node pod. */
export const cniIdentities = (sandbox: Sandbox): readonly string[] =>
  [
    ...new Set(
      sandbox
        .identities('kube-system')
        .filter(({ pod }) => pod.startsWith('aws-node-'))
        .flatMap(({ containers }) =>
          containers.map(({ source, role }) => `${source} ${role?.split('/').at(-1) ?? 'none'}`),
        ),
    ),
  ].sort();
