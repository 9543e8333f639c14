import { admit } from '../identity/admit.js';
import { answer } from '../identity/answer.js';
import type { Offer, PodIdentityAnswer, Source } from '../identity/types.js';
import { worldOf } from '../identity/world.js';
import type { Inventory, ServiceAccount, Workload } from '../model/inventory.js';
import type { Broker } from '../model/words.js';
import type { Estate, WorkloadUse } from './rule.js';

/** Phases in which a pod no longer runs: it holds no credentials, and kiam does not answer it (kiam pod_cache.go). */
const ended = new Set(['Succeeded', 'Failed']);

const brokerOfSource = (source: Source): Broker => {
  switch (source.kind) {
    case 'web-identity':
      return 'irsa';
    case 'container-credentials':
      return 'pod-identity';
    default:
      return source.kind;
  }
};

/** Everything that an answer tells of, in the order in which it would be asked. */
export const offersOf = (answered: PodIdentityAnswer): readonly Offer[] => [
  ...(answered.wins === null ? [] : [answered.wins]),
  ...answered.next,
  ...answered.refused,
];

const asked = (offer: Offer): boolean =>
  (offer.source.kind === 'kiam' || offer.source.kind === 'kube2iam') && offer.source.resolvedFrom === 'annotation';

const wantedOf = (answered: PodIdentityAnswer): string | null =>
  offersOf(answered).find((offer) => asked(offer) && offer.role !== null)?.role ?? null;

/** The broker that hands out, or would, were it not for what it refuses. */
const brokerOf = (answered: PodIdentityAnswer): Broker => {
  if (answered.wins !== null) return brokerOfSource(answered.wins.source);
  const first = answered.refused[0];
  return first === undefined ? 'none' : brokerOfSource(first.source);
};

/**
 * The role that an answer proves to be held (H7): only where the one who hands it out can really assume it. Offline, what only
 * the account could tell is assumed.
 */
const heldRole = (answered: PodIdentityAnswer, offline: boolean): string | null => {
  if (answered.certainty === 'unknown' || answered.wins === null || answered.role === null) return null;
  if (answered.certainty === 'depends-on-sdk') {
    const roles = new Set(answered.perContainer.map((container) => container.role));
    if (roles.size > 1) return null;
  }
  const { assumable } = answered.wins;
  return assumable === 'yes' || (assumable === 'unknown' && offline) ? answered.role : null;
};

const same = <T>(values: readonly T[]): T | undefined =>
  values.every((value) => value === values[0]) ? values[0] : undefined;

const useOf = (workload: Workload, inventory: Inventory, world: ReturnType<typeof worldOf>): WorkloadUse => {
  const offline = inventory.source === 'manifests';
  const admitted = workload.ref.kind === 'Pod' ? workload.template : admit(workload.template, world);
  const template = answer(admitted, world, { node: null });
  const pods = workload.pods
    .filter((pod) => !ended.has(pod.phase))
    .map((pod) => ({ pod, answer: answer(pod.view, world, { node: pod.node ?? null }) }));
  const live = pods.length > 0 ? pods.map((each) => each.answer) : [template];
  const role = same(live.map((each) => heldRole(each, offline))) ?? null;
  const brokers = live.map(brokerOf);
  return {
    workload,
    template,
    pods,
    broker: same(brokers) ?? brokerOf(template),
    role,
    wanted: wantedOf(template) ?? same(live.map(wantedOf)) ?? null,
  };
};

const accountKey = (namespace: string, name: string): string => `${namespace}/${name}`;

/** The service account of a workload's template, as `namespace/name`. */
export const accountOf = (use: WorkloadUse): string =>
  accountKey(use.workload.template.namespace, use.workload.template.serviceAccount);

/** Every map and index that rules and planner use, built once from the answers. */
export const estateOf = (inventory: Inventory, uses: readonly WorkloadUse[]): Estate => {
  const usesOf = new Map<string, WorkloadUse[]>();
  for (const use of uses) {
    const key = accountOf(use);
    const known = usesOf.get(key);
    if (known === undefined) usesOf.set(key, [use]);
    else known.push(use);
  }
  const accounts = new Map<string, ServiceAccount>(
    inventory.serviceAccounts.map((account) => [accountKey(account.ref.namespace ?? '', account.ref.name), account]),
  );
  return { inventory, uses, usesOf, accounts };
};

/**
 * Asks the identity model about every workload: what its template gives, what each live pod has, which role counts as held
 * today (H7) and which one its annotation asks for. Pure.
 */
export const study = (inventory: Inventory): Estate => {
  const world = worldOf(inventory);
  return estateOf(
    inventory,
    inventory.workloads.map((workload) => useOf(workload, inventory, world)),
  );
};
