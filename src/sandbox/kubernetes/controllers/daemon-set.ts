import { listAt, numberAt, objectAt, textAt } from '../../../model/json.js';
import { scaled } from '../disruption.js';
import { isDeleting, type JsonObject, type KubeObject, nameOf, objectKey } from '../object.js';
import type { State } from '../state.js';
import { revisionOf, trimRevisions } from './revisions.js';
import { fits } from './scheduler.js';
import { availableIn, createPod, deletePod, ended, podReady, pods, putStatus, syncTask, templateOf } from './shared.js';

/** DaemonSets (`pkg/controller/daemon`): one pod on each node that takes it. */

const table = 'apps/daemonsets';
const hashLabel = 'controller-revision-hash';

/** Every daemon's pod bears these (`util.AddOrUpdateDaemonPodTolerations`). */
const tolerations = (spec: JsonObject): readonly JsonObject[] => [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
  ...(spec['hostNetwork'] === true
    ? [{ key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' }]
    : []),
];
const podSpec = (set: KubeObject, node: string): JsonObject => {
  const spec = objectAt(set, 'spec', 'template', 'spec');
  const term = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] };
  return {
    tolerations: [...listAt(spec, 'tolerations'), ...tolerations(spec)],
    affinity: {
      ...objectAt(spec, 'affinity'),
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
    },
  };
};
/** Nodes that should have a pod of it. */
const targets = (state: State, set: KubeObject): readonly KubeObject[] => {
  const spec = objectAt(set, 'spec', 'template', 'spec');
  const all = { ...spec, tolerations: [...listAt(spec, 'tolerations'), ...tolerations(spec)] };
  return state.store.list('/nodes').filter((node) => fits(all, node));
};
const nodeOf = (pod: KubeObject): string =>
  textAt(pod, 'spec', 'nodeName') ??
  textAt(
    objectAt(pod, 'spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'),
    'nodeSelectorTerms',
    0,
    'matchFields',
    0,
    'values',
    0,
  ) ??
  '';

export const syncDaemonSet = (state: State, set: KubeObject): void => {
  const update = revisionOf(state, set, templateOf(set));
  const uid = textAt(set, 'metadata', 'uid') ?? '';
  const nodes = targets(state, set);
  const names = new Set(nodes.map(nameOf));
  const isUpdated = (pod: KubeObject): boolean => textAt(pod, 'metadata', 'labels', hashLabel) === update.hash;
  if (!isDeleting(set)) {
    const owned = state.store.ownedBy(pods, uid);
    for (const pod of owned) {
      if (!isDeleting(pod) && (ended(pod) || !names.has(nodeOf(pod)))) deletePod(state, set, pod);
    }
    for (const node of names) {
      if (owned.some((pod) => nodeOf(pod) === node)) continue;
      if (!createPod(state, set, { labels: { [hashLabel]: update.hash }, spec: podSpec(set, node) })) {
        state.tasks.add(syncTask(table, objectKey(set)), 5_000);
        break;
      }
    }
    if (textAt(set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate') roll(state, set, names.size, isUpdated);
  }
  const live = state.store.ownedBy(pods, uid).filter((pod) => !isDeleting(pod) && names.has(nodeOf(pod)));
  const waits = live.map((pod) => availableIn(state, pod, numberAt(set, 'spec', 'minReadySeconds') ?? 0));
  const next = Math.min(...waits.filter((wait) => wait !== null && wait > 0).map(Number));
  if (Number.isFinite(next)) state.tasks.add(syncTask(table, objectKey(set)), next);
  const available = waits.filter((wait) => wait === 0).length;
  const updated = live.filter(isUpdated).length;
  const covered = new Set(live.map(nodeOf)).size;
  putStatus(state, table, objectKey(set), {
    currentNumberScheduled: covered,
    numberMisscheduled: 0,
    desiredNumberScheduled: names.size,
    numberReady: live.filter(podReady).length,
    observedGeneration: numberAt(set, 'metadata', 'generation') ?? 1,
    ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
    ...(available === 0 ? {} : { numberAvailable: available }),
    ...(names.size - available <= 0 ? {} : { numberUnavailable: names.size - available }),
  });
  trimRevisions(state, set, [update.name, ...live.map((pod) => textAt(pod, 'metadata', 'labels', hashLabel) ?? '')]);
};

/** Takes old pods down as far as enough nodes keep a working one; old pods that do not work go at once. */
const roll = (state: State, set: KubeObject, desired: number, isUpdated: (pod: KubeObject) => boolean): void => {
  const owned = state.store.ownedBy(pods, textAt(set, 'metadata', 'uid') ?? '');
  const live = owned.filter((pod) => !isDeleting(pod));
  const rolling = objectAt(set, 'spec', 'updateStrategy', 'rollingUpdate');
  const most = Math.max(1, scaled(rolling['maxUnavailable'] ?? 1, desired, true));
  let unavailable = Math.max(desired - live.filter(podReady).length, 0);
  for (const pod of live.filter((one) => !isUpdated(one))) {
    if (podReady(pod)) {
      if (unavailable >= most) continue;
      unavailable += 1;
    }
    deletePod(state, set, pod);
  }
};
