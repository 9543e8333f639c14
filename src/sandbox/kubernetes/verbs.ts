import { parse as parseYaml } from 'yaml';
import { isObject, type Json, type JsonObject, numberAt, textAt } from '../../model/json.js';
import { tableOf } from './kinds.js';
import { listObjects, selected } from './lists.js';
import { type KubeObject, keyOf, nameOf, withAll, withAt } from './object.js';
import { jsonPatch, mergePatch } from './patch.js';
import { answerReview } from './reviews.js';
import { applied } from './server-side-apply.js';
import { ApiError, badRequest, conflict, invalid, invalidField, modified, unsupportedMediaType } from './status.js';
import { strategicMerge } from './strategic.js';
import { asTable, wantsTable } from './tables.js';
import { undecodable } from './validation.js';
import { createObject, type DeleteOptions, deleteObject, updateObject } from './writes.js';

/** What the verbs do to whole objects and lists. */

import {
  type Answer,
  bodyOf,
  type Call,
  checkType,
  contextOf,
  dryRunOf,
  existing,
  header,
  objectBody,
  ok,
  shown,
} from './call.js';
export const list = ({ state, kind, target, query, apiVersion, request }: Call): Answer => {
  const { metadata, items } = listObjects(state, kind, target.namespace, query);
  const objects = items as readonly KubeObject[];
  if (wantsTable(header(request, 'accept'))) return ok(asTable(state, kind, objects, metadata as JsonObject));
  // Items of built-in kinds do not repeat what the list says; those of custom resources do.
  const shownItems = kind.custom
    ? objects.map((object) => shown(object, apiVersion))
    : objects.map(({ apiVersion: _, kind: __, ...rest }) => rest);
  return ok({ kind: `${kind.kind}List`, apiVersion, metadata: metadata as JsonObject, items: shownItems });
};

export const create = (call: Call): Answer => {
  const { state, kind, user, target, apiVersion } = call;
  if (kind.verbs.length === 1) {
    return { status: 201, body: answerReview(state, kind, objectBody(call.request), user, target.namespace ?? '') };
  }
  const body = checkType(objectBody(call.request), kind.kind, apiVersion);
  const said = textAt(body, 'metadata', 'namespace');
  if (kind.namespaced && said !== undefined && said !== target.namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  const placed = kind.namespaced
    ? withAt(body, ['metadata', 'namespace'], target.namespace)
    : withAt(body, ['metadata', 'namespace'], undefined);
  return { status: 201, body: shown(createObject(state, kind, placed, contextOf(call, '')), apiVersion) };
};

export const update = (call: Call, subresourceName: string): Answer => {
  const { state, kind, target, apiVersion } = call;
  const body = checkType(objectBody(call.request), kind.kind, apiVersion);
  const old = existing(call);
  const said = textAt(body, 'metadata', 'namespace');
  if (said !== undefined && said !== (target.namespace ?? '')) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  const version = textAt(body, 'metadata', 'resourceVersion') ?? '';
  // Stores without AllowUnconditionalUpdate.
  const needsVersion = ['leases', 'poddisruptionbudgets', 'customresourcedefinitions'].includes(kind.resource);
  if (version === '' && (kind.custom || needsVersion)) {
    const named = { ...kind, kind: kind.resource };
    const message = 'Invalid value: 0x0: must be specified for an update';
    throw invalid(named, target.name, [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message }]);
  }
  return ok(shown(updateObject(state, kind, old, body, contextOf(call, subresourceName), subresourceName), apiVersion));
};

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
export const patch = (call: Call, subresourceName: string): Answer => {
  const { state, kind, target, query, apiVersion } = call;
  const type = (header(call.request, 'content-type') ?? '').split(';')[0]?.trim() ?? '';
  const accepted = patchTypes.filter((one) => !(kind.custom && one === 'application/strategic-merge-patch+json'));
  if (!accepted.some((one) => one === type)) throw unsupportedMediaType(accepted);
  if (type === 'application/apply-patch+yaml') {
    const config = parseYaml(call.request.body) as Json;
    if (!isObject(config)) throw badRequest('error decoding YAML');
    const manager = query.get('fieldManager') ?? '';
    if (manager === '')
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    const old = state.store.get(tableOf(kind), keyOf(target.namespace, target.name));
    const context = contextOf(call, subresourceName, 'Apply');
    const placed = withAll(checkType(config, kind.kind, apiVersion), [
      [['metadata', 'name'], target.name],
      [['metadata', 'namespace'], kind.namespaced ? target.namespace : undefined],
    ]);
    if (old === null) return { status: 201, body: shown(createObject(state, kind, placed, context), apiVersion) };
    const result = applied(kind, old, placed, manager, ['true', '1'].includes(query.get('force') ?? ''));
    return ok(shown(updateObject(state, kind, old, result, context, subresourceName), apiVersion));
  }
  const old = existing(call);
  const body = bodyOf(call.request);
  const before = shown(old, apiVersion);
  if (type !== 'application/json-patch+json' && !isObject(body)) {
    throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}');
  }
  const changed =
    type === 'application/json-patch+json'
      ? jsonPatch(before, body)
      : type === 'application/merge-patch+json'
        ? mergePatch(before, body)
        : strategicMerge(before, body as JsonObject);
  if (!isObject(changed)) throw badRequest('the patched object is not an object');
  // A patch that carries a resourceVersion is refused by any other; one that does not, applies to whatever is there.
  const version = isObject(body)
    ? textAt(body, 'metadata', 'resourceVersion')
    : textAt(changed, 'metadata', 'resourceVersion');
  if (version !== undefined && version !== textAt(old, 'metadata', 'resourceVersion'))
    throw conflict(kind, target.name, modified);
  const unreadable = undecodable(changed);
  if (unreadable !== null)
    throw new ApiError(422, 'Invalid', ` "" is invalid: patch: Invalid value: ${unreadable}`, {});
  const uid = textAt(changed, 'metadata', 'uid');
  if (uid !== undefined && uid !== textAt(old, 'metadata', 'uid')) {
    throw invalid(kind, target.name, [invalidField('metadata.uid', uid, 'field is immutable')]);
  }
  const typed = checkType(changed, kind.kind, apiVersion);
  return ok(
    shown(updateObject(state, kind, old, typed, contextOf(call, subresourceName), subresourceName), apiVersion),
  );
};

