import { describe, expect, it } from 'vitest';
import { annotateServiceAccount } from '../../src/steps/annotate-service-account.js';
import { createOidcProvider } from '../../src/steps/create-oidc-provider.js';
import { createPodIdentityAssociation } from '../../src/steps/create-pod-identity-association.js';
import { detachRolePolicy } from '../../src/steps/detach-role-policy.js';
import type { StepKind } from '../../src/steps/step.js';
import { waitForHandoff } from '../../src/steps/wait-for-handoff.js';
import { bind, boundKey, estate, samples } from '../contract/samples.js';
import { aStep, stepContext } from '../helpers/step-context.js';

const sampleStep = (kind: string): any => (samples[kind] as { step: unknown }).step;
const none = { preimage: null, output: null, siblings: [] };

describe('binding a service account', () => {
  const kind: StepKind = annotateServiceAccount;
  const step = sampleStep('annotate-service-account');

  it('refuses where a workload joined the account since planning', async () => {
    const world = estate();
    world.put({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'late', namespace: 'payments' },
      spec: { replicas: 0, template: { metadata: {}, spec: { serviceAccountName: 'api', containers: [] } } },
    });
    const drift = await kind.preconditions(stepContext(world), step);
    expect(drift).toMatchObject([{ subject: { kind: 'StatefulSet', name: 'late' }, field: 'users' }]);
  });

  it('never writes over an annotation that somebody else set, and says whose it is', async () => {
    const world = estate();
    world.edit('ServiceAccount', 'payments', 'api', (object) => {
      object.metadata.annotations = { [boundKey]: 'theirs' };
      object.metadata.managedFields = [
        {
          manager: 'argocd-controller',
          time: '2026-11-20T00:00:00Z',
          fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${boundKey}`]: {} } } },
        },
      ];
    });
    expect(await kind.observe(stepContext(world), step)).toMatchObject({ is: 'drifted', by: 'argocd-controller' });
    await expect(kind.apply(stepContext(world), step)).rejects.toMatchObject({ data: { code: 'RL824' } });
    expect(world.writes).toEqual([]);
  });

  it('reads and decides again after a conflict', async () => {
    const world = estate();
    const ctx = stepContext(world);
    let once = true;
    const port = world.kubernetes();
    const racing = {
      ...ctx,
      kubernetes: () => ({
        ...port,
        get: async (ref: any) => {
          const found = await port.get(ref);
          if (once) {
            once = false;
            world.edit('ServiceAccount', 'payments', 'api', (object) => {
              object.metadata.labels = { team: 'x' };
            });
          }
          return found;
        },
      }),
    };
    await kind.apply(racing as never, step);
    expect(world.get('ServiceAccount', 'payments', 'api').metadata).toMatchObject({
      labels: { team: 'x' },
      annotations: { [boundKey]: expect.anything() },
    });
  });

  it('ends its undo only when new pods come without the variables', async () => {
    const world = estate();
    const ctx = stepContext(world);
    await kind.apply(ctx, step);
    world.account.addons.set('x', { serves: 'api', serviceAccountRoleArn: 'arn:aws:iam::111122223333:role/api' });
    await expect(kind.undo(ctx, step, none)).rejects.toMatchObject({ data: { code: 'RL871' } });
    world.account.addons.clear();
    expect(await kind.undo(ctx, step, none)).toMatchObject({ is: 'done' });
  });

  it('waits for a role that EKS does not know yet, and refuses another association', async () => {
    const associate: StepKind = createPodIdentityAssociation;
    const wanted = sampleStep('create-pod-identity-association');
    const world = estate();
    world.account.unknownRoleFor = 2;
    expect(await associate.apply(stepContext(world), wanted)).toMatchObject({ is: 'done' });
    const [live] = world.account.associations.values();
    live.roleArn = 'arn:aws:iam::111122223333:role/theirs';
    await expect(associate.apply(stepContext(world), wanted)).rejects.toMatchObject({ data: { code: 'RL828' } });
  });

  it('tells that the annotation speaks again when the association goes', async () => {
    const associate: StepKind = createPodIdentityAssociation;
    const wanted = sampleStep('create-pod-identity-association');
    const world = estate();
    bind(world);
    await associate.apply(stepContext(world), wanted);
    expect(await associate.undo(stepContext(world), wanted, none)).toMatchObject({
      is: 'done',
      note: expect.stringContaining('speaks again'),
    });
  });
});

describe('what others own or need', () => {
  it('completes a provider that lacks the audience, and takes only that away again', async () => {
    const kind: StepKind = createOidcProvider;
    const step = { ...sampleStep('create-oidc-provider'), before: { audiences: ['other'] } };
    const world = estate();
    const arn = 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
    world.account.providers.set(arn, { ClientIDList: ['other'], Tags: [] });
    const ctx = stepContext(world);
    const preimage = await kind.preimage(ctx, step);
    await kind.apply(ctx, step);
    expect(world.account.providers.get(arn).ClientIDList).toEqual(['other', 'sts.amazonaws.com']);
    await kind.undo(ctx, step, { preimage, output: null, siblings: [] });
    expect(world.account.providers.get(arn).ClientIDList).toEqual(['other']);
  });

  it('waits for a hand-off, and hands back by words unless it may write live', async () => {
    const kind: StepKind = waitForHandoff;
    const step = sampleStep('wait-for-handoff');
    const world = estate();
    expect(await kind.apply(stepContext(world), step)).toMatchObject({ is: 'paused', how: 'commit the patch' });
    bind(world);
    expect(await kind.apply(stepContext(world), step)).toMatchObject({ is: 'done' });
    world.writes.length = 0;
    const back = await kind.undo(stepContext(world), step, none);
    expect(back).toMatchObject({ is: 'paused', how: expect.stringContaining('argocd app set') });
    expect(world.writes).toEqual([]);
  });

  it('does not strip a node role on which a stranger lives, and gives it back where a node suffers', async () => {
    const kind: StepKind = detachRolePolicy;
    const sample = samples['detach-role-policy'] as any;
    const world = sample.world();
    world.account.roles.get('nodes').profiles.push('arn:aws:iam::111122223333:instance-profile/nodes');
    world.account.instances.push({ InstanceId: 'i-1', Tags: [{ Key: 'kubernetes.io/cluster/prod', Value: 'owned' }] });
    expect(await kind.preconditions(stepContext(world), sample.step)).toEqual([]);
    world.account.instances.push({ InstanceId: 'i-2', Tags: [{ Key: 'kubernetes.io/cluster/other', Value: 'owned' }] });
    expect(await kind.preconditions(stepContext(world), sample.step)).toMatchObject([{ found: 'i-2' }]);
    world.put({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'kube-system' },
      reason: 'MissingIAMPermissions',
      lastTimestamp: '2030-01-01T00:00:00Z',
    });
    await expect(kind.apply(stepContext(world), sample.step)).rejects.toMatchObject({ data: { code: 'RL873' } });
    expect(world.account.roles.get('nodes').attached).toContain('arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy');
  });

  it('refuses parameters with a reserved key in a pointer', () => {
    const bad = aStep('x', {}).params;
    expect(() =>
      waitForHandoff.parseParams({
        ...sampleStep('wait-for-handoff').params,
        ...bad,
        changes: [
          { ref: { apiVersion: 'v1', kind: 'K', namespace: '', name: 'n' }, pointer: '/__proto__/x', value: 1 },
        ],
      }),
    ).toThrowError(/not valid/);
  });
});
