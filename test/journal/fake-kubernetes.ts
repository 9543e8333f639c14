import { RoleliftError } from '../../src/model/error.js';
import { isObject, type Json, type JsonObject } from '../../src/model/json.js';
import type { KubernetesWriter } from '../../src/model/ports.js';
import { refKey } from '../../src/model/resource.js';

const merge = (target: Json | undefined, patch: Json): Json => {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  return result;
};
const refuse = (code: `RL${number}`): RoleliftError =>
  new RoleliftError({ code, message: code, remedy: '', fault: 'remote' });

/** Objects with resourceVersions; only what locks and the list of runs need. */
export const fakeKubernetes = () => {
  const objects = new Map<string, JsonObject>();
  let version = 0;
  const store = (key: string, body: JsonObject): JsonObject => {
    version += 1;
    const made = { ...body, metadata: { ...(body.metadata as JsonObject), resourceVersion: String(version) } };
    objects.set(key, made);
    return made;
  };
  const state = { objects, calls: 0, before: async (_verb: string): Promise<void> => {} };
  const client = {
    get: async (ref: Parameters<KubernetesWriter['get']>[0]) => {
      state.calls += 1;
      await state.before('get');
      return objects.get(refKey(ref)) ?? null;
    },
    create: async (ref: Parameters<KubernetesWriter['create']>[0], body: JsonObject) => {
      state.calls += 1;
      await state.before('create');
      if (objects.has(refKey(ref))) throw refuse('RL731');
      return store(refKey(ref), body);
    },
    mergePatch: async (ref: Parameters<KubernetesWriter['get']>[0], patch: JsonObject, at: string) => {
      state.calls += 1;
      await state.before('patch');
      const found = objects.get(refKey(ref));
      if (found === undefined) throw refuse('RL733');
      if ((found.metadata as JsonObject).resourceVersion !== at) throw refuse('RL732');
      return store(refKey(ref), merge(found, patch) as JsonObject);
    },
  } as unknown as KubernetesWriter;
  return { client, state };
};
