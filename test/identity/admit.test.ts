import { describe, expect, it } from 'vitest';
import { admit, csvRecord, webhookPassesBy } from '../../src/identity/admit.js';
import { worldOf } from '../../src/identity/world.js';
import type { Inventory, PodView } from '../../src/model/inventory.js';
import { arn, association, container, estate, pod, serviceAccount } from './estate.js';

const bound = (annotations: Record<string, string> = {}, extra: Partial<Inventory> = {}) =>
  worldOf(
    estate({
      serviceAccounts: [serviceAccount({ 'eks.amazonaws.com/role-arn': arn('app'), ...annotations })],
      ...extra,
    }),
  );
const plain = { webhook: { ...estate().webhook, injectsRegion: false } };
const first = (view: PodView) => {
  const found = view.containers[0];
  if (!found) throw new Error('no container');
  return found;
};
const token = '/var/run/secrets/eks.amazonaws.com/serviceaccount/token';

describe('what the webhook injects', () => {
  it('gives an annotated account’s pods the pair, the mount and the token', () => {
    const view = admit(pod(), bound());
    expect(first(view).identityEnv).toEqual({
      AWS_STS_REGIONAL_ENDPOINTS: 'regional',
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_REGION: 'eu-west-1',
      AWS_ROLE_ARN: arn('app'),
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
    });
    expect(first(view).env).toEqual(Object.keys(first(view).identityEnv));
    expect(first(view).mounts).toEqual([
      { volume: 'aws-iam-token', path: '/var/run/secrets/eks.amazonaws.com/serviceaccount' },
    ]);
    expect(view.volumes).toEqual([
      { name: 'aws-iam-token', tokens: [{ audience: 'sts.amazonaws.com', path: 'token' }] },
    ]);
    expect(view.labels).toEqual({});
  });

  it('leaves others’ pods as they are', () => {
    const view = pod();
    expect(admit(view, worldOf(estate()))).toBe(view);
    expect(admit(pod({ serviceAccount: 'web' }), bound()).volumes).toEqual([]);
    expect(admit(view, bound({ 'eks.amazonaws.com/role-arn': '' }))).toBe(view);
  });

  it('injects whatever text the annotation holds', () => {
    expect(first(admit(pod(), bound({ 'eks.amazonaws.com/role-arn': 'just-a-name' }))).identityEnv.AWS_ROLE_ARN).toBe(
      'just-a-name',
    );
  });

  it('takes audience and regional STS from the account', () => {
    const world = bound({ 'eks.amazonaws.com/audience': 'mine', 'eks.amazonaws.com/sts-regional-endpoints': 'F' });
    const view = admit(pod(), world);
    expect(view.volumes[0]?.tokens[0]?.audience).toBe('mine');
    expect(first(view).env).not.toContain('AWS_STS_REGIONAL_ENDPOINTS');
    const asked = { 'eks.amazonaws.com/sts-regional-endpoints': 'true' };
    expect(first(admit(pod(), bound(asked, plain))).env).toContain('AWS_STS_REGIONAL_ENDPOINTS');
    const nonsense = { 'eks.amazonaws.com/sts-regional-endpoints': 'yes' };
    expect(first(admit(pod(), bound(nonsense, plain))).env).not.toContain('AWS_STS_REGIONAL_ENDPOINTS');
  });

  it('takes the association before the annotation, and never both', () => {
    const view = admit(pod(), bound({}, { associations: [association()] }));
    expect(first(view).identityEnv).toMatchObject({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE:
        '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token',
    });
    expect(first(view).env).not.toContain('AWS_ROLE_ARN');
    expect(view.labels).toEqual({ 'eks.amazonaws.com/pod-identity': 'enabled' });
    expect(view.volumes).toEqual([
      {
        name: 'eks-pod-identity-token',
        tokens: [{ audience: 'pods.eks.amazonaws.com', path: 'eks-pod-identity-token' }],
      },
    ]);
  });

  it('writes Windows paths where the selector says windows', () => {
    for (const key of ['kubernetes.io/os', 'beta.kubernetes.io/os']) {
      const view = admit(pod({ nodeSelector: { [key]: 'windows' } }), bound());
      expect(first(view).identityEnv.AWS_WEB_IDENTITY_TOKEN_FILE).toBe(
        'C:\\var\\run\\secrets\\eks.amazonaws.com\\serviceaccount\\token',
      );
    }
  });

  it('reads the annotation under the prefix that the webhook has', () => {
    const world = bound(
      { 'pod-identity.example/role-arn': arn('other') },
      { webhook: { ...estate().webhook, prefix: 'pod-identity.example' } },
    );
    expect(first(admit(pod(), world)).identityEnv.AWS_ROLE_ARN).toBe(arn('other'));
  });

  it('takes a self-hosted webhook’s ConfigMap where the account has no annotation', () => {
    const configured = { 'payments/api': { role: arn('listed'), audience: 'mine' }, '*/web': { role: 'bare' } };
    const having = (annotations: Record<string, string>, more = {}) =>
      worldOf(
        estate({
          serviceAccounts: [serviceAccount(annotations)],
          webhook: { ...estate().webhook, configured, ...more },
        }),
      );
    const role = (view: PodView, world = having({})) => first(admit(view, world)).identityEnv.AWS_ROLE_ARN;
    expect(role(pod())).toBe(arn('listed'));
    expect(admit(pod(), having({})).volumes[0]?.tokens[0]?.audience).toBe('mine');
    expect(role(pod(), having({ 'eks.amazonaws.com/role-arn': '' }))).toBe(arn('listed'));
    expect(role(pod(), having({ 'eks.amazonaws.com/role-arn': arn('own') }))).toBe(arn('own'));
    expect(role(pod({ namespace: 'any', serviceAccount: 'web' }))).toBe('bare');
    expect(role(pod({ serviceAccount: 'other' }))).toBeUndefined();
  });

  it('composes a role’s ARN from a bare name only where the webhook was told to', () => {
    const bare = { 'eks.amazonaws.com/role-arn': 'team/app' };
    const role = (composes?: boolean) =>
      first(
        admit(
          pod(),
          bound(bare, { webhook: { ...estate().webhook, ...(composes === undefined ? {} : { composes }) } }),
        ),
      ).identityEnv.AWS_ROLE_ARN;
    expect(role()).toBe('team/app');
    expect(role(true)).toBe('arn:aws:iam::111122223333:role/team/app');
  });

  it('looks at the account of pods that name none', () => {
    const world = worldOf(
      estate({ serviceAccounts: [serviceAccount({ 'eks.amazonaws.com/role-arn': arn('app') }, 'default')] }),
    );
    expect(first(admit(pod({ serviceAccount: 'default' }), world)).env).toContain('AWS_ROLE_ARN');
  });
});

