import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/sandbox/clock.js';
import { calmAccount, client, deployments, podsIn, shop, types, workload } from './helper.js';

const maps = '/api/v1/namespaces/shop/configmaps';
const map = (name: string, labels = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop', labels },
});

describe('lists', () => {
  it('come in pages that belong to one moment, whatever is written between them', async () => {
    const { cluster, send } = await shop();
    for (const name of ['a', 'b', 'c', 'd']) cluster.put(map(name));
    const first = (await send('GET', `${maps}?limit=2`)).body;
    expect(first.metadata.remainingItemCount).toBe(3);
    cluster.remove('v1', 'ConfigMap', 'shop', 'c');
    cluster.put(map('e'));
    const names: string[] = first.items.map((one: any) => one.metadata.name);
    let token = first.metadata.continue;
    while (token) {
      const page = (await send('GET', `${maps}?limit=2&continue=${token}`)).body;
      expect(page.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      names.push(...page.items.map((one: any) => one.metadata.name));
      token = page.metadata.continue;
    }
    expect(names).toEqual(['a', 'b', 'c', 'd', 'kube-root-ca.crt']);
    expect(first.items[0]).not.toHaveProperty('kind');
  });
  it('end with 410 Expired when the token is too old, with a token that goes on or without one', async () => {
    const { cluster, send, clock } = await shop();
    for (const name of ['a', 'b', 'c']) cluster.put(map(name));
    const page = (await send('GET', `${maps}?limit=1`)).body;
    clock.advanceNow(300_001);
    const old = await send('GET', `${maps}?limit=1&continue=${page.metadata.continue}`);
    expect(old).toMatchObject({ status: 410, body: { reason: 'Expired', code: 410 } });
    const rest = await send('GET', `${maps}?continue=${old.body.metadata.continue}`);
    expect(rest.body.items.map((one: any) => one.metadata.name)).toEqual(['b', 'c', 'kube-root-ca.crt']);
    const again = (await send('GET', `${maps}?limit=1`)).body;
    cluster.expireContinueTokens({ inconsistent: false });
    const plain = await send('GET', `${maps}?limit=1&continue=${again.metadata.continue}`);
    expect(plain.body.metadata).toEqual({});
  });
  it('take label and field selectors, and refuse fields that cannot be selected by', async () => {
    const { cluster, send } = await shop();
    cluster.put(map('a', { tier: 'web' }));
    cluster.put(map('b', { tier: 'db' }));
    const names = async (query: string) =>
      (await send('GET', `${maps}?${query}`)).body.items?.map((one: any) => one.metadata.name);
    expect(await names('labelSelector=tier%3Dweb')).toEqual(['a']);
    expect(await names('labelSelector=tier%20in%20(web,db)')).toEqual(['a', 'b']);
    expect(await names('labelSelector=!tier')).toEqual(['kube-root-ca.crt']);
    expect(await names('labelSelector=tier!%3Dweb')).toEqual(['b', 'kube-root-ca.crt']);
    expect(await names('fieldSelector=metadata.name%3Db')).toEqual(['b']);
    expect((await send('GET', `${maps}?fieldSelector=data.x%3Db`)).status).toBe(400);
  });
  it('of 20,000 pods can be read in pages', async () => {
    const { cluster, send } = await shop();
    for (let at = 0; at < 20_000; at += 1) {
      cluster.put({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `p-${at}`, namespace: 'shop' },
        spec: { nodeName: 'node-a', containers: [] },
        status: { phase: 'Running' },
      });
    }
    let count = 0;
    let token = '';
    do {
      const { body } = await send('GET', `/api/v1/pods?limit=500&continue=${token}`);
      count += body.items.length;
      token = body.metadata.continue ?? '';
    } while (token !== '');
    expect(count).toBe(20_000);
  });
});

