import type { JsonObject } from '../model/json.js';
import type { KubernetesRef } from '../model/resource.js';

export const metadataOf = (ref: KubernetesRef, more: JsonObject = {}): JsonObject => ({
  name: ref.name,
  ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
  ...more,
});

export const keyOf = (ref: KubernetesRef): string => `${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;
