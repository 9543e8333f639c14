import { createHash } from 'node:crypto';
import { canonical } from '../../../model/canonical.js';
import { type Json, listAt, numberAt, objectAt, textAt } from '../../../model/json.js';
import { findResource, type Kind } from '../kinds.js';
import {
  controllerReference,
  isDeleting,
  type JsonObject,
  type KubeObject,
  nameOf,
  namespaceOf,
  objectKey,
  same,
  timeText,
  uidOf,
  withAt,
} from '../object.js';
import { newSuffix, type State } from '../state.js';
import { ApiError } from '../status.js';
import { controllerContext, createObject, deleteObject } from '../writes.js';

/** What the controllers have in common. */

export const kindAt = (state: State, table: string): Kind => {
  const [group = '', resource = ''] = table.split('/');
  return findResource(state.store, group, resource) as Kind;
};
export const pods = '/pods';

/** Annotation by which a pod tells the simulated kubelet how to behave. */
const switchPrefix = 'sandbox.rolelift.dev/';
export const switchOf = (object: KubeObject, key: string): string | undefined =>
  textAt(object, 'metadata', 'annotations', `${switchPrefix}${key}`);
export const milliseconds = (text: string | undefined, otherwise: number): number =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : otherwise;

export const podReady = (pod: KubeObject): boolean =>
  !isDeleting(pod) && conditionOf(pod, 'Ready')?.['status'] === 'True';
export const conditionOf = (object: KubeObject, type: string): JsonObject | undefined =>
  listAt(object, 'status', 'conditions').find((one) => textAt(one, 'type') === type) as JsonObject | undefined;
export const ended = (pod: KubeObject): boolean =>
  ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '');

/** Ready for at least `minReadySeconds`; else how many milliseconds are left, null where it is not ready at all. */
export const availableIn = (state: State, pod: KubeObject, minReadySeconds: number): number | null => {
  if (!podReady(pod)) return null;
  const since = Date.parse(textAt(conditionOf(pod, 'Ready'), 'lastTransitionTime') ?? '');
  return Math.max(since + minReadySeconds * 1000 - state.clock.now(), 0);
};

/** The hash that names a template: a short text that is the same for the same template. */
export const templateHash = (template: Json): string => {
  const digest = createHash('sha256').update(canonical(template)).digest();
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  return [...digest.subarray(0, 10)].map((byte) => letters[byte % letters.length]).join('');
};
export const templateOf = (owner: KubeObject): JsonObject => objectAt(owner, 'spec', 'template');
export const withoutLabel = (template: JsonObject, label: string): JsonObject => {
  const left = withAt(template, ['metadata', 'labels', label], undefined);
  return Object.keys(objectAt(left, 'metadata', 'labels')).length === 0
    ? withAt(left, ['metadata', 'labels'], undefined)
    : left;
};

export const pointEvent = (
  state: State,
  about: KubeObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): void => {
  const namespace = namespaceOf(about) || 'default';
  if (state.store.get('/namespaces', namespace) === null) return;
  const now = timeText(state.clock.now());
  state.serial += 1;
  const name = `${nameOf(about)}.${state.serial.toString(16).padStart(16, '0')}`;
  state.store.put('/events', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name,
      namespace,
      uid: `00000000-0000-4000-a000-${state.serial.toString(16).padStart(12, '0')}`,
      creationTimestamp: now,
    },
    involvedObject: {
      apiVersion: textAt(about, 'apiVersion') ?? '',
      kind: textAt(about, 'kind') ?? '',
      name: nameOf(about),
      namespace,
      uid: uidOf(about),
    },
    type,
    reason,
    message,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: 'sandbox' },
    reportingComponent: 'sandbox',
    reportingInstance: '',
    eventTime: null,
  });
};

export interface PodWish {
  /** A fixed name; else the owner's with a suffix. */
  readonly name?: string;
  readonly labels?: JsonObject;
  readonly template?: JsonObject;
  readonly spec?: JsonObject;
}
/** Makes a pod of its owner's template, through admission as any pod. False where the API server refused it. */
export const createPod = (state: State, owner: KubeObject, wish: PodWish = {}): boolean => {
  const template = wish.template ?? templateOf(owner);
  const name = wish.name ?? `${nameOf(owner).slice(0, 57)}-${newSuffix(state)}`;
  const annotations = objectAt(template, 'metadata', 'annotations');
  const metadata: JsonObject = {
    name,
    ...(wish.name === undefined ? { generateName: `${nameOf(owner)}-` } : {}),
    namespace: namespaceOf(owner),
    labels: { ...objectAt(template, 'metadata', 'labels'), ...wish.labels },
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ownerReferences: [controllerReference(owner)],
  };
  const body = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...objectAt(template, 'spec'), ...wish.spec } };
  try {
    const pod = createObject(state, kindAt(state, pods), body, controllerContext);
    pointEvent(state, owner, 'Normal', 'SuccessfulCreate', `Created pod: ${nameOf(pod)}`);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    pointEvent(state, owner, 'Warning', 'FailedCreate', `Error creating: ${thrown.message}`);
    return false;
  }
};
export const deletePod = (state: State, owner: KubeObject, pod: KubeObject): void => {
  deleteObject(state, kindAt(state, pods), pod, { dryRun: false });
  pointEvent(state, owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${nameOf(pod)}`);
};

/** Stores a status where it differs. The object comes fresh from the store, so that nobody's change is lost. */
export const putStatus = (state: State, table: string, key: string, status: JsonObject): void => {
  const held = state.store.get(table, key);
  if (held !== null && !same(held['status'], status)) state.store.put(table, { ...held, status });
};
export const putSpec = (
  state: State,
  table: string,
  object: KubeObject,
  path: readonly string[],
  value: Json,
): KubeObject => {
  const held = state.store.get(table, objectKey(object));
  if (held === null) return object;
  const changed = withAt(held, path, value);
  if (changed === held) return held;
  const generation = (numberAt(held, 'metadata', 'generation') ?? 0) + 1;
  return state.store.put(table, withAt(changed, ['metadata', 'generation'], generation));
};
export const syncTask = (table: string, key: string): string => `sync|${table}|${key}`;

/** A condition with its times kept where its status stays. */
export const condition = (
  state: State,
  held: JsonObject | undefined,
  value: { readonly type: string; readonly status: string; readonly reason: string; readonly message: string },
): JsonObject => {
  const now = timeText(state.clock.now());
  const unchanged = held?.['status'] === value.status;
  const sameReason = unchanged && held?.['reason'] === value.reason && held?.['message'] === value.message;
  return {
    ...value,
    lastUpdateTime: sameReason ? (held?.['lastUpdateTime'] ?? now) : now,
    lastTransitionTime: unchanged ? (held?.['lastTransitionTime'] ?? now) : now,
  };
};
