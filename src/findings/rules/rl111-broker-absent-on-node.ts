import { refusalDraft, refusalsOf } from '../refusals.js';
import type { Rule } from '../rule.js';
import { titleOf } from '../subjects.js';

export const brokerAbsentOnNode: Rule = {
  code: 'RL111',
  name: 'broker-absent-on-node',
  severity: 'block',
  acceptable: true,
  says: 'annotated pods run on nodes without a ready broker agent: they have the node role',
  remedy: 'Make the broker agent run on those nodes and see the pods get their role, or accept the change of identity.',
  explain: `The broker's agent runs as a DaemonSet and serves only the pods of its own node. Pods of this workload run where no ready agent does (a taint that it does not tolerate, a node selector, an agent that crashes). There nothing catches their calls to the metadata address, and they get the node's role instead of their own.

So some or all of these pods do not hold the role of the annotation today. Moving would change their identity: they would lose what the node role allowed them and gain the other role.

Look for yourself: \`kubectl get pods -A -o wide | grep -E 'kiam-agent|kube2iam'\` beside the nodes in the evidence, and \`aws sts get-caller-identity\` inside a pod there.

Repair the agent and see the pods work with their role before you move them. If the workload is known to work with the role of its annotation, accept it by name.`,
  find: (input) =>
    refusalsOf(input, 'RL111').map((refusal) =>
      refusalDraft(
        refusal,
        `pods of ${titleOf(refusal.use)} run where no broker agent is ready, and have the node role`,
        { nodes: refusal.nodes },
      ),
    ),
};
