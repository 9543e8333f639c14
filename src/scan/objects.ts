import pLimit from 'p-limit';
import { byKey } from '../model/canonical.js';
import type { JsonObject } from '../model/json.js';
import { type KubernetesRef, kubernetesRef, refKey } from '../model/resource.js';
import { redacted } from './redact.js';
import type { ObjectSource } from './source.js';
import { refOf } from './workload-kinds.js';

/** Kinds that rules and the twin look at as they stand. Kinds that a cluster does not serve give nothing. */
export const objectKinds: readonly (readonly [string, string])[] = [
  ['policy/v1', 'PodDisruptionBudget'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
  ['v1', 'ResourceQuota'],
  ['v1', 'LimitRange'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
  ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration'],
  ['admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy'],
  // Network policies of other makers, and what names service accounts.
  ['cilium.io/v2', 'CiliumNetworkPolicy'],
  ['cilium.io/v2', 'CiliumClusterwideNetworkPolicy'],
  ['crd.projectcalico.org/v1', 'NetworkPolicy'],
  ['crd.projectcalico.org/v1', 'GlobalNetworkPolicy'],
  ['projectcalico.org/v3', 'NetworkPolicy'],
  ['projectcalico.org/v3', 'GlobalNetworkPolicy'],
  ['security.istio.io/v1', 'AuthorizationPolicy'],
  ['networking.istio.io/v1', 'Sidecar'],
  ['kyverno.io/v1', 'ClusterPolicy'],
  ['kyverno.io/v1', 'Policy'],
  ['external-secrets.io/v1', 'SecretStore'],
  ['external-secrets.io/v1', 'ClusterSecretStore'],
  ['external-secrets.io/v1beta1', 'SecretStore'],
  ['external-secrets.io/v1beta1', 'ClusterSecretStore'],
  ['keda.sh/v1alpha1', 'ScaledObject'],
  // Node roles, brokers and owners of roles.
  ['karpenter.k8s.aws/v1', 'EC2NodeClass'],
  ['karpenter.k8s.aws/v1beta1', 'EC2NodeClass'],
  ['karpenter.k8s.aws/v1alpha1', 'AWSNodeTemplate'],
  ['zalando.org/v1', 'AWSIAMRole'],
  ['iam.services.k8s.aws/v1alpha1', 'Role'],
  ['iam.aws.upbound.io/v1beta1', 'Role'],
  ['infrastructure.cluster.x-k8s.io/v1beta2', 'AWSManagedControlPlane'],
];

/** ConfigMaps that are read on purpose: their data says which roles nodes have, or what the webhook injects. */
const configMaps: readonly (readonly [string, string])[] = [
  ['kube-system', 'aws-auth'],
  ['karpenter', 'karpenter-global-settings'],
  ['kube-system', 'karpenter-global-settings'],
  ['eks', 'pod-identity-webhook'],
  ['kube-system', 'pod-identity-webhook'],
];

export type KeptObject = { readonly ref: KubernetesRef; readonly raw: JsonObject };

/** Raw objects for rules and the twin, without values of variables, managedFields and copies in annotations. */
export const readObjects = async (source: ObjectSource): Promise<readonly KeptObject[]> => {
  const found = new Map<string, KeptObject>();
  const lists = pLimit(3);
  await Promise.all(
    objectKinds.map(([apiVersion, kind]) =>
      lists(async () => {
        for await (const object of source.list(apiVersion, kind)) {
          const ref = refOf(object);
          // The same object may be served under two versions; the first in the list above counts.
          if (!found.has(refKey(ref))) found.set(refKey(ref), { ref, raw: redacted(object) });
        }
      }),
    ),
  );
  for (const [namespace, name] of configMaps) {
    const ref = kubernetesRef('v1', 'ConfigMap', namespace, name);
    const object = await source.get(ref);
    if (object !== null) found.set(refKey(ref), { ref, raw: redacted(object, { keepData: true }) });
  }
  return [...found.values()].sort(byKey(({ ref }) => refKey(ref)));
};
