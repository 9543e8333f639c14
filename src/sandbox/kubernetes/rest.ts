import { parse as parseYaml } from 'yaml';
import { isObject, type Json, type JsonObject, numberAt, objectAt, textAt } from '../../model/json.js';
import type { HttpRequest, HttpResponse } from '../contract.js';
import { groupInfo, groupList, resourceList, versionInfo } from './discovery.js';
import { checkBudgets } from './disruption.js';
import { apiVersionOf, findResource, type Kind, tableOf } from './kinds.js';
import { listObjects, selected } from './lists.js';
import type { Writer } from './managed-fields.js';
import { type KubeObject, keyOf, nameOf, withAll, withAt } from './object.js';
import { jsonPatch, mergePatch } from './patch.js';
import { readProtobuf } from './protobuf.js';
import { type Attributes, mayDo, mayGetPath } from './rbac.js';
import { answerReview, answerTokenRequest } from './reviews.js';
import { applied } from './server-side-apply.js';
import type { State, User } from './state.js';
import {
  ApiError,
  badRequest,
  conflict,
  forbidden,
  invalid,
  invalidField,
  methodNotAllowed,
  modified,
  noSuchResource,
  notAcceptable,
  notFound,
  unsupportedMediaType,
} from './status.js';
import { strategicMerge } from './strategic.js';
import { asTable, wantsTable } from './tables.js';
import { discoveryDocument, keySet } from './tokens.js';
import { authenticated } from './users.js';
import { undecodable } from './validation.js';
import { watchObjects } from './watches.js';
import { createObject, type DeleteOptions, deleteObject, updateObject, type WriteContext } from './writes.js';

/** The API server's front: paths, verbs and bodies. Everything is decided within one call, so two requests never mix. */

interface Target {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string;
  readonly subresource: string;
}
const targetOf = (path: string): Target | null => {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const core = parts[0] === 'api';
  const group = core ? '' : (parts[1] ?? '');
  const version = (core ? parts[1] : parts[2]) ?? '';
  const rest = parts.slice(core ? 2 : 3);
  if (rest.length === 0) return null;
  const inside = rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '');
  const [resource = '', name = '', subresource = ''] = inside ? rest.slice(2) : rest;
  const namespace = inside ? rest[1] : undefined;
  return { group, version, namespace, resource, name, subresource };
};

const verbOf = (method: string, named: boolean, watching: boolean): string => {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return watching ? 'watch' : named ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      throw methodNotAllowed();
  }
};

interface Answer {
  readonly status: number;
  readonly body: JsonObject | AsyncIterable<string> | string;
  readonly headers?: Readonly<Record<string, string>>;
}
const ok = (body: JsonObject): Answer => ({ status: 200, body });

const header = (request: HttpRequest, name: string): string | undefined =>
  Object.entries(request.headers).find(([key]) => key.toLowerCase() === name)?.[1];

/** 406 for who takes neither JSON nor everything: there is no protobuf here. */
const checkAccept = (request: HttpRequest): void => {
  const accept = header(request, 'accept');
  if (accept === undefined || accept === '') return;
  const types = accept.split(',').map((type) => (type.split(';')[0] ?? '').trim());
  if (!types.some((type) => ['application/json', 'application/*', '*/*'].includes(type))) {
    throw notAcceptable(['application/json']);
  }
};

const bodyOf = (request: HttpRequest): Json => {
  const type = (header(request, 'content-type') ?? 'application/json').split(';')[0]?.trim() ?? '';
  if (type === 'application/vnd.kubernetes.protobuf') return readProtobuf(request.body);
  try {
    return type.includes('yaml') ? (parseYaml(request.body) as Json) : (JSON.parse(request.body) as Json);
  } catch (thrown) {
    throw badRequest(`couldn't get version/kind; json parse error: ${thrown instanceof Error ? thrown.message : ''}`);
  }
};
const objectBody = (request: HttpRequest): JsonObject => {
  const body = bodyOf(request);
  if (!isObject(body))
    throw badRequest("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value");
  return body;
};

const dryRunOf = (query: URLSearchParams): boolean => {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) {
    throw invalid({ group: 'meta.k8s.io', resource: '', kind: 'CreateOptions' }, '', [
      {
        reason: 'FieldValueNotSupported',
        field: 'dryRun',
        message: `Unsupported value: []string{${values.map((value) => JSON.stringify(value)).join(', ')}}: supported values: "All"`,
      },
    ]);
  }
  return values.length > 0;
};
const writerOf = (
  request: HttpRequest,
  query: URLSearchParams,
  operation: Writer['operation'],
  subresource: string,
): Writer => ({
  manager: query.get('fieldManager') || (header(request, 'user-agent') ?? '').split('/')[0] || 'unknown',
  operation,
  subresource,
});

