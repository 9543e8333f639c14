import { describe, expect, it } from 'vitest';
import { study } from '../../src/findings/estate.js';
import { trustedElsewhere } from '../../src/findings/markers.js';
import {
  aContainer,
  anInventory,
  anObject,
  aRole,
  aServiceAccount,
  asking,
  aWorkload,
  roleArn,
  trustOf,
  trustsAccount,
} from '../helpers/inventory.js';

const plain = anInventory();
const kinds = (view: Parameters<typeof asking>[1], over: Parameters<typeof anInventory>[0] = {}) =>
  trustedElsewhere(
    study(
      anInventory({
        roles: [...plain.roles, aRole('app')],
        serviceAccounts: [aServiceAccount('payments', 'api')],
        workloads: [aWorkload('api', { template: asking('app', view) })],
        ...over,
      }),
    ),
    'payments',
    'api',
  ).map(({ kind }) => kind);

describe('signs that an account is trusted by its name', () => {
  it('are sidecars, by image and not by a part of a word', () => {
    const image = (text: string) => kinds({ containers: [aContainer({ image: text })] });
    expect(image('docker.io/istio/proxyv2:1.20')).toEqual(['sidecar']);
    expect(image('hashicorp/vault:1.15')).toEqual(['sidecar']);
    expect(image('corp/default-vaulting-app:1')).toEqual([]);
  });
  it('are annotations of meshes and Vault, unless they say no', () => {
    expect(kinds({ annotations: { 'linkerd.io/inject': 'enabled' } })).toEqual(['annotation']);
    expect(kinds({ annotations: { 'sidecar.istio.io/inject': 'false' } })).toEqual([]);
  });
  it("are annotations of the account for other clouds' federation", () => {
    const serviceAccounts = [
      aServiceAccount('payments', 'api', { annotations: { 'iam.gke.io/gcp-service-account': 'x' } }),
    ];
    expect(kinds({}, { serviceAccounts })).toEqual(['annotation']);
  });
  it('are other roles that trust its subject, not the role of the move, and not our own statements', () => {
    const trust = trustOf(trustsAccount('payments', 'api'));
    expect(kinds({}, { roles: [...plain.roles, aRole('app'), aRole('other', { trust })] })).toEqual(['aws-trust']);
    expect(kinds({}, { roles: [...plain.roles, aRole('app', { trust })] })).toEqual([]);
    const ours = trustOf({ Sid: 'RoleliftAbc123', ...trustsAccount('payments', 'api') });
    expect(kinds({}, { roles: [...plain.roles, aRole('app'), aRole('other', { trust: ours })] })).toEqual([]);
  });
  it('are objects that name it, in its own namespace or in full', () => {
    const named = (namespace: string | undefined, spec: object) =>
      kinds({}, { objects: [anObject('x.io/v1', 'SecretStore', namespace, 's', { spec: spec as never })] });
    expect(named('payments', { auth: { serviceAccountRef: { name: 'api' } } })).toEqual(['custom-resource']);
    expect(named('shop', { auth: { serviceAccountRef: { name: 'api' } } })).toEqual([]);
    expect(named(undefined, { auth: { serviceAccountRef: { name: 'api', namespace: 'payments' } } })).toEqual([
      'custom-resource',
    ]);
    expect(named(undefined, { principal: 'cluster.local/ns/payments/sa/api' })).toEqual(['custom-resource']);
    expect(
      named(undefined, { expression: "request.userInfo.username == 'system:serviceaccount:payments:api'" }),
    ).toEqual(['custom-resource']);
    expect(named(undefined, { expression: 'system:serviceaccount:payments:api-2' })).toEqual([]);
  });
  it('are not the plain objects that name an account as a matter of course', () => {
    expect(
      kinds(
        {},
        { objects: [anObject('apps/v1', 'Deployment', 'payments', 'd', { spec: { serviceAccountName: 'api' } })] },
      ),
    ).toEqual([]);
    expect(roleArn('app')).toContain(':role/app');
  });
});
