import { refusalsOf } from '../refusals.js';
import type { Rule } from '../rule.js';
import { askedText, candidates, sorted, titleOf, workloadSubject } from '../subjects.js';

export const brokerUnknown: Rule = {
  code: 'RL102',
  name: 'broker-unknown',
  severity: 'block',
  acceptable: true,
  says: 'an annotation asks for a role, but neither kiam nor kube2iam (or both) was found: whose rules hold is not known',
  remedy:
    'Say which broker serves the cluster (offline: --broker and --broker-args), let the scan read its namespace, or remove annotations that nobody serves.',
  explain: `kiam and kube2iam read the same pod annotation, \`iam.amazonaws.com/role\`, so the annotation alone does not tell who answers it. They differ in what matters: how a name becomes an ARN, which roles a namespace allows, what a pod without an annotation gets.

For this workload the scan found no broker at all, or two of them. Without one, the annotation is dead text and moving would give the workload a role that it does not hold. With two, which one answers depends on the node and on the order of iptables rules, and guessing could be wrong for some pods.

Look for yourself: \`kubectl get daemonsets,deployments -A -o wide | grep -E 'kiam|kube2iam'\`. A broker under another name is recognised by its image or its arguments; one in a namespace that may not be read shows up as a gap.

Give the scan the right to read DaemonSets everywhere, name the broker with \`--broker\` when you plan from manifests, or uninstall the one that is no longer meant to serve.`,
  find: (input) => {
    const installs = input.estate.inventory.brokers.filter(({ broker }) => broker === 'kiam' || broker === 'kube2iam');
    const kinds = sorted(installs.map(({ broker }) => broker));
    const said = new Map(refusalsOf(input, 'RL102').map((refusal) => [refusal.use, refusal.why]));
    return candidates(input).flatMap((use) => {
      const text = askedText(input.estate, use.workload.template.annotations);
      const why = said.get(use);
      if (why === undefined && (text === undefined || kinds.length > 0)) return [];
      return [
        {
          subject: workloadSubject(use),
          message:
            kinds.length === 0
              ? `${titleOf(use)} asks for ${text ?? 'a role'}, and no broker was found that would give it`
              : `${titleOf(use)} asks for ${text ?? 'a role'}, and it is not known which broker answers it`,
          evidence: {
            annotation: text ?? null,
            brokers: installs.map(({ broker, ref }) => `${broker} ${ref.namespace ?? ''}/${ref.name}`),
            why: why ?? 'no kiam and no kube2iam among the workloads that were read',
          },
        },
      ];
    });
  },
};