/** An object as this version of its API shows it. */
const shown = (object: KubeObject, apiVersion: string): KubeObject =>
  object['apiVersion'] === apiVersion ? object : { ...object, apiVersion };

const checkType = (body: JsonObject, kind: string, apiVersion: string): JsonObject => {
  const said = textAt(body, 'kind');
  const version = textAt(body, 'apiVersion');
  if (said !== undefined && said !== kind) {
    throw badRequest(
      `${said} in version "${version ?? ''}" cannot be handled as a ${kind}: no kind "${said}" is registered for version "${apiVersion}"`,
    );
  }
  if (version !== undefined && version !== apiVersion) {
    throw badRequest(
      `the API version in the data (${version}) does not match the expected API version (${apiVersion})`,
    );
  }
  return { ...body, apiVersion, kind };
};

export const answerRequest = (state: State, request: HttpRequest, signal: AbortSignal): HttpResponse => {
  const date = new Date(state.clock.now()).toUTCString();
  const base = { date, 'cache-control': 'no-cache, private', 'audit-id': '00000000-0000-4000-8000-000000000000' };
  const json = { ...base, 'content-type': 'application/json' };
  try {
    const answer = route(state, request, signal);
    const headers = { ...json, ...answer.headers };
    if (typeof answer.body === 'string')
      return { status: answer.status, headers: { ...headers, 'content-type': 'text/plain' }, body: answer.body };
    if (Symbol.asyncIterator in answer.body)
      return { status: answer.status, headers, body: answer.body as AsyncIterable<string> };
    return { status: answer.status, headers, body: `${JSON.stringify(answer.body)}\n` };
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    return {
      status: thrown.code,
      headers: { ...json, ...thrown.headers },
      body: `${JSON.stringify(thrown.status())}\n`,
    };
  }
};

const route = (state: State, request: HttpRequest, signal: AbortSignal): Answer => {
  const url = new URL(request.url);
  const path = url.pathname.replace(/\/+$/, '') || '/';
  const user = authenticated(state, header(request, 'authorization'));
  if (/^\/(api\/[^/]+|apis\/[^/]+\/[^/]+)\/.+/.test(path)) {
    checkAccept(request);
    return resource(state, request, url, user, signal);
  }
  return plain(state, request.method, path, user);
};

