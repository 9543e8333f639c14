import { refusalDraft, refusalsOf } from '../refusals.js';
import type { Rule } from '../rule.js';
import { titleOf } from '../subjects.js';

export const brokerDeniesRole: Rule = {
  code: 'RL101',
  name: 'broker-denies-role',
  severity: 'block',
  acceptable: true,
  says: "the namespace's permitted or allowed-roles annotation does not allow this role: the pod gets nothing today",
  remedy:
    'Find out whether the workload should have the role. If so, let the namespace permit it first and see it work under the broker; if not, remove the annotation.',
  explain: `kiam and kube2iam give a pod the role of its annotation only if the namespace allows it: kiam by the regular expression in \`iam.amazonaws.com/permitted\`, kube2iam (with --namespace-restrictions) by the list in \`iam.amazonaws.com/allowed-roles\`. Here the namespace does not allow it, so the pod gets no credentials today.

IRSA and Pod Identity know nothing of these annotations. Moving the workload would hand it a role that it does not hold now: somebody who may edit Deployments, but not namespaces, would have gained a permission through this tool. That is why the move is blocked.

Look for yourself: \`kubectl get namespace NAMESPACE -o jsonpath='{.metadata.annotations}'\` shows what is permitted, and under kiam \`kubectl get events -n NAMESPACE --field-selector reason=KiamRoleForbidden\` shows the refusals. kiam v4 matches the whole ARN and anchors the expression at both ends, v3 searches in the text of the annotation.

If the workload should have the role, change the namespace annotation, wait until the pod works under the broker, and plan again. If it should not, remove its annotation. A person who decides otherwise names it: \`--accept RL101:NAMESPACE/NAME\`; patterns are not taken here.`,
  find: (input) =>
    refusalsOf(input, 'RL101').map((refusal) => {
      const namespace = refusal.use.workload.template.namespace;
      const annotations = input.estate.inventory.namespaces.find((each) => each.name === namespace)?.annotations ?? {};
      return refusalDraft(
        refusal,
        `${titleOf(refusal.use)} asks for ${refusal.role ?? 'a role'}, which the namespace ${namespace} does not allow`,
        {
          permitted: annotations['iam.amazonaws.com/permitted'] ?? null,
          allowedRoles: annotations['iam.amazonaws.com/allowed-roles'] ?? null,
        },
      );
    }),
};
