import type { JsonObject } from '../../model/json.js';
import type { ClusterView } from '../contract.js';

/** The DaemonSet that the add-on eks-pod-identity-agent puts into a cluster (eks-pod-identity-agent's chart). */
const daemonSet = (version: string): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: {
    name: 'eks-pod-identity-agent',
    namespace: 'kube-system',
    labels: { 'app.kubernetes.io/name': 'eks-pod-identity-agent', 'app.kubernetes.io/managed-by': 'Helm' },
  },
  spec: {
    selector: { matchLabels: { 'app.kubernetes.io/name': 'eks-pod-identity-agent' } },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
    template: {
      metadata: { labels: { 'app.kubernetes.io/name': 'eks-pod-identity-agent' } },
      spec: {
        hostNetwork: true,
        serviceAccountName: 'default',
        priorityClassName: 'system-node-critical',
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            name: 'eks-pod-identity-agent',
            image: `602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/eks-pod-identity-agent:${version}`,
            args: ['--port', '80', '--cluster-name', 'demo', '--probe-port', '2703'],
          },
        ],
      },
    },
  },
});

export const installAgent = (view: ClusterView | null, version: string): void => {
  if (view && !view.get('apps/v1', 'DaemonSet', 'kube-system', 'eks-pod-identity-agent')) view.put(daemonSet(version));
};
export const removeAgent = (view: ClusterView | null): void =>
  view?.remove('apps/v1', 'DaemonSet', 'kube-system', 'eks-pod-identity-agent');
