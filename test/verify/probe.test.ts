import { beforeEach, describe, expect, it } from 'vitest';
import { fold } from '../../src/journal/fold.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { Inventory } from '../../src/model/inventory.js';
import { textAt, textsAt } from '../../src/model/json.js';
import type { PlanOptions } from '../../src/model/options.js';
import { engine, playRun } from '../../src/rehearsal/play.js';
import { type Between, raiseTwin, Troupe } from '../../src/rehearsal/twin.js';
import { twinOf } from '../../src/sandbox/twin.js';
import { registry } from '../../src/steps/registry.js';
import { fallBacks, withFallBacks } from '../../src/verify/fall-backs.js';
import { type MoveProof, verifyMoves } from '../../src/verify/verify.js';
import { fast, planned, scanned } from '../rehearsal/estates.js';
import { manyMoves } from '../rehearsal/many-moves.js';

/** A moved estate, and verify on it. */
const moved = async (options: Partial<PlanOptions> = {}) => {
  const { inventory, plan } = await planned(await manyMoves(1), options);
  const scenario = twinOf(inventory);
  const twin = await raiseTwin(scenario);
  const troupe = await Troupe.of(scenario, fast);
  const store = memoryStore();
  const result = await playRun({ plan, registry, engine, troupe }, 'apply', {
    twin,
    store,
    apply: { stages: ['prepare', 'cutover'] },
  });
  expect(result.failures).toEqual([]);
  const verify = (probeImage: string | null, between?: Between): Promise<readonly MoveProof[]> => {
    troupe.enter(twin, between);
    return twin.clock.drive(
      verifyMoves(
        {
          plan,
          clients: troupe.clients,
          clock: twin.clock,
          signal: new AbortController().signal,
          say: () => undefined,
          run: 'verify-1',
          proveToken: false,
          probeImage,
        },
        fold(store.events),
      ),
    );
  };
  const live = () => {
    troupe.enter(twin);
    return scanned(twin, troupe, scenario);
  };
  return { plan, twin, verify, live };
};

describe('verify --probe', () => {
  let estate: Awaited<ReturnType<typeof moved>>;
  beforeEach(async () => {
    estate = await moved();
  });

  it('proves the identity as used, with a pod that carries none of the labels of the workload and is gone afterwards', async () => {
    const bodies: unknown[] = [];
    const [proof] = await estate.verify('example.com/aws-cli:2', async (request, send) => {
      if (request.method === 'POST' && new URL(request.url).pathname.endsWith('/pods'))
        bodies.push(JSON.parse(request.body));
      return send();
    });
    expect(proof).toMatchObject({ state: 'proven', proof: 'used' });
    expect(proof?.notKnown.join()).toContain('a probe with an SDK of its own');
    expect(bodies).toHaveLength(1);
    expect(textAt(bodies[0], 'spec', 'serviceAccountName')).toBe('app');
    expect(textAt(bodies[0], 'spec', 'containers', 0, 'image')).toBe('example.com/aws-cli:2');
    expect(Object.keys(textsAt(bodies[0], 'metadata', 'labels'))).not.toContain('app');
    const left = estate.twin.sandbox.view
      .list('v1', 'Pod', 'team-000')
      .filter((pod) => textAt(pod, 'metadata', 'name')?.startsWith('rolelift-probe'));
    expect(left.filter((pod) => textAt(pod, 'metadata', 'deletionTimestamp') === undefined)).toEqual([]);
  });

  it('runs no pod unless asked to', async () => {
    const writes: string[] = [];
    const [proof] = await estate.verify(null, async (request, send) => {
      if (request.method !== 'GET' && !request.url.includes('amazonaws.com')) writes.push(request.url);
      return send();
    });
    expect(proof).toMatchObject({ state: 'proven', proof: 'configured' });
    expect(writes).toEqual([]);
  });

  it('tells what a probe got that has lost its role', async () => {
    const account = estate.twin.sandbox.world.accounts.get('111122223333');
    for (const [arn] of account?.providers.entries() ?? []) account?.providers.delete(arn);
    const [proof] = await estate.verify('example.com/aws-cli:2');
    expect(proof?.state).toBe('wrong');
    const probe = await estate.verify('example.com/aws-cli:2');
    expect(JSON.stringify(probe)).toMatch(/no longer in force|a probe got no identity/);
  });

  it('says what a permission kept it from proving', async () => {
    const [proof] = await estate.verify('example.com/aws-cli:2', async (request, send) =>
      request.method === 'POST' && new URL(request.url).pathname.endsWith('/pods')
        ? {
            status: 403,
            headers: {},
            body: JSON.stringify({
              kind: 'Status',
              status: 'Failure',
              reason: 'Forbidden',
              message: 'pods is forbidden',
              code: 403,
            }),
          }
        : send(),
    );
    expect(proof).toMatchObject({ state: 'proven', proof: 'configured' });
    expect(proof?.notKnown.join()).toContain('it takes create, get and delete on pods');
  });
});

describe('a probe for Pod Identity', () => {
  it('proves what nothing passive can', async () => {
    const estate = await moved({ target: 'pod-identity', sdkKnown: ['*'], accept: ['RL217:team-000/app'] });
    expect((await estate.verify(null))[0]).toMatchObject({ state: 'proven', proof: 'configured' });
    expect((await estate.verify('example.com/aws-cli:2'))[0]).toMatchObject({ state: 'proven', proof: 'used' });
  });
});

describe('a workload with an SDK that is too old', () => {
  it('is named, with what to do, and is not proven', async () => {
    const estate = await moved();
    const text = JSON.stringify(await estate.live());
    const live = JSON.parse(
      text.replaceAll('"labels":{"app":"app"', '"labels":{"rolelift.dev/sdk":"botocore_1.10.0","app":"app"'),
    ) as Inventory;
    const [proof] = withFallBacks(await estate.verify(null), fallBacks(live, estate.plan));
    expect(proof?.state).toBe('not-proven');
    expect(proof?.reasons.join()).toMatch(
      /Deployment team-000\/app, container main, still falls back to the old way: botocore 1\.10\.0 .*older than 1\.12\.200.* newer SDK/,
    );
  });
});
