import { describe, expect, it } from 'vitest';
import { calmAccount, deployments, node, podsIn, shop, template, types, type World, workload } from './helper.js';

const apps = '/apis/apps/v1/namespaces/shop';
const status = ({ cluster }: World, kind: string, name: string) =>
  (cluster.get('apps/v1', kind, 'shop', name) as any)?.status;
const images = (world: World) =>
  podsIn(world.cluster)
    .map((pod) => pod.spec.containers[0].image)
    .sort();
const restart = { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } } } } };
const setImage = { spec: { template: { spec: { containers: [{ name: 'main', image: 'app:2' }] } } } };

describe('Deployments in the simulated cluster', () => {
  it('roll without ever having fewer pods available than allowed, nor more than the surge', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { replicas: 4 }));
    world.clock.advanceNow(2000);
    expect(status(world, 'Deployment', 'api')).toMatchObject({
      replicas: 4,
      updatedReplicas: 4,
      availableReplicas: 4,
      observedGeneration: 1,
    });
    await world.send('PATCH', `${deployments}/api`, setImage, { type: types.strategic });
    for (let step = 0; step < 500; step += 1) {
      world.clock.advanceNow(2);
      const live = podsIn(world.cluster).filter((pod) => !pod.metadata.deletionTimestamp);
      const available = live.filter((pod) =>
        pod.status.conditions?.some((one: any) => one.type === 'Ready' && one.status === 'True'),
      );
      expect(available.length).toBeGreaterThanOrEqual(3);
      expect(live.length).toBeLessThanOrEqual(5);
    }
    expect(images(world)).toEqual(['app:2', 'app:2', 'app:2', 'app:2']);
    expect(world.cluster.get('apps/v1', 'Deployment', 'shop', 'api')).toMatchObject({
      metadata: { annotations: { 'deployment.kubernetes.io/revision': '2' } },
    });
  });
  it('scale the old ReplicaSet up again when a template is restored, as a new revision', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api'));
    world.clock.advanceNow(1000);
    const [first] = world.cluster.list('apps/v1', 'ReplicaSet', 'shop') as any[];
    await world.send('PATCH', `${deployments}/api`, restart, { type: types.strategic });
    world.clock.advanceNow(2000);
    await world.send(
      'PATCH',
      `${deployments}/api`,
      { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': null } } } } },
      { type: types.strategic },
    );
    world.clock.advanceNow(2000);
    const sets = world.cluster.list('apps/v1', 'ReplicaSet', 'shop') as any[];
    expect(sets).toHaveLength(2);
    const again = sets.find((set) => set.metadata.name === first.metadata.name);
    expect(again.spec.replicas).toBe(1);
    expect(again.metadata.annotations['deployment.kubernetes.io/revision']).toBe('3');
  });
  it('keep the old pods when the new ones fail, and say so when the deadline is over', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { replicas: 2, progressDeadlineSeconds: 30 }));
    world.clock.advanceNow(2000);
    const failing = { spec: { template: { metadata: { annotations: { 'sandbox.rolelift.dev/fail': 'true' } } } } };
    await world.send('PATCH', `${deployments}/api`, failing, { type: types.strategic });
    world.clock.advanceNow(10_000);
    expect(status(world, 'Deployment', 'api').availableReplicas).toBe(2);
    const progressing = () =>
      status(world, 'Deployment', 'api').conditions.find((one: any) => one.type === 'Progressing');
    expect(progressing()).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' });
    world.clock.advanceNow(40_000);
    expect(progressing()).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    const sick = podsIn(world.cluster).filter(
      (pod) => pod.status.containerStatuses[0].state.waiting?.reason === 'CrashLoopBackOff',
    );
    expect(sick).toHaveLength(1);
  });
  it('do not roll while paused, and wait for the old pods to go with Recreate', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { strategy: { type: 'Recreate' } }));
    world.clock.advanceNow(1000);
    await world.send('PATCH', `${deployments}/api`, { spec: { paused: true } }, { type: types.merge });
    await world.send('PATCH', `${deployments}/api`, setImage, { type: types.strategic });
    world.clock.advanceNow(2000);
    expect(images(world)).toEqual(['app:1']);
    await world.send('PATCH', `${deployments}/api`, { spec: { paused: false } }, { type: types.merge });
    for (let step = 0; step < 300; step += 1) {
      world.clock.advanceNow(3);
      expect(podsIn(world.cluster).length).toBeLessThanOrEqual(1);
    }
    expect(images(world)).toEqual(['app:2']);
  });
  it('wait for a service account that is not there, and go on when it comes', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', {}, { spec: { serviceAccountName: 'late' } }));
    world.clock.advanceNow(2000);
    expect(podsIn(world.cluster)).toEqual([]);
    world.cluster.put({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'late', namespace: 'shop' } });
    world.clock.advanceNow(10_000);
    expect(status(world, 'Deployment', 'api').availableReplicas).toBe(1);
  });
  it('take their ReplicaSets and pods along when deleted', async () => {
    const world = await shop();
    await world.send('POST', deployments, workload('Deployment', 'api', { replicas: 2 }));
    world.clock.advanceNow(1000);
    await world.send('DELETE', `${deployments}/api`);
    world.clock.advanceNow(1000);
    expect([podsIn(world.cluster), world.cluster.list('apps/v1', 'ReplicaSet', 'shop')]).toEqual([[], []]);
  });
});

