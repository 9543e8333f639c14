import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import { ownersOf, withAddons } from '../../src/scan/owners.js';

const object = (metadata: JsonObject): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'api', namespace: 'shop', ...metadata },
});
const told = (metadata: JsonObject): readonly string[] =>
  ownersOf(object(metadata)).map(({ tool, ref, strength }) => `${tool} ${ref} ${strength}`);

describe('who owns an object', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['nobody', {}, []],
    [
      'Helm',
      {
        labels: { 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/instance': 'x' },
        annotations: { 'meta.helm.sh/release-name': 'x', 'meta.helm.sh/release-namespace': 'shop' },
      },
      ['helm shop/x certain'],
    ],
    ['old Helm', { labels: { heritage: 'Tiller', release: 'x' } }, ['helm x likely']],
    [
      'Argo CD by annotation',
      { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/api' } },
      ['argocd shop certain'],
    ],
    [
      'nobody where the tracking id is a copy',
      { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:other/web' } },
      [],
    ],
    ['Argo CD by its label, as a hint', { labels: { 'app.kubernetes.io/instance': 'shop' } }, ['argocd shop hint']],
    [
      'Argo CD by its field manager',
      { labels: { 'app.kubernetes.io/instance': 'shop' }, managedFields: [{ manager: 'argocd-controller' }] },
      ['argocd shop likely'],
    ],
    [
      'a Flux Kustomization',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
      },
      ['flux Kustomization flux-system/apps certain'],
    ],
    [
      'a suspended Flux Kustomization',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' },
        annotations: { 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' },
      },
      ['flux Kustomization flux-system/apps hint'],
    ],
    [
      'a Flux HelmRelease before Helm itself',
      {
        labels: {
          'helm.toolkit.fluxcd.io/name': 'x',
          'helm.toolkit.fluxcd.io/namespace': 'shop',
          'app.kubernetes.io/managed-by': 'Helm',
        },
      },
      ['flux HelmRelease shop/x certain', 'helm  likely'],
    ],
    ['eksctl', { labels: { 'app.kubernetes.io/managed-by': 'eksctl' } }, ['eksctl shop/api certain']],
    [
      'kubectl apply',
      { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
      ['kubectl-apply  likely'],
    ],
    [
      'an operator',
      { ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'u', controller: true }] },
      ['operator Widget shop/w certain'],
    ],
  ])('%s', (_who, metadata, expected) => {
    expect(told(metadata)).toEqual(expected);
  });

  it('takes EKS’s field manager for certain only where the add-on exists', () => {
    const owners = ownersOf({
      ...object({ name: 'aws-node', namespace: 'kube-system', managedFields: [{ manager: 'eks' }] }),
    });
    expect(withAddons(owners, ['vpc-cni'])).toMatchObject([{ tool: 'eks-addon', ref: 'vpc-cni', strength: 'certain' }]);
    expect(withAddons(owners, [])).toMatchObject([{ tool: 'eks-addon', strength: 'hint' }]);
    expect(withAddons(owners, ['coredns'])).toMatchObject([{ tool: 'eks-addon', strength: 'hint' }]);
    expect(withAddons(owners, null)).toMatchObject([{ tool: 'eks-addon', strength: 'likely' }]);
  });
});
