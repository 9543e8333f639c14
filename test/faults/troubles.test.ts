import { describe, expect, it } from 'vitest';
import { type JsonObject, objectAt } from '../../src/model/json.js';
import { estates } from './estates.js';
import { guardOf } from './invariants.js';
import { type Actor, actorOf, begin, forkOf, type Moment, run, somebody, textOf } from './stage.js';

/** What befalls an estate while it is being moved, or between there and back. */

const estate = estates.find(({ title }) => title.startsWith('kiam to IRSA')) as (typeof estates)[number];
const { moment: start, plan } = await begin(estate);
const actor: Actor = actorOf(estate, plan);
const before = textOf(start.sandbox);
const api = '/apis/apps/v1/namespaces/payments/deployments/api';
const account = '/api/v1/namespaces/payments/serviceaccounts/api';
const move = 'move:payments/api';
const other = 'move:orders/checkout';

const guarded = async (
  moment: Moment,
  ...rest: Parameters<typeof run> extends [Actor, Moment, ...infer R] ? R : never
) => {
  const guard = guardOf(plan, start.sandbox);
  const wrong: string[] = [];
  const [direction, wishes] = rest;
  const result = await run(actor, moment, direction, {
    ...wishes,
    watch: { ...wishes?.watch, write: (when) => when === 'after' && wrong.push(...guard.check(moment)) },
  });
  expect([...new Set(wrong)]).toEqual([]);
  return result;
};
const templateAnnotations = (annotations: JsonObject): JsonObject => ({
  spec: { template: { metadata: { annotations } } },
});
const ended = (result: { moves: ReadonlyMap<string, string> }, id: string): string => result.moves.get(id) ?? '';
const trustOf = (moment: Moment, role: string): string =>
  JSON.stringify(moment.sandbox.world.role(`arn:aws:iam::111122223333:role/${role}`)?.trust);

describe('a rollout that does not get ready', { timeout: 120_000 }, () => {
  it('undoes its own move and leaves the others running', async () => {
    const moment = forkOf(start);
    await somebody(
      moment.sandbox,
      'PATCH',
      api,
      templateAnnotations({ 'sandbox.rolelift.dev/fail-if-env': 'AWS_ROLE_ARN' }),
    );
    await moment.clock.advance(120_000);
    const begun = textOf(moment.sandbox);
    const result = await guarded(moment, 'apply', { apply: { rolloutTimeoutMs: 60_000 } });
    expect(result.exit).toBe(1);
    expect(ended(result, move)).toBe('undone');
    expect(ended(result, other)).toBe('done');
    const back = await guarded(moment, 'rollback');
    expect(back.failures).toEqual([]);
    expect(textOf(moment.sandbox)).toBe(begun);
  });

  it('stops the run where it was asked to, with the rest resumable', async () => {
    const moment = forkOf(start);
    await somebody(
      moment.sandbox,
      'PATCH',
      api,
      templateAnnotations({ 'sandbox.rolelift.dev/fail-if-env': 'AWS_ROLE_ARN' }),
    );
    await moment.clock.advance(120_000);
    const begun = textOf(moment.sandbox);
    const result = await guarded(moment, 'apply', { apply: { rolloutTimeoutMs: 60_000, onFailure: 'stop' } });
    expect(result.exit).toBe(1);
    expect(result.failures.map((failure) => failure.move)).toEqual([move]);
    expect((await guarded(moment, 'rollback')).failures).toEqual([]);
    expect(textOf(moment.sandbox)).toBe(begun);
  });
});

describe('a webhook', { timeout: 120_000 }, () => {
  it('that misses some pods has them made anew', async () => {
    const moment = forkOf(start);
    const calm = forkOf(start);
    await guarded(calm, 'apply');
    let missed = false;
    const result = await guarded(moment, 'apply', {
      watch: {
        announced: ({ type, step }) => {
          if (missed || type !== 'started' || step?.startsWith('restart-workload:payments') !== true) return;
          missed = true;
          moment.sandbox.cluster.setWebhook({ mode: { misses: 2 } } as never);
        },
      },
    });
    expect(missed).toBe(true);
    expect(result.failures).toEqual([]);
    expect(result.exit).toBe(0);
    expect(textOf(moment.sandbox)).toBe(textOf(calm.sandbox));
  });

  it('that injects nothing is never taken for a success', async () => {
    const moment = forkOf(start);
    moment.sandbox.cluster.setWebhook({ mode: 'skip' } as never);
    const result = await guarded(moment, 'apply');
    expect(result.exit).toBe(1);
    expect(ended(result, move)).toBe('undone');
    expect([...result.moves.values()]).not.toContain('done');
  });
});

