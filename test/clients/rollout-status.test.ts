import { describe, expect, it } from 'vitest';
import { rolloutState } from '../../src/clients/rollout-status.js';
import type { JsonObject } from '../../src/model/json.js';

const deployment = (status: JsonObject, spec: JsonObject = { replicas: 2 }): JsonObject => ({
  kind: 'Deployment',
  metadata: { generation: 3 },
  spec,
  status,
});

describe('rollout status as kubectl reads it', () => {
  it.each([
    [
      'a generation that was not observed yet',
      { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
      'waiting',
    ],
    [
      'too few new replicas',
      { observedGeneration: 3, replicas: 2, updatedReplicas: 1, availableReplicas: 2 },
      'waiting',
    ],
    [
      'old replicas that still end',
      { observedGeneration: 3, replicas: 3, updatedReplicas: 2, availableReplicas: 2 },
      'waiting',
    ],
    [
      'new replicas that are not available',
      { observedGeneration: 3, replicas: 2, updatedReplicas: 2, availableReplicas: 1 },
      'waiting',
    ],
    ['all new and available', { observedGeneration: 3, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }, 'done'],
  ])('a Deployment with %s', (_name, status, is) => {
    expect(rolloutState(deployment(status), 3).is).toBe(is);
  });

  it('fails a Deployment that exceeded its progress deadline', () => {
    const status = {
      observedGeneration: 3,
      conditions: [{ type: 'Progressing', reason: 'ProgressDeadlineExceeded', message: 'too slow' }],
    };
    expect(rolloutState(deployment(status), 3)).toEqual({ is: 'failed', because: 'too slow' });
  });

  it('is done at once with no replicas', () => {
    expect(rolloutState(deployment({ observedGeneration: 3 }, { replicas: 0 }), 3).is).toBe('done');
  });

  it.each([
    [
      { replicas: 3 },
      { observedGeneration: 3, readyReplicas: 3, updatedReplicas: 2, updateRevision: 'b', currentRevision: 'a' },
      'waiting',
    ],
    [
      { replicas: 3 },
      { observedGeneration: 3, readyReplicas: 3, updatedReplicas: 3, updateRevision: 'b', currentRevision: 'b' },
      'done',
    ],
    [
      { replicas: 3 },
      { observedGeneration: 3, readyReplicas: 2, updateRevision: 'b', currentRevision: 'b' },
      'waiting',
    ],
    [
      { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } },
      { observedGeneration: 3, readyReplicas: 3, updatedReplicas: 1, updateRevision: 'b', currentRevision: 'a' },
      'done',
    ],
    [
      { replicas: 3, updateStrategy: { rollingUpdate: { partition: 1 } } },
      { observedGeneration: 3, readyReplicas: 3, updatedReplicas: 1, updateRevision: 'b', currentRevision: 'a' },
      'waiting',
    ],
  ])('a StatefulSet with spec %j and status %j', (spec, status, is) => {
    expect(rolloutState({ kind: 'StatefulSet', metadata: { generation: 3 }, spec, status } as JsonObject, 3).is).toBe(
      is,
    );
  });

  it.each([
    [{ observedGeneration: 3, desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3 }, 'waiting'],
    [{ observedGeneration: 3, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2 }, 'waiting'],
    [{ observedGeneration: 3, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 }, 'done'],
  ])('a DaemonSet with %j', (status, is) => {
    expect(rolloutState({ kind: 'DaemonSet', metadata: { generation: 3 }, spec: {}, status }, 3).is).toBe(is);
  });
});
