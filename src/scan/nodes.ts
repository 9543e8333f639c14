import { byKey } from '../model/canonical.js';
import type { ClusterNode } from '../model/inventory.js';
import { type JsonObject, listAt, textAt, textsAt } from '../model/json.js';
import type { ObjectSource } from './source.js';

/** A node as Kubernetes shows it; what EC2 and IAM know is filled in later. */
const nodeOf = (object: JsonObject): ClusterNode => {
  const labels = textsAt(object, 'metadata', 'labels');
  const provider = textAt(object, 'spec', 'providerID') ?? '';
  const compute = computeOf(labels, provider);
  const createdAt = textAt(object, 'metadata', 'creationTimestamp');
  return {
    name: textAt(object, 'metadata', 'name') ?? '',
    uid: textAt(object, 'metadata', 'uid') ?? '',
    instanceId: /\/(i-[0-9a-f]+)$/.exec(provider)?.[1] ?? null,
    role: null,
    instanceProfile: null,
    compute,
    nodegroup: labels['eks.amazonaws.com/nodegroup'] ?? null,
    labels,
    taints: listAt(object, 'spec', 'taints').map((taint) => ({
      key: textAt(taint, 'key') ?? '',
      value: textAt(taint, 'value') ?? '',
      effect: textAt(taint, 'effect') ?? '',
    })),
    ready: listAt(object, 'status', 'conditions').some(
      (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
    ),
    ...(createdAt === undefined ? {} : { createdAt }),
    agentReady: compute === 'auto',
  };
};

const computeOf = (labels: Readonly<Record<string, string>>, provider: string): ClusterNode['compute'] => {
  const type = labels['eks.amazonaws.com/compute-type'];
  if (type === 'fargate' || /\/fargate-/.test(provider)) return 'fargate';
  if (type === 'hybrid' || provider.startsWith('eks-hybrid:')) return 'hybrid';
  if ((labels['kubernetes.io/os'] ?? labels['beta.kubernetes.io/os']) === 'windows') return 'windows';
  return type === 'auto' ? 'auto' : 'ec2';
};

export const readNodes = async (source: ObjectSource): Promise<readonly ClusterNode[]> => {
  const found: ClusterNode[] = [];
  for await (const object of source.list('v1', 'Node', [
    'on which nodes pods run, and so which node role and which broker agent serves them',
  ]))
    found.push(nodeOf(object));
  return found.sort(byKey(({ name }) => name));
};
