import { isObject, type JsonObject, numberAt, objectAt, textAt } from '../../model/json.js';
import { checkBudgets } from './disruption.js';
import { tableOf } from './kinds.js';
import { type KubeObject, withAt } from './object.js';
import { mergePatch } from './patch.js';
import { answerTokenRequest } from './reviews.js';
import { conflict, methodNotAllowed, modified, noSuchResource } from './status.js';
import { deleteObject, updateObject } from './writes.js';

/** What stands below an object: status, scale, token, eviction, binding. */

import { type Answer, bodyOf, type Call, contextOf, dryRunOf, existing, objectBody, ok, shown } from './call.js';
import { patch, update } from './verbs.js';
export const subresource = (call: Call, verb: string): Answer => {
  const { state, kind, target, query, apiVersion } = call;
  if (!kind.subresources.includes(target.subresource)) throw noSuchResource();
  const dryRun = dryRunOf(query);
  const old = existing(call);
  switch (target.subresource) {
    case 'token':
      if (verb !== 'create') throw methodNotAllowed();
      return { status: 201, body: answerTokenRequest(state, old, objectBody(call.request), dryRun) };
    case 'eviction': {
      if (verb !== 'create') throw methodNotAllowed();
      const body = objectBody(call.request);
      checkBudgets(state, old);
      const uid = textAt(body, 'deleteOptions', 'preconditions', 'uid');
      deleteObject(state, kind, old, { dryRun, ...(uid === undefined ? {} : { uid }) });
      return { status: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
    }
    case 'binding': {
      if (verb !== 'create') throw methodNotAllowed();
      const node = textAt(objectBody(call.request), 'target', 'name') ?? '';
      if ((textAt(old, 'spec', 'nodeName') ?? '') !== '')
        throw conflict(
          kind,
          target.name,
          `pod ${target.name} is already assigned to node "${textAt(old, 'spec', 'nodeName') ?? ''}"`,
        );
      if (!dryRun) state.store.put(tableOf(kind), withAt(old, ['spec', 'nodeName'], node));
      return { status: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
    }
    case 'scale':
      return scale(call, old, verb);
    case 'finalize':
      return update(call, '');
    case 'log':
      return { status: 200, body: '' };
    default:
      if (verb === 'get') return ok(shown(old, apiVersion));
      if (verb === 'update') return update(call, target.subresource);
      if (verb === 'patch') return patch(call, target.subresource);
      throw methodNotAllowed();
  }
};
const scaleOf = (object: KubeObject): JsonObject => {
  const {
    name = '',
    namespace = '',
    uid = '',
    resourceVersion = '',
    creationTimestamp = '',
  } = objectAt(object, 'metadata');
  const labels = objectAt(object, 'spec', 'selector', 'matchLabels');
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: numberAt(object, 'spec', 'replicas') ?? 0 },
    status: {
      replicas: numberAt(object, 'status', 'replicas') ?? 0,
      selector: Object.entries(labels)
        .map(([key, value]) => `${key}=${String(value)}`)
        .join(','),
    },
  };
};
const scale = (call: Call, old: KubeObject, verb: string): Answer => {
  if (verb === 'get') return ok(scaleOf(old));
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed();
  const body = bodyOf(call.request);
  const wished = verb === 'update' ? body : mergePatch(scaleOf(old), body);
  const version = isObject(body) ? textAt(body, 'metadata', 'resourceVersion') : undefined;
  if (version !== undefined && version !== textAt(old, 'metadata', 'resourceVersion'))
    throw conflict(call.kind, call.target.name, modified);
  const changed = withAt(old, ['spec', 'replicas'], numberAt(wished, 'spec', 'replicas') ?? 0);
  return ok(scaleOf(updateObject(call.state, call.kind, old, changed, contextOf(call, 'scale'))));
};
