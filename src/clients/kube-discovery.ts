import { at, type JsonObject, listAt, textAt } from '../model/json.js';
import type { KubernetesRef } from '../model/resource.js';
import { groupPath, knownResource, type ResourceName } from './kube-paths.js';
import { KubernetesError } from './kubernetes-errors.js';

/** Names of resources by kind: a table for what is asked often, the server's discovery for all else, each group asked once. */
export class Discovery {
  readonly #getPath: (path: string) => Promise<JsonObject | null>;
  readonly #resources = new Map<string, Promise<ReadonlyMap<string, ResourceName> | null>>();
  /** `getPath` answers null where there is no such group. */
  constructor(getPath: (path: string) => Promise<JsonObject | null>) {
    this.#getPath = getPath;
  }

  async needed(ref: KubernetesRef): Promise<ResourceName> {
    const resource = await this.resource(ref.apiVersion, ref.kind);
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

  async resource(apiVersion: string, kind: string): Promise<ResourceName | null> {
    return knownResource(apiVersion, kind) ?? (await this.discover(apiVersion))?.get(kind) ?? null;
  }

  discover(apiVersion: string): Promise<ReadonlyMap<string, ResourceName> | null> {
    let found = this.#resources.get(apiVersion);
    if (found === undefined) {
      found = this.#getPath(groupPath(apiVersion)).then((answer) =>
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
}
