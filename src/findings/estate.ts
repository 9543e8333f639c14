import { admit } from '../identity/admit.js';
import { answer, brokerOf, heldRole } from '../identity/answer.js';
import { resolveRequested } from '../identity/metadata.js';
import type { Offer, PodIdentityAnswer } from '../identity/types.js';
import { type World, worldOf } from '../identity/world.js';
import type { Inventory, ServiceAccount, Workload } from '../model/inventory.js';
import { parseRoleArn } from '../model/resource.js';
import type { Estate, WorkloadUse } from './rule.js';
import { sdkFactsOf } from './sdk-versions.js';

/** Phases in which a pod no longer runs: it holds no credentials, and kiam does not answer it (kiam pod_cache.go). */
const ended = new Set(['Succeeded', 'Failed']);

/** Everything that an answer tells of, in the order in which it would be asked. */
export const offersOf = (answered: PodIdentityAnswer): readonly Offer[] => [
  ...(answered.wins === null ? [] : [answered.wins]),
  ...answered.next,
  ...answered.refused,
];

/** What can never be a role (`//app`, a quarter of a megabyte) is asked for, and still no role to move. */
const aRole = (text: string | null): string | null => (text === null || parseRoleArn(text) === null ? null : text);

const same = <T>(values: readonly T[]): T | undefined =>
  values.every((value) => value === values[0]) ? values[0] : undefined;

const useOf = (workload: Workload, shared: World, sdkKnown: readonly string[]): WorkloadUse => {
  const world = shared.withSdks(sdkFactsOf(workload, sdkKnown));
  // A bare pod is what it is: the webhook has been at it already, or will never be.
  const bare = workload.ref.kind === 'Pod';
  const template = answer(bare ? workload.template : admit(workload.template, world), world);
  const pods = workload.pods
    .filter((pod) => !ended.has(pod.phase))
    .map((pod) => ({ pod, answer: answer(pod.view, world, { node: pod.node ?? null }) }));
  const live = pods.length > 0 ? pods.map((each) => each.answer) : [template];
  return {
    workload,
    template,
    pods,
    broker: same(live.map(brokerOf)) ?? brokerOf(template),
    role: same(live.map(heldRole)) ?? null,
    wanted: aRole(resolveRequested(workload.template, world)),
  };
};

const accountKey = (namespace: string, name: string): string => `${namespace}/${name}`;

/** The service account of a workload's template, as `namespace/name`. */
export const accountOf = (use: WorkloadUse): string =>
  accountKey(use.workload.template.namespace, use.workload.template.serviceAccount);

/** Every map and index that rules and planner use, built once from the answers. */
const estateOf = (inventory: Inventory, uses: readonly WorkloadUse[]): Estate => {
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
 * today (H7) and which one its annotation asks for. `sdkKnown`: what a person vouched for of their SDKs (`--sdk-known`). Pure.
 */
export const study = (inventory: Inventory, sdkKnown: readonly string[] = []): Estate => {
  const world = worldOf(inventory);
  return estateOf(
    inventory,
    inventory.workloads.map((workload) => useOf(workload, world, sdkKnown)),
  );
};
