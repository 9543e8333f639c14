import type { Inventory, PodView } from '../model/inventory.js';
import { isObject, type Json } from '../model/json.js';
import { roleKeysOf } from './brokers.js';

/** Families of annotations that some rule, owner or twin reads; values of all others are nobody's business (H26). */
const families =
  /(?:^|\.)(?:amazonaws\.com|k8s\.aws|k8s\.io|kubernetes\.io|giantswarm\.io|argoproj\.io|fluxcd\.io|helm\.sh|istio\.io|linkerd\.io|consul\.hashicorp\.com|spiffe\.io|azure\.workload\.identity|gke\.io|crossplane\.io|eksctl\.io|keda\.sh|cilium\.io|knative\.dev|rolelift\.dev)\//;
/** Vault's own names are markers; its values may be whole templates. */
const shortOnly = /^vault\.hashicorp\.com\//;

/** Flags of a broker whose value is nothing to write down. */
const secretFlag = /token|secret|passw|credential/i;

type Texts = Readonly<Record<string, string>>;

const namespaceKeys = ({ flags }: Inventory['brokers'][number]): readonly string[] =>
  ['namespace-key', 'iam-external-id'].flatMap((flag) => (Object.hasOwn(flags, flag) ? [flags[flag] as string] : []));

/**
 * An inventory whose annotations keep their keys and lose the values that nothing reads: people put tokens there too. What the
 * brokers' flags and the webhook's prefix name is read, whatever it is called; so this comes last, when those are known.
 */
export const quietAnnotations = (inventory: Inventory): Inventory => {
  const own = new Set([...roleKeysOf(inventory.brokers), ...inventory.brokers.flatMap(namespaceKeys)]);
  const prefix = `${inventory.webhook.prefix}/`;
  const reads = (key: string, value: string): boolean =>
    own.has(key) || key.startsWith(prefix) || families.test(key) || (shortOnly.test(key) && value.length <= 16);
  const quiet = (annotations: Texts): Texts => {
    const entries = Object.entries(annotations);
    return entries.every(([key, value]) => value === '' || reads(key, value))
      ? annotations
      : Object.fromEntries(entries.map(([key, value]) => [key, reads(key, value) ? value : '']));
  };
  // Pods of one template share their view: they still do afterwards.
  const views = new WeakMap<PodView, PodView>();
  const view = (of: PodView): PodView => {
    const known = views.get(of);
    if (known !== undefined) return known;
    const annotations = quiet(of.annotations);
    const made = annotations === of.annotations ? of : { ...of, annotations };
    views.set(of, made);
    return made;
  };
  const raw = (value: Json, depth: number): Json => {
    if (depth > 60) return value;
    if (Array.isArray(value)) return value.map((item: Json) => raw(item, depth + 1));
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        /^(?:a|podA)nnotations$/.test(key) && isObject(inner)
          ? Object.fromEntries(
              Object.entries(inner).map(([name, text]) => [
                name,
                typeof text === 'string' && !reads(name, text) ? '' : text,
              ]),
            )
          : raw(inner, depth + 1),
      ]),
    );
  };
  return {
    ...inventory,
    brokers: inventory.brokers.map((install) => ({
      ...install,
      flags: Object.fromEntries(
        Object.entries(install.flags).map(([flag, value]) => [flag, secretFlag.test(flag) ? '' : value]),
      ),
    })),
    namespaces: inventory.namespaces.map((each) => ({ ...each, annotations: quiet(each.annotations) })),
    workloads: inventory.workloads.map((workload) => ({
      ...workload,
      template: view(workload.template),
      ownAnnotations: quiet(workload.ownAnnotations),
      pods: workload.pods.map((pod) => ({ ...pod, view: view(pod.view) })),
    })),
    serviceAccounts: inventory.serviceAccounts.map((each) => ({ ...each, annotations: quiet(each.annotations) })),
    objects: inventory.objects.map((each) => ({ ...each, raw: raw(each.raw as Json, 0) as typeof each.raw })),
  };
};
