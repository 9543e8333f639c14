import { at, type Json, type JsonObject, listAt, numberAt, objectAt, textAt } from './json.js';
import { counted } from './text.js';

/** A pod that runs or will: neither ended nor on its way out. */
export const isLive = (pod: JsonObject): boolean =>
  textAt(pod, 'metadata', 'deletionTimestamp') === undefined &&
  !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '');
export const isReady = (pod: JsonObject): boolean =>
  listAt(pod, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );

/** Longest text of others that is told within a reason. */
const most = 160;
const short = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
};

/** How a container ended last, and how often it was started again. */
const endingOf = (status: Json): readonly string[] => {
  const now = objectAt(status, 'state', 'terminated');
  const ended = textAt(now, 'reason') === undefined ? objectAt(status, 'lastState', 'terminated') : now;
  const reason = textAt(ended, 'reason');
  const restarts = numberAt(status, 'restartCount') ?? 0;
  return [
    ...(reason === undefined || reason === 'Completed'
      ? []
      : [`ended with ${reason} (exit code ${numberAt(ended, 'exitCode') ?? 'unknown'})`]),
    ...(restarts > 0 ? [counted(restarts, 'restart')] : []),
  ];
};

const containerTrouble = (status: Json): string | null => {
  const ending = endingOf(status);
  const waiting = objectAt(status, 'state', 'waiting');
  const reason = textAt(waiting, 'reason') ?? '';
  const stuck = reason !== '' && !['ContainerCreating', 'PodInitializing'].includes(reason);
  // Of a back-off the kubelet says when it tries again; how the container ended says more.
  const message = stuck && ending.length === 0 ? short(textAt(waiting, 'message') ?? '') : '';
  const parts = [...(stuck ? [reason] : []), ...ending, ...(message === '' ? [] : [message])];
  return parts.length === 0 ? null : `container ${textAt(status, 'name') ?? ''}: ${parts.join(', ')}`;
};

/** Why a live pod is not ready, as its status tells (Kubernetes documentation, "Pod Lifecycle"); null where it is. */
export const podTrouble = (pod: JsonObject): string | null => {
  if (!isLive(pod) || isReady(pod)) return null;
  const name = `pod ${textAt(pod, 'metadata', 'name') ?? ''}`;
  const unscheduled = listAt(pod, 'status', 'conditions').find(
    (condition) => textAt(condition, 'type') === 'PodScheduled' && textAt(condition, 'status') === 'False',
  );
  if (unscheduled !== undefined) return `${name}: ${short(textAt(unscheduled, 'message') ?? 'it cannot be scheduled')}`;
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')];
  for (const status of statuses) {
    const trouble = containerTrouble(status);
    if (trouble !== null) return `${name}, ${trouble}`;
  }
  const unready = statuses.find(
    (status) => at(status, 'ready') === false && at(status, 'state', 'running') !== undefined,
  );
  return unready === undefined
    ? `${name} is not ready`
    : `${name}, container ${textAt(unready, 'name') ?? ''} runs and is not ready`;
};

/** The first few of such reasons, and how many there are; '' where every live pod is ready. */
export const podTroubles = (pods: readonly JsonObject[]): string => {
  const all = pods.flatMap((pod) => podTrouble(pod) ?? []);
  const rest = all.length - 3;
  return [...all.slice(0, 3), ...(rest > 0 ? [`and ${counted(rest, 'pod')} more`] : [])].join('; ');
};
