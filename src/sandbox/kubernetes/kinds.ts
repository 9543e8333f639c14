import { listAt, objectAt, textAt } from '../../model/json.js';
import type { KubeObject } from './object.js';
import type { Store } from './store.js';

/** One resource that the server serves. */
export interface Kind {
  readonly group: string;
  /** Versions served, the preferred one first. */
  readonly versions: readonly string[];
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly string[];
  /** `spec`: metadata.generation counts changes outside metadata and status; `annotations` too for Deployments; none elsewhere. */
  readonly generation: 'none' | 'spec' | 'spec-and-annotations';
  /** Served for a CustomResourceDefinition: no strategic merge, no defaults. */
  readonly custom: boolean;
  /** Virtual resources take only `create` and are never stored. */
  readonly verbs: readonly string[];
}

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;

const kind = (
  group: string,
  versions: string,
  resource: string,
  name: string,
  options: Partial<Omit<Kind, 'group' | 'versions' | 'resource' | 'kind'>> = {},
): Kind => ({
  group,
  versions: versions.split(' '),
  resource,
  kind: name,
  singular: name.toLowerCase(),
  namespaced: true,
  shortNames: [],
  categories: [],
  subresources: [],
  generation: 'none',
  custom: false,
  verbs: allVerbs,
  ...options,
});
const cluster = { namespaced: false } as const;
const spec = { generation: 'spec' } as const;
const status = { subresources: ['status'] } as const;
const review = { verbs: ['create'] } as const;
const all = { categories: ['all'] } as const;

const rbac = 'rbac.authorization.k8s.io';
const registration = 'admissionregistration.k8s.io';