describe('StatefulSets in the simulated cluster', () => {
  const set = (spec: object = {}) => workload('StatefulSet', 'db', { serviceName: 'db', replicas: 3, ...spec });
  it('roll from the highest ordinal down to the partition', async () => {
    const world = await shop();
    await world.send(
      'POST',
      `${apps}/statefulsets`,
      set({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }),
    );
    world.clock.advanceNow(3000);
    expect(podsIn(world.cluster).map((pod) => pod.metadata.name)).toEqual(['db-0', 'db-1', 'db-2']);
    await world.send('PATCH', `${apps}/statefulsets/db`, setImage, { type: types.strategic });
    world.clock.advanceNow(3000);
    expect(podsIn(world.cluster).map((pod) => pod.spec.containers[0].image)).toEqual(['app:1', 'app:2', 'app:2']);
    expect(status(world, 'StatefulSet', 'db')).toMatchObject({ updatedReplicas: 2, readyReplicas: 3 });
    await world.send(
      'PATCH',
      `${apps}/statefulsets/db`,
      { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } },
      { type: types.merge },
    );
    world.clock.advanceNow(3000);
    const { updateRevision, currentRevision } = status(world, 'StatefulSet', 'db');
    expect(currentRevision).toBe(updateRevision);
  });
  it('stay stuck on a bad template after it is repaired, until the pod is deleted', async () => {
    const world = await shop();
    await world.send('POST', `${apps}/statefulsets`, set());
    world.clock.advanceNow(3000);
    const fail = (value: string | null) => ({
      spec: { template: { metadata: { annotations: { 'sandbox.rolelift.dev/fail': value } } } },
    });
    await world.send('PATCH', `${apps}/statefulsets/db`, fail('true'), { type: types.strategic });
    world.clock.advanceNow(3000);
    await world.send('PATCH', `${apps}/statefulsets/db`, fail(null), { type: types.strategic });
    world.clock.advanceNow(60_000);
    expect(status(world, 'StatefulSet', 'db').readyReplicas).toBe(2);
    await world.send('DELETE', '/api/v1/namespaces/shop/pods/db-2');
    world.clock.advanceNow(5000);
    expect(status(world, 'StatefulSet', 'db').readyReplicas).toBe(3);
  });
  it('replace nothing by themselves with OnDelete', async () => {
    const world = await shop();
    await world.send('POST', `${apps}/statefulsets`, set({ updateStrategy: { type: 'OnDelete' } }));
    world.clock.advanceNow(3000);
    await world.send('PATCH', `${apps}/statefulsets/db`, setImage, { type: types.strategic });
    world.clock.advanceNow(3000);
    expect(images(world)).toEqual(['app:1', 'app:1', 'app:1']);
    await world.send('DELETE', '/api/v1/namespaces/shop/pods/db-1');
    world.clock.advanceNow(3000);
    expect(images(world)).toEqual(['app:1', 'app:1', 'app:2']);
  });
});

