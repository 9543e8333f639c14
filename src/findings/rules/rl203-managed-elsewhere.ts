import type { Ownership } from '../../model/inventory.js';
import { accountOf } from '../estate.js';
import type { FindingDraft, Rule } from '../rule.js';
import { accountSubject, candidates, sorted, titleOf, workloadSubject } from '../subjects.js';

/** Tools that put their own version back; `kubectl apply` does not, until a person runs it again, and add-ons are changed through EKS. */
const reverting = new Set(['helm', 'argocd', 'flux', 'operator']);

const revertedBy = (owners: readonly Ownership[]): readonly Ownership[] =>
  owners.filter(({ tool, strength }) => reverting.has(tool) && strength !== 'hint');

const said = (owners: readonly Ownership[]): string =>
  sorted(owners.map(({ tool, ref }) => `${tool} ${ref}`.trim())).join(', ');

export const managedElsewhere: Rule = {
  code: 'RL203',
  name: 'managed-elsewhere',
  severity: 'info',
  acceptable: true,
  says: 'Helm, Argo CD, Flux or an operator would revert a live change: delivered as a hand-off',
  remedy: 'Put the printed patch into the source that the tool reads; apply waits until it is live.',
  explain: `Some tools own objects in the cluster: they write them from a chart, a Git repository or a custom resource, and put their own version back when somebody else changes them. This object is owned by one; the evidence says by which mark it was recognised.

A live change would be reverted, at once (Argo CD with selfHeal, Flux, operators) or at the next release (Helm). A role binding that comes and goes is worse than none.

So the change is a hand-off: Rolelift prints the exact patch, you put it where the tool reads it, and \`rolelift apply\` waits until the cluster shows it, then goes on with the proof. Going back is a hand-off too.

Look for yourself: \`kubectl get KIND NAME -o yaml\` and read its labels, annotations and managedFields. If the mark is a left-over and nobody manages the object any more, remove the mark, or plan with \`--gitops live\`.`,
  find: (input) => {
    const drafts = new Map<string, FindingDraft>();
    const add = (
      key: string,
      owners: readonly Ownership[],
      draft: Omit<FindingDraft, 'evidence' | 'message'>,
      title: string,
    ): void => {
      const by = revertedBy(owners);
      if (by.length === 0 || drafts.has(key)) return;
      drafts.set(key, {
        ...draft,
        message: `${title} is managed by ${said(by)}: its change is handed off`,
        evidence: { owners: by },
      });
    };
    for (const use of candidates(input)) {
      const { namespace, name, kind } = use.workload.ref;
      add(`${kind}/${namespace}/${name}`, use.workload.owners, { subject: workloadSubject(use) }, titleOf(use));
      const account = input.estate.accounts.get(accountOf(use));
      if (account !== undefined && account.ref.name !== 'default')
        add(
          `ServiceAccount/${accountOf(use)}`,
          account.owners,
          { subject: accountSubject(account.ref.namespace ?? '', account.ref.name) },
          `ServiceAccount ${accountOf(use)}`,
        );
    }
    return [...drafts.values()];
  },
};