const plain = (state: State, method: string, path: string, user: User): Answer => {
  const verb = method === 'GET' ? 'get' : method.toLowerCase();
  if (!mayGetPath(state, user, verb, path)) {
    throw new ApiError(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, {});
  }
  const found = documentAt(state, path);
  if (found !== null) return found;
  if (/^\/apis?\//.test(path)) throw noSuchResource();
  return { status: 404, body: '404 page not found\n' };
};
const documentAt = (state: State, path: string): Answer | null => {
  switch (path) {
    case '/version':
      return ok(versionInfo(state.version));
    case '/healthz':
    case '/livez':
    case '/readyz':
      return { status: 200, body: 'ok' };
    case '/api':
      return ok({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
    case '/apis':
      return ok(groupList(state));
    case '/.well-known/openid-configuration':
      return ok(discoveryDocument(state.issuer));
    case '/openid/v1/jwks':
      return { ...ok(keySet()), headers: { 'content-type': 'application/jwk-set+json' } };
    default: {
      const [, root, group = '', version] = path.split('/');
      if (root === 'api' && version === undefined) {
        const found = resourceList(state, '', group);
        return found === null ? null : ok(found);
      }
      if (root !== 'apis') return null;
      const found = version === undefined ? groupInfo(state, group) : resourceList(state, group, version);
      return found === null ? null : ok(found);
    }
  }
};

interface Call {
  readonly state: State;
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly target: Target;
  readonly kind: Kind;
  readonly apiVersion: string;
}

const denied = (user: User, { verb, group, resource: plural, subresource, namespace }: Attributes): string =>
  `User "${user.name}" cannot ${verb} resource "${plural}${subresource === '' ? '' : `/${subresource}`}" in API group "${group}" ${
    namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  }`;

const resource = (state: State, request: HttpRequest, url: URL, user: User, signal: AbortSignal): Answer => {
  const target = targetOf(url.pathname);
  if (target === null) throw noSuchResource();
  const query = url.searchParams;
  const watching = ['true', '1'].includes(query.get('watch') ?? '') && target.name === '';
  const verb = verbOf(request.method, target.name !== '', watching);
  const kind = findResource(state.store, target.group, target.resource);
  const inNamespaces = target.resource === 'namespaces' && target.group === '';
  const wanted: Attributes = {
    verb,
    group: target.group,
    resource: target.resource,
    subresource: target.subresource,
    namespace: target.namespace ?? (inNamespaces ? target.name : ''),
    name: target.name,
  };
  if (!mayDo(state, user, wanted)) {
    const named = kind ?? { group: target.group, resource: target.resource, kind: '' };
    throw forbidden(named, target.name, denied(user, wanted));
  }
  if (kind === undefined || !kind.versions.includes(target.version)) {
    if (groupInfo(state, target.group) === null) return { status: 404, body: '404 page not found\n' };
    throw noSuchResource();
  }
  const everywhere = kind.namespaced && target.namespace === undefined;
  if (!kind.namespaced && target.namespace !== undefined) throw noSuchResource();
  // Namespaced things can be listed and watched over all namespaces, and nothing else.
  if (everywhere && !['list', 'watch'].includes(verb)) {
    if (target.name !== '') throw noSuchResource();
    throw methodNotAllowed();
  }
  const call: Call = {
    state,
    request,
    query,
    user,
    target,
    kind,
    apiVersion: apiVersionOf(target.group, target.version),
  };
  if (target.subresource !== '') return subresource(call, verb);
  if (!kind.verbs.includes(verb)) throw methodNotAllowed();
  switch (verb) {
    case 'list':
      return list(call);
    case 'watch': {
      const names = fieldNamed(query);
      const test = selected(kind, query);
      return {
        status: 200,
        body: watchObjects(state, kind, {
          namespace: target.namespace,
          test: names === null ? test : (object) => nameOf(object) === names && test(object),
          query,
          apiVersion: call.apiVersion,
          signal,
        }),
      };
    }
    case 'get': {
      const found = shown(existing(call), call.apiVersion);
      return ok(wantsTable(header(request, 'accept')) ? asTable(state, kind, [found], {}) : found);
    }
    case 'create':
      return create(call);
    case 'update':
      return update(call, '');
    case 'patch':
      return patch(call, '');
    case 'delete':
      return remove(call, existing(call));
    default:
      return removeAll(call);
  }
};
const fieldNamed = (query: URLSearchParams): string | null => query.get('name');

const existing = ({ state, kind, target }: Call): KubeObject => {
  const found = state.store.get(tableOf(kind), keyOf(target.namespace, target.name));
  if (found === null) throw notFound(kind, target.name);
  return found;
};
const contextOf = (
  { request, query, user }: Call,
  subresourceName: string,
  operation: Writer['operation'] = 'Update',
): WriteContext => ({
  user,
  writer: writerOf(request, query, operation, subresourceName),
  dryRun: dryRunOf(query),
});

const list = ({ state, kind, target, query, apiVersion, request }: Call): Answer => {
  const { metadata, items } = listObjects(state, kind, target.namespace, query);
  const objects = items as readonly KubeObject[];
  if (wantsTable(header(request, 'accept'))) return ok(asTable(state, kind, objects, metadata as JsonObject));
  // Items of built-in kinds do not repeat what the list says; those of custom resources do.
  const shownItems = kind.custom
    ? objects.map((object) => shown(object, apiVersion))
    : objects.map(({ apiVersion: _, kind: __, ...rest }) => rest);
  return ok({ kind: `${kind.kind}List`, apiVersion, metadata: metadata as JsonObject, items: shownItems });
};

const create = (call: Call): Answer => {
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

const update = (call: Call, subresourceName: string): Answer => {
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
const patch = (call: Call, subresourceName: string): Answer => {
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
const remove = (call: Call, old: KubeObject): Answer => {
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
const removeAll = (call: Call): Answer => {
  const { state, kind, target, query, apiVersion } = call;
  const test = selected(kind, query);
  const items = state.store.list(tableOf(kind), target.namespace).filter(test);
  const options = deleteOptions(call);
  for (const item of items) deleteObject(state, kind, item, options);
  const metadata = { resourceVersion: String(state.store.version) };
  return ok({ kind: `${kind.kind}List`, apiVersion, metadata, items });
};

const subresource = (call: Call, verb: string): Answer => {
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
