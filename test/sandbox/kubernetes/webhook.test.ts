import { describe, expect, it } from 'vitest';
import { firstRecord } from '../../../src/sandbox/kubernetes/webhook.js';
import { calmAccount, shop, types, type World } from './helper.js';

const role = 'arn:aws:iam::111122223333:role/api';
const account = (annotations: Record<string, string> = { 'eks.amazonaws.com/role-arn': role }, name = 'api') => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace: 'shop', annotations },
});
const preview = async ({ send }: World, spec: object = {}, metadata: object = {}) => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'try-', ...metadata },
    spec: { serviceAccountName: 'api', containers: [{ name: 'main', image: 'a:1' }], ...spec },
  };
  return send('POST', '/api/v1/namespaces/shop/pods?dryRun=All', pod);
};
const env = (container: any) => Object.fromEntries((container.env ?? []).map((one: any) => [one.name, one.value]));
const irsa = {
  AWS_ROLE_ARN: role,
  AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token',
};

describe('the simulated identity webhook', () => {
  it('injects role, token file, region and regional endpoints for an annotated account', async () => {
    const world = await shop({ webhook: { injectRegion: 'eu-west-1' } });
    world.cluster.put(account());
    const { body } = await preview(world);
    expect(env(body.spec.containers[0])).toEqual({
      ...irsa,
      AWS_REGION: 'eu-west-1',
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_STS_REGIONAL_ENDPOINTS: 'regional',
    });
    const volume = body.spec.volumes.find((one: any) => one.name === 'aws-iam-token');
    expect(volume.projected.sources[0].serviceAccountToken).toEqual({
      audience: 'sts.amazonaws.com',
      expirationSeconds: 86400,
      path: 'token',
    });
    expect(body.metadata.labels).toBeUndefined();
  });
  it('adds no part of the pair where a container has one of them, but mounts the token', async () => {
    const world = await shop();
    world.cluster.put(account());
    const { body } = await preview(world, {
      containers: [{ name: 'main', image: 'a:1', env: [{ name: 'AWS_ROLE_ARN', value: 'mine' }] }],
    });
    const [container] = body.spec.containers;
    expect(env(container)).toEqual({ AWS_ROLE_ARN: 'mine', AWS_STS_REGIONAL_ENDPOINTS: 'regional' });
    expect(container.volumeMounts.map((one: any) => one.name)).toContain('aws-iam-token');
  });
  it('leaves a container alone that has pair, region and endpoints of its own', async () => {
    const world = await shop({ webhook: { injectRegion: 'eu-west-1' } });
    world.cluster.put(account());
    const own = [
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: 'x' },
      { name: 'AWS_REGION', value: 'r' },
      { name: 'AWS_STS_REGIONAL_ENDPOINTS', value: 'legacy' },
    ];
    const { body } = await preview(world, { containers: [{ name: 'main', image: 'a:1', env: own }] });
    expect(body.spec.containers[0].env).toEqual(own);
    expect(body.spec.containers[0].volumeMounts.map((one: any) => one.name)).not.toContain('aws-iam-token');
  });
  it('skips containers by name exactly, blanks and all, init containers too', async () => {
    const world = await shop();
    world.cluster.put(account());
    const containers = [
      { name: 'a', image: 'a:1' },
      { name: 'b', image: 'a:1' },
    ];
    const annotations = { 'eks.amazonaws.com/skip-containers': 'a, b,i' };
    const { body } = await preview(
      world,
      { containers, initContainers: [{ name: 'i', image: 'a:1' }] },
      { annotations },
    );
    expect(body.spec.containers.map((one: any) => 'AWS_ROLE_ARN' in env(one))).toEqual([false, true]);
    expect(body.spec.initContainers.map((one: any) => 'AWS_ROLE_ARN' in env(one))).toEqual([false]);
  });
  it.each([
    ['a,b', ['a', 'b']],
    ['"a,b",c\nd', ['a,b', 'c']],
    ['a, b', ['a', ' b']],
    ['"a', []],
    ['a"b', []],
    ['\n\na', ['a']],
    ['"a""b"', ['a"b']],
  ])('reads %j as the record %j', (text, names) => expect(firstRecord(text)).toEqual(names));
  it("takes the expiration of the pod before the account's, and at least 600", async () => {
    const world = await shop();
    world.cluster.put(account({ 'eks.amazonaws.com/role-arn': role, 'eks.amazonaws.com/token-expiration': '7200' }));
    const seconds = async (value?: string) => {
      const { body } = await preview(
        world,
        {},
        value === undefined ? {} : { annotations: { 'eks.amazonaws.com/token-expiration': value } },
      );
      return body.spec.volumes.find((one: any) => one.name === 'aws-iam-token').projected.sources[0].serviceAccountToken
        .expirationSeconds;
    };
    expect([await seconds(), await seconds('900'), await seconds('5'), await seconds('soon')]).toEqual([
      7200, 900, 600, 7200,
    ]);
  });
  it('prefers Pod Identity, ignores the annotation then, and sets its label', async () => {
    const world = await shop({ account: { ...calmAccount, associationFor: () => ({ id: 'a-1', roleArn: role }) } });
    world.cluster.put(account());
    const { body } = await preview(world);
    const found = env(body.spec.containers[0]);
    expect(found).not.toHaveProperty('AWS_ROLE_ARN');
    expect(found['AWS_CONTAINER_CREDENTIALS_FULL_URI']).toBe('http://169.254.170.23/v1/credentials');
    expect(body.metadata.labels).toEqual({ 'eks.amazonaws.com/pod-identity': 'enabled' });
    const token = body.spec.volumes.find((one: any) => one.name === 'eks-pod-identity-token').projected.sources[0]
      .serviceAccountToken;
    expect(token.expirationSeconds).toBeGreaterThanOrEqual(79_200);
    expect(token.expirationSeconds).toBeLessThanOrEqual(86_400);
  });
  it('writes Windows paths for pods of Windows nodes', async () => {
    const world = await shop();
    world.cluster.put(account());
    const { body } = await preview(world, { nodeSelector: { 'kubernetes.io/os': 'windows' } });
    expect(env(body.spec.containers[0])['AWS_WEB_IDENTITY_TOKEN_FILE']).toBe(
      'C:\\var\\run\\secrets\\eks.amazonaws.com\\serviceaccount\\token',
    );
  });
  it('passes over pods that carry the skip label', async () => {
    const world = await shop();
    world.cluster.put(account());
    const { body } = await preview(world, {}, { labels: { 'eks.amazonaws.com/skip-pod-identity-webhook': '' } });
    expect(body.spec.containers[0].env).toBeUndefined();
  });
  it('admits pods unmutated and silently until its cache has caught up', async () => {
    const world = await shop({ webhook: { lagMs: 2000 } });
    world.cluster.put(account());
    world.clock.advanceNow(1999);
    expect((await preview(world)).body.spec.containers[0].env).toBeUndefined();
    world.clock.advanceNow(1);
    expect(env((await preview(world)).body.spec.containers[0])).toMatchObject(irsa);
    await world.send(
      'PATCH',
      '/api/v1/namespaces/shop/serviceaccounts/api',
      { metadata: { annotations: { 'eks.amazonaws.com/role-arn': null } } },
      { type: types.merge },
    );
    expect(env((await preview(world)).body.spec.containers[0])).toMatchObject(irsa);
    world.clock.advanceNow(2000);
    expect((await preview(world)).body.spec.containers[0].env).toBeUndefined();
  });
  it('is passed over when it fails, misses as many pods as told, and may forbid dry runs', async () => {
    const world = await shop();
    world.cluster.put(account());
    const injected = async () => 'AWS_ROLE_ARN' in env((await preview(world)).body.spec.containers[0]);
    world.cluster.setWebhook({ mode: 'error' });
    expect(await injected()).toBe(false);
    world.cluster.setWebhook({ mode: { misses: 2 } });
    expect([await injected(), await injected(), await injected()]).toEqual([false, false, true]);
    const strict = await shop({ webhook: { dryRun: false } });
    expect(await preview(strict, { serviceAccountName: 'default' })).toMatchObject({
      status: 400,
      body: { reason: 'BadRequest' },
    });
  });
  it('refuses a pod whose account is not there', async () => {
    const world = await shop();
    const refused = await preview(world);
    expect(refused).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    expect(refused.body.message).toContain('error looking up service account shop/api: serviceaccount "api" not found');
  });
});
