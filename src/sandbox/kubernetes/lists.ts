import { type Kind, tableOf } from './kinds.js';
import { type JsonObject, type KubeObject, objectKey } from './object.js';
import { fieldSelector, labelSelector, type Test } from './selectors.js';
import type { State } from './state.js';
import { ApiError, badRequest, expired } from './status.js';

/** The tests that a request's selectors ask for. */
export const selected = (kind: Kind, query: URLSearchParams): Test => {
  const labels = query.get('labelSelector');
  const fields = query.get('fieldSelector');
  const tests: Test[] = [];
  if (labels) tests.push(labelSelector(labels));
  if (fields) tests.push(fieldSelector(fields, kind.resource));
  return (object) => tests.every((test) => test(object));
};

/** What a continue token holds: the version of the list that it goes on with (-1: of now), and the key behind which it goes on. */
interface Position {
  readonly version: number;
  readonly after: string;
}
const tokenOf = ({ version, after }: Position): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: `${after}\u0000` })).toString('base64url');
const positionOf = (token: string): Position => {
  try {
    const value = JSON.parse(Buffer.from(token, 'base64url').toString()) as {
      v?: unknown;
      rv?: unknown;
      start?: unknown;
    };
    if (value.v === 'meta.k8s.io/v1' && typeof value.rv === 'number' && typeof value.start === 'string') {
      return { version: value.rv, after: value.start.replace(/\0$/, '') };
    }
  } catch {
    // Told below like any other token that is not ours.
  }
  throw badRequest('invalid continue token: continue key is not valid: illegal base64 data at input byte 0');
};
const tooOld =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';
const tooOldPlain =
  'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.';

const kept = 64;

/** Forgets all lists in progress: their continue tokens end with 410. */
export const expireContinues = (state: State): void => state.snapshots.clear();

/** Answers a list: all of it, or pages that belong together although the store moves on between them. */
export const listObjects = (
  state: State,
  kind: Kind,
  namespace: string | undefined,
  query: URLSearchParams,
): JsonObject => {
  const limitText = query.get('limit') ?? '0';
  if (!/^\d+$/.test(limitText)) throw badRequest(`strconv.ParseInt: parsing "${limitText}": invalid syntax`);
  const limit = Number(limitText);
  const test = selected(kind, query);
  const token = query.get('continue') ?? '';
  const asked = query.get('resourceVersion') ?? '';
  if (token !== '' && asked !== '' && asked !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  if (asked !== '' && !/^\d+$/.test(asked)) throw badRequest(`Invalid value: "${asked}": strconv.ParseUint`);
  if (Number(asked) > state.store.version) {
    throw new ApiError(504, 'Timeout', `Too large resource version: ${asked}, current: ${state.store.version}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
  const now = state.clock.now();
  const scope = `${tableOf(kind)}|${namespace ?? ''}`;
  let items: readonly KubeObject[];
  let version = state.store.version;
  let after = '';
  if (token === '') {
    if (query.get('resourceVersionMatch') === 'Exact' && Number(asked) < state.store.version) {
      const held = state.snapshots.get(`${scope}|${asked}`);
      if (held === undefined || held.until <= now)
        throw expired(`The resourceVersion for the provided list is too old.`);
      items = held.items;
      version = held.version;
    } else items = state.store.list(tableOf(kind), namespace);
  } else {
    const position = positionOf(token);
    after = position.after;
    if (position.version < 0) items = state.store.list(tableOf(kind), namespace);
    else {
      const held = state.snapshots.get(`${scope}|${position.version}`);
      if (held === undefined || held.until <= now) {
        if (!state.inconsistentContinue) throw expired(tooOldPlain);
        throw expired(tooOld, { continue: tokenOf({ version: -1, after }) });
      }
      items = held.items;
      version = held.version;
    }
  }
  const from = after === '' ? 0 : firstAfter(items, after);
  const page: KubeObject[] = [];
  let at = from;
  for (; at < items.length && (limit === 0 || page.length < limit); at += 1) {
    const item = items[at] as KubeObject;
    if (test(item)) page.push(item);
  }
  const filtering = query.get('labelSelector') || query.get('fieldSelector');
  const more = filtering ? items.slice(at).some(test) : at < items.length;
  const metadata: Record<string, string | number> = { resourceVersion: String(version) };
  if (more) {
    const snapshot = `${scope}|${version}`;
    if (!state.snapshots.has(snapshot)) {
      state.snapshots.set(snapshot, { items, version, until: now + state.timings.continueMs });
      for (const old of [...state.snapshots.keys()].slice(0, -kept)) state.snapshots.delete(old);
    }
    metadata['continue'] = tokenOf({ version, after: objectKey(items[at - 1] as KubeObject) });
    if (!filtering) metadata['remainingItemCount'] = items.length - at;
  }
  return { metadata, items: page };
};

const firstAfter = (items: readonly KubeObject[], key: string): number => {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (objectKey(items[middle] as KubeObject) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
};
