import { listAt, numberAt, objectAt, textAt } from '../../model/json.js';
import { admitPod, checkNamespace } from './admission.js';
import { withDefaults } from './defaults.js';
import { type Kind, tableOf } from './kinds.js';
import { type Writer, withManager } from './managed-fields.js';
import {
  isDeleting,
  type Json,
  type JsonObject,
  type KubeObject,
  keyOf,
  nameOf,
  namespaceOf,
  objectKey,
  same,
  timeText,
  uidOf,
  withAll,
  withAt,
} from './object.js';
import { escalation } from './rbac.js';
import { newSuffix, newUid, type State, type User } from './state.js';
import { alreadyExists, badRequest, conflict, forbidden, invalid, modified } from './status.js';
import { undecodable, wrongWith } from './validation.js';

/** How a write comes in. `writer` null leaves managedFields as they are: the controllers' own writes. */
export interface WriteContext {
  readonly user: User;
  readonly writer: Writer | null;
  readonly dryRun: boolean;
  /** Everything happens as in earnest, webhooks included, and nothing is stored. */
  readonly unstored?: boolean;
}
export const controllerContext: WriteContext = {
  user: { name: 'system:kube-controller-manager', groups: ['system:masters'] },
  writer: null,
  dryRun: false,
};

/** A Job's selector and labels are made of its uid (`pkg/registry/batch/job/strategy.go`). */
const jobSelector = (job: KubeObject): KubeObject => {
  if (objectAt(job, 'spec')['manualSelector'] === true) return job;
  const labels = {
    ...objectAt(job, 'spec', 'template', 'metadata', 'labels'),
    'batch.kubernetes.io/controller-uid': uidOf(job),
    'batch.kubernetes.io/job-name': nameOf(job),
    'controller-uid': uidOf(job),
    'job-name': nameOf(job),
  };
  return withAll(job, [
    [['spec', 'template', 'metadata', 'labels'], labels],
    [['spec', 'selector'], { matchLabels: { 'batch.kubernetes.io/controller-uid': uidOf(job) } }],
  ]);
};
const qosOf = (pod: KubeObject): string => {
  const containers = listAt(pod, 'spec', 'containers');
  const some = containers.some((one) => Object.keys(objectAt(one, 'resources')).length > 0);
  const every = containers.every((one) => {
    const limits = objectAt(one, 'resources', 'limits');
    const requests = objectAt(one, 'resources', 'requests');
    return ['cpu', 'memory'].every(
      (key) => limits[key] !== undefined && same(limits[key], requests[key] ?? limits[key]),
    );
  });
  return !some ? 'BestEffort' : every ? 'Guaranteed' : 'Burstable';
};

const managed = (state: State, old: KubeObject | null, object: KubeObject, context: WriteContext): KubeObject =>
  context.writer === null ? object : withManager(old, object, context.writer, state.clock.now());

/** Creates an object as the API server does: defaults, admission, validation, then the store. The answer is what was stored. */
export const createObject = (state: State, kind: Kind, body: KubeObject, context: WriteContext): KubeObject => {
  const unreadable = undecodable(body);
  if (unreadable !== null) throw badRequest(unreadable);
  let name = nameOf(body);
  const generate = textAt(body, 'metadata', 'generateName') ?? '';
  const table = tableOf(kind);
  if (name === '' && generate !== '') {
    do name = `${generate.slice(0, 58)}${newSuffix(state)}`;
    while (state.store.get(table, keyOf(namespaceOf(body), name)) !== null);
  }
  const metadata: JsonObject = Object.fromEntries(
    Object.entries({
      ...objectAt(body, 'metadata'),
      name,
      uid: newUid(state),
      creationTimestamp: timeText(state.clock.now()),
      ...(kind.generation === 'none' ? {} : { generation: 1 }),
    }).filter(([key]) => !['resourceVersion', 'deletionTimestamp', 'selfLink', 'managedFields'].includes(key)),
  );
  let object: KubeObject = { apiVersion: '', kind: '', ...body, metadata };
  if (textAt(body, 'metadata', 'resourceVersion')) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  if (kind.namespaced) checkNamespace(state, kind, object);
  if (kind.subresources.includes('status') && kind.resource !== 'nodes') {
    object = withAt(object, ['status'], undefined);
  }
  object = withDefaults(kind.group, kind.kind, object);
  if (kind.resource === 'jobs') object = jobSelector(object);
  if (kind.resource === 'pods') {
    object = admitPod(state, kind, object, context.dryRun);
    object = withAt(object, ['status'], { phase: 'Pending', qosClass: qosOf(object) });
  }
  if (kind.group === 'rbac.authorization.k8s.io') {
    const why = escalation(state, context.user, object);
    if (why !== null) throw forbidden(kind, name, why);
  }
  if (kind.resource === 'customresourcedefinitions') object = establishedCrd(state, object);
  const wrong = wrongWith(kind, object, null);
  if (wrong.length > 0) throw invalid(kind, name, wrong);
  if (state.store.get(table, objectKey(object)) !== null) throw alreadyExists(kind, name);
  object = managed(state, null, object, context);
  return context.dryRun || context.unstored === true ? object : state.store.put(table, object);
};