describe('watches', () => {
  const watching = async (world: Awaited<ReturnType<typeof shop>>, query: string) => {
    const stop = new AbortController();
    const answer = await world.cluster.handle(
      {
        method: 'GET',
        url: `http://c${maps}?watch=true&${query}`,
        headers: { authorization: 'Bearer sandbox-admin-token' },
        body: '',
      },
      stop.signal,
    );
    const events: any[] = [];
    const done = (async () => {
      for await (const text of answer.body as AsyncIterable<string>)
        for (const line of text.trim().split('\n')) events.push(JSON.parse(line));
    })();
    return { events, done, stop };
  };
  it('tell what happens after a version, and things that begin or cease to match', async () => {
    const world = await shop();
    const version = world.cluster.resourceVersion;
    world.cluster.put(map('a', { tier: 'web' }));
    const { events, done, stop } = await watching(world, `resourceVersion=${version}&labelSelector=tier%3Dweb`);
    world.cluster.put(map('a', { tier: 'db' }));
    world.cluster.put(map('a', { tier: 'web' }));
    world.cluster.remove('v1', 'ConfigMap', 'shop', 'a');
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await done;
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'DELETED', 'ADDED', 'DELETED']);
    expect(events[0].object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
  });
  it('end with an ERROR event of code 410 where the version is forgotten', async () => {
    const world = await shop();
    const version = world.cluster.resourceVersion;
    world.cluster.put(map('a'));
    world.cluster.compact();
    const { events, done } = await watching(world, `resourceVersion=${version}`);
    await done;
    expect(events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
  });
  it('end at their timeout with a bookmark where one is wanted', async () => {
    const world = await shop();
    const { events, done } = await watching(
      world,
      `resourceVersion=${world.cluster.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=30`,
    );
    await world.clock.drive(done);
    expect(events.map((event) => event.type)).toEqual(['BOOKMARK']);
    expect(world.clock.monotonic()).toBeGreaterThanOrEqual(30_000);
  });
});

describe('rights', () => {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const user = { users: { 'token-of-ann': { name: 'ann', groups: [] } } };
  const grant = async (world: Awaited<ReturnType<typeof shop>>, rules: object[]) => {
    await world.send('POST', `${rbac}/namespaces/shop/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'ann' },
      rules,
    });
    await world.send('POST', `${rbac}/namespaces/shop/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'ann' },
      roleRef: { kind: 'Role', name: 'ann' },
      subjects: [{ kind: 'User', name: 'ann' }],
    });
  };
  it('are what RBAC objects say, and access reviews tell the same', async () => {
    const world = await shop(user);
    const as = { token: 'token-of-ann' };
    const denied = await world.send('GET', '/api/v1/namespaces/shop/pods', undefined, as);
    expect(denied).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    expect(denied.body.message).toBe(
      'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "shop"',
    );
    await grant(world, [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }]);
    expect((await world.send('GET', '/api/v1/namespaces/shop/pods', undefined, as)).status).toBe(200);
    const review = async (verb: string) => {
      const spec = { resourceAttributes: { namespace: 'shop', resource: 'pods', verb } };
      const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec };
      return (await world.send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body, as)).body.status
        .allowed;
    };
    expect([await review('list'), await review('delete')]).toEqual([true, false]);
    expect((await world.send('GET', '/version', undefined, { token: 'nobody' })).status).toBe(401);
  });
  it('cannot be given on by who has neither them nor bind', async () => {
    const world = await shop(user);
    await grant(world, [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'], verbs: ['create'] }]);
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'more' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'x', namespace: 'shop' }],
    };
    const path = `${rbac}/namespaces/shop/rolebindings`;
    const refused = await world.send('POST', path, binding, { token: 'token-of-ann' });
    expect(refused.status).toBe(403);
    expect(refused.body.message).toContain('attempting to grant RBAC permissions not currently held');
    const role = {
      rules: [
        { apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'], verbs: ['create'] },
        {
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['clusterroles'],
          resourceNames: ['view'],
          verbs: ['bind'],
        },
      ],
    };
    await world.send('PATCH', `${rbac}/namespaces/shop/roles/ann`, role, { type: types.merge });
    expect((await world.send('POST', path, binding, { token: 'token-of-ann' })).status).toBe(201);
  });
});

