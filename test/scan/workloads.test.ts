import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import { createGaps } from '../../src/scan/gaps.js';
import { liveSource } from '../../src/scan/source.js';
import { readWorkloads } from '../../src/scan/workloads.js';
import { fakeClients } from '../helpers/fake-clients.js';
import { app, canary, deployment, meta, object, owned, podOf, template } from './estate.js';

const read = async (objects: readonly JsonObject[], forbidden: readonly string[] = []) => {
  const gaps = createGaps();
  const clients = fakeClients({ objects, forbidden });
  const part = await readWorkloads(
    liveSource(clients.kubernetes(), gaps, { namespaces: () => ({ names: [], complete: false }) }),
    gaps,
    () => undefined,
  );
  return { ...part, gaps: gaps.list(), calls: clients.calls };
};
const refs = (part: Awaited<ReturnType<typeof read>>): readonly string[] =>
  part.workloads.map(({ ref, pods }) => `${ref.kind}/${ref.name}:${pods.length}`);

describe('workloads of built-in kinds', () => {
  it('knows every kind that templates pods, and how each is rolled', async () => {
    const pod = template('x', {});
    const part = await read([
      ...deployment('d', 'n', pod),
      object('apps/v1', 'StatefulSet', meta('s', 'n'), {
        spec: {
          replicas: 3,
          template: pod,
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
        },
      }),
      object('apps/v1', 'DaemonSet', meta('ds', 'n'), {
        spec: { template: pod, updateStrategy: { type: 'OnDelete' } },
      }),
      object('apps/v1', 'ReplicaSet', meta('rs', 'n'), { spec: { replicas: 0, template: pod } }),
      object('v1', 'ReplicationController', meta('rc', 'n'), { spec: { template: pod } }),
      object('batch/v1', 'CronJob', meta('cj', 'n'), {
        spec: { suspend: true, jobTemplate: { spec: { template: pod } } },
      }),
      object('batch/v1', 'Job', meta('j', 'n'), { spec: { template: pod } }),
    ]);
    expect(
      part.workloads.map(({ ref, templatePath, strategy, rolls, replicas }) => [
        ref.kind,
        templatePath,
        strategy,
        rolls,
        replicas,
      ]),
    ).toEqual([
      ['ReplicationController', '/spec/template', 'none', false, 1],
      ['DaemonSet', '/spec/template', 'OnDelete', false, null],
      ['Deployment', '/spec/template', 'RollingUpdate', true, 2],
      ['ReplicaSet', '/spec/template', 'none', false, 0],
      ['StatefulSet', '/spec/template', 'RollingUpdate', true, 3],
      ['CronJob', '/spec/jobTemplate/spec/template', 'none', false, null],
      ['Job', '/spec/template', 'none', false, null],
    ]);
    expect(part.workloads.find(({ ref }) => ref.kind === 'StatefulSet')?.partition).toBe(2);
    expect(part.workloads.find(({ ref }) => ref.kind === 'CronJob')?.suspended).toBe(true);
  });

  it('leaves out what has come to its end: finished Jobs and pods', async () => {
    const pod = template('x', {});
    const job = object('batch/v1', 'Job', meta('done', 'n'), {
      spec: { template: pod },
      status: { conditions: [{ type: 'Complete', status: 'True' }] },
    });
    const bare = object('v1', 'Pod', meta('ended', 'n'), {
      spec: { containers: [app] },
      status: { phase: 'Succeeded' },
    });
    expect(refs(await read([job, bare]))).toEqual([]);
  });

  it('takes a bare pod, and a static pod of a node, for its own workload', async () => {
    const bare = object('v1', 'Pod', meta('bare', 'n'), { spec: { containers: [app] }, status: { phase: 'Running' } });
    const node = object('v1', 'Node', meta('node-1', null));
    const mirror = object('v1', 'Pod', meta('static', 'n', owned(node)), {
      spec: { containers: [app] },
      status: { phase: 'Running' },
    });
    const part = await read([bare, mirror, node]);
    expect(refs(part)).toEqual(['Pod/bare:1', 'Pod/static:1']);
    expect(part.workloads[0]).toMatchObject({
      templatePath: '',
      serviceAccountPath: '/spec/serviceAccountName',
      template: { serviceAccount: 'default' },
    });
  });

  it('gives pods of a CronJob’s Job to the CronJob', async () => {
    const pod = template('x', {});
    const cron = object('batch/v1', 'CronJob', meta('cj', 'n'), { spec: { jobTemplate: { spec: { template: pod } } } });
    const job = object('batch/v1', 'Job', meta('cj-1', 'n', owned(cron)), { spec: { template: pod } });
    expect(refs(await read([cron, job, podOf(job, 'cj-1-a', 'n', pod, 'node-1')]))).toEqual(['CronJob/cj:1']);
  });

  it('keeps pods that still run an older template as they are', async () => {
    const [own, set, pod] = deployment('d', 'n', template('x', { 'iam.amazonaws.com/role': 'new' })) as [
      JsonObject,
      JsonObject,
      JsonObject,
    ];
    const old = podOf(set, 'd-old-1', 'n', template('x', { 'iam.amazonaws.com/role': 'old' }), 'node-1', 'old');
    const { workloads } = await read([own, set, pod, old]);
    expect(workloads[0]?.template.annotations['iam.amazonaws.com/role']).toBe('new');
    expect(workloads[0]?.pods.map(({ view }) => view.annotations['iam.amazonaws.com/role'])).toEqual(['new', 'old']);
  });
});

