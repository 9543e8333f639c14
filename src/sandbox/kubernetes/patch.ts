import { isObject, type Json, type JsonObject } from '../../model/json.js';
import { same } from './object.js';
import { ApiError, badRequest } from './status.js';

/** RFC 7386: null deletes, objects are merged, everything else is replaced. */
export const mergePatch = (target: Json | undefined, patch: Json): Json => {
  if (!isObject(patch)) return patch;
  const base = isObject(target) ? target : {};
  const out = new Map<string, Json>(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) out.delete(key);
    else out.set(key, mergePatch(out.get(key), value));
  }
  return Object.fromEntries(out);
};

/** The server does not tell which operation it was; the text here is for whoever debugs the sandbox. */
const failed = (_why: string): ApiError =>
  new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
const tokens = (pointer: string): readonly string[] => {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw badRequest(`invalid JSON pointer: ${pointer}`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
};
const indexOf = (token: string, length: number, mayAppend: boolean): number => {
  if (token === '-' && mayAppend) return length;
  const index = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  if (!(index >= 0 && index < length + (mayAppend ? 1 : 0))) throw failed(`array index is out of bounds: ${token}`);
  return index;
};
const read = (document: Json, path: readonly string[]): Json | undefined => {
  let here: Json | undefined = document;
  for (const token of path) {
    if (Array.isArray(here)) here = here[indexOf(token, here.length, false)] as Json | undefined;
    else if (isObject(here) && Object.hasOwn(here, token)) here = here[token];
    else return undefined;
  }
  return here;
};
type Change = { readonly set: Json } | { readonly insert: Json } | { readonly remove: true };
const change = (document: Json, path: readonly string[], act: Change, whole: string): Json => {
  const [token, ...rest] = path;
  if (token === undefined) {
    if ('remove' in act) throw failed('the whole document cannot be removed');
    return 'set' in act ? act.set : act.insert;
  }
  if (Array.isArray(document)) {
    const items = document as readonly Json[];
    const at = indexOf(token, items.length, rest.length === 0 && 'insert' in act);
    if (rest.length > 0) return items.map((item, index) => (index === at ? change(item, rest, act, whole) : item));
    if ('remove' in act) return items.filter((_, index) => index !== at);
    if ('set' in act) return items.map((item, index) => (index === at ? act.set : item));
    return [...items.slice(0, at), act.insert, ...items.slice(at)];
  }
  if (!isObject(document)) throw failed(`path does not exist: ${whole}`);
  const held = Object.hasOwn(document, token) ? document[token] : undefined;
  if (rest.length > 0) {
    if (held === undefined) throw failed(`path does not exist: ${whole}`);
    return withKey(document, token, change(held, rest, act, whole));
  }
  if ('insert' in act) return withKey(document, token, act.insert);
  if (held === undefined) throw failed(`path does not exist: ${whole}`);
  return 'set' in act ? withKey(document, token, act.set) : withKey(document, token, undefined);
};
const withKey = (object: JsonObject, key: string, value: Json | undefined): JsonObject => {
  const entries = new Map(Object.entries(object));
  if (value === undefined) entries.delete(key);
  else entries.set(key, value);
  return Object.fromEntries(entries);
};

/** RFC 6902; 422 where an operation cannot be done or a test does not hold. */
export const jsonPatch = (target: Json, operations: Json): Json => {
  if (!Array.isArray(operations))
    throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  if (operations.length > 10_000) {
    throw new ApiError(413, 'RequestEntityTooLarge', 'The allowed maximum operations in a JSON patch is 10000');
  }
  return operations.reduce((document: Json, raw): Json => {
    const operation = isObject(raw) ? raw : {};
    const pointer = typeof operation['path'] === 'string' ? operation['path'] : '';
    const path = tokens(pointer);
    const from = typeof operation['from'] === 'string' ? tokens(operation['from']) : [];
    const value = Object.hasOwn(operation, 'value') ? (operation['value'] as Json) : null;
    switch (operation['op']) {
      case 'add':
        return change(document, path, { insert: value }, pointer);
      case 'replace':
        return change(document, path, { set: value }, pointer);
      case 'remove':
        return change(document, path, { remove: true }, pointer);
      case 'test':
        if (!same(read(document, path) ?? null, value)) throw failed(`testing value ${pointer} failed: test failed`);
        return document;
      case 'move':
      case 'copy': {
        const moved = read(document, from);
        if (moved === undefined) throw failed(`path does not exist: ${String(operation['from'])}`);
        const rest = operation['op'] === 'move' ? change(document, from, { remove: true }, pointer) : document;
        return change(rest, path, { insert: moved }, pointer);
      }
      default:
        throw badRequest(`Unexpected kind: ${JSON.stringify(operation['op'] ?? null)}`);
    }
  }, target);
};
