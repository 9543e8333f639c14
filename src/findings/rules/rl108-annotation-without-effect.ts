import type { Rule } from '../rule.js';
import { askedText, namespaceInScope, roleKeys, titleOf, workloadSubject } from '../subjects.js';

export const annotationWithoutEffect: Rule = {
  code: 'RL108',
  name: 'annotation-without-effect',
  severity: 'info',
  acceptable: true,
  says: 'the annotation is on the owner, not on its pod template: no broker reads it there',
  remedy: 'Remove the annotation, or put it on the pod template if the pods were meant to have the role.',
  explain: `kiam and kube2iam look at the running pod. A pod's annotations come from the pod template (\`spec.template.metadata\`), not from the metadata of the Deployment itself. Here the annotation stands on the owner only, so its pods do not have it and get nothing through it.

It is a common slip, and it usually means that somebody once believed the workload to have a role. It is told, not moved: moving would hand out a role that the pods do not hold.

Look for yourself: \`kubectl get KIND NAME -o yaml\` and compare \`metadata.annotations\` with \`spec.template.metadata.annotations\`.

If the workload works without the role, remove the annotation. If it was meant to have it, put it on the template, see it work, and plan again.`,
  find: (input) =>
    input.estate.uses.flatMap((use) => {
      const { ref, template, ownAnnotations } = use.workload;
      if (ref.kind === 'Pod' || !namespaceInScope(input.options, template.namespace)) return [];
      const own = askedText(input.estate, ownAnnotations);
      if (own === undefined || askedText(input.estate, template.annotations) !== undefined) return [];
      return [
        {
          subject: workloadSubject(use),
          message: `${titleOf(use)} carries a role annotation on itself, not on its pod template: its pods get nothing through it`,
          evidence: { annotation: own, keys: roleKeys(input.estate) },
        },
      ];
    }),
};
