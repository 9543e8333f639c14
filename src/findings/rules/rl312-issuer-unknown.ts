import type { Rule } from '../rule.js';
import { issuersOf } from '../trust-plans.js';

export const issuerUnknown: Rule = {
  code: 'RL312',
  name: 'issuer-unknown',
  severity: 'block',
  acceptable: false,
  says: 'IRSA is to be used, and who signs the tokens of this cluster is not known: no trust can be written',
  remedy: 'Let the scan read the issuer (EKS, or the API server), or name it with --oidc-issuer.',
  explain: `Under IRSA a role trusts tokens of one issuer, by the URL that stands in them. It is read, never made up: from EKS, or from the API server's discovery document (\`/.well-known/openid-configuration\`). Here neither told it.

Without it no trust policy can be written, and a service account that is annotated all the same would leave its pods with a token that no role believes: they would lose their role at the next restart. So the moves are blocked, and this cannot be accepted.

On Giant Swarm's v18 the issuer is a CloudFront domain that is made only when IRSA is switched on: annotate the AWSCluster, let the control plane be rolled, and plan again. Elsewhere the reader may lack \`get\` on \`/.well-known/openid-configuration\` (ClusterRole \`system:service-account-issuer-discovery\`).

Look for yourself: \`kubectl get --raw /.well-known/openid-configuration\`, or \`aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer\`. Then plan again, with \`--oidc-issuer URL\` where the scan still cannot read it.`,
  find: ({ estate, proposals, options }) => {
    const { inventory } = estate;
    if (issuersOf(inventory, options).length > 0) return [];
    const moves = proposals.filter(({ to }) => to?.mechanism === 'irsa').map(({ id }) => id);
    if (moves.length === 0) return [];
    const offline = inventory.source === 'manifests';
    return [
      {
        subject: { kind: 'Cluster', name: inventory.cluster.name },
        severity: offline ? ('warn' as const) : ('block' as const),
        message: `the OIDC issuer of cluster ${inventory.cluster.name} is not known: no trust for IRSA can be written`,
        evidence: { moves },
      },
    ];
  },
};
