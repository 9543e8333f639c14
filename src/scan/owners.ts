import { byKey } from '../model/canonical.js';
import type { Ownership } from '../model/inventory.js';
import { at, type JsonObject, listAt, textAt, textsAt } from '../model/json.js';
import { groupOf } from '../model/resource.js';

const argoTracking = 'argocd.argoproj.io/tracking-id';
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const order: Record<Ownership['strength'], number> = { certain: 0, likely: 1, hint: 2 };

/** `<app>:<group>/<kind>:<namespace>/<name>` (Argo CD, resource tracking). */
const parseTracking = (
  text: string,
): { app: string; group: string; kind: string; namespace: string; name: string } | null => {
  const match = /^(.+):([^:/]*)\/([^:/]+):([^:/]*)\/([^:]+)$/.exec(text);
  if (match === null) return null;
  const [, app, group, kind, namespace, name] = match as unknown as [string, string, string, string, string, string];
  return { app, group, kind, namespace, name };
};

/**
 * Whose source of truth an object comes from, strongest first: the markers of Helm, Argo CD, Flux, eksctl, EKS, kubectl and of
 * controllers, with what was seen. A copied marker (a tracking id of another object) is no evidence.
 */
export const ownersOf = (object: JsonObject): readonly Ownership[] => {
  const labels = textsAt(object, 'metadata', 'labels');
  const annotations = textsAt(object, 'metadata', 'annotations');
  const namespace = textAt(object, 'metadata', 'namespace') ?? '';
  const name = textAt(object, 'metadata', 'name') ?? '';
  const found: Ownership[] = [];
  const add = (tool: Ownership['tool'], ref: string, evidence: string, strength: Ownership['strength']): void => {
    found.push({ tool, ref, evidence, strength });
  };
  const managers = new Set(listAt(object, 'metadata', 'managedFields').map((entry) => textAt(entry, 'manager') ?? ''));
  const managedBy = labels['app.kubernetes.io/managed-by'];

  const kustomization = labels['kustomize.toolkit.fluxcd.io/name'];
  if (kustomization !== undefined) {
    const disabled = annotations['kustomize.toolkit.fluxcd.io/reconcile'] === 'disabled';
    const home = labels['kustomize.toolkit.fluxcd.io/namespace'] ?? 'flux-system';
    add(
      'flux',
      `Kustomization ${home}/${kustomization}`,
      disabled
        ? 'label kustomize.toolkit.fluxcd.io/name, but reconciliation is disabled by annotation'
        : 'label kustomize.toolkit.fluxcd.io/name',
      disabled ? 'hint' : 'certain',
    );
  }
  const helmRelease = labels['helm.toolkit.fluxcd.io/name'];
  if (helmRelease !== undefined) {
    const home = labels['helm.toolkit.fluxcd.io/namespace'] ?? namespace;
    add('flux', `HelmRelease ${home}/${helmRelease}`, 'label helm.toolkit.fluxcd.io/name', 'certain');
  }

  const tracking = annotations[argoTracking];
  const parsed = tracking === undefined ? null : parseTracking(tracking);
  if (parsed !== null) {
    const itself =
      parsed.group === groupOf(textAt(object, 'apiVersion') ?? '') &&
      parsed.kind === textAt(object, 'kind') &&
      parsed.name === name &&
      (parsed.namespace === namespace || namespace === '');
    if (itself) add('argocd', parsed.app, `annotation ${argoTracking}`, 'certain');
  } else if (managers.has('argocd-controller') || managers.has('argocd-application-controller')) {
    add(
      'argocd',
      labels['app.kubernetes.io/instance'] ?? labels['argocd.argoproj.io/instance'] ?? '',
      'field manager argocd-controller',
      'likely',
    );
  } else if (labels['argocd.argoproj.io/instance'] !== undefined) {
    add('argocd', labels['argocd.argoproj.io/instance'], 'label argocd.argoproj.io/instance', 'certain');
  }

  const release = annotations['meta.helm.sh/release-name'];
  if (managedBy === 'Helm' || release !== undefined) {
    const home = annotations['meta.helm.sh/release-namespace'] ?? namespace;
    const both = managedBy === 'Helm' && release !== undefined;
    add(
      'helm',
      release === undefined ? (labels['app.kubernetes.io/instance'] ?? labels['release'] ?? '') : `${home}/${release}`,
      managedBy === 'Helm' ? 'label app.kubernetes.io/managed-by=Helm' : 'annotation meta.helm.sh/release-name',
      both ? 'certain' : 'likely',
    );
  } else if (labels['heritage'] === 'Helm' || labels['heritage'] === 'Tiller') {
    add('helm', labels['release'] ?? '', `label heritage=${labels['heritage']}`, 'likely');
  }

  if (managedBy === 'eksctl')
    add('eksctl', `${namespace}/${name}`, 'label app.kubernetes.io/managed-by=eksctl', 'certain');
  if (managers.has('eks')) add('eks-addon', labels['app.kubernetes.io/name'] ?? name, 'field manager eks', 'likely');

  for (const owner of listAt(object, 'metadata', 'ownerReferences')) {
    if (at(owner, 'controller') !== true || isBuiltIn(textAt(owner, 'apiVersion') ?? '', textAt(owner, 'kind') ?? ''))
      continue;
    const kind = textAt(owner, 'kind') ?? '';
    add(
      'operator',
      `${kind} ${namespace}/${textAt(owner, 'name') ?? ''}`,
      `ownerReferences: controller ${kind}`,
      'certain',
    );
  }

  // In label mode Argo CD uses a label that charts use too: with Helm's own markers it says nothing.
  const instance = labels['app.kubernetes.io/instance'];
  const foreign = found.some((owner) => owner.tool === 'argocd' || owner.tool === 'helm' || owner.tool === 'flux');
  if (instance !== undefined && !foreign && tracking === undefined && managedBy === undefined) {
    add('argocd', instance, 'label app.kubernetes.io/instance', 'hint');
  }
  if (Object.hasOwn(annotations, lastApplied) || managers.has('kubectl-client-side-apply')) {
    add('kubectl-apply', '', `annotation ${lastApplied}`, found.length === 0 ? 'likely' : 'hint');
  }
  return found
    .map((owner, index) => ({ owner, index }))
    .sort((left, right) => order[left.owner.strength] - order[right.owner.strength] || left.index - right.index)
    .map(({ owner }) => owner);
};

