import http from 'node:http';
import nock from 'nock';
import { describe, expect, it } from 'vitest';
import { socketTransport } from '../../src/clients/http-transport.js';
import { KubernetesClient } from '../../src/clients/kubernetes.js';
import { KubernetesError } from '../../src/clients/kubernetes-errors.js';
import { Lanes } from '../../src/clients/lanes.js';
import type { JsonObject } from '../../src/model/json.js';
import { kubernetesRef } from '../../src/model/resource.js';
import { guardTheWire, VirtualTime } from '../helpers/wire.js';

const server = 'http://cluster.test:8001';
const clientOf = (clock = new VirtualTime(), seen: number[] = []) => {
  const send = socketTransport(async () => ({ agent: new http.Agent(), headers: { authorization: 'Bearer secret' } }));
  return new KubernetesClient({
    server,
    send,
    sendFresh: send,
    lanes: new Lanes(clock),
    clock,
    signal: new AbortController().signal,
    onServerTime: (ms) => seen.push(ms),
    pageSize: 2,
  });
};
const status = (code: number, reason: string, more: JsonObject = {}): JsonObject => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message: `${reason} happened`,
  metadata: {},
  ...more,
});
const pod = (name: string): JsonObject => ({
  metadata: { name, namespace: 'a', uid: `uid-${name}`, resourceVersion: '1' },
});
const gather = async (items: AsyncIterable<JsonObject>): Promise<string[]> => {
  const names: string[] = [];
  for await (const item of items) names.push((item.metadata as { name: string }).name);
  return names;
};

