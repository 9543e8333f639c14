import { at, numberAt } from '../../model/json.js';
import { selects } from '../label-selectors.js';
import type { Estate, Rule, WorkloadUse } from '../rule.js';
import { candidates, titleOf, workloadSubject } from '../subjects.js';

/** A disruption budget value against a number of pods: a count, or a per cent that rounds up (Kubernetes, disruption budgets). */
const countOf = (value: unknown, replicas: number): number | null => {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return null;
  const match = /^(\d{1,3})%$/.exec(value);
  return match === null ? null : Math.ceil((Number(match[1]) * replicas) / 100);
};

const budgetsThatAllowNone = (estate: Estate, use: WorkloadUse): readonly string[] => {
  const { template, replicas, pods } = use.workload;
  const count = replicas ?? pods.length;
  return estate.inventory.objects
    .filter(({ ref }) => ref.kind === 'PodDisruptionBudget' && ref.namespace === template.namespace)
    .filter(({ raw }) => {
      const selector = at(raw, 'spec', 'selector');
      if (selector === undefined || !selects(selector, template.labels)) return false;
      const least = countOf(at(raw, 'spec', 'minAvailable'), count);
      const most = countOf(at(raw, 'spec', 'maxUnavailable'), count);
      if (least !== null) return count > 0 && least >= count;
      if (most !== null) return most === 0;
      return numberAt(raw, 'status', 'disruptionsAllowed') === 0;
    })
    .map(({ ref }) => ref.name);
};

const counted = new Set(['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController']);

export const noSpareReplica: Rule = {
  code: 'RL210',
  name: 'no-spare-replica',
  severity: 'warn',
  acceptable: true,
  says: 'one replica, or a disruption budget that allows none: a restart may interrupt the service',
  remedy: 'Scale up for the time of the move, or choose an hour in which an interruption does not matter.',
  explain: `The workload has one replica, or a PodDisruptionBudget that lets no pod go. A move restarts its pods, in the default way twice: once for the new identity, once when the old annotation is removed.

A Deployment with one replica and the usual strategy makes the new pod before it ends the old one, which is short but not always unnoticed (locks, leader election, connections). A StatefulSet or a Recreate strategy has no pod in between. A rolling update does not ask the budget, but the budget's author evidently cared.

Look for yourself: \`kubectl get KIND NAME\` and \`kubectl get poddisruptionbudgets -n NAMESPACE\`.

Scale up before the move, or run it with \`rolelift apply --move ID\` in a quiet hour. \`--restart once\` spares the second restart, at the price that the plan says on each move.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const { workload } = use;
      const budgets = budgetsThatAllowNone(input.estate, use);
      const single = counted.has(workload.ref.kind) && workload.replicas === 1;
      if (!single && budgets.length === 0) return [];
      return [
        {
          subject: workloadSubject(use),
          message: single
            ? `${titleOf(use)} has one replica: a restart may interrupt it`
            : `a disruption budget (${budgets.join(', ')}) lets no pod of ${titleOf(use)} go`,
          evidence: { replicas: workload.replicas, strategy: workload.strategy, budgets },
        },
      ];
    }),
};
