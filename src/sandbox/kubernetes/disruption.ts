import { type Json, listAt, numberAt, objectAt, textAt } from '../../model/json.js';
import { isDeleting, type JsonObject, type KubeObject, namespaceOf, same, withAt } from './object.js';
import { selectorTest } from './selectors.js';
import type { State } from './state.js';
import { ApiError } from './status.js';

export const budgetTable = 'policy/poddisruptionbudgets';
const isReady = (pod: KubeObject): boolean =>
  listAt(pod, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );

/** A number, or a share of the whole as `25%`. */
export const scaled = (value: Json | undefined, whole: number, up: boolean): number => {
  if (typeof value === 'number') return value;
  const share = /^(\d+)%$/.exec(typeof value === 'string' ? value : '');
  if (!share) return 0;
  const exact = (Number(share[1]) * whole) / 100;
  return up ? Math.ceil(exact) : Math.floor(exact);
};

/** How many pods of a budget may go now. Expected is what the pods' controllers want, here: how many there are. */
const budgetStatus = (state: State, budget: KubeObject): JsonObject => {
  const test = selectorTest(objectAt(budget, 'spec')['selector']);
  const pods = state.store
    .list('/pods', namespaceOf(budget))
    .filter((pod) => test(objectAt(pod, 'metadata', 'labels')))
    .filter((pod) => !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? ''));
  const healthy = pods.filter((pod) => isReady(pod) && !isDeleting(pod)).length;
  const owners = new Set(pods.map((pod) => textAt(listAt(pod, 'metadata', 'ownerReferences')[0], 'uid') ?? ''));
  let expected = 0;
  for (const uid of owners) {
    const owner = ['apps/replicasets', 'apps/statefulsets', '/replicationcontrollers']
      .flatMap((table) => state.store.list(table, namespaceOf(budget)))
      .find((candidate) => textAt(candidate, 'metadata', 'uid') === uid);
    expected +=
      numberAt(owner, 'spec', 'replicas') ??
      pods.filter((pod) => (textAt(listAt(pod, 'metadata', 'ownerReferences')[0], 'uid') ?? '') === uid).length;
  }
  const spec = objectAt(budget, 'spec');
  const desired =
    spec['maxUnavailable'] === undefined
      ? scaled(spec['minAvailable'], expected, true)
      : Math.max(expected - scaled(spec['maxUnavailable'], expected, true), 0);
  return {
    observedGeneration: numberAt(budget, 'metadata', 'generation') ?? 1,
    currentHealthy: healthy,
    desiredHealthy: desired,
    disruptionsAllowed: Math.max(healthy - desired, 0),
    expectedPods: expected,
  };
};
export const reconcileBudget = (state: State, budget: KubeObject): void => {
  const status = budgetStatus(state, budget);
  if (!same(objectAt(budget, 'status'), status)) state.store.put(budgetTable, withAt(budget, ['status'], status));
};

/** 429 where a budget does not let this pod go (`pkg/registry/core/pod/storage/eviction.go`). */
export const checkBudgets = (state: State, pod: KubeObject): void => {
  if (!isReady(pod)) return;
  const budgets = state.store
    .list(budgetTable, namespaceOf(pod))
    .filter((budget) => selectorTest(objectAt(budget, 'spec')['selector'])(objectAt(pod, 'metadata', 'labels')));
  if (budgets.length > 1) {
    throw new ApiError(
      500,
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  for (const budget of budgets) {
    const status = budgetStatus(state, budget);
    if ((numberAt(status, 'disruptionsAllowed') ?? 0) > 0) continue;
    const name = textAt(budget, 'metadata', 'name') ?? '';
    throw new ApiError(
      429,
      'TooManyRequests',
      "Cannot evict pod as it would violate the pod's disruption budget.",
      {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: `The disruption budget ${name} needs ${String(status['desiredHealthy'])} healthy pods and has ${String(status['currentHealthy'])} currently`,
          },
        ],
      },
      {},
      {},
    );
  }
};
