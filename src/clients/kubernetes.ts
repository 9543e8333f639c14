import type { Clock } from '../model/clock.js';
import type { HttpResponse, Transport } from '../model/http.js';
import { at, isObject, type Json, type JsonObject, listAt, numberAt, textAt } from '../model/json.js';
import type { CreateOptions, KubernetesWriter, ListOptions } from '../model/ports.js';
import { groupOf, type KubernetesRef } from '../model/resource.js';
import { groupPath, knownResource, pathOf, pathOfRef, type ResourceName } from './kube-paths.js';
import { type KubernetesCall, KubernetesError, kubernetesError, unreachable } from './kubernetes-errors.js';
import type { Lane, Lanes } from './lanes.js';
import { ownedPods } from './owned-pods.js';
import { retryAfter, type Verdict, withRetries } from './retry.js';
import { RolloutWatch } from './rollout-watch.js';

export interface KubernetesClientOptions {
  readonly server: string;
  readonly send: Transport;
  readonly sendFresh: Transport;
  readonly lanes: Lanes;
  readonly clock: Clock;
  /** Ends every call of the run. */
  readonly signal: AbortSignal;
  /** Told the milliseconds of every Date header. */
  readonly onServerTime: (ms: number) => void;
  /** Milliseconds after which a call without an answer is given up; default 30 s. */
  readonly timeoutMs?: number;
  /** Objects per page; 500 is the best trade between memory and round trips. */
  readonly pageSize?: number;
}

/** Field manager under which our writes appear in managedFields. */
export const fieldManager = 'rolelift';

const json = 'application/json';
interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: Json;
  readonly type?: string;
  readonly fresh?: boolean;
}

/** Raw JSON over HTTP: what is read and may have to be restored keeps every field that the server knows. */
export class KubernetesClient implements KubernetesWriter {
  readonly #options: KubernetesClientOptions;
  readonly #resources = new Map<string, Promise<ReadonlyMap<string, ResourceName> | null>>();
  readonly #watches = new Map<string, RolloutWatch>();

  constructor(options: KubernetesClientOptions) {
    this.#options = options;
  }

  async get(ref: KubernetesRef): Promise<JsonObject | null> {
    const resource = await this.#resource(ref.apiVersion, ref.kind);
    if (resource === null) return null;
    try {
      return await this.#call({ verb: 'get', ref, path: '' }, { method: 'GET', path: pathOfRef(ref, resource) });
    } catch (thrown) {
      if (thrown instanceof KubernetesError && thrown.status === 404) return null;
      throw thrown;
    }
  }

  async *list(apiVersion: string, kind: string, options: ListOptions = {}): AsyncGenerator<JsonObject> {
    const resource = await this.#resource(apiVersion, kind);
    if (resource === null) return;
    for await (const page of this.#pages(apiVersion, kind, resource, options)) yield* page.items;
  }

  /** Whole pages; after 410 the list begins anew and what was told already is left out. */
  async *#pages(
    apiVersion: string,
    kind: string,
    resource: ResourceName,
    options: ListOptions,
  ): AsyncGenerator<{ readonly items: readonly JsonObject[]; readonly resourceVersion: string }> {
    const path = pathOf(apiVersion, resource, options.namespace);
    let seen: Set<string> | null = null;
    const told = new Set<string>();
    for (let restarts = 0; ; restarts += 1) {
      let token: string | undefined;
      try {
        do {
          const page = await this.#call(
            { verb: 'list', ref: null, path },
            {
              method: 'GET',
              path,
              query: {
                limit: String(this.#options.pageSize ?? 500),
                continue: token,
                labelSelector: options.labelSelector,
                fieldSelector: options.fieldSelector,
              },
            },
          );
          const items = listAt(page, 'items')
            .filter(isObject)
            .filter((item) => seen === null || !seen.has(textAt(item, 'metadata', 'uid') ?? ''))
            // Items of a list carry neither kind nor apiVersion.
            .map((item) => ({ ...item, apiVersion, kind }));
          for (const item of items) told.add(textAt(item, 'metadata', 'uid') ?? '');
          yield { items, resourceVersion: textAt(page, 'metadata', 'resourceVersion') ?? '' };
          token = textAt(page, 'metadata', 'continue') || undefined;
        } while (token !== undefined);
        return;
      } catch (thrown) {
        if (!(thrown instanceof KubernetesError) || thrown.status !== 410 || restarts >= 5) throw thrown;
        seen = told;
      }
    }
  }

