import { beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/model/message.js';
import type { PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { plainStyle } from '../../src/model/style.js';
import { componentsOf, partWith } from '../../src/rehearsal/components.js';
import { faultsFor } from '../../src/rehearsal/faults.js';
import { identityModel } from '../../src/rehearsal/model.js';
import { engine } from '../../src/rehearsal/play.js';
import { rehearse } from '../../src/rehearsal/rehearse.js';
import { shapesOf } from '../../src/rehearsal/shapes.js';
import { forkTwin, raiseTwin, Troupe } from '../../src/rehearsal/twin.js';
import type { Rehearsal } from '../../src/rehearsal/verdict.js';
import { playWhole } from '../../src/rehearsal/whole-play.js';
import { writeOf } from '../../src/rehearsal/writes.js';
import { rehearsalText } from '../../src/report/rehearsal.js';
import { twinOf } from '../../src/sandbox/twin.js';
import { registry } from '../../src/steps/registry.js';
import type { StepKind } from '../../src/steps/step.js';
import { fast, planned } from './estates.js';
import { accountObject, kiamTrust, manyMoves, workload } from './many-moves.js';

type Estate = Awaited<ReturnType<typeof planned>>;
const namespace = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, annotations: { 'iam.amazonaws.com/permitted': '.*' } },
});

describe('a rehearsal', () => {
  let estate: Estate;
  let verdict: Rehearsal;
  const said: Message[] = [];
  beforeAll(async () => {
    const whole = await planned('demo');
    // One that is rolled, one between its runs, one on every node, and one that another tool delivers.
    const chosen = ['payments/api', 'batch/nightly-report', 'logging/log-shipper', 'storefront/web'];
    const ids = chosen.map((name) => `move:${name}`);
    estate = partWith(whole.plan, whole.inventory, registry, ids);
    verdict = await rehearse({ ...estate, tool: 'rolelift test', quick: true, say: (message) => said.push(message) });
  }, 120_000);

  it('passes a plan that is right, hand-offs and all, and says how much it has looked at', () => {
    expect(verdict.failures).toEqual([]);
    expect(verdict).toMatchObject({
      format: 'rolelift.rehearsal/1',
      plan: estate.plan.digest,
      passed: true,
      tool: 'rolelift test',
    });
    expect(verdict.notPlayed).toEqual([]);
    expect(verdict.states).toBeGreaterThan(50);
    expect(verdict.answers).toBeGreaterThan(verdict.states);
    expect(verdict.interruptionPoints).toBeGreaterThan(40);
    expect(verdict.playedInFull).toBeGreaterThan(10);
    expect(Object.keys(verdict.faults)).toEqual(
      expect.arrayContaining([
        'throttling',
        'failing rollout',
        'webhook misses pods',
        'rescheduled pods',
        'foreign edits',
      ]),
    );
  });

  it('says what the real run will take', () => {
    const rolling = estate.plan.steps.filter(({ kind }) =>
      ['restart-workload', 'remove-pod-annotation'].includes(kind),
    );
    expect(verdict.estimate.restarts).toBeGreaterThan(0);
    expect(verdict.estimate.restarts).toBeLessThanOrEqual(rolling.length);
    expect(verdict.estimate.calls).toBeGreaterThan(estate.plan.steps.length);
    expect(verdict.estimate.minutes).toBeGreaterThan(0);
  });

  it('shows progress', () => {
    const counts = said.flatMap((message) =>
      message.kind === 'progress' && message.done !== undefined ? [message] : [],
    );
    expect(counts.length).toBeGreaterThan(10);
    expect(counts.every(({ done, of }) => (done ?? 0) <= (of ?? 0))).toBe(true);
    expect(said.at(-1)).toMatchObject({ kind: 'progress', id: 'interruptions', state: 'done' });
  });

  it('gives the same verdict twice', async () => {
    const part = partWith(estate.plan, estate.inventory, registry, [estate.plan.moves[0]?.id ?? '']);
    const play = () => rehearse({ ...part, tool: 'test', quick: true });
    expect(await play()).toEqual(await play());
  });

  it('is told in a few lines', () => {
    const text = rehearsalText(verdict, plainStyle, 100);
    expect(text).toMatch(/the rehearsal passed/);
    expect(text).toMatch(/\d+ states checked/);
    const failed = {
      ...verdict,
      passed: false,
      failures: [{ message: 'm\u001b[31m', subject: '', move: null, reproduce: 'rolelift rehearse PLAN --move x' }],
    };
    expect(rehearsalText(failed, plainStyle, 100)).toMatch(
      /failed: 1 failure[\s\S]*again: rolelift rehearse PLAN --move x/,
    );
    expect(rehearsalText(failed, plainStyle, 100)).not.toContain('\u001b');
  });

  it('ends where it is stopped, without a verdict', async () => {
    const stop = AbortSignal.abort(new Error('stopped by SIGINT'));
    await expect(rehearse({ ...estate, tool: 'test', quick: true, signal: stop })).rejects.toMatchObject({
      data: { code: 'RL806' },
    });
  });
});