const deleteOptions = (call: Call): DeleteOptions => {
  const { request, query } = call;
  const body = request.body.trim() === '' ? {} : objectBody(request);
  const propagation = textAt(body, 'propagationPolicy') ?? query.get('propagationPolicy') ?? undefined;
  if (propagation !== undefined && !['Orphan', 'Background', 'Foreground'].includes(propagation)) {
    throw badRequest(`DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "${propagation}"`);
  }
  const orphan = body['orphanDependents'] === true ? 'Orphan' : undefined;
  const graceText = query.get('gracePeriodSeconds');
  const grace = numberAt(body, 'gracePeriodSeconds') ?? (graceText === null ? undefined : Number(graceText));
  const dryRunBody = Array.isArray(body['dryRun']) && body['dryRun'].includes('All');
  const uid = textAt(body, 'preconditions', 'uid');
  const version = textAt(body, 'preconditions', 'resourceVersion');
  const chosen = (propagation ?? orphan) as DeleteOptions['propagation'] | undefined;
  return {
    dryRun: dryRunBody || dryRunOf(query),
    ...(uid === undefined ? {} : { uid }),
    ...(version === undefined ? {} : { resourceVersion: version }),
    ...(chosen === undefined ? {} : { propagation: chosen }),
    ...(grace === undefined ? {} : { graceSeconds: grace }),
  };
};
/** Kinds whose deletion answers with the object, and not with a Status (`ReturnDeletedObject` of their stores). */
const answersObject = new Set([
  'serviceaccounts',
  'services',
  'pods',
  'persistentvolumes',
  'persistentvolumeclaims',
  'podtemplates',
  'resourcequotas',
]);
export const remove = (call: Call, old: KubeObject): Answer => {
  const { state, kind, apiVersion } = call;
  const { gone, object } = deleteObject(state, kind, old, deleteOptions(call));
  if (!gone || answersObject.has(kind.resource)) return ok(shown(object, apiVersion));
  const details = {
    name: nameOf(old),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.resource,
    uid: textAt(old, 'metadata', 'uid') ?? '',
  };
  return ok({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
};
export const removeAll = (call: Call): Answer => {
  const { state, kind, target, query, apiVersion } = call;
  const test = selected(kind, query);
  const items = state.store.list(tableOf(kind), target.namespace).filter(test);
  const options = deleteOptions(call);
  for (const item of items) deleteObject(state, kind, item, options);
  const metadata = { resourceVersion: String(state.store.version) };
  return ok({ kind: `${kind.kind}List`, apiVersion, metadata, items });
};
