import { describe, expect, it } from 'vitest';
import { carries, lacks } from '../../src/steps/pods.js';
import { exchange, sessionName, usedByCloudTrail } from '../../src/steps/proof.js';
import { proveIdentity } from '../../src/steps/prove-identity.js';
import type { StepKind } from '../../src/steps/step.js';
import { bind, estate, samples } from '../contract/samples.js';
import { stepContext } from '../helpers/step-context.js';

const kind: StepKind = proveIdentity;
const role = 'arn:aws:iam::111122223333:role/api';
const irsa = { mechanism: 'irsa', role } as const;
const step = (samples['prove-identity'] as { step: any }).step;

describe('the proof of an identity', () => {
  it('reaches exchangeable with a token, configured without', async () => {
    const world = estate();
    bind(world);
    world.restartPods('payments');
    expect(await kind.apply(stepContext(world), step)).toMatchObject({ is: 'done', proof: 'configured' });
    expect(await kind.apply(stepContext(world, { settings: { proveToken: true } }), step)).toMatchObject({
      proof: 'exchangeable',
    });
    const asked = world.reads.find((one) => one.api === 'aws' && one.service === 'sts');
    expect(asked).toMatchObject({ input: { RoleSessionName: 'rolelift-run-1', DurationSeconds: 900 } });
    expect(JSON.stringify(asked)).toContain('Deny');
  });

  it('fails where one pod is without, and names it', async () => {
    const world = estate();
    bind(world);
    world.missPods = 1;
    world.restartPods('payments');
    await expect(kind.apply(stepContext(world), step)).rejects.toMatchObject({
      data: { code: 'RL830', cause: expect.stringContaining('AWS_ROLE_ARN is not set') },
    });
  });

  it('pauses where there is no pod to look at, unless a person accepts', async () => {
    const world = estate();
    world.edit('Deployment', 'payments', 'api', (object) => {
      object.spec.replicas = 0;
    });
    expect(await kind.apply(stepContext(world), step)).toMatchObject({
      is: 'paused',
      reason: expect.stringContaining('waiting-for-first-run'),
    });
    const accepted = await kind.apply(stepContext(world, { gate: { is: 'open', by: 'me' } }), step);
    expect(accepted).toMatchObject({ is: 'done', output: { acceptedBy: 'me' } });
    expect(accepted).not.toHaveProperty('proof');
  });

  it('never repeats the token in an error', async () => {
    const world = estate();
    world.account.refuseExchange = 1000;
    const thrown = await exchange(stepContext(world), { namespace: 'payments', name: 'api', role }).catch(
      (error) => error,
    );
    expect(thrown.data.code).toBe('RL872');
    expect(JSON.stringify(thrown.data) + String(thrown.stack)).not.toContain('a-token');
  });

  it('makes session names that STS takes and that are known as ours', () => {
    expect(sessionName('run/with spaces'.repeat(9))).toMatch(/^rolelift-[\w+=,.@-]{1,55}$/);
  });

  it.each([
    ['a use by the pod', {}, 'used'],
    ['our own session', { session: 'rolelift-run-1' }, 'not-seen'],
    ['an older use', { time: '2026-11-20T09:00:00Z' }, 'not-seen'],
    ['another service account', { user: 'system:serviceaccount:payments:other' }, 'not-seen'],
    ['another role', { role: 'arn:aws:iam::111122223333:role/theirs' }, 'not-seen'],
    ['a refused call', { error: 'AccessDenied' }, 'not-seen'],
  ] as const)('reads CloudTrail: %s', async (_words, more: any, wanted) => {
    const world = estate();
    world.account.events.push({
      CloudTrailEvent: JSON.stringify({
        eventName: 'AssumeRoleWithWebIdentity',
        eventTime: more.time ?? '2026-11-20T11:00:00Z',
        ...(more.error ? { errorCode: more.error } : {}),
        userIdentity: { userName: more.user ?? 'system:serviceaccount:payments:api' },
        requestParameters: { roleArn: more.role ?? role, roleSessionName: more.session ?? 'botocore-session-1' },
      }),
    });
    world.account.events.push({ CloudTrailEvent: 'not JSON' });
    const answer = await usedByCloudTrail(world.account.port('111122223333'), {
      account: '111122223333',
      role,
      namespace: 'payments',
      serviceAccount: 'api',
      since: Date.parse('2026-11-20T10:00:00Z'),
      regions: ['eu-west-1'],
    });
    expect(answer.is).toBe(wanted);
  });

  it('judges a pod by every container that should have it', () => {
    const pod = (env: object[], more: object = {}) => ({
      metadata: { annotations: {}, ...more },
      spec: {
        serviceAccountName: 'api',
        volumes: [
          {
            name: 'aws-iam-token',
            projected: { sources: [{ serviceAccountToken: { audience: 'sts.amazonaws.com' } }] },
          },
        ],
        containers: [
          { name: 'a', env, volumeMounts: [{ name: 'aws-iam-token', mountPath: '/t' }] },
          { name: 'b', env: [] },
        ],
      },
    });
    const pair = [
      { name: 'AWS_ROLE_ARN', value: role },
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/t/token' },
    ];
    expect(lacks(pod(pair), irsa)).toHaveLength(2);
    expect(lacks(pod(pair, { annotations: { 'eks.amazonaws.com/skip-containers': 'b' } }), irsa)).toEqual([]);
    expect(lacks(pod(pair, { annotations: { 'eks.amazonaws.com/skip-containers': 'a, b' } }), irsa)).toHaveLength(2);
    expect(lacks(pod(pair, { annotations: { 'eks.amazonaws.com/skip-containers': 'b' } }), irsa, 'other')[0]).toContain(
      'service account',
    );
    expect(carries(pod([]), irsa)).toBe(true);
    expect(carries(pod([{ name: 'AWS_ROLE_ARN', value: 'arn:aws:iam::1:role/old' }]), irsa)).toBe(false);
    expect(
      carries(
        { metadata: { labels: { 'eks.amazonaws.com/pod-identity': 'enabled' } } },
        { mechanism: 'pod-identity', role },
      ),
    ).toBe(true);
  });
});
