import type { PodIdentityAnswer } from '../../identity/types.js';
import type { FindingDraft, Proposal, Rule } from '../rule.js';
import { accountSubject } from '../subjects.js';

/** What a move's pods would get after its undo, as the identity model says on live state. */
export interface AfterUndo {
  readonly workload: string;
  readonly answer: PodIdentityAnswer;
}

/**
 * Whether going back would still give the old role (H2). Asked before any undo, on live state; null where every pod of the move
 * would get its old role again, else the finding. A move that had no role before has nothing to lose by going back.
 */
export const oldWayGone = (
  move: { readonly id: string; readonly from: Proposal['from']; readonly subject: Proposal['subject'] },
  after: readonly AfterUndo[],
): FindingDraft | null => {
  const { role, broker } = move.from;
  if (role === null) return null;
  const lost = after.filter(
    ({ answer }) => answer.role !== role || answer.certainty === 'unknown' || answer.wins?.assumable === 'no',
  );
  if (lost.length === 0) return null;
  return {
    subject: accountSubject(move.subject.namespace, move.subject.name),
    message: `going back would not give ${role} again: ${lost[0]?.answer.reason ?? broker}`,
    evidence: {
      moves: [move.id],
      role,
      broker,
      workloads: lost.map(({ workload, answer }) => ({
        workload,
        role: answer.role,
        code: answer.code,
        reason: answer.reason,
      })),
    },
  };
};

export const oldWayGoneRule: Rule = {
  code: 'RL406',
  name: 'old-way-gone',
  severity: 'block',
  acceptable: true,
  says: 'rollback would restore a way that nobody serves any more',
  remedy:
    'Repair what the evidence names (the broker, its role, the namespace annotation), then roll back; or --force-move ID.',
  explain: `A rollback gives a workload its old way to its role back. That helps only if the old way still works. Weeks after a migration it may not: the broker is uninstalled, its server role deleted, the namespace no longer permits the role, the node role lost \`sts:AssumeRole\`.

Before any undo Rolelift asks, on the live cluster and account, what each pod would get afterwards. Here it would not be its old role. Going back would turn whatever is wrong now into an outage, so the move is refused (exit 4) and nothing is changed.

This is raised at rollback, never at planning; \`rolelift status PLAN\` tells for each move beforehand whether it can still go back, and RUNBOOK.md says until which event.

Look for yourself: the evidence says what each workload would get and why. Install the broker again, restore its role or the annotation, and roll back; or repair forwards; or, where a person knows better, \`--force-move ID\`.`,
  find: () => [],
};
