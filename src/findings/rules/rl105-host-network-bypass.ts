import { refusalsOf } from '../refusals.js';
import type { Rule } from '../rule.js';
import { askedText, candidates, titleOf, workloadSubject } from '../subjects.js';

export const hostNetworkBypass: Rule = {
  code: 'RL105',
  name: 'host-network-bypass',
  severity: 'block',
  acceptable: true,
  says: 'a hostNetwork pod passes the broker by: it has the node role today, and moving changes its identity',
  remedy:
    'Find out what the workload really uses. Where the role of the annotation suffices, accept the finding by its exact subject; else remove the annotation.',
  explain: `kiam and kube2iam catch a pod's calls to the metadata address with an iptables rule on the pods' network interface. A pod with \`hostNetwork: true\` does not go through that interface: its calls reach the real metadata service, and it gets the node's role, whatever its annotation says.

So the annotation has never had an effect here. IRSA and Pod Identity work by variables in the container and do reach hostNetwork pods: moving would take the node role's permissions away and give those of the annotation's role, a change of identity in both directions.

Look for yourself: \`kubectl get pod POD -o jsonpath='{.spec.hostNetwork}'\`, and from inside \`aws sts get-caller-identity\`, which shows the node role.

Compare what the workload calls (CloudTrail, by the node role's sessions) with what the annotation's role allows. If that role suffices and is meant, accept by name: \`--accept RL105:NAMESPACE/NAME\`. If not, remove the annotation, which changes nothing, and treat the workload as a user of the node role.`,
  find: (input) => {
    const broker = input.estate.inventory.brokers.some(({ broker: kind }) => kind === 'kiam' || kind === 'kube2iam');
    const told = new Map(refusalsOf(input, 'RL105').map((refusal) => [refusal.use, refusal]));
    return candidates(input).flatMap((use) => {
      const text = askedText(input.estate, use.workload.template.annotations);
      const said = told.get(use);
      const live = use.pods.filter(({ pod }) => pod.view.hostNetwork).map(({ pod }) => pod.ref.name);
      const host = use.workload.template.hostNetwork || live.length > 0;
      if (said === undefined && !(host && text !== undefined && broker)) return [];
      return [
        {
          subject: workloadSubject(use),
          message: `${titleOf(use)} uses the host's network and so has the node role, not the role of its annotation`,
          evidence: { annotation: text ?? null, wanted: use.wanted, held: use.role, hostNetworkPods: live },
        },
      ];
    });
  },
};