describe('workloads of custom resources', () => {
  const rollout = (pod: JsonObject): JsonObject =>
    object(
      'argoproj.io/v1alpha1',
      'Rollout',
      meta('r', 'n', { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': canary } }),
      { spec: { replicas: 2, strategy: { canary: {} }, template: pod } },
    );

  it('follows an Argo Rollout’s ReplicaSets to the Rollout, and reads its own template', async () => {
    const own = rollout(template('x', { 'iam.amazonaws.com/role': 'new' }));
    const old = template('x', { 'iam.amazonaws.com/role': 'old' });
    const set = object('apps/v1', 'ReplicaSet', meta('r-1', 'n', owned(own)), { spec: { template: old } });
    const part = await read([own, set, podOf(set, 'r-1-a', 'n', old, 'node-1')]);
    expect(refs(part)).toEqual(['Rollout/r:1']);
    expect(part.workloads[0]).toMatchObject({
      custom: true,
      rolls: false,
      strategy: 'canary',
      templatePath: '/spec/template',
      serviceAccountPath: '/spec/template/spec/serviceAccountName',
      template: { annotations: { 'iam.amazonaws.com/role': 'new' } },
    });
    expect(part.objects.map(({ ref }) => ref.kind)).toEqual(['Rollout']);
    expect(JSON.stringify(part)).not.toContain(canary);
  });

  it('sees a Rollout that is scaled to zero', async () => {
    expect(refs(await read([rollout(template('x', {}))]))).toEqual(['Rollout/r:0']);
  });

  it('climbs through several custom owners: Deployment, Knative Revision, Configuration, Service', async () => {
    const pod = template('kn', {});
    const service = object('serving.knative.dev/v1', 'Service', meta('hello', 'n'), { spec: { template: pod } });
    const configuration = object('serving.knative.dev/v1', 'Configuration', meta('hello', 'n', owned(service)), {});
    const revision = object('serving.knative.dev/v1', 'Revision', meta('hello-1', 'n', owned(configuration)), {});
    const run = object('apps/v1', 'Deployment', meta('hello-1-deployment', 'n', owned(revision)), {
      spec: { template: pod },
    });
    const set = object('apps/v1', 'ReplicaSet', meta('hello-1-d-1', 'n', owned(run)), { spec: { template: pod } });
    const part = await read([service, configuration, revision, run, set, podOf(set, 'p', 'n', pod, 'node-1')]);
    expect(refs(part)).toEqual(['Service/hello:1']);
    expect(part.workloads[0]?.serviceAccountPath).toBe('/spec/template/spec/serviceAccountName');
  });

  it('takes pods of an unknown custom resource for its template, and no path for known', async () => {
    const own = object('example.com/v1', 'Widget', meta('w', 'n'), { spec: { env: { A: canary } } });
    const part = await read([
      own,
      podOf(own, 'w-1', 'n', template('wsa', { 'iam.amazonaws.com/role': 'w' }), 'node-1'),
    ]);
    expect(part.workloads[0]).toMatchObject({
      ref: { kind: 'Widget' },
      custom: true,
      templatePath: '',
      serviceAccountPath: null,
      template: { serviceAccount: 'wsa' },
    });
    expect(JSON.stringify(part)).not.toContain(canary);
  });

  it('keeps apart what an operator makes with different service accounts', async () => {
    const kafka = object('kafka.strimzi.io/v1beta2', 'Kafka', meta('k', 'n'), { spec: {} });
    const brokers = object('core.strimzi.io/v1beta2', 'StrimziPodSet', meta('k-kafka', 'n', owned(kafka)), {});
    const entity = object('apps/v1', 'Deployment', meta('k-entity', 'n', owned(kafka)), {
      spec: { template: template('k-entity', {}) },
    });
    const set = object('apps/v1', 'ReplicaSet', meta('k-entity-1', 'n', owned(entity)), {
      spec: { template: template('k-entity', {}) },
    });
    const part = await read([
      kafka,
      brokers,
      entity,
      set,
      podOf(brokers, 'k-kafka-0', 'n', template('k-kafka', {}), 'node-1'),
      podOf(set, 'k-entity-1-a', 'n', template('k-entity', {}), 'node-1'),
    ]);
    expect(refs(part)).toEqual(['Deployment/k-entity:1', 'StrimziPodSet/k-kafka:1']);
    expect(part.workloads[0]?.owners).toMatchObject([{ tool: 'operator', ref: 'Kafka n/k', strength: 'certain' }]);
  });

  it('goes on where the custom owner may not be read', async () => {
    const own = object('example.com/v1', 'Widget', meta('w', 'n'));
    const part = await read([own, podOf(own, 'w-1', 'n', template('wsa', {}), 'node-1')], ['Widget']);
    expect(refs(part)).toEqual(['Widget/w:1']);
    expect(part.gaps.map(({ area }) => area)).toContain('kubernetes:widgets:n/w');
  });

  it('ends where owners point at each other', async () => {
    const one = object('example.com/v1', 'Widget', {
      name: 'a',
      namespace: 'n',
      uid: 'ua',
      ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'b', uid: 'ub', controller: true }],
    });
    const two = object('example.com/v1', 'Widget', {
      name: 'b',
      namespace: 'n',
      uid: 'ub',
      ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'a', uid: 'ua', controller: true }],
    });
    const part = await read([one, two, podOf(one, 'p', 'n', template('x', {}), 'node-1')]);
    expect(part.workloads).toHaveLength(1);
    expect(part.gaps.some(({ reason }) => reason.includes('does not end'))).toBe(true);
  });

  it('reads the service account of a CronWorkflow that has not run yet', async () => {
    const cron = object('argoproj.io/v1alpha1', 'CronWorkflow', meta('nightly', 'n'), {
      spec: {
        suspend: true,
        workflowSpec: {
          serviceAccountName: 'flow',
          podMetadata: { annotations: { 'iam.amazonaws.com/role': 'flow' } },
        },
      },
    });
    expect((await read([cron])).workloads[0]).toMatchObject({
      suspended: true,
      serviceAccountPath: '/spec/workflowSpec/serviceAccountName',
      template: { serviceAccount: 'flow', annotations: { 'iam.amazonaws.com/role': 'flow' } },
    });
  });

  it('asks for each custom owner once, however many pods it has', async () => {
    const own = object('example.com/v1', 'Widget', meta('w', 'n'));
    const pods = Array.from({ length: 50 }, (_, index) => podOf(own, `w-${index}`, 'n', template('wsa', {}), 'node-1'));
    const { calls } = await read([own, ...pods]);
    expect(calls.filter((call) => call === 'get Widget')).toHaveLength(1);
  });
});