describe('another hand', { timeout: 120_000 }, () => {
  const trustWith = async (moment: Moment, role: string): Promise<void> => {
    const found = moment.sandbox.world.role(`arn:aws:iam::111122223333:role/${role}`);
    const document = JSON.parse(String((found as unknown as { trust: string }).trust)) as { Statement: unknown[] };
    document.Statement.push({
      Sid: 'Auditor',
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::111122223333:root' },
      Action: 'sts:AssumeRole',
    });
    const body = new URLSearchParams({
      Action: 'UpdateAssumeRolePolicy',
      Version: '2010-05-08',
      RoleName: role,
      PolicyDocument: JSON.stringify(document),
    });
    const answer = await moment.sandbox.handle(
      {
        method: 'POST',
        url: 'http://sandbox/',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          authorization:
            'AWS4-HMAC-SHA256 Credential=AKIA0000111122223333/20260101/eu-west-1/iam/aws4_request, Signature=0',
        },
        body: body.toString(),
      },
      new AbortController().signal,
    );
    expect(answer.status).toBe(200);
  };

  it('in a trust policy survives the way there and back', async () => {
    const moment = forkOf(start);
    await guarded(moment, 'apply');
    await trustWith(moment, 'payments-api');
    const back = await guarded(moment, 'rollback');
    expect(back.failures).toEqual([]);
    expect(trustOf(moment, 'payments-api')).toContain('Auditor');
    expect(trustOf(moment, 'payments-api')).not.toContain('Rolelift');
  });

  it('on a pod template is left alone', async () => {
    const moment = forkOf(start);
    await guarded(moment, 'apply');
    await somebody(moment.sandbox, 'PATCH', api, templateAnnotations({ 'acme.example/release': '42' }));
    await moment.clock.advance(120_000);
    expect((await guarded(moment, 'rollback')).failures).toEqual([]);
    const live = moment.sandbox.view.get('apps/v1', 'Deployment', 'payments', 'api');
    expect(objectAt(live, 'spec', 'template', 'metadata', 'annotations')).toMatchObject({
      'acme.example/release': '42',
      'iam.amazonaws.com/role': 'payments-api',
    });
  });

  it('that binds the account elsewhere before the step is not overwritten', async () => {
    const moment = forkOf(start);
    const theirs = 'arn:aws:iam::111122223333:role/somebody-elses';
    await somebody(moment.sandbox, 'PATCH', account, {
      metadata: { annotations: { 'eks.amazonaws.com/role-arn': theirs } },
    });
    const result = await run(actor, moment, 'apply');
    expect(result.failures.find((failure) => failure.move === move)?.error.code).toMatch(/^RL83[12]$/);
    expect(ended(result, other)).toBe('done');
    const live = moment.sandbox.view.get('v1', 'ServiceAccount', 'payments', 'api');
    expect(objectAt(live, 'metadata', 'annotations')['eks.amazonaws.com/role-arn']).toBe(theirs);
  });

  it('that lets one more workload use the account is refused by the precondition', async () => {
    const moment = forkOf(start);
    await somebody(moment.sandbox, 'POST', '/apis/apps/v1/namespaces/payments/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'stowaway', namespace: 'payments' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'stowaway' } },
        template: {
          metadata: { labels: { app: 'stowaway' } },
          spec: { serviceAccountName: 'api', containers: [{ name: 'main', image: 'stowaway:1' }] },
        },
      },
    });
    await moment.clock.advance(60_000);
    const result = await run(actor, moment, 'apply');
    const failure = result.failures.find((each) => each.move === move);
    expect(failure?.error.code).toBe('RL831');
    expect(failure?.error.cause).toContain('stowaway');
    expect(moment.sandbox.identities('payments').find(({ pod }) => pod.startsWith('stowaway'))?.role ?? null).not.toBe(
      'arn:aws:iam::111122223333:role/payments-api',
    );
  });

  it('that deletes the workload before the rollback leaves nothing undone but that', async () => {
    const moment = forkOf(start);
    await guarded(moment, 'apply');
    await somebody(moment.sandbox, 'DELETE', api);
    await moment.clock.advance(60_000);
    const result = await run(actor, moment, 'rollback');
    expect(result.failures).toEqual([]);
    expect(result.exit).toBe(0);
    expect(trustOf(moment, 'payments-api')).not.toContain('Rolelift');
    expect(ended(result, move)).toBe('undone');
  });

  it('that deletes the service account before the rollback holds up that move alone, until it is back', async () => {
    const moment = forkOf(start);
    await guarded(moment, 'apply');
    await somebody(moment.sandbox, 'DELETE', account);
    await moment.clock.advance(60_000);
    const result = await run(actor, moment, 'rollback', { unwind: { rolloutTimeoutMs: 60_000 } });
    // No pod can be made without its account, so the rollout of the old template does not get ready.
    expect(result.exit).toBe(1);
    expect(result.failures.map((failure) => [failure.move, failure.during])).toEqual([[move, 'undo']]);
    expect(result.failures[0]?.byHand.length).toBeGreaterThan(0);
    expect(ended(result, move)).toBe('stuck');
    expect(ended(result, other)).toBe('undone');
    expect(trustOf(moment, 'payments-api')).toContain('Rolelift');
    await somebody(moment.sandbox, 'POST', '/api/v1/namespaces/payments/serviceaccounts', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'api', namespace: 'payments' },
      imagePullSecrets: [{ name: 'registry' }],
    });
    await moment.clock.advance(120_000);
    const again = await run(actor, moment, 'rollback');
    expect(again.failures).toEqual([]);
    expect(textOf(moment.sandbox)).toBe(before);
  });

  it('that takes the role away before the rollback is told, and the rest is undone', async () => {
    const moment = forkOf(start);
    await guarded(moment, 'apply');
    moment.sandbox.faults.add({
      service: 'iam',
      match: 'payments-api',
      code: 'NoSuchEntity',
      status: 404,
      times: null,
    });
    const result = await run(actor, moment, 'rollback');
    expect(result.failures.filter((failure) => failure.move === other)).toEqual([]);
    expect(ended(result, other)).toBe('undone');
  });
});

