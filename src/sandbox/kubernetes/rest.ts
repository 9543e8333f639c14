import type { HttpRequest, HttpResponse } from '../contract.js';
import { groupInfo, groupList, resourceList, versionInfo } from './discovery.js';
import { apiVersionOf, findResource } from './kinds.js';
import { selected } from './lists.js';
import { nameOf } from './object.js';
import { type Attributes, mayDo, mayGetPath } from './rbac.js';
import type { State, User } from './state.js';
import { ApiError, forbidden, methodNotAllowed, noSuchResource, notAcceptable } from './status.js';
import { asTable, wantsTable } from './tables.js';
import { discoveryDocument, keySet } from './tokens.js';
import { authenticated } from './users.js';
import { watchObjects } from './watches.js';

/** The API server's front: paths, verbs and bodies. Everything is decided within one call, so two requests never mix. */

import { type Answer, type Call, existing, header, ok, shown, type Target } from './call.js';
import { subresource } from './subresources.js';
import { create, list, patch, remove, removeAll, update } from './verbs.js';

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

/** 406 for who takes neither JSON nor everything: there is no protobuf here. */
const checkAccept = (request: HttpRequest): void => {
  const accept = header(request, 'accept');
  if (accept === undefined || accept === '') return;
  const types = accept.split(',').map((type) => (type.split(';')[0] ?? '').trim());
  if (!types.some((type) => ['application/json', 'application/*', '*/*'].includes(type))) {
    throw notAcceptable(['application/json']);
  }
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