describe('what a template sets itself', () => {
  it('keeps the pair out where either member is set, and mounts the token all the same', () => {
    for (const name of ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE']) {
      const view = admit(pod({ containers: [container({ identityEnv: { [name]: 'already-defined' } })] }), bound());
      expect(first(view).env.filter((one) => one === 'AWS_ROLE_ARN' || one === 'AWS_WEB_IDENTITY_TOKEN_FILE')).toEqual([
        name,
      ]);
      expect(first(view).mounts).toHaveLength(1);
    }
  });

  it('keeps both region variables out where either is set', () => {
    const view = admit(pod({ containers: [container({ identityEnv: { AWS_REGION: 'paris' } })] }), bound());
    expect(first(view).identityEnv.AWS_REGION).toBe('paris');
    expect(first(view).env).not.toContain('AWS_DEFAULT_REGION');
    expect(first(view).env).toContain('AWS_ROLE_ARN');
  });

  it('leaves a container alone that has pair, region and STS variable, and still adds the volume', () => {
    const full = container({
      identityEnv: { AWS_REGION: 'x', AWS_STS_REGIONAL_ENDPOINTS: 'regional', AWS_ROLE_ARN: 'y' },
    });
    const view = admit(pod({ containers: [full] }), bound());
    expect(first(view)).toBe(full);
    expect(view.volumes).toHaveLength(1);
  });

  it('counts variables from references, but not envFrom', () => {
    const referred = container({ envFromRef: [{ variable: 'AWS_ROLE_ARN', kind: 'ConfigMap' }] });
    expect(first(admit(pod({ containers: [referred] }), bound())).env).not.toContain('AWS_ROLE_ARN');
    const whole = container({
      envFrom: [{ kind: 'ConfigMap', name: 'c', prefix: '', awsKeys: { is: 'value', value: ['AWS_ROLE_ARN'] } }],
    });
    expect(first(admit(pod({ containers: [whole] }), bound())).env).toContain('AWS_ROLE_ARN');
  });

  it('does not mount or add twice', () => {
    const once = admit(pod(), bound());
    expect(admit(once, bound())).toEqual(once);
  });
});

describe('what keeps the webhook out', () => {
  it('skips containers by name, untrimmed, init containers too', () => {
    const containers = [container({ name: 'a' }), container({ name: 'b' }), container({ name: 'i', kind: 'init' })];
    const skip = (text: string) =>
      admit(pod({ containers, annotations: { 'eks.amazonaws.com/skip-containers': text } }), bound())
        .containers.filter((one) => one.env.length === 0)
        .map((one) => one.name);
    expect(skip('a, b')).toEqual(['a']);
    expect(skip('a,b,i')).toEqual(['a', 'b', 'i']);
    expect(skip('"a","b"')).toEqual(['a', 'b']);
    expect(skip('a"b')).toEqual([]);
    expect(skip('')).toEqual([]);
    expect(skip('a\nb')).toEqual(['a']);
  });

  it('reads the first CSV record as Go does', () => {
    expect(csvRecord('a,"b ""c""",')).toEqual(['a', 'b "c"', '']);
    expect(csvRecord('"a')).toBeNull();
    expect(csvRecord('"a"b')).toBeNull();
    expect(csvRecord('\n\na\r\nb')).toEqual(['a']);
    expect(csvRecord('')).toBeNull();
  });

  it.each([
    ['the skip label', pod({ labels: { 'eks.amazonaws.com/skip-pod-identity-webhook': 'false' } }), {}],
    ['no webhook', pod(), { webhook: { ...estate().webhook, present: false } }],
    ['a webhook that does not answer', pod(), { webhook: { ...estate().webhook, healthy: false as const } }],
    [
      'a volume of its own with the reserved name',
      pod({ volumes: [{ name: 'aws-iam-token', tokens: [{ audience: 'vault', path: 'token' }] }] }),
      {},
    ],
  ])('%s', (_, view, extra) => {
    expect(webhookPassesBy(view, bound({}, extra))).not.toBeNull();
    expect(admit(view, bound({}, extra))).toBe(view);
  });

  it('does not mind the skip label where the selector does not know it', () => {
    const view = pod({ labels: { 'eks.amazonaws.com/skip-pod-identity-webhook': '' } });
    const world = bound({}, { webhook: { ...estate().webhook, skipLabel: false, healthy: 'unknown' } });
    expect(first(admit(view, world)).env).toContain('AWS_ROLE_ARN');
  });
});
