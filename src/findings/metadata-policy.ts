import type { Inventory } from '../model/inventory.js';
import { type Json, type JsonObject, listAt, objectAt, textAt } from '../model/json.js';

const metadata = '169.254.169.254';
const isMetadata = (net: Json): boolean => net === metadata || net === `${metadata}/32`;
/** A selector that every pod meets: an empty object, Calico's `all()` or nothing. */
const everyPod = (selector: Json | undefined): boolean =>
  selector === undefined ||
  selector === '' ||
  (typeof selector === 'string' && selector.trim() === 'all()') ||
  (typeof selector === 'object' && selector !== null && Object.keys(selector).length === 0);

const byCilium = (raw: JsonObject): boolean =>
  [objectAt(raw, 'spec'), ...listAt(raw, 'specs').map((spec) => objectAt({ spec }, 'spec'))].some(
    (spec) =>
      spec.endpointSelector !== undefined &&
      everyPod(spec.endpointSelector) &&
      listAt(spec, 'egressDeny').some(
        (rule) =>
          listAt(rule, 'toPorts').length === 0 &&
          (listAt(rule, 'toCIDR').some(isMetadata) ||
            listAt(rule, 'toCIDRSet').some((set) => isMetadata(textAt(set, 'cidr') ?? ''))),
      ),
  );

/** Calico's first rule of an egress policy that speaks of the address decides; a Deny behind an Allow of everything does not count. */
const byCalico = (raw: JsonObject): boolean => {
  const spec = objectAt(raw, 'spec');
  if (!everyPod(spec.selector) || !everyPod(spec.namespaceSelector)) return false;
  for (const rule of listAt(spec, 'egress')) {
    const nets = listAt(rule, 'destination', 'nets');
    if (textAt(rule, 'action') !== 'Deny') return false;
    if (nets.some(isMetadata) && listAt(rule, 'destination', 'ports').length === 0) return true;
  }
  return false;
};

/**
 * The cluster-wide policy that keeps every pod from the metadata address, by name; null where none does. Kubernetes' own
 * NetworkPolicies cannot deny, so only Cilium's and Calico's count (their documentation: egressDeny, GlobalNetworkPolicy).
 */
export const deniesMetadata = (inventory: Inventory): string | null => {
  const found = inventory.objects.find(({ ref, raw }) => {
    if (ref.kind === 'CiliumClusterwideNetworkPolicy') return byCilium(raw as JsonObject);
    return ref.kind === 'GlobalNetworkPolicy' && byCalico(raw as JsonObject);
  });
  return found === undefined ? null : `${found.ref.kind} ${found.ref.name}`;
};