/** Kinds whose controllers are part of Kubernetes. */
export const isBuiltIn = (apiVersion: string, kind: string): boolean => {
  const group = groupOf(apiVersion);
  return (
    (group === 'apps' && /^(?:Deployment|ReplicaSet|StatefulSet|DaemonSet)$/.test(kind)) ||
    (group === 'batch' && /^(?:Job|CronJob)$/.test(kind)) ||
    (group === '' && /^(?:Pod|ReplicationController|Node)$/.test(kind))
  );
};

/** EKS also marks what it installed at cluster creation: only an add-on that exists makes that marker more than a hint. */
export const withAddons = (owners: readonly Ownership[], addons: readonly string[] | null): readonly Ownership[] => {
  if (addons === null) return owners;
  return owners
    .map((owner): Ownership => {
      if (owner.tool !== 'eks-addon') return owner;
      const belongs = addonOf(owner.ref);
      const addon = addons.find((name) => name === owner.ref || name === belongs);
      if (addon !== undefined) return { ...owner, ref: addon, strength: 'certain' };
      // A name that no add-on is known by may still belong to one of those that are there.
      return { ...owner, strength: belongs !== '' || addons.length === 0 ? 'hint' : owner.strength };
    })
    .sort(byKey((owner) => String(order[owner.strength])));
};

/** Names of the objects of an add-on where they differ from the add-on's own (EKS User Guide, add-on pages). */
const addonOf = (name: string): string =>
  ({
    'aws-node': 'vpc-cni',
    'ebs-csi-controller': 'aws-ebs-csi-driver',
    'ebs-csi-controller-sa': 'aws-ebs-csi-driver',
    'ebs-csi-node': 'aws-ebs-csi-driver',
    'efs-csi-controller': 'aws-efs-csi-driver',
    'efs-csi-controller-sa': 'aws-efs-csi-driver',
    's3-csi-driver-sa': 'aws-mountpoint-s3-csi-driver',
    'fsx-csi-controller-sa': 'aws-fsx-csi-driver',
    'cloudwatch-agent': 'amazon-cloudwatch-observability',
    coredns: 'coredns',
    'kube-proxy': 'kube-proxy',
    'eks-pod-identity-agent': 'eks-pod-identity-agent',
  })[name] ?? '';