describe('the Kubernetes client on the wire', () => {
  guardTheWire();

  it('reads an object raw, with our credentials, and notes the server time', async () => {
    const seen: number[] = [];
    nock(server, { reqheaders: { authorization: 'Bearer secret', accept: 'application/json' } })
      .get('/api/v1/namespaces/a/serviceaccounts/x')
      .reply(200, { metadata: { name: 'x' }, unknownField: { kept: true } }, { date: 'Sun, 22 Nov 2026 10:00:00 GMT' });
    expect(await clientOf(undefined, seen).get(kubernetesRef('v1', 'ServiceAccount', 'a', 'x'))).toEqual({
      metadata: { name: 'x' },
      unknownField: { kept: true },
    });
    expect(seen).toEqual([Date.parse('2026-11-22T10:00:00Z')]);
  });

  it('answers null for what is not there, and RL703 with the name of the right for what is forbidden', async () => {
    nock(server).get('/apis/apps/v1/namespaces/a/deployments/gone').reply(404, status(404, 'NotFound'));
    nock(server).get('/apis/apps/v1/namespaces/a/deployments/secret').reply(403, status(403, 'Forbidden'));
    const client = clientOf();
    expect(await client.get(kubernetesRef('apps/v1', 'Deployment', 'a', 'gone'))).toBeNull();
    await expect(client.get(kubernetesRef('apps/v1', 'Deployment', 'a', 'secret'))).rejects.toMatchObject({
      data: { code: 'RL703', message: 'not allowed to get Deployment a/secret' },
    });
  });

  it('follows continue tokens to the end of a list', async () => {
    nock(server)
      .get('/api/v1/pods')
      .query({ limit: '2' })
      .reply(200, { metadata: { continue: 't1', resourceVersion: '9' }, items: [pod('a'), pod('b')] });
    nock(server)
      .get('/api/v1/pods')
      .query({ limit: '2', continue: 't1' })
      .reply(200, { metadata: { resourceVersion: '9' }, items: [pod('c')] });
    expect(await gather(clientOf().list('v1', 'Pod'))).toEqual(['a', 'b', 'c']);
  });

  it('begins a list anew after 410 and tells nothing twice', async () => {
    nock(server)
      .get('/api/v1/pods')
      .query({ limit: '2' })
      .reply(200, { metadata: { continue: 't1' }, items: [pod('a'), pod('b')] });
    nock(server)
      .get('/api/v1/pods')
      .query({ limit: '2', continue: 't1' })
      .reply(410, status(410, 'Expired', { metadata: { continue: 'inconsistent' } }));
    nock(server)
      .get('/api/v1/pods')
      .query({ limit: '2' })
      .reply(200, { metadata: { continue: 't2' }, items: [pod('a'), pod('aa')] });
    nock(server)
      .get('/api/v1/pods')
      .query({ limit: '2', continue: 't2' })
      .reply(200, { metadata: {}, items: [pod('b'), pod('c')] });
    expect(await gather(clientOf().list('v1', 'Pod'))).toEqual(['a', 'b', 'aa', 'c']);
  });

  it('gives nothing for a kind that the server does not serve', async () => {
    nock(server).get('/apis/argoproj.io/v1alpha1').reply(404, status(404, 'NotFound'));
    expect(await gather(clientOf().list('argoproj.io/v1alpha1', 'Rollout'))).toEqual([]);
  });

  it('waits as long as Retry-After says and slows the lane when it is throttled', async () => {
    const clock = new VirtualTime();
    nock(server).get('/api/v1/nodes/n').reply(429, status(429, 'TooManyRequests'), { 'retry-after': '7' });
    nock(server)
      .get('/api/v1/nodes/n')
      .reply(200, { metadata: { name: 'n' } });
    const start = clock.monotonic();
    await clientOf(clock).get(kubernetesRef('v1', 'Node', undefined, 'n'));
    expect(clock.monotonic() - start).toBeGreaterThanOrEqual(7000);
  });

  it('repeats a read after a server error, and never an unclear write', async () => {
    nock(server).get('/api/v1/nodes/n').reply(500, status(500, 'InternalError'));
    nock(server)
      .get('/api/v1/nodes/n')
      .reply(200, { metadata: { name: 'n' } });
    nock(server)
      .patch('/api/v1/namespaces/a/serviceaccounts/x')
      .query(true)
      .once()
      .reply(500, status(500, 'InternalError'));
    const client = clientOf();
    expect(await client.get(kubernetesRef('v1', 'Node', undefined, 'n'))).not.toBeNull();
    const thrown = await client
      .mergePatch(kubernetesRef('v1', 'ServiceAccount', 'a', 'x'), { metadata: { annotations: { k: 'v' } } }, '5')
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(KubernetesError);
    expect(thrown).toMatchObject({ ambiguous: true, data: { code: 'RL712' } });
  });

  it('treats half a body of a write as unclear', async () => {
    nock(server).post('/api/v1/namespaces/a/serviceaccounts').query(true).reply(201, '{"metadata": {"na');
    const thrown = await clientOf()
      .create(kubernetesRef('v1', 'ServiceAccount', 'a', 'x'), {})
      .catch((error: unknown) => error);
    expect(thrown).toMatchObject({ ambiguous: true, data: { code: 'RL711' } });
  });

  it('patches exactly the fields given, with the resourceVersion and under our name', async () => {
    nock(server, { reqheaders: { 'content-type': 'application/merge-patch+json' } })
      .patch('/api/v1/namespaces/a/serviceaccounts/x', { metadata: { annotations: { k: null }, resourceVersion: '5' } })
      .query({ fieldManager: 'rolelift' })
      .reply(200, {});
    await clientOf().mergePatch(
      kubernetesRef('v1', 'ServiceAccount', 'a', 'x'),
      { metadata: { annotations: { k: null } } },
      '5',
    );
  });

  it('tells a conflict from an object that exists already by the reason, not by the status', async () => {
    nock(server).post('/api/v1/namespaces/a/serviceaccounts').query(true).reply(409, status(409, 'AlreadyExists'));
    nock(server).patch('/api/v1/namespaces/a/serviceaccounts/x').query(true).reply(409, status(409, 'Conflict'));
    const client = clientOf();
    const ref = kubernetesRef('v1', 'ServiceAccount', 'a', 'x');
    await expect(client.create(ref, {})).rejects.toMatchObject({ data: { code: 'RL731' } });
    await expect(client.mergePatch(ref, {}, '1')).rejects.toMatchObject({ data: { code: 'RL732' } });
  });

  it('deletes that very object only, and is content when it is gone', async () => {
    const ref = kubernetesRef('v1', 'Pod', 'a', 'x');
    nock(server)
      .delete('/api/v1/namespaces/a/pods/x', (body) => body.preconditions.uid === 'u1')
      .reply(200, {});
    nock(server).delete('/api/v1/namespaces/a/pods/x').reply(404, status(404, 'NotFound'));
    nock(server).delete('/api/v1/namespaces/a/pods/x').reply(409, status(409, 'Conflict'));
    nock(server)
      .get('/api/v1/namespaces/a/pods/x')
      .reply(200, { metadata: { name: 'x', uid: 'another' } });
    const client = clientOf();
    await client.remove(ref, 'u1');
    await client.remove(ref, 'u1');
    await client.remove(ref, 'u1');
  });

  it('encodes names that come from outside', async () => {
    nock(server).get('/api/v1/namespaces/..%2F..%2Fapi/pods/a%3Fb').reply(404, status(404, 'NotFound'));
    expect(await clientOf().get(kubernetesRef('v1', 'Pod', '../../api', 'a?b'))).toBeNull();
  });

  it('waits for a rollout with one list and one watch, however many ask', async () => {
    const deployment = (name: string, done: boolean): JsonObject => ({
      kind: 'Deployment',
      metadata: { name, namespace: 'a', generation: 2, resourceVersion: '10' },
      spec: { replicas: 1 },
      status: { observedGeneration: 2, replicas: 1, updatedReplicas: done ? 1 : 0, availableReplicas: 1 },
    });
    nock(server)
      .get('/apis/apps/v1/deployments')
      .query({ limit: '2' })
      .once()
      .reply(200, { metadata: { resourceVersion: '10' }, items: [deployment('x', false), deployment('y', false)] });
    nock(server)
      .get('/apis/apps/v1/deployments')
      .query((query) => query.watch === '1' && query.resourceVersion === '10')
      .once()
      .reply(
        200,
        ['x', 'y']
          .map((name) => JSON.stringify({ type: 'MODIFIED', object: deployment(name, true) }))
          .join('\n')
          .concat('\n'),
      );
    const client = clientOf();
    const signal = new AbortController().signal;
    await Promise.all(
      ['x', 'y'].map((name) => client.rolledOut(kubernetesRef('apps/v1', 'Deployment', 'a', name), 2, signal)),
    );
  });

  it('gives a server that never answered three tries, and one that did its full number', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const object = kubernetesRef('v1', 'ServiceAccount', 'a', 'x');
    const path = '/api/v1/namespaces/a/serviceaccounts/x';
    nock(server).get(path).times(3).replyWithError(refused);
    const client = clientOf();
    await expect(client.get(object)).rejects.toMatchObject({ data: { code: 'RL711' } });
    nock(server).get(path).reply(200, {});
    await client.get(object);
    nock(server).get(path).times(6).replyWithError(refused);
    nock(server).get(path).reply(200, { kind: 'ServiceAccount' });
    expect(await client.get(object)).toEqual({ kind: 'ServiceAccount' });
  });

  it('does not ask again a server whose certificate is not trusted', async () => {
    const distrust = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    nock(server).get('/api/v1/namespaces/a/serviceaccounts/x').once().replyWithError(distrust);
    await expect(clientOf().get(kubernetesRef('v1', 'ServiceAccount', 'a', 'x'))).rejects.toMatchObject({
      data: { code: 'RL711', cause: 'self-signed certificate' },
    });
  });
});
