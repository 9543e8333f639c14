import { study } from '../findings/estate.js';
import type { WorkloadUse } from '../findings/rule.js';
import type { ErrorData } from '../model/error.js';
import type { Inventory } from '../model/inventory.js';
import type { RunState } from '../model/journal.js';
import type { Plan } from '../model/plan.js';
import { rewind } from '../planner/rewind.js';
import { optionsOf } from '../planner/validate.js';

/** Steps of a plan that are in force by its journal: what an undo would take out of the live estate. */
export const appliedSteps = (run: RunState): ReadonlySet<string> =>
  new Set(
    [...run.steps]
      .filter(([, state]) =>
        ['applied', 'verified', 'in-flight', 'failed', 'undoing', 'undo-failed'].includes(state.is),
      )
      .map(([id]) => id),
  );

const nameOf = ({ kind, namespace, name }: { kind: string; namespace?: string | undefined; name: string }): string =>
  `${kind}/${namespace ?? ''}/${name}`;

/**
 * What each pod of a move would get if the plan were undone now, by the identity model on a live scan (H2). Answers for one move after
 * another; null: the old role again, or nobody is left to ask for it. Else RL406 with what stands in the way.
 */
export const oldWays = (live: Inventory, plan: Plan, run: RunState): ((moveId: string) => ErrorData | null) => {
  const { uses } = study(rewind(live, plan, appliedSteps(run)), optionsOf(plan).sdkKnown);
  const byName = new Map<string, WorkloadUse[]>();
  for (const use of uses) {
    const name = nameOf(use.workload.ref);
    byName.set(name, [...(byName.get(name) ?? []), use]);
  }
  return (moveId) => {
    const move = plan.moves.find((each) => each.id === moveId);
    if (move === undefined || move.from.role === null) return null;
    const wrong = move.workloads
      .flatMap((workload) => byName.get(nameOf(workload)) ?? [])
      .filter((use) => use.template.role !== move.from.role || use.template.wins?.assumable === 'no');
    const [first] = wrong;
    if (first === undefined) return null;
    return {
      code: 'RL406',
      message: `undoing ${moveId} would not bring its old identity back`,
      subject: {
        kind: first.workload.ref.kind,
        namespace: first.workload.ref.namespace ?? '',
        name: first.workload.ref.name,
      },
      cause: wrong.map(told).join('; '),
      remedy: `Repair the old way first (${move.from.broker} serving ${move.from.role}), or undo it all the same with --force-move ${moveId}.`,
      fault: 'user',
    };
  };
};

const told = (use: WorkloadUse): string => {
  const name = `${use.workload.ref.kind} ${use.workload.ref.namespace ?? ''}/${use.workload.ref.name}`;
  const refused = use.template.refused[0];
  const why = refused === undefined ? use.template.reason : refused.why;
  return `${name} would get ${use.template.role ?? 'no role'}: ${why}`;
};
