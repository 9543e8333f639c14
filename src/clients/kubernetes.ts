import { at, isObject, type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import type { CreateOptions, KubernetesWriter, ListOptions } from '../model/ports.js';
import { groupOf, type KubernetesRef } from '../model/resource.js';
import { KubernetesCalls, type KubernetesClientOptions } from './kube-calls.js';
import { Discovery } from './kube-discovery.js';
import { guessedPlural, pathOf, pathOfRef, type ResourceName } from './kube-paths.js';
import { KubernetesError } from './kubernetes-errors.js';
import { withoutFieldSets } from './list-text.js';
import { ownedPods } from './owned-pods.js';
import { RolloutWatch } from './rollout-watch.js';

/** Field manager under which our writes appear in managedFields. */
const fieldManager = 'rolelift';

/** Raw JSON over HTTP: what is read and may have to be restored keeps every field that the server knows. */
export class KubernetesClient implements KubernetesWriter {
  readonly #options: KubernetesClientOptions;
  readonly #calls: KubernetesCalls;
  readonly #discovery: Discovery;
  readonly #watches = new Map<string, RolloutWatch>();

  constructor(options: KubernetesClientOptions) {
    this.#options = options;
    this.#calls = new KubernetesCalls(options);
    this.#discovery = new Discovery((path) => this.getPath(path));
  }

  async get(ref: KubernetesRef): Promise<JsonObject | null> {
    const resource = await this.#discovery.resource(ref.apiVersion, ref.kind);
    if (resource === null) return null;
    try {
      return await this.#calls.call({ verb: 'get', ref, path: '' }, { method: 'GET', path: pathOfRef(ref, resource) });
    } catch (thrown) {
      if (thrown instanceof KubernetesError && thrown.status === 404) return null;
      throw thrown;
    }
  }

  async *list(apiVersion: string, kind: string, options: ListOptions = {}): AsyncGenerator<JsonObject> {
    const resource = await this.#discovery.resource(apiVersion, kind);
    if (resource === null) return;
    for await (const page of this.#pages(apiVersion, kind, resource, options)) yield* page.items;
  }

  #page(path: string, options: ListOptions, token: string | undefined): Promise<JsonObject> {
    return this.#calls.call(
      { verb: 'list', ref: null, path },
      {
        method: 'GET',
        path,
        sieve: withoutFieldSets,
        query: {
          limit: String(this.#options.pageSize ?? 500),
          continue: token,
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
        },
      },
    );
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
      try {
        let pending: Promise<JsonObject> | null = this.#page(path, options, undefined);
        while (pending !== null) {
          const page: JsonObject = await pending;
          const token: string | undefined = textAt(page, 'metadata', 'continue') || undefined;
          // The next page is on its way while this one is read: one page ahead, never more.
          pending = token === undefined ? null : this.#page(path, options, token);
          pending?.catch(() => undefined);
          const items = listAt(page, 'items')
            .filter(isObject)
            .filter((item) => seen === null || !seen.has(textAt(item, 'metadata', 'uid') ?? ''))
            // Items of a list carry neither kind nor apiVersion. They are this page's own: no need for a second copy of each.
            .map((item) => Object.assign(item as Record<string, Json>, { apiVersion, kind }) as JsonObject);
          for (const item of items) told.add(textAt(item, 'metadata', 'uid') ?? '');
          yield { items, resourceVersion: textAt(page, 'metadata', 'resourceVersion') ?? '' };
        }
        return;
      } catch (thrown) {
        if (!(thrown instanceof KubernetesError) || thrown.status !== 410 || restarts >= 5) throw thrown;
        seen = told;
      }
    }
  }

  async allowed(verb: string, ref: KubernetesRef, subresource?: string): Promise<boolean> {
    const resource = await this.#discovery.resource(ref.apiVersion, ref.kind);
    const answer = await this.#calls.call(
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
              resource: resource?.plural ?? guessedPlural(ref.kind),
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

  async rules(namespace: string): Promise<readonly JsonObject[]> {
    const answer = await this.#calls.call(
      { verb: 'create', ref: null, path: 'SelfSubjectRulesReview' },
      {
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
        body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
      },
      true,
    );
    return listAt(answer, 'status', 'resourceRules').filter(isObject);
  }

  async serves(apiVersion: string, kind: string): Promise<boolean> {
    const resources = await this.#discovery.discover(apiVersion);
    return resources?.has(kind) ?? false;
  }

  rolledOut(ref: KubernetesRef, generation: number, signal: AbortSignal): Promise<void> {
    const key = `${ref.apiVersion}/${ref.kind}`;
    let watch = this.#watches.get(key);
    if (watch === undefined) {
      watch = new RolloutWatch({
        list: () => this.#snapshot(ref.apiVersion, ref.kind),
        watch: (resourceVersion, stop) => this.#watch(ref, resourceVersion, stop),
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
    const answer = await this.#calls.call(
      { verb: 'get', ref: null, path: '/version' },
      { method: 'GET', path: '/version' },
    );
    return (textAt(answer, 'gitVersion') ?? '').replace(/^v/, '');
  }

  async whoAmI(): Promise<string> {
    try {
      const answer = await this.#calls.call(
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
      return await this.#calls.call({ verb: 'get', ref: null, path }, { method: 'GET', path });
    } catch (thrown) {
      if (thrown instanceof KubernetesError && [403, 404].includes(thrown.status)) return null;
      throw thrown;
    }
  }

  async create(ref: KubernetesRef, body: JsonObject, options: CreateOptions = {}): Promise<JsonObject> {
    const resource = await this.#discovery.needed(ref);
    return this.#calls.call(
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
    const resource = await this.#discovery.needed(ref);
    const metadata = isObject(patch.metadata) ? patch.metadata : {};
    return this.#calls.call(
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
    const resource = await this.#discovery.needed(ref);
    return this.#calls.call(
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
    const resource = await this.#discovery.needed(ref);
    try {
      await this.#calls.call(
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
    const answer = await this.#calls.call(
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
    const resource = await this.#discovery.needed({ api: 'kubernetes', apiVersion, kind, name: '' });
    const items: JsonObject[] = [];
    let resourceVersion = '';
    for await (const page of this.#pages(apiVersion, kind, resource, {})) {
      items.push(...page.items);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  async *#watch(ref: KubernetesRef, resourceVersion: string, stop: AbortSignal): AsyncGenerator<JsonObject> {
    const resource = await this.#discovery.needed(ref);
    yield* this.#calls.watch(pathOf(ref.apiVersion, resource, undefined), resourceVersion, stop);
  }
}
