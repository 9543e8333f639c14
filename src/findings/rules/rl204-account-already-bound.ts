import { annotationKeys } from '../../model/words.js';
import type { Estate, FindingDraft, Rule, RuleInput } from '../rule.js';
import { sharedAccounts } from '../splits.js';
import { accountSubject } from '../subjects.js';

interface Bound {
  readonly by: 'annotation' | 'association';
  readonly role: string;
  readonly id: string | null;
}

/** What a service account is bound to now: its annotation (by the webhook's own prefix) and its association. */
export const boundTo = (estate: Estate, namespace: string, name: string): readonly Bound[] => {
  const { inventory, accounts } = estate;
  const annotations = accounts.get(`${namespace}/${name}`)?.annotations ?? {};
  const key = `${inventory.webhook.prefix}/role-arn`;
  const annotation = annotations[key] ?? annotations[annotationKeys.irsaRole];
  return [
    ...(annotation === undefined || annotation === ''
      ? []
      : [{ by: 'annotation' as const, role: annotation, id: null }]),
    ...inventory.associations
      .filter((each) => each.namespace === namespace && each.serviceAccount === name)
      .map((each) => ({ by: 'association' as const, role: each.targetRole ?? each.role, id: each.id })),
  ];
};

/** Accounts that shall be bound, with the role: by the proposals, else those that one role's workloads use alone. */
const intended = (
  input: RuleInput,
): readonly {
  readonly namespace: string;
  readonly name: string;
  readonly role: string;
  readonly from: string | null;
}[] =>
  input.proposals.length > 0
    ? input.proposals.flatMap((proposal) =>
        proposal.to === null
          ? []
          : [
              {
                namespace: proposal.to.namespace,
                name: proposal.to.serviceAccount,
                role: proposal.to.role,
                from: proposal.from.role,
              },
            ],
      )
    : sharedAccounts(input).flatMap(({ namespace, name, roles, bystanders }) =>
        roles.length === 1 && bystanders.length === 0 && name !== 'default'
          ? [{ namespace, name, role: (roles[0] as (typeof roles)[number]).role, from: null }]
          : [],
      );

export const accountAlreadyBound: Rule = {
  code: 'RL204',
  name: 'account-already-bound',
  severity: 'block',
  acceptable: true,
  says: 'the service account is bound to another role already, by annotation or association',
  remedy: 'Decide which role is right: take the other binding away, or give the workload a service account of its own.',
  explain: `A service account has room for one role: the annotation \`eks.amazonaws.com/role-arn\` (IRSA) or one Pod Identity association. This account carries a role already, and it is not the one that the workload asks its broker for.

What the pods use today depends on when they were made: those that the webhook touched have the bound role, because its variables come before the broker in nearly every SDK; older ones have the broker's. Overwriting the binding would take a role from whoever needs it, and leaving it would make the move a lie.

Look for yourself: \`kubectl get serviceaccount NAME -n NAMESPACE -o yaml\`, \`aws eks list-pod-identity-associations --cluster-name CLUSTER --namespace NAMESPACE --service-account NAME\`, and \`env | grep AWS_\` inside the pods.

If the binding is right, remove the broker's annotation from the template. If the annotation is right, remove the binding and restart the pods first. If both are right for different workloads, give one of them a service account of its own.`,
  find: (input) => {
    const drafts: FindingDraft[] = [];
    for (const { namespace, name, role, from } of intended(input)) {
      const other = boundTo(input.estate, namespace, name).filter(
        (bound) => bound.role !== role && bound.role !== from,
      );
      if (other.length === 0) continue;
      drafts.push({
        subject: accountSubject(namespace, name),
        message: `the service account ${namespace}/${name} is bound to ${other.map((bound) => `${bound.role} (${bound.by})`).join(' and ')}, and ${role} is wanted`,
        evidence: { bound: other, wanted: role },
      });
    }
    return drafts;
  },
};