const establishedCrd = (state: State, crd: KubeObject): KubeObject => {
  const time = timeText(state.clock.now());
  const condition = (type: string, reason: string, message: string): JsonObject => ({
    type,
    status: 'True',
    lastTransitionTime: time,
    reason,
    message,
  });
  return withAt(crd, ['status'], {
    acceptedNames: objectAt(crd, 'spec', 'names'),
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    storedVersions: listAt(crd, 'spec', 'versions')
      .filter((version) => objectAt({ version }, 'version')['storage'] === true)
      .map((version) => textAt(version, 'name') ?? ''),
  });
};

const generationOf = (kind: Kind, old: KubeObject, object: KubeObject): Json | undefined => {
  const held = numberAt(old, 'metadata', 'generation');
  if (kind.generation === 'none') return held;
  const rest = (value: KubeObject): JsonObject =>
    withAll(value, [
      [['metadata'], undefined],
      [['status'], undefined],
    ]);
  const differs =
    !same(rest(old), rest(object)) ||
    (kind.generation === 'spec-and-annotations' &&
      !same(objectAt(old, 'metadata', 'annotations'), objectAt(object, 'metadata', 'annotations'))) ||
    isDeleting(old) !== isDeleting(object);
  return differs ? (held ?? 0) + 1 : held;
};

/**
 * Replaces an object, whole (`''`) or through a subresource (`status` changes nothing but the status). A resourceVersion in the new
 * one must be the stored one's. Writing what is there already stores nothing.
 */