describe('DaemonSets in the simulated cluster', () => {
  it('have one pod on each node that takes them, and replace one after another', async () => {
    const world = await shop();
    world.cluster.put(node('tainted', { spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } }));
    await world.send('POST', `${apps}/daemonsets`, workload('DaemonSet', 'agent'));
    world.clock.advanceNow(2000);
    expect(
      podsIn(world.cluster)
        .map((pod) => pod.spec.nodeName)
        .sort(),
    ).toEqual(['node-a', 'node-b']);
    await world.send('PATCH', `${apps}/daemonsets/agent`, setImage, { type: types.strategic });
    for (let step = 0; step < 400; step += 1) {
      world.clock.advanceNow(2);
      const ready = podsIn(world.cluster).filter(
        (pod) => !pod.metadata.deletionTimestamp && pod.status.phase === 'Running',
      );
      expect(ready.length).toBeGreaterThanOrEqual(1);
    }
    expect(status(world, 'DaemonSet', 'agent')).toMatchObject({
      updatedNumberScheduled: 2,
      numberAvailable: 2,
      desiredNumberScheduled: 2,
    });
    world.cluster.put(node('node-c'));
    world.clock.advanceNow(2000);
    expect(status(world, 'DaemonSet', 'agent').numberAvailable).toBe(3);
  });
});

describe('Jobs and CronJobs in the simulated cluster', () => {
  const pod = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'a:1' }] } };
  it('run to their end, or fail past the backoff limit', async () => {
    const world = await shop();
    const jobs = '/apis/batch/v1/namespaces/shop/jobs';
    await world.send('POST', jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'good' },
      spec: { template: pod },
    });
    const bad = { metadata: { annotations: { 'sandbox.rolelift.dev/exit-code': '3' } }, ...pod };
    await world.send('POST', jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'bad' },
      spec: { backoffLimit: 1, template: bad },
    });
    world.clock.advanceNow(5000);
    const job = (name: string) => world.cluster.get('batch/v1', 'Job', 'shop', name) as any;
    expect(job('good').status).toMatchObject({ succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] });
    expect(job('bad').status).toMatchObject({
      failed: 2,
      conditions: [{ type: 'Failed', reason: 'BackoffLimitExceeded' }],
    });
  });
  it('start at the times of the schedule, unless suspended', async () => {
    const world = await shop();
    const cronJobs = '/apis/batch/v1/namespaces/shop/cronjobs';
    const spec = { schedule: '*/10 * * * *', jobTemplate: { spec: { template: pod } } };
    await world.send('POST', cronJobs, { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick' }, spec });
    world.clock.advanceNow(25 * 60_000);
    expect(world.cluster.list('batch/v1', 'Job', 'shop')).toHaveLength(2);
    await world.send('PATCH', `${cronJobs}/tick`, { spec: { suspend: true } }, { type: types.merge });
    world.clock.advanceNow(60 * 60_000);
    expect(world.cluster.list('batch/v1', 'Job', 'shop')).toHaveLength(2);
  });
});

describe('nodes in the simulated cluster', () => {
  it('give no addresses, and do not get Ready, when their CNI may not attach any', async () => {
    let permitted = true;
    const world = await shop({ account: { ...calmAccount, canAttachAddresses: () => permitted } });
    await world.send('POST', deployments, workload('Deployment', 'api'));
    world.clock.advanceNow(1000);
    permitted = false;
    await world.send('PATCH', `${deployments}/api`, restart, { type: types.strategic });
    const host = workload('Deployment', 'host', { template: template('host', { spec: { hostNetwork: true } }) });
    await world.send('POST', deployments, host);
    world.cluster.put(node('node-new'));
    world.clock.advanceNow(20_000);
    const waiting = podsIn(world.cluster).filter((pod) => pod.status.phase === 'Pending');
    expect(waiting.map((pod) => pod.status.containerStatuses[0].state.waiting.reason)).toEqual(['ContainerCreating']);
    expect(status(world, 'Deployment', 'host').availableReplicas).toBe(1);
    const ready = () => (world.cluster.get('v1', 'Node', undefined, 'node-new') as any).status.conditions[0].status;
    expect(ready()).toBe('False');
    permitted = true;
    world.clock.advanceNow(30_000);
    expect(ready()).toBe('True');
    expect(status(world, 'Deployment', 'api').availableReplicas).toBe(1);
  });
});
