import { describe, expect, it } from 'vitest';
import { removePodAnnotation } from '../../src/steps/remove-pod-annotation.js';
import { restartWorkload } from '../../src/steps/restart-workload.js';
import type { StepKind } from '../../src/steps/step.js';
import { bind, estate, samples, unbind, workload } from '../contract/samples.js';
import { aStep, stepContext } from '../helpers/step-context.js';

const kind: StepKind = restartWorkload;
const role = 'arn:aws:iam::111122223333:role/api';
const step = (more: object = {}) =>
  aStep('restart-workload', {
    workload: { ...workload, ...more },
    identity: { mechanism: 'irsa', role },
    account: { namespace: 'payments', name: 'api' },
  });
const roleOf = (pod: any): string | undefined =>
  pod.spec.containers[0].env?.find((one: any) => one.name === 'AWS_ROLE_ARN')?.value;
const none = { preimage: null, output: null, siblings: [] };

describe('restarting a workload', () => {
  it('makes pods anew that admission passed by in the cache gap', async () => {
    const world = estate();
    bind(world);
    world.missPods = 2;
    const done = await kind.apply(stepContext(world), step());
    expect(done).toMatchObject({ is: 'done', output: { recreated: true } });
    expect(world.pods('payments').map(roleOf)).toEqual([role, role, role]);
  });

  it('gives up after a bounded number of rounds where admission never gives it', async () => {
    const world = estate();
    bind(world);
    world.missPods = 1000;
    await expect(kind.apply(stepContext(world), step())).rejects.toMatchObject({ data: { code: 'RL823' } });
  });

  it('touches no pod where the preview shows that a new one would not get the role', async () => {
    const world = estate();
    const names = world.pods('payments').map((pod) => pod.metadata.name);
    await expect(kind.apply(stepContext(world), step())).rejects.toMatchObject({ data: { code: 'RL822' } });
    expect(world.pods('payments').map((pod) => pod.metadata.name)).toEqual(names);
  });

  it('names the template that sets the variable itself', async () => {
    const world = estate();
    bind(world);
    world.edit('Deployment', 'payments', 'api', (object) => {
      object.spec.template.spec.containers[0].env.push({ name: 'AWS_ROLE_ARN', value: 'x' });
    });
    await expect(kind.apply(stepContext(world), step())).rejects.toThrowError(/would not get the role/);
  });

  it('goes on, and says so, where dry runs are forbidden', async () => {
    const world = estate();
    bind(world);
    world.refuseDryRun = true;
    const done = await kind.apply(stepContext(world), step());
    expect(JSON.stringify(done)).toContain('not provable');
  });

  it('writes nothing for a workload at zero, and asks a person for OnDelete and a paused one', async () => {
    const world = estate();
    bind(world);
    world.edit('Deployment', 'payments', 'api', (object) => {
      object.spec.replicas = 0;
    });
    world.writes.length = 0;
    expect(await kind.apply(stepContext(world), step())).toMatchObject({ is: 'done' });
    expect(world.writes).toEqual([]);

    const paused = estate();
    bind(paused);
    paused.edit('Deployment', 'payments', 'api', (object) => {
      object.spec.paused = true;
    });
    expect(await kind.apply(stepContext(paused), step())).toMatchObject({
      is: 'paused',
      how: expect.stringContaining('resume'),
    });

    const onDelete = estate();
    bind(onDelete);
    onDelete.put({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db', namespace: 'payments' },
      spec: {
        replicas: 1,
        updateStrategy: { type: 'OnDelete' },
        template: { metadata: {}, spec: { serviceAccountName: 'other', containers: [{ name: 'c' }] } },
      },
    });
    onDelete.edit('StatefulSet', 'payments', 'db', (object) => {
      object.spec.template.spec.serviceAccountName = 'api';
    });
    expect(await kind.apply(stepContext(onDelete), step({ kind: 'StatefulSet', name: 'db' }))).toMatchObject({
      is: 'paused',
    });
  });

  it('replaces every pod that carries the new identity, also of the old ReplicaSet and where it never started', async () => {
    const world = estate();
    bind(world);
    // An old-template pod that was rescheduled after the annotation: it carries the variables although nothing was restarted.
    const [pod] = world.pods('payments');
    await world
      .kubernetes()
      .remove(
        { api: 'kubernetes', apiVersion: 'v1', kind: 'Pod', namespace: 'payments', name: pod.metadata.name },
        pod.metadata.uid,
      );
    expect(world.pods('payments').map(roleOf).filter(Boolean)).toHaveLength(1);
    unbind(world);
    expect(await kind.undo(stepContext(world), step(), none)).toMatchObject({ is: 'done' });
    expect(world.pods('payments').map(roleOf).filter(Boolean)).toHaveLength(0);
    expect(world.pods('payments')).toHaveLength(3);
  });

  it('leaves no mark behind where it had to follow a step that had marked the template before it', async () => {
    const world = estate();
    bind(world);
    const ctx = stepContext(world);
    const remove: StepKind = removePodAnnotation;
    const removal = samples['remove-pod-annotation']?.step ?? step();
    const template = () => world.get('Deployment', 'payments', 'api').spec.template.metadata;
    const start = structuredClone(template());
    const first = await remove.preimage(ctx, removal);
    await remove.apply(ctx, removal);
    // Pods that are made anew meanwhile and passed by: the restart has to write its own mark over the other.
    world.missPods = 3;
    world.restartPods('payments');
    const second = await kind.preimage(ctx, step());
    await kind.apply(ctx, step());
    expect(template().annotations['rolelift.dev/restart']).toBe(`prod-abc123/${step().id}`);
    const siblings = [first, second];
    const back = await remove.undo(ctx, removal, { preimage: first, output: null, siblings });
    expect(back).toMatchObject({ is: 'done', how: 'exact', note: '' });
    unbind(world);
    await kind.undo(ctx, step(), { preimage: second, output: null, siblings });
    expect(template()).toEqual(start);
  });

  it('refuses to end while the binding still gives the new identity', async () => {
    const world = estate();
    bind(world);
    world.restartPods('payments');
    await expect(kind.undo(stepContext(world), step(), none)).rejects.toMatchObject({ data: { code: 'RL871' } });
    expect(world.pods('payments')).toHaveLength(3);
  });
});
