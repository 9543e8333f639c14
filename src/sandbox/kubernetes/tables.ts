import { type Json, type JsonObject, listAt, numberAt, objectAt, textAt } from '../../model/json.js';
import type { Kind } from './kinds.js';
import { isDeleting, type KubeObject, nameOf } from './object.js';
import type { State } from './state.js';

/** Tables as `kubectl get` asks for them, with the columns of the kinds that people look at (`pkg/printers/internalversion`). */
export const wantsTable = (accept: string | undefined): boolean =>
  (accept?.split(',')[0] ?? '').replaceAll(' ', '').includes('as=Table;v=v1;g=meta.k8s.io');

type Cells = (object: KubeObject) => readonly Json[];
const count = (object: KubeObject, ...path: readonly string[]): number => numberAt(object, ...path) ?? 0;
const podReason = (pod: KubeObject): string => {
  if (isDeleting(pod)) return 'Terminating';
  for (const status of [
    ...listAt(pod, 'status', 'initContainerStatuses'),
    ...listAt(pod, 'status', 'containerStatuses'),
  ]) {
    const reason = textAt(status, 'state', 'waiting', 'reason') ?? textAt(status, 'state', 'terminated', 'reason');
    if (reason !== undefined) return reason;
  }
  return textAt(pod, 'status', 'phase') ?? '';
};
const ready = (pod: KubeObject): string => {
  const statuses = listAt(pod, 'status', 'containerStatuses');
  const good = statuses.filter((status) => objectAt({ status }, 'status')['ready'] === true).length;
  return `${good}/${listAt(pod, 'spec', 'containers').length}`;
};
const restarts = (pod: KubeObject): number =>
  listAt(pod, 'status', 'containerStatuses').reduce<number>(
    (sum, status) => sum + (numberAt(status, 'restartCount') ?? 0),
    0,
  );
const readyOf = (object: KubeObject): string =>
  `${count(object, 'status', 'readyReplicas')}/${count(object, 'spec', 'replicas')}`;

const columnsOf: Readonly<Record<string, readonly [names: string, cells: Cells]>> = {
  pods: ['Ready Status Restarts', (pod) => [ready(pod), podReason(pod), restarts(pod)]],
  deployments: [
    'Ready Up-to-date Available',
    (one) => [readyOf(one), count(one, 'status', 'updatedReplicas'), count(one, 'status', 'availableReplicas')],
  ],
  statefulsets: ['Ready', (one) => [readyOf(one)]],
  replicasets: [
    'Desired Current Ready',
    (one) => [count(one, 'spec', 'replicas'), count(one, 'status', 'replicas'), count(one, 'status', 'readyReplicas')],
  ],
  daemonsets: [
    'Desired Current Ready Up-to-date Available',
    (one) => [
      count(one, 'status', 'desiredNumberScheduled'),
      count(one, 'status', 'currentNumberScheduled'),
      count(one, 'status', 'numberReady'),
      count(one, 'status', 'updatedNumberScheduled'),
      count(one, 'status', 'numberAvailable'),
    ],
  ],
  jobs: ['Completions', (one) => [`${count(one, 'status', 'succeeded')}/${count(one, 'spec', 'completions')}`]],
  cronjobs: [
    'Schedule Suspend Active',
    (one) => [
      textAt(one, 'spec', 'schedule') ?? '',
      String(objectAt(one, 'spec')['suspend'] ?? false),
      listAt(one, 'status', 'active').length,
    ],
  ],
  namespaces: ['Status', (one) => [textAt(one, 'status', 'phase') ?? '']],
  nodes: [
    'Status Version',
    (one) => [
      listAt(one, 'status', 'conditions').some((c) => textAt(c, 'type') === 'Ready' && textAt(c, 'status') === 'True')
        ? 'Ready'
        : 'NotReady',
      textAt(one, 'status', 'nodeInfo', 'kubeletVersion') ?? '',
    ],
  ],
  configmaps: ['Data', (one) => [Object.keys(objectAt(one, 'data')).length]],
  events: [
    'Type Reason Message',
    (one) => [textAt(one, 'type') ?? '', textAt(one, 'reason') ?? '', textAt(one, 'message') ?? ''],
  ],
};
const age = (state: State, object: KubeObject): string => {
  const created = Date.parse(textAt(object, 'metadata', 'creationTimestamp') ?? '');
  if (Number.isNaN(created)) return '<unknown>';
  const seconds = Math.max(Math.floor((state.clock.now() - created) / 1000), 0);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
};

export const asTable = (state: State, kind: Kind, objects: readonly KubeObject[], metadata: JsonObject): JsonObject => {
  const [names, cells] = (Object.hasOwn(columnsOf, kind.resource) ? columnsOf[kind.resource] : undefined) ?? [
    '',
    () => [],
  ];
  const columns = ['Name', ...names.split(' ').filter((name) => name !== ''), 'Age'];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map((name) => ({
      name,
      type: 'string',
      format: name === 'Name' ? 'name' : '',
      description: '',
      priority: 0,
    })),
    rows: objects.map((object) => ({
      cells: [nameOf(object), ...cells(object), age(state, object)],
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: objectAt(object, 'metadata') },
    })),
  };
};
