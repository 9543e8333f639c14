import { nodesWithoutAgent, podIdentityObstacles } from '../pod-identity-places.js';
import type { Rule } from '../rule.js';
import { candidates, proposalOf, titleOf, towardsPodIdentity, workloadSubject } from '../subjects.js';

export const mechanismNotAvailable: Rule = {
  code: 'RL207',
  name: 'mechanism-not-available',
  severity: 'info',
  acceptable: true,
  says: 'why Pod Identity is not chosen: Fargate, Windows, cluster or platform version, hybrid or self-managed nodes, no agent',
  remedy: 'Nothing: IRSA is used for this workload. To use Pod Identity, remove what the evidence names.',
  explain: `EKS Pod Identity needs an agent on the node. It exists for Linux EC2 nodes of EKS clusters only, from certain platform versions on: not for Fargate, not for Windows, not on hybrid nodes unless switched on, and not for clusters that are not EKS.

For this workload at least one of these holds, so Pod Identity cannot serve all of its pods, and IRSA, which works everywhere, is used instead. If Pod Identity was asked for by name, the move is blocked rather than given another mechanism behind your back.

Look for yourself: \`kubectl get pods -o wide\` for the nodes, \`kubectl get daemonset -n kube-system eks-pod-identity-agent\` for the agent, and \`aws eks describe-cluster --query cluster.platformVersion\`.

Nothing needs to be done. If you want Pod Identity for it, change what the evidence names and plan again.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const obstacles = podIdentityObstacles(input.estate, use);
      const towards = towardsPodIdentity(input, use);
      const missing = towards ? nodesWithoutAgent(input.estate, use) : [];
      // With IRSA asked for by name nobody wonders why it is not the other one.
      if (obstacles.length === 0 || input.options.target === 'irsa') return [];
      const to = proposalOf(input, use)?.to;
      return [
        {
          subject: workloadSubject(use),
          severity: towards && to?.mechanism !== 'irsa' ? ('block' as const) : ('info' as const),
          message: `Pod Identity cannot serve ${titleOf(use)}: ${obstacles.join('; ')}`,
          evidence: { obstacles, nodesWithoutAgent: missing },
        },
      ];
    }),
};
