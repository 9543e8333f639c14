import { parseArn } from '../../model/resource.js';
import type { FindingDraft, Rule } from '../rule.js';
import { accountSubject, candidates, roleOf, roleSubject, sorted } from '../subjects.js';

/** The role behind a caller's ARN: `assumed-role/NAME/SESSION` carries neither path nor `role/`; null for users and others. */
export const callerRole = (arn: string): { readonly account: string; readonly name: string } | null => {
  const parts = parseArn(arn);
  if (parts === null) return null;
  const segments = parts.resource.split('/');
  const name =
    segments[0] === 'assumed-role'
      ? segments[1]
      : segments[0] === 'role' && segments.length > 1
        ? segments.at(-1)
        : undefined;
  return name === undefined ? null : { account: parts.account, name };
};

export const ownIdentityInPlan: Rule = {
  code: 'RL503',
  name: 'own-identity-in-plan',
  severity: 'block',
  acceptable: true,
  says: 'the identity that the tool itself runs with is among the moves',
  remedy: 'Run rolelift with another identity (a person, a CI role), or leave this move out.',
  explain: `Rolelift is running with an identity that the plan itself would change: its own AWS role, or its own service account in the cluster.

That is sawing off the branch one sits on. If the change goes wrong, the run loses its credentials at the very moment in which it would have to undo it. And pods restarted by the plan may include the one that Rolelift runs in.

Look for yourself: \`aws sts get-caller-identity\` and \`kubectl auth whoami\`, with the same profile and context.

Run it as somebody else: a person's own credentials, or a CI role that no pod of this cluster uses. Other moves are not affected and can go on.`,
  find: (input) => {
    const { caller } = input.estate.inventory;
    if (caller === null) return [];
    const own = callerRole(caller.arn);
    const moving = candidates(input);
    const drafts: FindingDraft[] = [];
    const arns = sorted([
      ...moving.flatMap((use) => roleOf(use) ?? []),
      ...input.proposals.flatMap(({ to, from }) => [
        ...(to === null ? [] : [to.role]),
        ...(from.role === null ? [] : [from.role]),
      ]),
    ]);
    for (const arn of arns) {
      const subject = roleSubject(arn);
      if (own !== null && subject.account === own.account && subject.name === own.name)
        drafts.push({
          subject,
          message: `rolelift itself runs with the role ${arn}`,
          evidence: { caller: caller.arn, role: arn },
        });
    }
    const user = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(caller.kubernetesUser);
    if (user !== null) {
      const [, namespace, name] = user as unknown as [string, string, string];
      const mine = moving.some(
        ({ workload: { template } }) => template.namespace === namespace && template.serviceAccount === name,
      );
      if (mine)
        drafts.push({
          subject: accountSubject(namespace, name),
          message: `rolelift itself runs with the service account ${namespace}/${name}`,
          evidence: { caller: caller.kubernetesUser },
        });
    }
    return drafts;
  },
};
