import type { Rule, WorkloadUse } from '../rule.js';
import { candidates, titleOf, workloadSubject } from '../subjects.js';

/** Why nobody but a person, or time, replaces the pods of a workload; empty where its controller does (Kubernetes documentation). */
const restartObstacles = (use: WorkloadUse): readonly string[] => {
  const { workload } = use;
  const { kind } = workload.ref;
  return [
    ...(workload.strategy === 'OnDelete'
      ? ['its update strategy is OnDelete: pods change only when they are deleted']
      : []),
    ...(workload.paused ? ['it is paused: a changed template is stored, not rolled out'] : []),
    ...(workload.suspended ? ['it is suspended: no pod is made until it is resumed'] : []),
    ...(kind === 'Pod' ? ['it is a bare pod: nothing makes a new one'] : []),
    ...(kind === 'Job' ? ['it is a Job: its template cannot be changed, a running one has to end'] : []),
    ...(kind === 'CronJob' ? ['it is a CronJob: the next run is the first with the new identity'] : []),
    ...(kind === 'ReplicaSet' || kind === 'ReplicationController'
      ? [`it is a ${kind} of its own: a changed template does not replace its pods`]
      : []),
    ...(workload.partition !== undefined && workload.partition > 0
      ? [`its partition is ${workload.partition}: pods with a lower number keep the old template`]
      : []),
    ...(workload.replicas === 0 ? ['it has no replicas now: there is no pod to prove anything by'] : []),
  ];
};

export const restartNeedsAPerson: Rule = {
  code: 'RL206',
  name: 'restart-needs-a-person',
  severity: 'warn',
  acceptable: true,
  says: 'no controller replaces the pods by itself: OnDelete, paused, bare pod, running Job, CronJob, no replicas',
  remedy: 'Know how and when the pods of this workload are replaced; the run waits for it and says what it waits for.',
  explain: `A new identity reaches new pods only. The webhook acts when a pod is created; annotating the service account or making an association changes nothing in a pod that runs. For most workloads a rolling restart does the rest, but not here, for the reason in the evidence.

Until its pods are replaced, the workload keeps its old identity, which is safe as long as the broker and its trust stay. The move is then waiting, not failed: other moves go on, the run ends with exit 3, and \`retire\` stays closed until a pod with the new identity was seen.

Look for yourself: \`kubectl get KIND NAME -o jsonpath='{.spec}'\` (updateStrategy, paused, suspend, replicas).

Delete the pods of an OnDelete workload one by one, resume what is paused, recreate a bare pod, wait for the next run of a CronJob, or scale up for a moment. Then run \`rolelift apply\` again: it goes on from there.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const reasons = restartObstacles(use);
      if (reasons.length === 0) return [];
      return [
        {
          subject: workloadSubject(use),
          message: `${titleOf(use)}: ${reasons[0]}`,
          evidence: { reasons, strategy: use.workload.strategy, replicas: use.workload.replicas },
        },
      ];
    }),
};
