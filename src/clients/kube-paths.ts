import type { KubernetesRef } from '../model/resource.js';

/** Resource names of kinds that are asked for often; all others come from the server's discovery. */
const known: Readonly<Record<string, readonly [plural: string, namespaced: boolean]>> = {
  'v1/Namespace': ['namespaces', false],
  'v1/Node': ['nodes', false],
  'v1/Pod': ['pods', true],
  'v1/ServiceAccount': ['serviceaccounts', true],
  'v1/ConfigMap': ['configmaps', true],
  'v1/Service': ['services', true],
  'v1/Endpoints': ['endpoints', true],
  'v1/Event': ['events', true],
  'v1/ReplicationController': ['replicationcontrollers', true],
  'apps/v1/Deployment': ['deployments', true],
  'apps/v1/StatefulSet': ['statefulsets', true],
  'apps/v1/DaemonSet': ['daemonsets', true],
  'apps/v1/ReplicaSet': ['replicasets', true],
  'batch/v1/Job': ['jobs', true],
  'batch/v1/CronJob': ['cronjobs', true],
  'policy/v1/PodDisruptionBudget': ['poddisruptionbudgets', true],
  'networking.k8s.io/v1/NetworkPolicy': ['networkpolicies', true],
  'rbac.authorization.k8s.io/v1/Role': ['roles', true],
  'rbac.authorization.k8s.io/v1/RoleBinding': ['rolebindings', true],
  'rbac.authorization.k8s.io/v1/ClusterRole': ['clusterroles', false],
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': ['clusterrolebindings', false],
  'coordination.k8s.io/v1/Lease': ['leases', true],
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': ['mutatingwebhookconfigurations', false],
  'apiextensions.k8s.io/v1/CustomResourceDefinition': ['customresourcedefinitions', false],
  'authorization.k8s.io/v1/SelfSubjectAccessReview': ['selfsubjectaccessreviews', false],
  'authentication.k8s.io/v1/SelfSubjectReview': ['selfsubjectreviews', false],
};

export interface ResourceName {
  readonly plural: string;
  readonly namespaced: boolean;
}
export const knownResource = (apiVersion: string, kind: string): ResourceName | undefined => {
  const found = known[`${apiVersion}/${kind}`];
  return found === undefined ? undefined : { plural: found[0], namespaced: found[1] };
};

/** The name by the rule that nearly every custom resource follows, where no discovery tells it. */
export const guessedPlural = (kind: string): string => {
  const lower = kind.toLowerCase();
  if (/(s|x|ch)$/.test(lower)) return `${lower}es`;
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
};

export const groupPath = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

/** Path of a collection, or of one object in it. Names come from outside, so each part is encoded. */
export const pathOf = (
  apiVersion: string,
  resource: ResourceName,
  namespace: string | undefined,
  name?: string,
): string =>
  [
    groupPath(apiVersion),
    ...(resource.namespaced && namespace !== undefined ? ['namespaces', encodeURIComponent(namespace)] : []),
    resource.plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
  ].join('/');

export const pathOfRef = (ref: KubernetesRef, resource: ResourceName): string =>
  pathOf(ref.apiVersion, resource, ref.namespace, ref.name);