/** Kinds of a cluster without any CustomResourceDefinition, in the order in which discovery tells the groups. */
const builtInKinds: readonly Kind[] = [
  kind('', 'v1', 'bindings', 'Binding', review),
  kind('', 'v1', 'configmaps', 'ConfigMap', { shortNames: ['cm'] }),
  kind('', 'v1', 'endpoints', 'Endpoints', { shortNames: ['ep'], singular: 'endpoints' }),
  kind('', 'v1', 'events', 'Event', { shortNames: ['ev'] }),
  kind('', 'v1', 'limitranges', 'LimitRange', { shortNames: ['limits'] }),
  kind('', 'v1', 'namespaces', 'Namespace', { ...cluster, shortNames: ['ns'], subresources: ['finalize', 'status'] }),
  kind('', 'v1', 'nodes', 'Node', { ...cluster, ...status, shortNames: ['no'] }),
  kind('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', { ...status, shortNames: ['pvc'] }),
  kind('', 'v1', 'persistentvolumes', 'PersistentVolume', { ...cluster, ...status, shortNames: ['pv'] }),
  kind('', 'v1', 'pods', 'Pod', {
    ...all,
    shortNames: ['po'],
    subresources: ['binding', 'eviction', 'log', 'status'],
  }),
  kind('', 'v1', 'podtemplates', 'PodTemplate', spec),
  kind('', 'v1', 'replicationcontrollers', 'ReplicationController', {
    ...all,
    ...spec,
    shortNames: ['rc'],
    subresources: ['scale', 'status'],
  }),
  kind('', 'v1', 'resourcequotas', 'ResourceQuota', { ...status, shortNames: ['quota'] }),
  kind('', 'v1', 'secrets', 'Secret'),
  kind('', 'v1', 'serviceaccounts', 'ServiceAccount', { shortNames: ['sa'], subresources: ['token'] }),
  kind('', 'v1', 'services', 'Service', { ...all, ...status, shortNames: ['svc'] }),
  kind('apiregistration.k8s.io', 'v1', 'apiservices', 'APIService', { ...cluster, ...status }),
  kind('apps', 'v1', 'controllerrevisions', 'ControllerRevision'),
  kind('apps', 'v1', 'daemonsets', 'DaemonSet', { ...all, ...spec, ...status, shortNames: ['ds'] }),
  kind('apps', 'v1', 'deployments', 'Deployment', {
    ...all,
    generation: 'spec-and-annotations',
    shortNames: ['deploy'],
    subresources: ['scale', 'status'],
  }),
  kind('apps', 'v1', 'replicasets', 'ReplicaSet', {
    ...all,
    ...spec,
    shortNames: ['rs'],
    subresources: ['scale', 'status'],
  }),
  kind('apps', 'v1', 'statefulsets', 'StatefulSet', {
    ...all,
    ...spec,
    shortNames: ['sts'],
    subresources: ['scale', 'status'],
  }),
  kind('events.k8s.io', 'v1', 'events', 'Event', { shortNames: ['ev'] }),
  kind('authentication.k8s.io', 'v1', 'selfsubjectreviews', 'SelfSubjectReview', { ...cluster, ...review }),
  kind('authentication.k8s.io', 'v1', 'tokenreviews', 'TokenReview', { ...cluster, ...review }),
  kind('authorization.k8s.io', 'v1', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', review),
  kind('authorization.k8s.io', 'v1', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', { ...cluster, ...review }),
  kind('authorization.k8s.io', 'v1', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', { ...cluster, ...review }),
  kind('authorization.k8s.io', 'v1', 'subjectaccessreviews', 'SubjectAccessReview', { ...cluster, ...review }),
  kind('autoscaling', 'v2 v1', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', {
    ...all,
    ...status,
    shortNames: ['hpa'],
  }),
  kind('batch', 'v1', 'cronjobs', 'CronJob', { ...all, ...spec, ...status, shortNames: ['cj'] }),
  kind('batch', 'v1', 'jobs', 'Job', { ...all, ...spec, ...status }),
  kind('networking.k8s.io', 'v1', 'ingressclasses', 'IngressClass', { ...cluster, ...spec }),
  kind('networking.k8s.io', 'v1', 'ingresses', 'Ingress', { ...spec, ...status, shortNames: ['ing'] }),
  kind('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy', { ...spec, shortNames: ['netpol'] }),
  kind('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget', { ...spec, ...status, shortNames: ['pdb'] }),
  kind(rbac, 'v1', 'clusterrolebindings', 'ClusterRoleBinding', cluster),
  kind(rbac, 'v1', 'clusterroles', 'ClusterRole', cluster),
  kind(rbac, 'v1', 'rolebindings', 'RoleBinding'),
  kind(rbac, 'v1', 'roles', 'Role'),
  kind('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', { ...cluster, shortNames: ['sc'] }),
  kind('storage.k8s.io', 'v1', 'csidrivers', 'CSIDriver', cluster),
  kind(registration, 'v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', { ...cluster, ...spec }),
  kind(registration, 'v1', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', {
    ...cluster,
    ...spec,
  }),
  kind(registration, 'v1', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy', { ...cluster, ...spec }),
  kind(registration, 'v1', 'validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', {
    ...cluster,
    ...spec,
  }),
  kind('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', {
    ...cluster,
    ...spec,
    ...status,
    shortNames: ['crd', 'crds'],
  }),
  kind('scheduling.k8s.io', 'v1', 'priorityclasses', 'PriorityClass', { ...cluster, ...spec, shortNames: ['pc'] }),
  kind('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  kind('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice', spec),
];

const byPath = new Map(builtInKinds.map((entry) => [`${entry.group}/${entry.resource}`, entry]));
const byKindName = new Map(builtInKinds.map((entry) => [`${entry.group}/${entry.kind}`, entry]));

const crdTable = 'apiextensions.k8s.io/customresourcedefinitions';
/** Events are one thing under two groups, and stored once. */
export const tableOf = (entry: Kind): string =>
  entry.group === 'events.k8s.io' ? '/events' : `${entry.group}/${entry.resource}`;
export const apiVersionOf = (group: string, version: string): string =>
  group === '' ? version : `${group}/${version}`;
const groupVersionOf = (apiVersion: string): readonly [group: string, version: string] => {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? ['', first] : [first, second];
};

/** The kind that an (established) CustomResourceDefinition makes. */
const customKind = (crd: KubeObject): Kind => {
  const names = objectAt(crd, 'spec', 'names');
  const versions = listAt(crd, 'spec', 'versions').filter(
    (version) => objectAt({ version }, 'version')['served'] !== false,
  );
  const subresources = versions.flatMap((version) => Object.keys(objectAt(version, 'subresources')));
  return {
    group: textAt(crd, 'spec', 'group') ?? '',
    versions: versions.map((version) => textAt(version, 'name') ?? ''),
    resource: textAt(names, 'plural') ?? '',
    singular: textAt(names, 'singular') ?? (textAt(names, 'kind') ?? '').toLowerCase(),
    kind: textAt(names, 'kind') ?? '',
    namespaced: textAt(crd, 'spec', 'scope') !== 'Cluster',
    shortNames: listAt(names, 'shortNames').filter((name) => typeof name === 'string'),
    categories: listAt(names, 'categories').filter((name) => typeof name === 'string'),
    subresources: [...new Set(subresources)],
    generation: 'spec',
    custom: true,
    verbs: allVerbs,
  };
};

/** All kinds that the cluster serves now. */
export const kindsOf = (store: Store): readonly Kind[] => [...builtInKinds, ...store.list(crdTable).map(customKind)];

/** By group and resource, as paths name them. */
export const findResource = (store: Store, group: string, resource: string): Kind | undefined => {
  const known = byPath.get(`${group}/${resource}`);
  if (known !== undefined) return known;
  const crd = store.get(crdTable, `${resource}.${group}`);
  return crd === null ? undefined : customKind(crd);
};
/** By apiVersion and kind, as objects name themselves. */
export const findKind = (store: Store, apiVersion: string, name: string): Kind | undefined => {
  const [group] = groupVersionOf(apiVersion);
  const known = byKindName.get(`${group}/${name}`);
  if (known !== undefined) return known;
  return store
    .list(crdTable)
    .map(customKind)
    .find((entry) => entry.group === group && entry.kind === name);
};