export const updateObject = (
  state: State,
  kind: Kind,
  old: KubeObject,
  body: KubeObject,
  context: WriteContext,
  subresource = '',
): KubeObject => {
  const unreadable = undecodable(body);
  if (unreadable !== null) throw badRequest(unreadable);
  const name = nameOf(old);
  if (nameOf(body) !== name) {
    throw badRequest(`the name of the object (${nameOf(body)}) does not match the name on the URL (${name})`);
  }
  const version = textAt(body, 'metadata', 'resourceVersion') ?? '';
  if (version !== '' && version !== textAt(old, 'metadata', 'resourceVersion')) throw conflict(kind, name, modified);
  const uid = textAt(body, 'metadata', 'uid') ?? '';
  if (uid !== '' && uid !== uidOf(old)) {
    throw conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${uidOf(old)}`);
  }
  const server: JsonObject = Object.fromEntries(
    Object.entries(objectAt(old, 'metadata')).filter(([key]) =>
      [
        'name',
        'namespace',
        'uid',
        'creationTimestamp',
        'deletionTimestamp',
        'deletionGracePeriodSeconds',
        'generateName',
      ].includes(key),
    ),
  );
  const sent = Object.entries(objectAt(body, 'metadata')).filter(
    ([key]) => !['generation', 'resourceVersion', 'deletionTimestamp', 'managedFields', 'selfLink'].includes(key),
  );
  let object: KubeObject = { ...body, metadata: emptyMapsGone({ ...Object.fromEntries(sent), ...server }) };
  if (subresource === 'status') {
    const metadata = { ...objectAt(object, 'metadata') };
    object = {
      ...old,
      metadata: { ...metadata, labels: objectAt(old, 'metadata', 'labels') },
      status: body['status'] ?? {},
    };
    object = { ...object, metadata: emptyMapsGone(objectAt(object, 'metadata')) };
  } else if (kind.subresources.includes('status')) {
    object = withAt(object, ['status'], old['status']);
  }
  object = withDefaults(kind.group, kind.kind, object);
  object = withAt(object, ['metadata', 'generation'], generationOf(kind, old, object));
  object = withAt(object, ['metadata', 'resourceVersion'], textAt(old, 'metadata', 'resourceVersion'));
  const held = objectAt(old, 'metadata')['managedFields'];
  object = withAt(object, ['metadata', 'managedFields'], held);
  if (same(old, object)) return old;
  if (kind.group === 'rbac.authorization.k8s.io') {
    const roleChanged = !same(old['rules'], object['rules']) || !same(old['subjects'], object['subjects']);
    const why = roleChanged ? escalation(state, context.user, object) : null;
    if (why !== null) throw forbidden(kind, name, why);
  }
  const wrong = wrongWith(kind, object, old);
  if (wrong.length > 0) throw invalid(kind, name, wrong);
  object = managed(state, old, object, context);
  if (context.dryRun) return object;
  // The last finalizer of a deleted object goes: so does the object.
  if (isDeleting(object) && listAt(object, 'metadata', 'finalizers').length === 0 && kind.resource !== 'pods') {
    state.store.remove(tableOf(kind), objectKey(object));
    return object;
  }
  return state.store.put(tableOf(kind), object);
};

const emptyMapsGone = (metadata: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(metadata).filter(([key, value]) => {
      const emptied = ['annotations', 'labels', 'finalizers', 'ownerReferences'].includes(key);
      return !emptied || (value !== null && Object.keys(value as object).length > 0);
    }),
  );

export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: 'Orphan' | 'Background' | 'Foreground';
  readonly graceSeconds?: number;
  readonly dryRun: boolean;
}
/** Deletes an object, or marks it as going where something has to happen first. `object` in the answer is what is left of it. */
export const deleteObject = (
  state: State,
  kind: Kind,
  old: KubeObject,
  options: DeleteOptions,
): { readonly gone: boolean; readonly object: KubeObject } => {
  const name = nameOf(old);
  // Here the server names the kind where elsewhere it names the resource (apiserver `pkg/registry/rest/delete.go`).
  const byKind = { ...kind, resource: kind.kind };
  if (options.uid !== undefined && options.uid !== uidOf(old)) {
    throw conflict(
      byKind,
      name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uidOf(old)}). The object might have been deleted and then recreated`,
    );
  }
  const version = textAt(old, 'metadata', 'resourceVersion') ?? '';
  if (options.resourceVersion !== undefined && options.resourceVersion !== version) {
    throw conflict(
      byKind,
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${version}). The object might have been modified`,
    );
  }
  const table = tableOf(kind);
  const finalizers = listAt(old, 'metadata', 'finalizers').filter((one) => typeof one === 'string');
  if (options.propagation === 'Foreground') finalizers.push('foregroundDeletion');
  if (options.propagation === 'Orphan') finalizers.push('orphan');
  const isNamespace = kind.resource === 'namespaces' && kind.group === '';
  const bound = kind.resource === 'pods' && (textAt(old, 'spec', 'nodeName') ?? '') !== '';
  const ended = ['Succeeded', 'Failed'].includes(textAt(old, 'status', 'phase') ?? '');
  const grace =
    options.graceSeconds ?? (bound && !ended ? (numberAt(old, 'spec', 'terminationGracePeriodSeconds') ?? 30) : 0);
  const graceful = kind.resource === 'pods' && bound && grace > 0;
  if (finalizers.length === 0 && !isNamespace && !graceful) {
    if (!options.dryRun) state.store.remove(table, objectKey(old));
    return { gone: true, object: old };
  }
  if (isDeleting(old)) return { gone: false, object: old };
  let object = withAll(old, [
    [['metadata', 'deletionTimestamp'], timeText(state.clock.now() + grace * 1000)],
    [['metadata', 'deletionGracePeriodSeconds'], isNamespace ? undefined : grace],
    [['metadata', 'finalizers'], finalizers.length === 0 ? undefined : [...new Set(finalizers)]],
  ]);
  if (kind.generation !== 'none') {
    object = withAt(object, ['metadata', 'generation'], (numberAt(old, 'metadata', 'generation') ?? 0) + 1);
  }
  if (isNamespace) object = withAt(object, ['status', 'phase'], 'Terminating');
  return { gone: false, object: options.dryRun ? object : state.store.put(table, object) };
};
