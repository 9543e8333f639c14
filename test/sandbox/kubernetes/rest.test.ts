import { describe, expect, it } from 'vitest';
import { deployments, shop, types, workload } from './helper.js';

const accounts = '/api/v1/namespaces/shop/serviceaccounts';
const account = (name: string) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });

describe('writing to the simulated API server', () => {
  it('refuses what exists already with AlreadyExists', async () => {
    const { send } = await shop();
    expect((await send('POST', accounts, account('api'))).status).toBe(201);
    const again = await send('POST', accounts, account('api'));
    expect(again).toMatchObject({
      status: 409,
      body: { kind: 'Status', reason: 'AlreadyExists', code: 409, details: { name: 'api', kind: 'serviceaccounts' } },
    });
    expect(again.body.message).toBe('serviceaccounts "api" already exists');
  });
  it('refuses a patch that carries an old resourceVersion with Conflict', async () => {
    const { send } = await shop();
    const made = (await send('POST', accounts, account('api'))).body;
    const first = await send(
      'PATCH',
      `${accounts}/api`,
      { metadata: { annotations: { a: '1' } } },
      { type: types.merge },
    );
    expect(first.status).toBe(200);
    const patch = { metadata: { resourceVersion: made.metadata.resourceVersion, annotations: { a: '2' } } };
    const late = await send('PATCH', `${accounts}/api`, patch, { type: types.merge });
    expect(late).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect((await send('GET', `${accounts}/api`)).body.metadata.annotations).toEqual({ a: '1' });
  });
  it('lets null in a merge patch delete a key, and the empty map with it', async () => {
    const { send } = await shop();
    await send('POST', accounts, { ...account('api'), metadata: { name: 'api', annotations: { a: '1' } } });
    const { body } = await send(
      'PATCH',
      `${accounts}/api`,
      { metadata: { annotations: { a: null } } },
      { type: types.merge },
    );
    expect(body.metadata).not.toHaveProperty('annotations');
  });
  it('does not move the version for a write that changes nothing', async () => {
    const { send } = await shop();
    const made = (
      await send('POST', accounts, { ...account('api'), metadata: { name: 'api', annotations: { a: '1' } } })
    ).body;
    const same = await send(
      'PATCH',
      `${accounts}/api`,
      { metadata: { annotations: { a: '1' } } },
      { type: types.merge },
    );
    expect(same.body.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  });
  it('stores nothing in a dry run, but answers what it would be', async () => {
    const { send, cluster } = await shop();
    const before = cluster.resourceVersion;
    const made = await send('POST', `${accounts}?dryRun=All`, account('ghost'));
    expect(made.status).toBe(201);
    expect(made.body.metadata.uid).toBeTruthy();
    expect(cluster.resourceVersion).toBe(before);
    expect((await send('GET', `${accounts}/ghost`)).status).toBe(404);
  });
  it('refuses a delete whose uid precondition does not hold', async () => {
    const { send } = await shop();
    await send('POST', accounts, account('api'));
    const refused = await send('DELETE', `${accounts}/api`, { preconditions: { uid: 'other' } });
    expect(refused).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect(refused.body.message).toContain('the UID in the precondition (other) does not match');
    expect((await send('DELETE', `${accounts}/api`)).status).toBe(200);
    expect((await send('DELETE', `${accounts}/api`)).status).toBe(404);
  });
  it("refuses to change a Job's template, a selector and a pod's account as Invalid", async () => {
    const { send } = await shop();
    await send('POST', deployments, workload('Deployment', 'api'));
    const selector = await send(
      'PATCH',
      `${deployments}/api`,
      { spec: { selector: { matchLabels: { app: 'x' } } } },
      { type: types.merge },
    );
    expect(selector).toMatchObject({
      status: 422,
      body: { reason: 'Invalid', details: { kind: 'Deployment', group: 'apps' } },
    });
    const jobs = '/apis/batch/v1/namespaces/shop/jobs';
    const spec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'a:1' }] } } };
    await send('POST', jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' }, spec });
    const job = await send(
      'PATCH',
      `${jobs}/once`,
      { spec: { template: { spec: { serviceAccountName: 'x' } } } },
      { type: types.merge },
    );
    expect(job.status).toBe(422);
    expect(job.body.message).toContain('field is immutable');
  });
  it("counts generations for a Deployment's spec and annotations, and not for its status", async () => {
    const { send, clock, cluster } = await shop();
    await send('POST', deployments, workload('Deployment', 'api'));
    clock.advanceNow(2000);
    const get = () => cluster.get('apps/v1', 'Deployment', 'shop', 'api') as any;
    expect(get().metadata.generation).toBe(1);
    expect(get().status.observedGeneration).toBe(1);
    await send('PATCH', `${deployments}/api`, { metadata: { annotations: { note: 'x' } } }, { type: types.merge });
    expect(get().metadata.generation).toBe(2);
    await send('PATCH', `${deployments}/api/status`, { status: { collisionCount: 7 } }, { type: types.merge });
    expect(get().metadata.generation).toBe(2);
    expect(get().status.collisionCount).toBe(7);
  });
  it('keeps serviceAccount and serviceAccountName one field', async () => {
    const { send } = await shop();
    await send('POST', deployments, workload('Deployment', 'api', {}, { spec: { serviceAccountName: 'old' } }));
    const patched = await send(
      'PATCH',
      `${deployments}/api`,
      { spec: { template: { spec: { serviceAccountName: 'new' } } } },
      { type: types.merge },
    );
    expect(patched.body.spec.template.spec).toMatchObject({ serviceAccount: 'new', serviceAccountName: 'new' });
  });
  it('merges containers and variables by name in a strategic merge patch', async () => {
    const { send } = await shop();
    await send(
      'POST',
      deployments,
      workload(
        'Deployment',
        'api',
        {},
        {
          spec: {
            containers: [
              { name: 'main', image: 'a:1', env: [{ name: 'A', value: '1' }] },
              { name: 'side', image: 'b:1' },
            ],
          },
        },
      ),
    );
    const patch = {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'main', env: [{ name: 'B', value: '2' }] },
              { name: 'side', $patch: 'delete' },
            ],
          },
        },
      },
    };
    const { body } = await send('PATCH', `${deployments}/api`, patch, { type: types.strategic });
    const { containers } = body.spec.template.spec;
    expect(containers.map((one: any) => one.name)).toEqual(['main']);
    expect(containers[0]).toMatchObject({
      image: 'a:1',
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    });
  });
  it('does JSON patches, and refuses one whose test does not hold', async () => {
    const { send } = await shop();
    await send('POST', accounts, {
      ...account('api'),
      metadata: { name: 'api', annotations: { 'eks.amazonaws.com/role-arn': 'old' } },
    });
    const path = '/metadata/annotations/eks.amazonaws.com~1role-arn';
    const wrong = await send(
      'PATCH',
      `${accounts}/api`,
      [
        { op: 'test', path, value: 'x' },
        { op: 'remove', path },
      ],
      { type: types.json },
    );
    expect(wrong.status).toBe(422);
    const right = await send(
      'PATCH',
      `${accounts}/api`,
      [
        { op: 'test', path, value: 'old' },
        { op: 'remove', path },
      ],
      { type: types.json },
    );
    expect(right.body.metadata).not.toHaveProperty('annotations');
  });
  it('tells in managedFields who wrote an annotation last', async () => {
    const { send } = await shop();
    await send('POST', accounts, { ...account('api'), metadata: { name: 'api', annotations: { a: '1' } } });
    const patch = { metadata: { annotations: { a: '2' } } };
    const { body } = await send('PATCH', `${accounts}/api?fieldManager=other`, patch, { type: types.merge });
    const owning = body.metadata.managedFields.filter(
      (entry: any) => entry.fieldsV1['f:metadata']?.['f:annotations']?.['f:a'],
    );
    expect(owning.map((entry: any) => entry.manager)).toEqual(['other']);
  });
  it("refuses a server-side apply that takes another manager's field, unless forced", async () => {
    const { send } = await shop();
    await send('POST', accounts, { ...account('api'), metadata: { name: 'api', annotations: { a: '1' } } });
    const config = { ...account('api'), metadata: { name: 'api', annotations: { a: '2' } } };
    const refused = await send('PATCH', `${accounts}/api?fieldManager=gitops`, config, { type: types.apply });
    expect(refused).toMatchObject({
      status: 409,
      body: { reason: 'Conflict', details: { causes: [{ reason: 'FieldManagerConflict' }] } },
    });
    const forced = await send('PATCH', `${accounts}/api?fieldManager=gitops&force=true`, config, { type: types.apply });
    expect(forced.body.metadata.annotations).toEqual({ a: '2' });
    const gone = await send('PATCH', `${accounts}/api?fieldManager=gitops`, account('api'), { type: types.apply });
    expect(gone.body.metadata).not.toHaveProperty('annotations');
  });
  it('answers 406 to who takes protobuf only, and JSON to who takes both', async () => {
    const { send } = await shop();
    const protobuf = 'application/vnd.kubernetes.protobuf';
    expect((await send('GET', accounts, undefined, { headers: { accept: protobuf } })).status).toBe(406);
    const both = await send('GET', accounts, undefined, { headers: { accept: `${protobuf},application/json` } });
    expect(both.headers['content-type']).toBe('application/json');
  });
  it('serves custom resources as their definition says, without strategic merge', async () => {
    const { send } = await shop();
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'rollouts.argoproj.io' },
      spec: {
        group: 'argoproj.io',
        scope: 'Namespaced',
        names: { plural: 'rollouts', kind: 'Rollout' },
        versions: [{ name: 'v1alpha1', served: true, storage: true }],
      },
    };
    const rollouts = '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts';
    expect((await send('GET', rollouts)).status).toBe(404);
    await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
    expect(
      (
        await send('POST', rollouts, {
          apiVersion: 'argoproj.io/v1alpha1',
          kind: 'Rollout',
          metadata: { name: 'api' },
          spec: { a: 1 },
        })
      ).status,
    ).toBe(201);
    expect((await send('PATCH', `${rollouts}/api`, { spec: { a: 2 } }, { type: types.strategic })).status).toBe(415);
    expect(
      (await send('PATCH', `${rollouts}/api`, { spec: { a: 2 } }, { type: types.merge })).body.metadata.generation,
    ).toBe(2);
    expect((await send('GET', '/apis/argoproj.io/v1alpha1')).body.resources[0].name).toBe('rollouts');
  });
});
