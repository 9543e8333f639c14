import { numberAt, textAt } from '../../../model/json.js';
import { isDeleting, type JsonObject, type KubeObject, objectKey } from '../object.js';
import type { State } from '../state.js';
import { availableIn, createPod, deletePod, ended, podReady, pods, putStatus, syncTask } from './shared.js';

/** ReplicaSets and ReplicationControllers (`pkg/controller/replicaset/replica_set.go`). */
export const syncReplicas = (state: State, table: string, owner: KubeObject): void => {
  const uid = textAt(owner, 'metadata', 'uid') ?? '';
  const owned = state.store.ownedBy(pods, uid);
  const live = owned.filter((pod) => !isDeleting(pod) && !ended(pod));
  const wanted = isDeleting(owner) ? live.length : (numberAt(owner, 'spec', 'replicas') ?? 1);
  let failed = false;
  for (let more = live.length; more < wanted && !failed; more += 1) failed = !createPod(state, owner);
  if (live.length > wanted) {
    for (const pod of [...live].sort(leastWorth).slice(0, live.length - wanted)) deletePod(state, owner, pod);
  }
  if (failed) state.tasks.add(syncTask(table, objectKey(owner)), 5_000);
  const now = state.store.ownedBy(pods, uid).filter((pod) => !isDeleting(pod) && !ended(pod));
  const waits = now.map((pod) => availableIn(state, pod, numberAt(owner, 'spec', 'minReadySeconds') ?? 0));
  const available = waits.filter((wait) => wait === 0).length;
  const next = Math.min(...waits.filter((wait) => wait !== null && wait > 0).map(Number));
  if (Number.isFinite(next)) state.tasks.add(syncTask(table, objectKey(owner)), next);
  const ready = now.filter(podReady).length;
  const status: JsonObject = {
    replicas: now.length,
    ...(now.length === 0 ? {} : { fullyLabeledReplicas: now.length }),
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(available === 0 ? {} : { availableReplicas: available }),
    observedGeneration: numberAt(owner, 'metadata', 'generation') ?? 1,
    ...(failed
      ? {
          conditions: [
            { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'a pod could not be created' },
          ],
        }
      : {}),
  };
  putStatus(state, table, objectKey(owner), status);
};

/** Which pod goes first: not bound, not ready, younger (`ActivePodsWithRanks`). */
const leastWorth = (left: KubeObject, right: KubeObject): number => {
  const worth = (pod: KubeObject): number =>
    (textAt(pod, 'spec', 'nodeName') ?? '') === '' ? 0 : podReady(pod) ? 2 : 1;
  const difference = worth(left) - worth(right);
  if (difference !== 0) return difference;
  return Number(textAt(right, 'metadata', 'resourceVersion')) - Number(textAt(left, 'metadata', 'resourceVersion'));
};
