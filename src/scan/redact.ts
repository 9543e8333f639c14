import { isObject, type Json, type JsonObject, textAt, textsAt } from '../model/json.js';
import { groupOf } from '../model/resource.js';
import { mayKeepValue } from '../model/words.js';

/** Annotations that repeat a whole object, literal variables included (H26). */
const copies = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'kapp.k14s.io/original',
  'objectset.rio.cattle.io/applied',
  'banzaicloud.com/last-applied',
]);
const isCopy = (key: string, value: string): boolean =>
  copies.has(key) ||
  /last-applied|original-config/.test(key) ||
  (value.length > 20 && value.trimStart().startsWith('{') && /"(?:spec|containers|env)"\s*:/.test(value));

/** Longest value of an annotation that is nobody's business here. */
const longest = 4096;
const ours = /^(?:iam|eks|vpc)\.amazonaws\.com\//;

/** Annotations as an inventory may hold them: without copies of the object, and without huge values of foreign keys. */
export const keptAnnotations = (annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(annotations).filter(
      ([key, value]) => !isCopy(key, value) && (value.length <= longest || ours.test(key)),
    ),
  );

/** Keys of custom resources whose values may be configuration with secrets in it. */
const opaque =
  /^(?:envVars?|environment|variables|data|stringData|binaryData|args|arguments|command|parameters|password|token|userData|.*[cC]onf(?:ig(?:uration)?)?|.*Properties|.*[sS]ecretValue)$/;

const variables = (list: readonly Json[]): Json[] =>
  list.flatMap((entry): Json[] => {
    if (!isObject(entry)) return [];
    const { value, ...rest } = entry as { readonly value?: Json } & JsonObject;
    const name = rest['name'];
    return typeof name === 'string' && typeof value === 'string' && mayKeepValue(name) ? [{ ...rest, value }] : [rest];
  });

const deepest = 60;
const dataKeys = new Set(['data', 'stringData', 'binaryData']);

const stripped = (value: Json, depth: number, custom: boolean): Json => {
  if (depth > deepest) return null;
  if (Array.isArray(value)) return value.map((item) => stripped(item, depth + 1, custom));
  if (!isObject(value)) return value;
  const out: [string, Json][] = [];
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'env' && Array.isArray(inner)) out.push([key, variables(inner)]);
    else if (key === 'env') continue;
    else if (custom && opaque.test(key)) continue;
    else out.push([key, stripped(inner, depth + 1, custom)]);
  }
  return Object.fromEntries(out);
};

/**
 * A raw object as the inventory may hold it: no managedFields, no copies in annotations, no values of variables, no opaque
 * configuration. `keepData` is for the few ConfigMaps that are read on purpose (aws-auth).
 */
export const redacted = (object: JsonObject, options: { readonly keepData?: boolean } = {}): JsonObject => {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const { managedFields: _managedFields, annotations: _annotations, ...rest } = metadata;
  const annotations = keptAnnotations(textsAt(metadata, 'annotations'));
  const group = groupOf(textAt(object, 'apiVersion') ?? '');
  const custom = group.includes('.') && !group.endsWith('.k8s.io');
  const left = Object.entries(object).filter(
    ([key]) => key !== 'metadata' && (options.keepData === true || !dataKeys.has(key)),
  );
  const body = stripped(Object.fromEntries(left), 0, custom) as JsonObject;
  return {
    ...body,
    metadata: { ...rest, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
  };
};