describe('workloads that a controller does not roll', () => {
  const of = async (objects: object[], options: Partial<PlanOptions>) =>
    planned(
      await manyMoves(0, {
        objects: [namespace('k'), accountObject('k', 'app'), ...(objects as never[])],
        roles: [{ name: 'k-role', trust: kiamTrust }],
      }),
      options,
    );
  const play = async (objects: object[], options: Partial<PlanOptions> = {}) =>
    rehearse({ ...(await of(objects, options)), tool: 'test', quick: true });
  const spec = { serviceAccountName: 'app', containers: [{ name: 'main', image: 'example.com/app:1' }] };
  const annotations = { 'iam.amazonaws.com/role': 'k-role' };

  it('are rehearsed with a person who replaces a bare pod', async () => {
    const verdict = await play([
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'w', namespace: 'k', annotations }, spec },
    ]);
    expect(verdict).toMatchObject({ passed: true, failures: [], notPlayed: [] });
    expect(verdict.interruptionPoints).toBeGreaterThan(10);
  });

  it('are rehearsed with a person who deletes the pods of an OnDelete StatefulSet', async () => {
    const set = workload('StatefulSet', 'k', 'w', 'app', 'k-role') as { spec: object };
    const verdict = await play([{ ...set, spec: { ...set.spec, updateStrategy: { type: 'OnDelete' } } }]);
    expect(verdict).toMatchObject({ passed: true, failures: [], notPlayed: [] });
  });

  it('are rehearsed with a person who resumes a paused Deployment, its pods rescheduled meanwhile', async () => {
    const one = workload('Deployment', 'k', 'w', 'app', 'k-role') as { spec: object };
    const verdict = await play([{ ...one, spec: { ...one.spec, paused: true } }], { restart: 'once' });
    expect(verdict).toMatchObject({ passed: true, failures: [], notPlayed: [] });
    expect(verdict.faults['rescheduled pods']).toBe(1);
  });

  it('are rehearsed between the runs of a CronJob', async () => {
    const template = { metadata: { annotations }, spec: { ...spec, restartPolicy: 'Never' } };
    const verdict = await play([
      {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { name: 'w', namespace: 'k' },
        spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template } } },
      },
    ]);
    expect(verdict).toMatchObject({ passed: true, failures: [] });
  });
});

describe('components', () => {
  it('hold the moves that share anything, and only those; alike ones have one shape', async () => {
    const { plan, inventory } = await planned(await manyMoves(10));
    const components = componentsOf(plan, inventory, registry);
    const moves = components.map((component) => component.moves.map(({ id }) => id.replace('move:', '')));
    expect(moves.flat().sort()).toEqual(plan.moves.map(({ id }) => id.replace('move:', '')).sort());
    expect(moves).toContainEqual(['team-007/reader', 'team-007/writer']);
    expect(moves).toContainEqual(['team-002/app', 'team-003/app']);
    expect(moves).toContainEqual(['team-000/app']);
    const shapes = shapesOf(components);
    const shapeOf = (move: string) => shapes[moves.findIndex((each) => each.includes(move))];
    expect(shapeOf('team-000/app')).toBe(shapeOf('team-001/app'));
    expect(shapeOf('team-000/app')).not.toBe(shapeOf('team-004/app'));
    expect(shapeOf('team-000/app')).not.toBe(shapeOf('team-002/app'));
    for (const component of components) {
      const ids = new Set(component.plan.steps.map(({ id }) => id));
      expect(component.plan.steps.flatMap(({ dependsOn }) => dependsOn).every((id) => ids.has(id))).toBe(true);
      expect(component.inventory.workloads.length).toBeLessThan(inventory.workloads.length);
    }
  });
});

