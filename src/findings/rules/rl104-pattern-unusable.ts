import { refusalDraft, refusalsOf } from '../refusals.js';
import type { Rule } from '../rule.js';

export const patternUnusable: Rule = {
  code: 'RL104',
  name: 'pattern-unusable',
  severity: 'block',
  acceptable: true,
  says: "the namespace's pattern is not valid RE2, or not a JSON list of patterns: the broker hands out nothing",
  remedy: "Repair the namespace's annotation, see the workload work under the broker, and plan again.",
  explain: `The namespace says which roles its pods may have: for kiam one regular expression in \`iam.amazonaws.com/permitted\`, for kube2iam a JSON list in \`iam.amazonaws.com/allowed-roles\`. The text that stands there cannot be read as that, so the broker refuses every role in this namespace.

Both brokers are written in Go, whose regular expressions (RE2) know no look-ahead, no look-behind and no back-references; a pattern that works elsewhere may be an error there. kube2iam takes broken JSON for an empty list.

As nothing is handed out today, moving a workload of this namespace would give it a role that it does not hold. It is blocked until a person has said what the pattern was meant to allow.

Look for yourself: \`kubectl get namespace NAMESPACE -o yaml\` and, for kiam, the event \`KiamRoleForbidden\` on the pods. Repair the annotation, wait until the workload gets its credentials, and plan again.`,
  find: (input) =>
    refusalsOf(input, 'RL104').map((refusal) => {
      const namespace = refusal.use.workload.template.namespace;
      const annotations = input.estate.inventory.namespaces.find((each) => each.name === namespace)?.annotations ?? {};
      return refusalDraft(
        refusal,
        `the namespace ${namespace} holds a pattern that its broker cannot read, so ${refusal.use.workload.ref.kind} ${refusal.use.workload.ref.name} gets nothing`,
        {
          permitted: annotations['iam.amazonaws.com/permitted'] ?? null,
          allowedRoles: annotations['iam.amazonaws.com/allowed-roles'] ?? null,
        },
      );
    }),
};
