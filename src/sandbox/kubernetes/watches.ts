import { type Kind, tableOf } from './kinds.js';
import { type JsonObject, type KubeObject, namespaceOf } from './object.js';
import type { Test } from './selectors.js';
import type { State } from './state.js';
import { badRequest, expired } from './status.js';
import type { StoreEvent } from './store.js';

/** Events of one resource as lines of JSON, until the time is over or the reader goes. */
export const watchObjects = (
  state: State,
  kind: Kind,
  options: {
    readonly namespace: string | undefined;
    readonly test: Test;
    readonly query: URLSearchParams;
    readonly apiVersion: string;
    readonly signal: AbortSignal;
  },
): AsyncIterable<string> => {
  const { query, test, namespace, apiVersion } = options;
  const table = tableOf(kind);
  const asked = query.get('resourceVersion') ?? '';
  if (asked !== '' && !/^\d+$/.test(asked)) throw badRequest(`Invalid value: "${asked}": strconv.ParseUint`);
  const lines: string[] = [];
  let wake: (() => void) | null = null;
  let over = false;
  const push = (type: string, object: JsonObject): void => {
    lines.push(`${JSON.stringify({ type, object })}\n`);
    wake?.();
  };
  const shown = (object: KubeObject): KubeObject =>
    object['apiVersion'] === apiVersion ? object : { ...object, apiVersion };
  const mine = (object: KubeObject): boolean =>
    (namespace === undefined || namespaceOf(object) === namespace) && test(object);
  const tell = (event: StoreEvent): void => {
    if (event.table !== table) return;
    const now = event.type !== 'DELETED' && mine(event.object);
    const before = event.old !== null && mine(event.old);
    if (now) push(before ? 'MODIFIED' : 'ADDED', shown(event.object));
    else if (before) {
      const last =
        event.type === 'DELETED'
          ? event.object
          : {
              ...event.old,
              metadata: { ...(event.old?.['metadata'] as JsonObject), resourceVersion: String(event.version) },
            };
      push('DELETED', shown(last));
    }
  };
  const bookmark = (annotations: JsonObject = {}): void =>
    push('BOOKMARK', {
      kind: kind.kind,
      apiVersion,
      metadata: { resourceVersion: String(state.store.version), creationTimestamp: null, ...annotations },
    });
  const initial = query.get('sendInitialEvents') === 'true';
  const bookmarks = query.get('allowWatchBookmarks') === 'true';
  const end = (): void => {
    if (over) return;
    over = true;
    stopListening();
    cancelTimeout();
    cancelBookmarks();
    options.signal.removeEventListener('abort', end);
    wake?.();
  };
  let cancelBookmarks = (): void => {};
  const since = asked === '' || asked === '0' || initial ? null : state.store.since(table, Number(asked));
  const stopListening = state.store.listen(tell);
  const seconds = Number(query.get('timeoutSeconds') ?? '0') || 1800;
  const cancelTimeout = state.clock.after(seconds * 1000, () => {
    if (bookmarks) bookmark();
    end();
  });
  options.signal.addEventListener('abort', end, { once: true });
  if (options.signal.aborted) end();
  if (asked === '' || asked === '0' || initial) {
    for (const object of state.store.list(table, namespace)) if (test(object)) push('ADDED', shown(object));
    if (initial && bookmarks) bookmark({ annotations: { 'k8s.io/initial-events-end': 'true' } });
  } else if (since === null) {
    push('ERROR', expired(`too old resource version: ${asked} (${state.store.forgottenUpTo})`).status());
    end();
  } else for (const event of since) tell(event);
  const tick = (): void => {
    cancelBookmarks = state.clock.after(60_000, () => {
      if (over) return;
      bookmark();
      tick();
    });
  };
  if (bookmarks && !over) tick();
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (lines.length > 0) yield lines.splice(0, lines.length).join('');
          if (over) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = null;
        }
      } finally {
        end();
      }
    },
  };
};
