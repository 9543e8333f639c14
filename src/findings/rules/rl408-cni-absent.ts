import { nodeRolesInPlay } from '../node-roles.js';
import type { Rule } from '../rule.js';
import { sorted } from '../subjects.js';

export const cniAbsent: Rule = {
  code: 'RL408',
  name: 'cni-absent',
  severity: 'info',
  acceptable: true,
  says: "node roles carry the CNI's permission, and the cluster has no VPC CNI",
  remedy:
    'Take the policy off the node roles if another CNI serves the cluster, or create the add-on vpc-cni with a role of its own; neither is done for you.',
  explain: `The node roles allow what the Amazon VPC CNI needs, but there is neither a DaemonSet \`kube-system/aws-node\` nor the EKS add-on \`vpc-cni\`. Another CNI (Cilium, Calico) may have taken its place, and the policy stayed behind; or the add-on is still to be installed.

Rolelift does not install a CNI: that decides how every pod of the cluster gets its address. It only moves what is there.

Look for yourself: \`kubectl get daemonset -n kube-system\`, \`aws eks list-addons --cluster-name NAME\`.

To install it with a role of its own from the start: \`aws eks create-addon --cluster-name NAME --addon-name vpc-cni --pod-identity-associations serviceAccount=aws-node,roleArn=arn:aws:iam::ACCOUNT:role/AmazonEKSPodIdentityAmazonVPCCNIRole\`, where that role carries \`AmazonEKS_CNI_Policy\` and trusts \`pods.eks.amazonaws.com\`. Where another CNI serves the cluster, see that it does not call EC2 with the node's role (Cilium in ENI mode does), and detach the policy.`,
  find: (input) => {
    const { inventory } = input.estate;
    if (inventory.cluster.kind !== 'eks' || inventory.source !== 'live') return [];
    if (inventory.addons.some(({ name }) => name === 'vpc-cni')) return [];
    if (inventory.workloads.some(({ ref }) => ref.namespace === 'kube-system' && ref.name === 'aws-node')) return [];
    const carrying = nodeRolesInPlay(input).filter(({ cni }) => cni.length > 0);
    if (carrying.length === 0) return [];
    return [
      {
        subject: { kind: 'Cluster', name: inventory.cluster.name },
        message: `${inventory.cluster.name} has no VPC CNI, but ${carrying.length} node role(s) carry its permission`,
        evidence: { nodeRoles: sorted(carrying.map(({ nodeRole }) => nodeRole.arn)), moves: [] },
      },
    ];
  },
};