describe('the old way', { timeout: 120_000 }, () => {
  it('comes back for one move alone, though its broker was taken out of the trust', async () => {
    const moment = forkOf(start);
    await guarded(moment, 'apply');
    const back = await guarded(moment, 'rollback', { unwind: { scope: { is: 'moves', moves: [move] } } });
    expect(back.failures).toEqual([]);
    expect(back.exit).toBe(0);
    expect(ended(back, move)).toBe('undone');
    expect(ended(back, other)).toBe('kept');
    expect(trustOf(moment, 'payments-api')).not.toContain('Rolelift');
    expect(trustOf(moment, 'orders-checkout')).toContain('Rolelift');
    expect((await guarded(moment, 'rollback')).exit).toBe(0);
    expect(textOf(moment.sandbox)).toBe(before);
  });

  it('is asked for before a move is undone, and a move without one stays', async () => {
    const moment = forkOf(start);
    await guarded(moment, 'apply');
    const applied = textOf(moment.sandbox);
    const gone = {
      code: 'RL406',
      message: 'gone',
      subject: null,
      cause: 'kiam is not there',
      remedy: '',
      fault: 'user',
    } as const;
    const result = await run(actor, moment, 'rollback', {
      unwind: { scope: { is: 'moves', moves: [move] } },
      host: { oldWay: async () => gone },
    });
    expect(result.exit).toBe(4);
    expect(ended(result, move)).toBe('refused');
    expect(textOf(moment.sandbox)).toBe(applied);
  });
});

describe('credentials that are over for an hour', () => {
  it('pause the run, and fresh ones let it go on in the same run', async () => {
    const moment = forkOf(start);
    moment.sandbox.faults.add({ service: 'iam', code: 'ExpiredToken', status: 403, times: 3, skip: 4 });
    let asked = 0;
    const result = await guarded(moment, 'apply', {
      host: {
        freshCredentials: async () => {
          asked += 1;
          return true;
        },
      },
    });
    expect(asked).toBeGreaterThan(0);
    expect(result.failures).toEqual([]);
    expect(result.exit).toBe(0);
    expect((await guarded(moment, 'rollback')).exit).toBe(0);
    expect(textOf(moment.sandbox)).toBe(before);
  });
});
