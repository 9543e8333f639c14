import { parse as parseYaml } from 'yaml';
import { isObject, type Json, type JsonObject, textAt } from '../../model/json.js';
import type { HttpRequest } from '../contract.js';
import { type Kind, tableOf } from './kinds.js';
import type { Writer } from './managed-fields.js';
import { type KubeObject, keyOf } from './object.js';
import { readProtobuf } from './protobuf.js';
import type { State, User } from './state.js';
import { badRequest, invalid, notFound } from './status.js';
import type { WriteContext } from './writes.js';

/** What a request is once its path and headers are read, and how its body and options are read. */

export interface Target {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string;
  readonly subresource: string;
}
export interface Answer {
  readonly status: number;
  readonly body: JsonObject | AsyncIterable<string> | string;
  readonly headers?: Readonly<Record<string, string>>;
}
export const ok = (body: JsonObject): Answer => ({ status: 200, body });

export const header = (request: HttpRequest, name: string): string | undefined =>
  Object.entries(request.headers).find(([key]) => key.toLowerCase() === name)?.[1];

export const bodyOf = (request: HttpRequest): Json => {
  const type = (header(request, 'content-type') ?? 'application/json').split(';')[0]?.trim() ?? '';
  if (type === 'application/vnd.kubernetes.protobuf') return readProtobuf(request.body);
  try {
    return type.includes('yaml') ? (parseYaml(request.body) as Json) : (JSON.parse(request.body) as Json);
  } catch (thrown) {
    throw badRequest(`couldn't get version/kind; json parse error: ${thrown instanceof Error ? thrown.message : ''}`);
  }
};
export const objectBody = (request: HttpRequest): JsonObject => {
  const body = bodyOf(request);
  if (!isObject(body))
    throw badRequest("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value");
  return body;
};

export const dryRunOf = (query: URLSearchParams): boolean => {
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
export const shown = (object: KubeObject, apiVersion: string): KubeObject =>
  object['apiVersion'] === apiVersion ? object : { ...object, apiVersion };

export const checkType = (body: JsonObject, kind: string, apiVersion: string): JsonObject => {
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

export interface Call {
  readonly state: State;
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly target: Target;
  readonly kind: Kind;
  readonly apiVersion: string;
}

export const existing = ({ state, kind, target }: Call): KubeObject => {
  const found = state.store.get(tableOf(kind), keyOf(target.namespace, target.name));
  if (found === null) throw notFound(kind, target.name);
  return found;
};
export const contextOf = (
  { request, query, user }: Call,
  subresourceName: string,
  operation: Writer['operation'] = 'Update',
): WriteContext => ({
  user,
  writer: writerOf(request, query, operation, subresourceName),
  dryRun: dryRunOf(query),
});
