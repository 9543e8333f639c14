import { describe, expect, it } from 'vitest';
import { type LeaseOptions, takeLease } from '../../src/journal/lease-lock.js';
import { listRuns, recordRun } from '../../src/journal/run-registry.js';
import { virtualClock } from '../engine/virtual-clock.js';
import { fakeKubernetes } from './fake-kubernetes.js';

const setting = () => {
  const clock = virtualClock();
  const { client, state } = fakeKubernetes();
  const take = (holder: string, more: Partial<LeaseOptions> = {}) =>
    takeLease({ kubernetes: client, clock, namespace: 'kube-system', name: 'rolelift', holder, ...more });
  const spec = () => [...state.objects.values()][0]?.spec as Record<string, unknown>;
  return { clock, state, take, spec, client };
};

describe('the lease in the cluster', () => {
  it('is renewed while it is held, so that a second run is refused and told who holds it', async () => {
    const { clock, take } = setting();
    const first = await take('alice');
    const refused = await take('bob').catch((thrown) => thrown);
    expect([refused.data?.code, refused.exit]).toEqual(['RL862', 5]);
    expect(refused.data.cause).toContain('alice');
    await clock.sleep(300_000);
    expect(first.fence.aborted).toBe(false);
    expect(first.left()).toBeGreaterThan(25_000);
    await first.release();
    const next = await take('bob');
    await next.release();
  });

  it('is taken over only after its duration and one call more', async () => {
    const { clock, take, state, spec } = setting();
    const first = await take('alice');
    state.before = async () => {};
    // Alice dies: nothing of hers renews any more.
    const dead = [...state.objects.entries()];
    await first.release();
    for (const [key, value] of dead) state.objects.set(key, value);
    const begin = clock.monotonic();
    const second = await take('bob');
    expect(clock.monotonic() - begin).toBeGreaterThanOrEqual(70_000);
    expect(spec().holderIdentity).toBe('bob');
    await second.release();
  });

  it('is taken at once from a dead run of the own directory', async () => {
    const { clock, take, state } = setting();
    const first = await take('alice');
    const dead = [...state.objects.entries()];
    await first.release();
    for (const [key, value] of dead) state.objects.set(key, value);
    const begin = clock.monotonic();
    const second = await take('bob', { isOurs: (holder) => holder === 'alice' });
    expect(clock.monotonic() - begin).toBeLessThan(1_000);
    await second.release();
  });

  it('is given up after 40 s without a renewal, before others may take it', async () => {
    const { clock, take, state } = setting();
    const lease = await take('alice');
    const begin = clock.monotonic();
    state.before = () => new Promise(() => {});
    await new Promise<void>((resolve) => lease.fence.addEventListener('abort', () => resolve()));
    expect(clock.monotonic() - begin).toBeLessThanOrEqual(41_000);
    expect(lease.left()).toBe(0);
    expect(lease.fence.reason).toMatchObject({ exit: 5, data: { code: 'RL863' } });
  });

  it('knows that it ran out while the machine slept, before any timer fires', async () => {
    const { clock, take } = setting();
    const lease = await take('alice');
    clock.advance(45_000);
    expect(lease.left()).toBe(0);
    await lease.release();
  });

  it('is lost at once when somebody else stands in it, and survives a foreign edit of its labels', async () => {
    const { clock, take, state } = setting();
    const lease = await take('alice');
    const [key, value] = [...state.objects.entries()][0]!;
    state.objects.set(key, {
      ...value,
      metadata: { ...(value.metadata as object), resourceVersion: 'x1', labels: {} },
    });
    await clock.sleep(15_000);
    expect(lease.fence.aborted).toBe(false);
    const now = state.objects.get(key)!;
    state.objects.set(key, {
      ...now,
      metadata: { ...(now.metadata as object), resourceVersion: 'x2' },
      spec: { ...(now.spec as object), holderIdentity: 'mallory' },
    });
    await clock.sleep(11_000);
    expect(lease.fence.aborted).toBe(true);
    await lease.release();
  });
});

describe('the runs that a cluster knows of', () => {
  const entry = (run: string, startedAt: string) => ({
    run,
    command: 'apply',
    planId: 'p',
    plan: 'sha256:1',
    state: 's3://bucket/prefix',
    holder: 'me',
    tool: 'rolelift 0',
    startedAt,
    endedAt: null,
    exit: null,
  });

  it('are listed newest first, and an entry is replaced at its end', async () => {
    const { client } = fakeKubernetes();
    await recordRun(client, 'kube-system', entry('a', '2026-01-01'));
    await recordRun(client, 'kube-system', entry('b', '2026-01-02'));
    await recordRun(client, 'kube-system', { ...entry('a', '2026-01-01'), endedAt: '2026-01-03', exit: 0 });
    const runs = await listRuns(client, 'kube-system');
    expect(runs.map(({ run, exit }) => [run, exit])).toEqual([
      ['b', null],
      ['a', 0],
    ]);
  });

  it('lose no entry to writers at the same moment', async () => {
    const { client } = fakeKubernetes();
    await Promise.all(['a', 'b', 'c'].map((run) => recordRun(client, 'kube-system', entry(run, run))));
    expect(await listRuns(client, 'kube-system')).toHaveLength(3);
  });
});