  async allowed(verb: string, ref: KubernetesRef, subresource?: string): Promise<boolean> {
    const resource = await this.#resource(ref.apiVersion, ref.kind);
    const answer = await this.#call(
      { verb: 'create', ref: null, path: 'SelfSubjectAccessReview' },
      {
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: {
            resourceAttributes: {
              verb,
              group: groupOf(ref.apiVersion),
              version: ref.apiVersion.split('/').pop() ?? '',
              resource: resource?.plural ?? `${ref.kind.toLowerCase()}s`,
              ...(subresource === undefined ? {} : { subresource }),
              ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
              ...(ref.name === '' ? {} : { name: ref.name }),
            },
          },
        },
      },
      true,
    );
    return at(answer, 'status', 'allowed') === true;
  }

  async serves(apiVersion: string, kind: string): Promise<boolean> {
    const resources = await this.#discover(apiVersion);
    return resources?.has(kind) ?? false;
  }

  rolledOut(ref: KubernetesRef, generation: number, signal: AbortSignal): Promise<void> {
    const key = `${ref.apiVersion}/${ref.kind}`;
    let watch = this.#watches.get(key);
    if (watch === undefined) {
      watch = new RolloutWatch({
        list: () => this.#snapshot(ref.apiVersion, ref.kind),
        watch: (resourceVersion, stop) => this.#watch(ref.apiVersion, ref.kind, resourceVersion, stop),
        podsOf: (object) => this.podsOf(object),
        clock: this.#options.clock,
        signal: this.#options.signal,
      });
      this.#watches.set(key, watch);
    }
    return watch.wait(ref, generation, signal);
  }

  podsOf(ref: KubernetesRef): Promise<readonly JsonObject[]> {
    return ownedPods(this, ref);
  }

  async version(): Promise<string> {
    const answer = await this.#call({ verb: 'get', ref: null, path: '/version' }, { method: 'GET', path: '/version' });
    return (textAt(answer, 'gitVersion') ?? '').replace(/^v/, '');
  }

  async whoAmI(): Promise<string> {
    try {
      const answer = await this.#call(
        { verb: 'create', ref: null, path: 'SelfSubjectReview' },
        {
          method: 'POST',
          path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        },
        true,
      );
      return textAt(answer, 'status', 'userInfo', 'username') ?? '';
    } catch (thrown) {
      // Servers before 1.28 do not know it.
      if (thrown instanceof KubernetesError && [403, 404, 405].includes(thrown.status)) return '';
      throw thrown;
    }
  }

  async getPath(path: string): Promise<JsonObject | null> {
    try {
      return await this.#call({ verb: 'get', ref: null, path }, { method: 'GET', path });
    } catch (thrown) {
      if (thrown instanceof KubernetesError && [403, 404].includes(thrown.status)) return null;
      throw thrown;
    }
  }

  async create(ref: KubernetesRef, body: JsonObject, options: CreateOptions = {}): Promise<JsonObject> {
    const resource = await this.#needed(ref);
    return this.#call(
      { verb: 'create', ref, path: '' },
      {
        method: 'POST',
        path: pathOf(ref.apiVersion, resource, ref.namespace),
        query: { fieldManager, dryRun: options.dryRun === true ? 'All' : undefined },
        body,
        fresh: options.freshConnection === true,
      },
      // A dry run stores nothing, so it may be repeated.
      options.dryRun === true,
    );
  }

  async mergePatch(ref: KubernetesRef, patch: JsonObject, resourceVersion: string): Promise<JsonObject> {
    const resource = await this.#needed(ref);
    const metadata = isObject(patch.metadata) ? patch.metadata : {};
    return this.#call(
      { verb: 'patch', ref, path: '' },
      {
        method: 'PATCH',
        path: pathOfRef(ref, resource),
        query: { fieldManager },
        body: { ...patch, metadata: { ...metadata, resourceVersion } },
        type: 'application/merge-patch+json',
      },
    );
  }

  async jsonPatch(ref: KubernetesRef, operations: readonly JsonObject[]): Promise<JsonObject> {
    const resource = await this.#needed(ref);
    return this.#call(
      { verb: 'patch', ref, path: '' },
      {
        method: 'PATCH',
        path: pathOfRef(ref, resource),
        query: { fieldManager },
        body: operations,
        type: 'application/json-patch+json',
      },
    );
  }

  async remove(ref: KubernetesRef, uid: string): Promise<void> {
    const resource = await this.#needed(ref);
    try {
      await this.#call(
        { verb: 'delete', ref, path: '' },
        {
          method: 'DELETE',
          path: pathOfRef(ref, resource),
          body: { apiVersion: 'v1', kind: 'DeleteOptions', ...(uid === '' ? {} : { preconditions: { uid } }) },
        },
        // The uid makes a repeat harmless: a new object of that name is not touched.
        uid !== '',
      );
    } catch (thrown) {
      if (!(thrown instanceof KubernetesError)) throw thrown;
      if (thrown.status === 404) return;
      // A uid that does not match any more: that very object is gone.
      if (thrown.status === 409 && uid !== '' && textAt(await this.get(ref), 'metadata', 'uid') !== uid) return;
      throw thrown;
    }
  }

  async token(serviceAccount: KubernetesRef, audience: string, seconds: number): Promise<string> {
    const answer = await this.#call(
      { verb: 'create', ref: { ...serviceAccount, kind: 'ServiceAccount' }, path: '' },
      {
        method: 'POST',
        path: `${pathOf('v1', { plural: 'serviceaccounts', namespaced: true }, serviceAccount.namespace, serviceAccount.name)}/token`,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { audiences: [audience], expirationSeconds: seconds },
        },
      },
      true,
    );
    return textAt(answer, 'status', 'token') ?? '';
  }

  async #snapshot(
    apiVersion: string,
    kind: string,
  ): Promise<{ items: readonly JsonObject[]; resourceVersion: string }> {
    const resource = await this.#needed({ api: 'kubernetes', apiVersion, kind, name: '' });
    const items: JsonObject[] = [];
    let resourceVersion = '';
    for await (const page of this.#pages(apiVersion, kind, resource, {})) {
      items.push(...page.items);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  async *#watch(
    apiVersion: string,
    kind: string,
    resourceVersion: string,
    stop: AbortSignal,
  ): AsyncGenerator<JsonObject> {
    const resource = await this.#needed({ api: 'kubernetes', apiVersion, kind, name: '' });
    const path = pathOf(apiVersion, resource, undefined);
    const call: KubernetesCall = { verb: 'watch', ref: null, path };
    await this.#lane('read').take(stop);
    const response = await this.#options
      .send(
        {
          method: 'GET',
          url: this.#url({
            method: 'GET',
            path,
            query: { watch: '1', resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: '240' },
          }),
          headers: { accept: json },
          body: '',
        },
        AbortSignal.any([this.#options.signal, stop]),
      )
      .catch((thrown: unknown) => {
        throw stop.aborted ? thrown : unreachable(call, this.#options.server, thrown);
      });
    if (typeof response.body === 'string') throw kubernetesError(call, response, response.body);
    let rest = '';
    for await (const piece of response.body) {
      rest += piece;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end).trim();
        rest = rest.slice(end + 1);
        if (line === '') continue;
        const event = JSON.parse(line) as JsonObject;
        if (textAt(event, 'type') === 'ERROR') {
          const code = numberAt(event, 'object', 'code') ?? 500;
          throw kubernetesError(call, { status: code, headers: {}, body: '' }, JSON.stringify(event.object));
        }
        yield event;
      }
    }
  }

  async #needed(ref: KubernetesRef): Promise<ResourceName> {
    const resource = await this.#resource(ref.apiVersion, ref.kind);
    if (resource !== null) return resource;
    throw new KubernetesError(
      {
        code: 'RL735',
        message: `the API server does not know ${ref.kind} (${ref.apiVersion})`,
        cause: 'its discovery does not list that kind',
        remedy:
          'Check that this is the cluster that was planned for, and that its custom resource definitions are installed.',
        fault: 'remote',
      },
      { status: 404, reason: 'NotFound', ambiguous: false },
    );
  }

  async #resource(apiVersion: string, kind: string): Promise<ResourceName | null> {
    return knownResource(apiVersion, kind) ?? (await this.#discover(apiVersion))?.get(kind) ?? null;
  }

  #discover(apiVersion: string): Promise<ReadonlyMap<string, ResourceName> | null> {
    let found = this.#resources.get(apiVersion);
    if (found === undefined) {
      found = this.getPath(groupPath(apiVersion)).then((answer) =>
        answer === null
          ? null
          : new Map(
              listAt(answer, 'resources')
                .filter((entry) => !(textAt(entry, 'name') ?? '/').includes('/'))
                .map((entry) => [
                  textAt(entry, 'kind') ?? '',
                  { plural: textAt(entry, 'name') ?? '', namespaced: at(entry, 'namespaced') === true },
                ]),
            ),
      );
      // A failed look must not be remembered.
      found.catch(() => this.#resources.delete(apiVersion));
      this.#resources.set(apiVersion, found);
    }
    return found;
  }

  #lane(direction: 'read' | 'write'): Lane {
    return this.#options.lanes.lane('cluster', `kubernetes-${direction}`);
  }

  #url(request: Request): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(name, value);
    const text = query.toString();
    return `${this.#options.server}${request.path}${text === '' ? '' : `?${text}`}`;
  }

  /** One call with retries. Writes are repeated only when throttled, or where `mayRepeat` says that a repeat changes nothing. */
  async #call(call: KubernetesCall, request: Request, mayRepeat = false): Promise<JsonObject> {
    const reads = request.method === 'GET';
    const repeat = reads || mayRepeat;
    const judge = (thrown: unknown): Verdict => {
      if (!(thrown instanceof KubernetesError)) return { is: 'final' };
      const wait = waits.get(thrown) ?? null;
      if (thrown.status === 429) return { is: 'throttled', retryAfterMs: wait };
      if (thrown.status === 0 || thrown.status >= 500)
        return { is: 'transient', retryAfterMs: wait, mayRepeat: repeat };
      return { is: 'final' };
    };
    return withRetries(
      this.#lane(reads ? 'read' : 'write'),
      this.#options.clock,
      this.#options.signal,
      () => this.#once(call, request),
      judge,
    );
  }

  async #once(call: KubernetesCall, request: Request): Promise<JsonObject> {
    const limit = AbortSignal.timeout(this.#options.timeoutMs ?? 30_000);
    const send = request.fresh === true ? this.#options.sendFresh : this.#options.send;
    let response: HttpResponse;
    try {
      response = await send(
        {
          method: request.method,
          url: this.#url(request),
          headers: {
            accept: json,
            'user-agent': 'rolelift',
            ...(request.body === undefined ? {} : { 'content-type': request.type ?? json }),
          },
          body: request.body === undefined ? '' : JSON.stringify(request.body),
        },
        AbortSignal.any([this.#options.signal, limit]),
      );
    } catch (thrown) {
      if (this.#options.signal.aborted) throw this.#options.signal.reason;
      throw unreachable(call, this.#options.server, thrown);
    }
    const date = Date.parse(response.headers.date ?? '');
    if (!Number.isNaN(date)) this.#options.onServerTime(date);
    const body = typeof response.body === 'string' ? response.body : await collect(response.body);
    if (response.status >= 300) {
      const error = kubernetesError(call, response, body);
      waits.set(error, retryAfter(response.headers['retry-after'], response.headers.date, this.#options.clock.now()));
      throw error;
    }
    try {
      return JSON.parse(body) as JsonObject;
    } catch (thrown) {
      // Half a body: whether a write was done is not known.
      throw unreachable(call, this.#options.server, thrown);
    }
  }
}

const waits = new WeakMap<KubernetesError, number | null>();

const collect = async (body: AsyncIterable<string>): Promise<string> => {
  let text = '';
  for await (const piece of body) text += piece;
  return text;
};
