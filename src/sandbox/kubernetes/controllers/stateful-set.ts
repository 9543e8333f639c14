import { listAt, numberAt, objectAt, textAt } from '../../../model/json.js';
import { scaled } from '../disruption.js';
import { isDeleting, type JsonObject, type KubeObject, nameOf, objectKey } from '../object.js';
import type { State } from '../state.js';
import { type Revision, revisionOf, revisions, trimRevisions } from './revisions.js';
import { availableIn, createPod, deletePod, ended, podReady, pods, putStatus, syncTask, templateOf } from './shared.js';

/** StatefulSets (`pkg/controller/statefulset/stateful_set_control.go`): one pod after another, by ordinal. */

const table = 'apps/statefulsets';
const hashLabel = 'controller-revision-hash';
const ordinalOf = (pod: KubeObject): number => Number(/-(\d+)$/.exec(nameOf(pod))?.[1] ?? -1);
const hashOf = (pod: KubeObject): string => textAt(pod, 'metadata', 'labels', hashLabel) ?? '';

export const syncStatefulSet = (state: State, set: KubeObject): void => {
  const update = revisionOf(state, set, templateOf(set));
  const all = revisions(state, set);
  const currentName = textAt(set, 'status', 'currentRevision') ?? update.name;
  const current = all.find((revision) => revision.name === currentName) ?? update;
  if (!isDeleting(set)) act(state, set, current, update);
  writeStatus(state, set, current, update);
};

const act = (state: State, set: KubeObject, current: Revision, update: Revision): void => {
  const replicas = numberAt(set, 'spec', 'replicas') ?? 1;
  const start = numberAt(set, 'spec', 'ordinals', 'start') ?? 0;
  const parallel = textAt(set, 'spec', 'podManagementPolicy') === 'Parallel';
  const rolls = textAt(set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate';
  const partition = numberAt(set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition') ?? 0;
  const owned = state.store.ownedBy(pods, textAt(set, 'metadata', 'uid') ?? '');
  const byOrdinal = new Map(owned.map((pod) => [ordinalOf(pod), pod]));
  for (let ordinal = start; ordinal < start + replicas; ordinal += 1) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) {
      const revision = rolls && ordinal < partition ? current : update;
      if (!create(state, set, ordinal, revision)) return;
      if (!parallel) return;
      continue;
    }
    if (ended(pod) && !isDeleting(pod)) {
      deletePod(state, set, pod);
      return;
    }
    // One pod that is not Ready holds everything up, the repair of a bad template too.
    if (!parallel && (isDeleting(pod) || !podReady(pod))) return;
  }
  const surplus = owned
    .filter((pod) => ordinalOf(pod) >= start + replicas || ordinalOf(pod) < start)
    .sort((a, b) => ordinalOf(b) - ordinalOf(a));
  for (const pod of surplus) {
    if (!isDeleting(pod)) deletePod(state, set, pod);
    if (!parallel) return;
  }
  if (!rolls) return;
  const most = Math.max(
    1,
    scaled(objectAt(set, 'spec', 'updateStrategy', 'rollingUpdate')['maxUnavailable'] ?? 1, replicas, false),
  );
  let unavailable = 0;
  for (let ordinal = start + replicas - 1; ordinal >= Math.max(start, partition); ordinal -= 1) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || isDeleting(pod)) unavailable += 1;
    else if (hashOf(pod) !== update.name) {
      deletePod(state, set, pod);
      unavailable += 1;
    } else if (!podReady(pod)) unavailable += 1;
    if (unavailable >= most) return;
  }
};

const create = (state: State, set: KubeObject, ordinal: number, revision: Revision): boolean => {
  const name = `${nameOf(set)}-${ordinal}`;
  const labels = {
    [hashLabel]: revision.name,
    'statefulset.kubernetes.io/pod-name': name,
    'apps.kubernetes.io/pod-index': String(ordinal),
  };
  const volumes = listAt(revision.template, 'spec', 'volumes');
  const claims = listAt(set, 'spec', 'volumeClaimTemplates').map((claim) => {
    const claimName = textAt(claim, 'metadata', 'name') ?? '';
    return { name: claimName, persistentVolumeClaim: { claimName: `${claimName}-${name}` } };
  });
  const spec: JsonObject = {
    hostname: name,
    subdomain: textAt(set, 'spec', 'serviceName') ?? '',
    ...(claims.length === 0 ? {} : { volumes: [...claims, ...volumes] }),
  };
  const made = createPod(state, set, { name, labels, template: revision.template, spec });
  if (!made) state.tasks.add(syncTask(table, objectKey(set)), 5_000);
  return made;
};

const writeStatus = (state: State, set: KubeObject, current: Revision, update: Revision): void => {
  const owned = state.store.ownedBy(pods, textAt(set, 'metadata', 'uid') ?? '');
  const live = owned.filter((pod) => !isDeleting(pod));
  const wanted = numberAt(set, 'spec', 'replicas') ?? 1;
  const ready = live.filter(podReady).length;
  const waits = live.map((pod) => availableIn(state, pod, numberAt(set, 'spec', 'minReadySeconds') ?? 0));
  const next = Math.min(...waits.filter((wait) => wait !== null && wait > 0).map(Number));
  if (Number.isFinite(next)) state.tasks.add(syncTask(table, objectKey(set)), next);
  const updated = live.filter((pod) => hashOf(pod) === update.name).length;
  const onCurrent = live.filter((pod) => hashOf(pod) === current.name).length;
  const rolls = textAt(set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate';
  const complete = rolls && updated === wanted && owned.length === wanted && ready === wanted;
  putStatus(state, table, objectKey(set), {
    observedGeneration: numberAt(set, 'metadata', 'generation') ?? 1,
    replicas: owned.length,
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    availableReplicas: waits.filter((wait) => wait === 0).length,
    ...(complete ? { currentReplicas: wanted } : onCurrent === 0 ? {} : { currentReplicas: onCurrent }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    currentRevision: complete ? update.name : current.name,
    updateRevision: update.name,
    collisionCount: 0,
  });
  trimRevisions(state, set, [current.name, update.name, ...owned.map(hashOf)]);
};
