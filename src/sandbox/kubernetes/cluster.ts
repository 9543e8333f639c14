import type { JsonObject } from '../../model/json.js';
import type { AccountView, ClusterView, HttpRequest, HttpResponse, SandboxClock, TokenClaims } from '../contract.js';
import type { Rights } from '../rights.js';
import { bootstrap } from './bootstrap.js';
import { noticed, work } from './controllers/dispatch.js';
import { seedNamespace } from './controllers/garbage.js';
import { withDefaults } from './defaults.js';
import { canonicalEstate, estateOf } from './estate.js';
import { findKind, tableOf } from './kinds.js';
import { expireContinues } from './lists.js';
import { keyOf, nameOf, namespaceOf, objectKey, timeText, uidOf, withAll } from './object.js';
import { answerRequest } from './rest.js';
import { mintToken } from './reviews.js';
import { newUid, type State, type Timings, type User, type WebhookSettings } from './state.js';
import { ApiError } from './status.js';
import { Store, type StoreEvent } from './store.js';
import { Tasks } from './tasks.js';
import { readToken } from './tokens.js';
import { admin, adminToken, anonymous, ownerToken } from './users.js';
import { controllerContext, createObject } from './writes.js';

export interface ClusterOptions {
  readonly clock: SandboxClock;
  readonly account: AccountView;
  /** URL of the issuer of service account tokens, `https://…`. */
  readonly issuer: string;
  readonly webhook?: Partial<WebhookSettings>;
  /** As `1.33.0`. */
  readonly version?: string;
  readonly timings?: Partial<Timings>;
  /** Users by bearer token, beside the administrator (`sandbox-admin-token`). */
  readonly users?: Readonly<Record<string, User>>;
  /**
   * Who a request without credentials comes from; `system:anonymous` unless said. kubectl sends no token over plain HTTP, so a
   * sandbox that it shall reach on the loopback address gives its `admin` here.
   */
  readonly anonymous?: User;
  /** Asked about tokens that are neither a user's nor a service account's. */
  readonly authenticate?: (token: string) => User | null;
  /** Where what users with limited rights ask for is noted. */
  readonly rights?: Rights | null;
}

