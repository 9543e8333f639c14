import type { Rule } from '../rule.js';
import { candidates, sorted, titleOf, workloadSubject } from '../subjects.js';

export const roleNotHeld: Rule = {
  code: 'RL112',
  name: 'role-not-held',
  severity: 'block',
  acceptable: true,
  says: 'a live pod does not get today the role that the move would give it: an older template still runs, or the pods differ',
  remedy:
    'Let the workload finish its rollout (or repair what holds it up), so that all its pods get the same role, and plan again.',
  explain: `A move keeps a workload's identity: each pod ends with the role that it has already. For this workload that is not so. Its pods differ from each other or from the template: an older revision still runs, a pod was made before the annotation was added, or one pod's credentials come from somewhere else.

Moving all of them to one role would give some of them a role that they do not hold today. Rolelift cannot know whether that is meant, so it stops.

Look for yourself: \`kubectl rollout status KIND NAME\`, and \`kubectl get pods -o custom-columns=NAME:.metadata.name,ROLE:.metadata.annotations.iam\\.amazonaws\\.com/role\` for the workload's pods. The evidence lists what each pod gets.

In most cases the rollout is to be finished, or the workload restarted, before planning again. Where the difference is known and the new role is right for all pods, accept the finding by the workload's name.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      if (use.wanted === null || use.role === use.wanted) return [];
      // Static keys win whatever a broker would give: RL109 tells of them.
      if (use.broker === 'static-keys') return [];
      // A refusal has a code of its own, which says why and blocks.
      const answers = [use.template, ...use.pods.map(({ answer }) => answer)];
      if (answers.some(({ code, role }) => code !== null && role !== use.wanted)) return [];
      if (use.pods.length === 0 && use.template.role === use.wanted) return [];
      const given = sorted(use.pods.map(({ answer }) => answer.role ?? 'none'));
      const holds = use.pods.filter(({ answer }) => answer.role === use.wanted);
      return [
        {
          subject: workloadSubject(use),
          message: `${holds.length} of ${use.pods.length} pods of ${titleOf(use)} have ${use.wanted} today`,
          evidence: {
            wanted: use.wanted,
            given,
            pods: use.pods.map(({ pod, answer }) => ({ pod: pod.ref.name, role: answer.role, reason: answer.reason })),
          },
        },
      ];
    }),
};
