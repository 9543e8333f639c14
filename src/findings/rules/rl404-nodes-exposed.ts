import type { ClusterNode } from '../../model/inventory.js';
import { deniesMetadata } from '../metadata-policy.js';
import type { Rule } from '../rule.js';
import { sorted } from '../subjects.js';

/** Why pods of a node can reach its metadata service; null where they cannot (EC2 User Guide, instance metadata options). */
export const exposureOf = (node: ClusterNode): string | null => {
  if (node.compute === 'fargate' || node.compute === 'hybrid') return null;
  // Auto Mode sets hop limit 1 and IMDSv2 itself (EKS User Guide, Auto Mode security).
  if (node.compute === 'auto') return null;
  if (node.hopLimit === undefined || node.imdsTokensRequired === undefined)
    return 'its metadata options could not be read';
  if (!node.imdsTokensRequired) return 'IMDSv1 is on';
  return node.hopLimit > 1 ? `the hop limit is ${node.hopLimit}` : null;
};

export const nodesExposed: Rule = {
  code: 'RL404',
  name: 'nodes-exposed',
  severity: 'warn',
  acceptable: true,
  says: 'with the broker gone, pods without a role can reach the node role through IMDS',
  remedy:
    'Require IMDSv2 with hop limit 1 on every node (launch templates included), or block 169.254.169.254 for pods by policy, before the broker is removed.',
  explain: `A broker does two things: it gives roles to pods that may have them, and it keeps all others from the node's. kiam answers 404 to a pod without an annotation. When kiam goes, that pod's call reaches the real metadata service and comes back with the node's role. Removing the broker would then be a step back in security.

It is not so where the nodes let no pod through: with IMDSv2 required and a hop limit of 1 the answer does not reach a pod's network (pods on the host's network always get through). Some nodes of this cluster are not set up like that, or it could not be read.

Look for yourself: \`aws ec2 describe-instances --query 'Reservations[].Instances[].[InstanceId,MetadataOptions]'\`, and from a pod \`curl -s --max-time 3 http://169.254.169.254/latest/meta-data/\`.

Set \`HttpTokens=required\` and \`HttpPutResponseHopLimit=1\` in the launch templates and on running instances, or deny 169.254.169.254 by a cluster-wide network policy. Workloads that use the node role on purpose need a role of their own before. \`rolelift retire-broker\` is refused until this is closed.`,
  find: (input) => {
    const { inventory } = input.estate;
    if (!inventory.brokers.some(({ broker }) => broker === 'kiam' || broker === 'kube2iam')) return [];
    if (deniesMetadata(inventory) !== null) return [];
    const exposed = inventory.nodes.flatMap((node) => {
      const why = exposureOf(node);
      return why === null ? [] : [{ node: node.name, why, role: node.role }];
    });
    if (exposed.length === 0) return [];
    return [
      {
        subject: { kind: 'Cluster', name: inventory.cluster.name },
        message: `without the broker, pods on ${exposed.length} of ${inventory.nodes.length} nodes could take the node role`,
        evidence: {
          reasons: sorted(exposed.map(({ why }) => why)),
          nodes: exposed.slice(0, 200),
          total: exposed.length,
          roles: sorted(exposed.flatMap(({ role }) => role ?? [])),
          moves: [],
        },
      },
    ];
  },
};
