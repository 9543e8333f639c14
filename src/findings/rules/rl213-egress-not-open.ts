import { egressVerdict, endpointKnown, proxiedContainers } from '../egress.js';
import type { Rule } from '../rule.js';
import { candidates, proposalOf, titleOf, towardsPodIdentity, workloadSubject } from '../subjects.js';

export const egressNotOpen: Rule = {
  code: 'RL213',
  name: 'egress-not-open',
  severity: 'warn',
  acceptable: true,
  says: "the pod's own way to STS or to the agent is not known to be open",
  remedy:
    'Allow the pod egress to STS (TCP 443) for IRSA, or to 169.254.170.23 (TCP 80) for Pod Identity, before the move.',
  explain: `Under kiam and kube2iam a pod fetches its credentials from one address, 169.254.169.254, and the broker talks to AWS for it. After the move each pod needs a way of its own: under IRSA to the STS endpoint (\`sts.REGION.amazonaws.com\`, port 443), under Pod Identity to the agent on its node (169.254.170.23, port 80).

Something may be in that way: a NetworkPolicy, a Cilium or Calico policy, a service mesh that lets out only what is registered, an HTTP proxy without NO_PROXY, a VPC without internet and without an \`sts\` (or \`eks-auth\`) endpoint. Where a policy that is known to close egress selects the pod and does not allow it, the finding blocks; else it warns.

A workload that cannot get there comes up healthy and fails at its first call to AWS.

Look for yourself: \`kubectl get networkpolicies -n NAMESPACE -o yaml\`, and from inside a pod \`curl -sv --max-time 5 https://sts.REGION.amazonaws.com\` or \`curl -s --max-time 5 http://169.254.170.23/v1/credentials\` (an error from the server is fine, a timeout is not). Open the way, then plan again.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const { template } = use.workload;
      const mechanism =
        proposalOf(input, use)?.to?.mechanism ?? (towardsPodIdentity(input, use) ? 'pod-identity' : 'irsa');
      const verdict = egressVerdict(input.estate.inventory, template, mechanism);
      const proxied = proxiedContainers(template);
      const endpoint = endpointKnown(input.estate, mechanism);
      const reasons = [
        ...(verdict.is === 'closed' || verdict.is === 'unknown' ? [verdict.why] : []),
        ...(proxied.length > 0 && mechanism === 'pod-identity'
          ? [`${proxied.join(', ')} use a proxy and set no NO_PROXY`]
          : []),
        ...(endpoint === false
          ? [`the VPC is closed, and no endpoint for ${mechanism === 'irsa' ? 'sts' : 'eks-auth'} was seen`]
          : []),
      ];
      if (reasons.length === 0) return [];
      return [
        {
          subject: workloadSubject(use),
          severity: verdict.is === 'closed' ? ('block' as const) : ('warn' as const),
          message: `the way of ${titleOf(use)} to ${mechanism === 'irsa' ? 'STS' : 'the Pod Identity agent'} is not known to be open: ${reasons.join('; ')}`,
          evidence: { mechanism, policies: verdict.policies, reasons },
        },
      ];
    }),
};
