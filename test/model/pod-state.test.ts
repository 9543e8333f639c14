import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import { podTrouble, podTroubles } from '../../src/model/pod-state.js';

const pod = (status: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name: 'api-1', ...metadata },
  status,
});
const waiting = (reason: string, more: JsonObject = {}, message?: string): JsonObject => ({
  name: 'main',
  ready: false,
  state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
  ...more,
});

describe('why a pod is not ready', () => {
  it('is told by how its container ended, not by when the kubelet tries again', () => {
    const status = waiting(
      'CrashLoopBackOff',
      { restartCount: 5, lastState: { terminated: { reason: 'Error', exitCode: 1 } } },
      'back-off 2m40s restarting failed container',
    );
    expect(podTrouble(pod({ containerStatuses: [status] }))).toBe(
      'pod api-1, container main: CrashLoopBackOff, ended with Error (exit code 1), 5 restarts',
    );
  });

  it('is told in the words of the kubelet or the scheduler where there is nothing better, cut where they are long', () => {
    const image = waiting('ImagePullBackOff', {}, `cannot pull\n  ${'x'.repeat(300)}`);
    expect(podTrouble(pod({ containerStatuses: [image] }))).toMatch(
      /^pod api-1, container main: ImagePullBackOff, cannot pull x{147}…$/,
    );
    const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }];
    expect(podTrouble(pod({ phase: 'Pending', conditions }))).toBe('pod api-1: 0/3 nodes are available');
  });

  it('looks at init containers first, and says where one merely runs', () => {
    const init = { name: 'setup', state: { running: {} }, ready: false };
    expect(podTrouble(pod({ initContainerStatuses: [init], containerStatuses: [waiting('PodInitializing')] }))).toBe(
      'pod api-1, container setup runs and is not ready',
    );
    expect(podTrouble(pod({ containerStatuses: [waiting('ContainerCreating')] }))).toBe('pod api-1 is not ready');
    expect(podTrouble(pod({}))).toBe('pod api-1 is not ready');
  });

  it('is nothing where the pod is ready, has ended, or is on its way out', () => {
    const crashed = { containerStatuses: [waiting('CrashLoopBackOff')] };
    expect(podTrouble(pod({ ...crashed, conditions: [{ type: 'Ready', status: 'True' }] }))).toBeNull();
    expect(podTrouble(pod({ ...crashed, phase: 'Failed' }))).toBeNull();
    expect(podTrouble(pod(crashed, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toBeNull();
  });

  it('is told of three pods, and the others are counted', () => {
    const pods = ['a', 'b', 'c', 'd', 'e'].map((name) => pod({}, { name }));
    expect(podTroubles(pods)).toBe('pod a is not ready; pod b is not ready; pod c is not ready; and 2 pods more');
    expect(podTroubles([])).toBe('');
  });
});