describe('service account tokens', () => {
  it('are signed, carry their claims, authenticate, and end', async () => {
    const { cluster, send, clock } = await shop();
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 },
    };
    const path = '/api/v1/namespaces/shop/serviceaccounts/default/token';
    const { status, body } = await send('POST', path, request);
    expect(status).toBe(201);
    expect(cluster.readToken(body.status.token)).toMatchObject({
      subject: 'system:serviceaccount:shop:default',
      audiences: ['sts.amazonaws.com'],
      pod: null,
    });
    const [head, , signature] = body.status.token.split('.');
    const other = Buffer.from(JSON.stringify({ iss: cluster.issuer, sub: 'x' })).toString('base64url');
    expect(cluster.readToken(`${head}.${other}.${signature}`)).toBeNull();
    const mine = cluster.tokenFor('shop', 'default', ['https://kubernetes.default.svc']) as string;
    const who = await send(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      { token: mine },
    );
    expect(who.body.status.userInfo.username).toBe('system:serviceaccount:shop:default');
    expect((await send('POST', path, { ...request, spec: { expirationSeconds: 60 } })).status).toBe(422);
    clock.advanceNow(601_000);
    expect(cluster.readToken(body.status.token)).toBeNull();
  });
});

describe('evictions', () => {
  it('are refused with 429 where a budget would be broken', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { replicas: 2 }));
    const spec = { minAvailable: 2, selector: { matchLabels: { app: 'api' } } };
    await world.send('POST', '/apis/policy/v1/namespaces/shop/poddisruptionbudgets', {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'api' },
      spec,
    });
    world.clock.advanceNow(2000);
    const [pod] = podsIn(world.cluster);
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod.metadata.name } };
    const path = `/api/v1/namespaces/shop/pods/${pod.metadata.name}/eviction`;
    expect(await world.send('POST', path, eviction)).toMatchObject({
      status: 429,
      body: { reason: 'TooManyRequests' },
    });
    await world.send(
      'PATCH',
      '/apis/policy/v1/namespaces/shop/poddisruptionbudgets/api',
      { spec: { minAvailable: 1 } },
      { type: types.merge },
    );
    expect((await world.send('POST', path, eviction)).status).toBe(201);
  });
});

describe('forks', () => {
  it('go on from the same moment without touching the original', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { replicas: 3 }));
    world.clock.advanceNow(40);
    const before = world.cluster.canonical();
    const clock = world.clock.fork();
    const fork = client(world.cluster.fork(clock, calmAccount));
    clock.advanceNow(2000);
    expect((fork.cluster.get('apps/v1', 'Deployment', 'shop', 'api') as any).status.availableReplicas).toBe(3);
    await fork.send('DELETE', `${deployments}/api`);
    clock.advanceNow(2000);
    expect(podsIn(fork.cluster)).toEqual([]);
    expect(world.cluster.canonical() === before).toBe(true);
    world.clock.advanceNow(2000);
    expect(podsIn(world.cluster)).toHaveLength(3);
  });
  it('tell by their canonical text whether an estate is what it was', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { replicas: 2 }));
    world.clock.advanceNow(2000);
    const before = world.cluster.canonical();
    const restart = (value: string | null) => ({
      spec: { template: { metadata: { annotations: { 'rolelift.dev/restart': value } } } },
    });
    await world.send('PATCH', `${deployments}/api`, restart('1'), { type: types.merge });
    world.clock.advanceNow(2000);
    expect(world.cluster.canonical() === before).toBe(false);
    const without = { withoutAnnotations: ['rolelift.dev/restart'] };
    expect(world.cluster.canonical(without) === (await shopWithApi()).canonical(without)).toBe(true);
    await world.send('PATCH', `${deployments}/api`, restart(null), { type: types.merge });
    world.clock.advanceNow(2000);
    expect(world.cluster.canonical() === before).toBe(true);
  });
  const shopWithApi = async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { replicas: 2 }));
    world.clock.advanceNow(2000);
    return world.cluster;
  };
});

describe('the virtual clock', () => {
  it('fires timers in the order of their times and drives promises through them', async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    clock.after(20, () => seen.push('late'));
    clock.after(10, () => seen.push('early'));
    clock.after(15, () => seen.push('never'))();
    const slept = (async () => {
      await clock.sleep(12);
      seen.push(`slept ${clock.now()}`);
      await clock.sleep(3_600_000);
      return clock.now();
    })();
    expect(await clock.drive(slept)).toBe(3_600_012);
    expect(seen).toEqual(['early', 'slept 12', 'late']);
    await expect(clock.drive(new Promise(() => {}))).rejects.toThrow('nothing is left');
  });
  it('rejects a sleep with the reason of its signal', async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const slept = clock.sleep(1000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(slept).rejects.toThrow('enough');
  });
});
