import type { JsonObject } from '../model/json.js';
import { textAt } from '../model/json.js';
import type { KubernetesReader } from '../model/ports.js';
import type { KubernetesRef } from '../model/resource.js';
import { codeOf, type Gaps } from './gaps.js';

/**
 * Where Kubernetes objects come from: a live cluster, or manifests in memory. All readers of this room work on it, so that
 * offline planning sees what a live scan would.
 */
export interface ObjectSource {
  /** One object at a time; nothing for a kind that is not served. Never throws for a refused list: that becomes a gap. */
  list(apiVersion: string, kind: string, hides?: readonly string[]): AsyncIterable<JsonObject>;
  /** Null where it is not there or may not be read (a gap then). */
  get(ref: KubernetesRef): Promise<JsonObject | null>;
  readonly live: boolean;
}

export interface SourceOptions {
  /** Tried one by one where a list of the whole cluster is refused. `complete`: these are all that there are. */
  readonly namespaces: () => { readonly names: readonly string[]; readonly complete: boolean };
}

const clusterScoped = new Set(['Namespace', 'Node', 'ClusterRoleBinding', 'MutatingWebhookConfiguration']);

/** Errors after which the scan cannot go on at all: no credentials, or no server. */
const fatal = new Set(['RL702', 'RL711']);

/** Reads a live cluster; what is refused becomes a gap, and namespaces are tried one by one where the whole is refused. */
export const liveSource = (kubernetes: KubernetesReader, gaps: Gaps, options: SourceOptions): ObjectSource => ({
  live: true,
  async *list(apiVersion, kind, hides = []) {
    const seen = new Set<string>();
    const area = `kubernetes:${plural(kind)}`;
    try {
      for await (const object of kubernetes.list(apiVersion, kind)) {
        const uid = textAt(object, 'metadata', 'uid');
        if (uid !== undefined) {
          // A list that had to restart in the middle (410) may send an object twice.
          if (seen.has(uid)) continue;
          seen.add(uid);
        }
        yield typed(object, apiVersion, kind);
      }
    } catch (thrown) {
      if (fatal.has(codeOf(thrown))) throw thrown;
      const { names, complete } = options.namespaces();
      const one = codeOf(thrown) === 'RL703' && !clusterScoped.has(kind);
      // All namespaces one by one are as good as the whole; what is refused there is told there.
      if (!one || !complete || names.length === 0) gaps.failed(area, thrown, hides);
      if (!one) return;
      const refused: { readonly namespace: string; readonly inside: unknown }[] = [];
      for (const namespace of names) {
        try {
          for await (const object of kubernetes.list(apiVersion, kind, { namespace })) {
            const uid = textAt(object, 'metadata', 'uid');
            if (uid !== undefined && seen.has(uid)) continue;
            if (uid !== undefined) seen.add(uid);
            yield typed(object, apiVersion, kind);
          }
        } catch (inside) {
          if (fatal.has(codeOf(inside))) throw inside;
          refused.push({ namespace, inside });
        }
      }
      // Refused everywhere it is one gap, not one for each of some hundred namespaces.
      if (complete && refused.length === names.length && names.length > 0) gaps.failed(area, thrown, hides);
      else for (const { namespace, inside } of refused) gaps.failed(`${area}:${namespace}`, inside, hides);
    }
  },
  async get(ref) {
    try {
      const object = await kubernetes.get(ref);
      return object === null ? null : typed(object, ref.apiVersion, ref.kind);
    } catch (thrown) {
      if (fatal.has(codeOf(thrown))) throw thrown;
      gaps.failed(`kubernetes:${plural(ref.kind)}:${ref.namespace ?? ''}/${ref.name}`, thrown);
      return null;
    }
  },
});

/** Items of a Kubernetes list carry neither apiVersion nor kind; readers may rely on both. */
const typed = (object: JsonObject, apiVersion: string, kind: string): JsonObject =>
  typeof object['kind'] === 'string' && typeof object['apiVersion'] === 'string'
    ? object
    : { ...object, apiVersion, kind };

const plural = (kind: string): string => {
  const lower = kind.toLowerCase();
  return /(?:s|x|ch|sh)$/.test(lower) ? `${lower}es` : lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`;
};

/** Objects in memory, as read from manifests. */
export const memorySource = (objects: readonly JsonObject[]): ObjectSource => {
  const byKind = new Map<string, JsonObject[]>();
  for (const object of objects) {
    const key = kindKey(textAt(object, 'apiVersion') ?? '', textAt(object, 'kind') ?? '');
    const bucket = byKind.get(key);
    if (bucket === undefined) byKind.set(key, [object]);
    else bucket.push(object);
  }
  return {
    live: false,
    async *list(apiVersion, kind) {
      yield* byKind.get(kindKey(apiVersion, kind)) ?? [];
    },
    async get(ref) {
      const found = (byKind.get(kindKey(ref.apiVersion, ref.kind)) ?? []).find(
        (object) =>
          textAt(object, 'metadata', 'name') === ref.name &&
          (textAt(object, 'metadata', 'namespace') ?? '') === (ref.namespace ?? ''),
      );
      return found ?? null;
    },
  };
};

/** Manifests of older API versions (`extensions/v1beta1`, `apps/v1beta2`, `batch/v1beta1`) count as the present ones. */
const kindKey = (apiVersion: string, kind: string): string => {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const home = group === 'extensions' && /^(Deployment|DaemonSet|ReplicaSet)$/.test(kind) ? 'apps' : group;
  return `${home}/${kind}`;
};