describe('faults', () => {
  it('lead back a StatefulSet whose pods fail with the new identity, the old annotation gone already', async () => {
    const objects = [namespace('k'), accountObject('k', 'app'), workload('StatefulSet', 'k', 'w', 'app', 'k-role')];
    const estate = await planned(await manyMoves(0, { objects, roles: [{ name: 'k-role', trust: kiamTrust }] }), {
      restart: 'once',
    });
    const verdict = await rehearse({ ...estate, tool: 'test', quick: true });
    expect(verdict.failures).toEqual([]);
    expect(verdict.faults['failing rollout']).toBe(1);
  });

  it('are noticed by whoever plays on past a rollout that fails', async () => {
    const { plan, inventory } = await planned(await manyMoves(1));
    const scenario = twinOf(inventory);
    const start = await raiseTwin(scenario);
    const plays = await faultsFor(start, plan as Plan, inventory, true);
    const failing = plays.find(({ fault }) => fault.name === 'failing rollout');
    expect(failing).toBeDefined();
    const blind = async () => ({ is: 'done', output: {} }) as const;
    const kinds = new Map(registry);
    for (const name of ['restart-workload', 'prove-identity', 'remove-pod-annotation']) {
      const kind = registry.get(name) as StepKind;
      kinds.set(name, {
        ...kind,
        apply: blind,
        undo: async () => ({ is: 'done', how: 'exact', note: '' }),
        observe: async () => ({ is: 'not-applied', saw: {} }),
        changes: () => [],
        preconditions: async () => [],
      });
    }
    const played = await playWhole({
      cast: { plan, registry: kinds, engine, troupe: await Troupe.of(scenario, fast) },
      inventory,
      model: identityModel,
      ...(failing as NonNullable<typeof failing>),
    });
    expect(played.failures.map(({ message }) => message).join()).toContain(
      'nobody noticed: where the new pods of Deployment team-000/app fail',
    );
    expect(forkTwin(start).sandbox.canonical()).toEqual(start.sandbox.canonical());
  });
});

describe('writes', () => {
  const request = (method: string, url: string, body = '', headers: Record<string, string> = {}) => ({
    method,
    url,
    headers,
    body,
  });
  const signed = {
    authorization: 'AWS4-HMAC-SHA256 Credential=AKIA0000111122223333/20260101/eu-west-1/iam/aws4_request',
  };

  it('are told from reads, dry runs, reviews and housekeeping', () => {
    for (const [method, path] of [
      ['GET', '/api/v1/namespaces/a/pods/b'],
      ['POST', '/api/v1/namespaces/a/pods?dryRun=All'],
      ['POST', '/api/v1/namespaces/a/serviceaccounts/b/token'],
      ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'],
      ['PATCH', '/apis/coordination.k8s.io/v1/namespaces/a/leases/b'],
    ])
      expect(writeOf(request(method as string, `http://twin${path}`), 'kubernetes')).toBeNull();
    expect(writeOf(request('POST', 'http://iam/', 'Action=GetRole&RoleName=a', signed), 'aws')).toBeNull();
  });

  it('name what they touch', () => {
    const keys = (...given: Parameters<typeof request>) =>
      writeOf(request(...given), given[1].includes('/api') ? 'kubernetes' : 'aws')?.keys;
    expect(keys('PATCH', 'http://twin/api/v1/namespaces/a/serviceaccounts/b')).toEqual(['account:a/b']);
    expect(keys('PATCH', 'http://twin/apis/apps/v1/namespaces/a/deployments/b')).toEqual(['workload:deployments/a/b']);
    expect(keys('POST', 'http://twin/api/v1/namespaces/a/serviceaccounts', '{"metadata":{"name":"b"}}')).toEqual([
      'account:a/b',
    ]);
    expect(keys('POST', 'http://iam/', 'Action=UpdateAssumeRolePolicy&RoleName=r', signed)).toEqual([
      'role:111122223333/r',
    ]);
    expect(
      keys('POST', 'http://eks/clusters/c/pod-identity-associations', '{"namespace":"a","serviceAccount":"b"}', signed),
    ).toEqual(['association:a/b']);
    expect(keys('POST', 'http://eks/clusters/c/addons', '{}', signed)).toEqual(['all']);
  });
});
