import { describe, expect, it } from 'vitest';
import { RolloutWatch } from '../../src/clients/rollout-watch.js';
import type { Clock } from '../../src/model/clock.js';
import type { JsonObject } from '../../src/model/json.js';
import { kubernetesRef } from '../../src/model/resource.js';

const ref = kubernetesRef('apps/v1', 'Deployment', 'a', 'x');
const deployment = (reason: string, updated: number, observed = 2): JsonObject => ({
  metadata: { name: 'x', namespace: 'a', generation: 2, resourceVersion: '10' },
  spec: { replicas: 1 },
  status: {
    observedGeneration: observed,
    replicas: 1,
    updatedReplicas: updated,
    availableReplicas: 1,
    conditions: [{ type: 'Progressing', reason, message: `it is ${reason}` }],
  },
});

/** A watch whose events and whose clock the test moves. */
const watchFrom = (first: JsonObject) => {
  const sleepers: (() => void)[] = [];
  let tell = (_event: JsonObject): void => undefined;
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: () => new Promise((resolve) => sleepers.push(resolve)),
  };
  const watch = new RolloutWatch({
    list: async () => ({ items: [first], resourceVersion: '10' }),
    async *watch(_version, stop) {
      while (!stop.aborted) {
        yield await new Promise<JsonObject>((resolve, reject) => {
          tell = (object) => resolve({ type: 'MODIFIED', object });
          stop.addEventListener('abort', () => reject(stop.reason), { once: true });
        });
      }
    },
    podsOf: async () => [],
    clock,
    signal: new AbortController().signal,
  });
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    ended: watch.wait(ref, 2, new AbortController().signal).then(
      () => 'done',
      (thrown: { data: { code: string } }) => thrown.data.code,
    ),
    turn,
    tell: async (object: JsonObject) => {
      await turn();
      tell(object);
      await turn();
    },
    pass: async () => {
      await turn();
      for (const wake of sleepers.splice(0)) wake();
    },
  };
};

describe('waiting for a rollout that timed out before', () => {
  it('takes the time-out for the last rollout’s when progress follows', async () => {
    const { ended, tell } = watchFrom(deployment('ProgressDeadlineExceeded', 0));
    await tell(deployment('NewReplicaSetAvailable', 1));
    expect(await ended).toBe('done');
  });
  it('believes it when it still stands after a while', async () => {
    const { ended, pass } = watchFrom(deployment('ProgressDeadlineExceeded', 0));
    await pass();
    expect(await ended).toBe('RL821');
  });
  it('believes at once one that arises while it watches', async () => {
    const { ended, tell } = watchFrom(deployment('ReplicaSetUpdated', 0));
    await tell(deployment('ProgressDeadlineExceeded', 0));
    expect(await ended).toBe('RL821');
  });
  it('does not take a look at the template before for such a watching', async () => {
    const { ended, tell, pass, turn } = watchFrom(deployment('ReplicaSetUpdated', 1, 1));
    await tell(deployment('ProgressDeadlineExceeded', 0));
    const early = await Promise.race([ended, turn().then(() => 'waits')]);
    expect(early).toBe('waits');
    await pass();
    expect(await ended).toBe('RL821');
  });
});
