import { refusalDraft, refusalsOf } from '../refusals.js';
import type { Rule } from '../rule.js';
import { askedText, candidates, titleOf } from '../subjects.js';

export const roleMissing: Rule = {
  code: 'RL103',
  name: 'role-missing',
  severity: 'block',
  acceptable: true,
  says: 'the resolved role does not exist, or the text can never be a role',
  remedy: 'Correct the annotation, or create the role, and plan again.',
  explain: `A broker turns the text of the annotation into an ARN: a full ARN stays as it is, anything else is put behind the base ARN that the broker was given or found. The result names no role: either AWS says that it does not exist, or the text can never be one (it is empty, begins with two slashes, or no base ARN is known).

Such a workload gets no credentials today. A service account that carries the ARN of a missing role gets none either; worse, whoever creates a role of that name later decides what the workload may do.

Look for yourself: \`aws iam get-role --role-name NAME\` with the name behind the last slash. Remember the account: a bare name belongs to the account of the broker's base ARN. kiam drops one leading slash, kube2iam keeps it.

Correct the annotation (spelling, path, account) or create the role; then see the workload get its credentials under the broker before you move it. Planning from manifests knows only texts that can never be a role, as no account is asked.`,
  find: (input) => {
    const { inventory } = input.estate;
    const missing = new Set(inventory.source === 'live' ? inventory.rolesMissing : []);
    const refused = refusalsOf(input, 'RL103');
    const told = new Set(refused.map(({ use }) => use));
    const gone = candidates(input)
      .filter((use) => use.wanted !== null && missing.has(use.wanted) && !told.has(use))
      .map((use) => ({ use, role: use.wanted, why: 'the account has no such role', pods: [], nodes: [] }));
    return [...refused, ...gone].map((refusal) =>
      refusalDraft(
        refusal,
        `${titleOf(refusal.use)} asks for ${JSON.stringify(askedText(input.estate, refusal.use.workload.template.annotations) ?? refusal.role ?? '')}, and that is no role: ${refusal.why}`,
        { annotation: askedText(input.estate, refusal.use.workload.template.annotations) ?? null },
      ),
    );
  },
};
