import type { Rule } from '../rule.js';
import { candidates } from '../subjects.js';

export const webhookNotHealthy: Rule = {
  code: 'RL502',
  name: 'webhook-not-healthy',
  severity: 'block',
  acceptable: true,
  says: 'the identity webhook is absent, or without an endpoint: new pods would come up without credentials',
  remedy: 'Install or repair the pod identity webhook, and plan again.',
  explain: `The variables by which a pod finds its role are put into it by a mutating webhook when the pod is created. On EKS it runs in the control plane; elsewhere somebody installs it (Giant Swarm and kOps bring their own). Here it is absent, or its service has no ready endpoint.

The webhook's failure policy is \`Ignore\`: while it is away, pods are admitted without credentials, and nothing complains. They look healthy, and their first call to AWS fails, or reaches the node role. No restart is planned in that state.

Look for yourself: \`kubectl get mutatingwebhookconfigurations pod-identity-webhook -o yaml\` and, if it points to a service, \`kubectl get endpoints\` of that service.

On EKS create the configuration anew only on AWS's advice; elsewhere install amazon-eks-pod-identity-webhook or repair its Deployment and certificate. Then plan again.`,
  find: (input) => {
    const { webhook, source } = input.estate.inventory;
    // Manifests rarely hold the webhook, and nothing is applied from them.
    if (source === 'manifests' || (webhook.present && webhook.healthy !== false)) return [];
    if (candidates(input).length === 0) return [];
    return [
      {
        subject: { kind: 'MutatingWebhookConfiguration', name: 'pod-identity-webhook' },
        message: webhook.present
          ? 'the pod identity webhook has no ready endpoint'
          : 'the cluster has no pod identity webhook',
        evidence: { present: webhook.present, healthy: webhook.healthy },
      },
    ];
  },
};