/** A cluster that answers the Kubernetes API and whose controllers run on the given clock. */
export interface SimulatedCluster extends ClusterView {
  handle(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /** Creates as an administrator through admission and defaults; throws ApiError. */
  create(object: JsonObject): JsonObject;
  /** What `create` would store at this moment; nothing is stored, counted or used up. Throws ApiError. */
  admitted(object: JsonObject): JsonObject;
  /** A token as a pod's projected volume would hold it. Null where the account is not there. Seconds: 3600 unless said. */
  tokenFor(
    namespace: string,
    serviceAccount: string,
    audiences: readonly string[],
    options?: { readonly seconds?: number; readonly pod?: string },
  ): string | null;
  /** The same content on another clock and account; neither sees the other's later changes. */
  fork(clock: SandboxClock, account: AccountView): SimulatedCluster;
  /** Whether the controllers have nothing to do within so many milliseconds (5,000 unless said). */
  settled(withinMs?: number): boolean;
  /** Rolls the control plane: from now on tokens come from that issuer, and its discovery document says so. */
  roll(issuer: string): void;
  setWebhook(change: Partial<WebhookSettings>): void;
  setTimings(change: Partial<Timings>): void;
  /** Ends all lists in progress with 410; `inconsistent` says whether the refusal offers to go on anyway. */
  expireContinueTokens(options?: { readonly inconsistent?: boolean }): void;
  /** Forgets past events: watches from before end with 410. */
  compact(): void;
  /** Tells of each object that is stored or deleted, within that very write; the answer ends it. A fork tells nobody. */
  listen(listener: (event: StoreEvent) => void): () => void;
  /** Every object without what the server sets, by key; see estate.ts. */
  estate(): ReadonlyMap<string, string>;
  /** The same as one canonical text. */
  canonical(options?: { readonly withoutAnnotations?: readonly string[] }): string;
  readonly resourceVersion: number;
  /** Ends timers; open watches end too. */
  stop(): void;
}

const defaultWebhook: WebhookSettings = {
  lagMs: 0,
  dryRun: true,
  audience: 'sts.amazonaws.com',
  injectRegion: null,
  regionalSts: true,
  tokenExpiration: 86_400,
  agentUri: 'http://169.254.170.23/v1/credentials',
  mode: 'ok',
};
const defaultTimings: Timings = { readyMs: 100, terminateMs: 100, controllerMs: 5, continueMs: 300_000 };

type Seed = Omit<State, 'tasks'>;
const around = (seed: Seed): SimulatedCluster => {
  let working: State | null = null;
  const tasks = new Tasks(seed.clock, (task) => {
    if (working !== null) work(working, task);
  });
  const state: State = { ...seed, tasks };
  working = state;
  state.store.listen((event) => noticed(state, event));
  bootstrap(state);
  for (const namespace of state.store.list('/namespaces')) seedNamespace(state, nameOf(namespace));
  return clusterOf(state);
};

const clusterOf = (state: State): SimulatedCluster => {
  const stopped = new AbortController();
  const tableFor = (apiVersion: string, kind: string) => {
    const found = findKind(state.store, apiVersion, kind);
    return found === undefined ? null : { kind: found, table: tableOf(found) };
  };
  return {
    get issuer() {
      return state.issuer;
    },
    roll(issuer) {
      state.issuer = issuer;
    },
    get resourceVersion() {
      return state.store.version;
    },
    handle: async (request, signal) => answerRequest(state, request, AbortSignal.any([signal, stopped.signal])),
    readToken: (token): TokenClaims | null => readToken(token, state.issuer, state.clock.now()),
    get(apiVersion, kind, namespace, name) {
      const found = tableFor(apiVersion, kind);
      if (found === null) return null;
      return state.store.get(found.table, keyOf(found.kind.namespaced ? namespace : undefined, name));
    },
    list(apiVersion, kind, namespace) {
      const found = tableFor(apiVersion, kind);
      return found === null ? [] : state.store.list(found.table, namespace);
    },
    put(object) {
      const found = tableFor(String(object['apiVersion']), String(object['kind']));
      if (found === null) {
        throw new ApiError(404, 'NotFound', `no kind ${String(object['kind'])} in ${String(object['apiVersion'])}`);
      }
      const { kind, table } = found;
      const namespace = namespaceOf(object);
      if (namespace !== '' && state.store.get('/namespaces', namespace) === null) {
        this.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      }
      const old = state.store.get(table, objectKey(object));
      const complete = withDefaults(kind.group, kind.kind, object);
      const generation = Number((old?.['metadata'] as JsonObject | undefined)?.['generation'] ?? 0) + 1;
      const metadata = object['metadata'] as JsonObject;
      state.store.put(
        table,
        withAll(complete, [
          [['metadata', 'uid'], metadata['uid'] ?? (old === null ? newUid(state) : uidOf(old))],
          [
            ['metadata', 'creationTimestamp'],
            metadata['creationTimestamp'] ??
              (old?.['metadata'] as JsonObject | undefined)?.['creationTimestamp'] ??
              timeText(state.clock.now()),
          ],
          ...(kind.generation === 'none'
            ? []
            : [[['metadata', 'generation'], metadata['generation'] ?? generation] as const]),
        ]),
      );
      if (table === '/namespaces') seedNamespace(state, objectKey(object));
    },
    create(object) {
      const found = tableFor(String(object['apiVersion']), String(object['kind']));
      if (found === null) {
        throw new ApiError(404, 'NotFound', `no kind ${String(object['kind'])} in ${String(object['apiVersion'])}`);
      }
      return createObject(state, found.kind, object, { ...controllerContext, user: admin });
    },
    admitted(object) {
      const found = tableFor(String(object['apiVersion']), String(object['kind']));
      if (found === null) {
        throw new ApiError(404, 'NotFound', `no kind ${String(object['kind'])} in ${String(object['apiVersion'])}`);
      }
      // What is set on the copy (the webhook's misses, numbers) is nobody's.
      return createObject({ ...state }, found.kind, object, { ...controllerContext, user: admin, unstored: true });
    },
    remove(apiVersion, kind, namespace, name) {
      const found = tableFor(apiVersion, kind);
      if (found !== null) state.store.remove(found.table, keyOf(found.kind.namespaced ? namespace : undefined, name));
    },
    tokenFor(namespace, serviceAccount, audiences, options = {}) {
      const account = state.store.get('/serviceaccounts', `${namespace}/${serviceAccount}`);
      if (account === null) return null;
      const pod = options.pod === undefined ? null : state.store.get('/pods', `${namespace}/${options.pod}`);
      return mintToken(state, account, { audiences, seconds: options.seconds ?? 3600, pod }).token;
    },
    fork(clock, account) {
      const { tasks, ...seed } = state;
      const store = state.store.fork();
      const held = new Tasks(clock, (task) => work(forked, task));
      const forked: State = {
        ...seed,
        clock,
        account,
        store,
        tasks: held,
        sightings: new Map(state.sightings),
        snapshots: new Map(state.snapshots),
        nodeLoad: new Map(state.nodeLoad),
      };
      store.listen((event) => noticed(forked, event));
      tasks.copyTo(held);
      return clusterOf(forked);
    },
    settled: (withinMs = 5_000) => state.tasks.within(withinMs).length === 0,
    setWebhook(change) {
      state.webhook = { ...state.webhook, ...change };
    },
    setTimings(change) {
      state.timings = { ...state.timings, ...change };
    },
    expireContinueTokens(options = {}) {
      expireContinues(state);
      if (options.inconsistent !== undefined) state.inconsistentContinue = options.inconsistent;
    },
    compact: () => state.store.compact(),
    listen: (listener) => state.store.listen(listener),
    estate: () => estateOf(state.store),
    canonical: (options = {}) => canonicalEstate(state.store, options.withoutAnnotations ?? []),
    stop() {
      stopped.abort();
      state.tasks.stop();
    },
  };
};

export const createCluster = (options: ClusterOptions): SimulatedCluster => {
  const seed: Seed = {
    store: new Store(),
    clock: options.clock,
    account: options.account,
    issuer: options.issuer,
    version: options.version ?? '1.33.0',
    users: new Map([[adminToken, admin], [ownerToken, admin], ...Object.entries(options.users ?? {})]),
    anonymous: options.anonymous ?? anonymous,
    authenticate: options.authenticate ?? (() => null),
    rights: options.rights ?? null,
    sightings: new Map(),
    snapshots: new Map(),
    nodeLoad: new Map(),
    webhook: { ...defaultWebhook, ...options.webhook },
    timings: { ...defaultTimings, ...options.timings },
    inconsistentContinue: true,
    serial: 0,
  };
  return around(seed);
};
export type { Timings, User, WebhookSettings } from './state.js';
export { admin, adminToken } from './users.js';
