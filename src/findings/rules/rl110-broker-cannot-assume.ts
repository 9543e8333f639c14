import { refusalDraft, refusalsOf } from '../refusals.js';
import type { Rule } from '../rule.js';
import { sorted, titleOf } from '../subjects.js';

export const brokerCannotAssume: Rule = {
  code: 'RL110',
  name: 'broker-cannot-assume',
  severity: 'block',
  acceptable: false,
  says: "the broker's own principal cannot assume this role: nobody gets it through the broker today",
  remedy:
    "Find out whether the workload was ever meant to have the role. If so, let the role's owner trust the broker's principal first and see it work; if the trust could not be read, give access to that account.",
  explain: `A broker has no roles of its own to give. It calls \`sts:AssumeRole\` with its own identity (kiam: the server role; kube2iam: the node role) and passes on what it gets. That works only if that identity may call \`sts:AssumeRole\` on the role and the role's trust policy admits it, with all conditions. For this role it does not, or it could not be read.

So the pod gets nothing today, although its annotation names the role and the namespace may allow it. If Rolelift now added a trust statement for the pod's service account, it would hand over a role that its owner never gave: anybody who can write an annotation could take any role in the account. This is the one finding that exists to stop exactly that, and it cannot be accepted.

Look for yourself: \`aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument\` shows whom the role trusts. The broker's identity is in the evidence.

If the workload should have the role, ask the role's owner to trust the broker's identity, see the workload get its credentials, and plan again. If the role is in an account that could not be read, name credentials for it with --account-profile or --account-role.`,
  find: (input) =>
    // What only the account could tell is assumed offline and said as a gap.
    input.estate.inventory.source === 'manifests'
      ? []
      : refusalsOf(input, 'RL110').map((refusal) =>
          refusalDraft(
            refusal,
            `${titleOf(refusal.use)} asks for ${refusal.role ?? 'a role'}, which its broker cannot assume: ${refusal.why}`,
            {
              assumers: sorted(
                input.estate.inventory.brokers.flatMap(({ broker, assumer }) =>
                  (broker === 'kiam' || broker === 'kube2iam') && assumer !== null ? [assumer] : [],
                ),
              ),
            },
          ),
        ),
};
