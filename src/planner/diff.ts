import { byText, sameJson } from '../model/canonical.js';
import type { Move, Plan, Step } from '../model/plan.js';
import { firstDifference } from './difference.js';

/** What became of one thing between two plans. */
export interface Changed {
  readonly id: string;
  readonly is: 'added' | 'removed' | 'changed';
  /** Paths that differ, at most a dozen; empty for what was added or removed. */
  readonly paths: readonly string[];
}

export interface PlanDifference {
  readonly same: boolean;
  /** Fields of the plan itself: cluster, options, completeness. */
  readonly plan: readonly string[];
  readonly moves: readonly Changed[];
  readonly steps: readonly Changed[];
  readonly findings: readonly Changed[];
}

const fieldsThatDiffer = (left: object, right: object, fields: readonly string[]): readonly string[] =>
  fields.flatMap((field) => {
    const [one, other] = [(left as Record<string, unknown>)[field], (right as Record<string, unknown>)[field]];
    const path = sameJson(one, other) ? null : firstDifference(one, other, field);
    return path === null ? [] : [path];
  });

const listed = <T extends { readonly id: string }>(
  left: readonly T[],
  right: readonly T[],
  fields: readonly string[],
): readonly Changed[] => {
  const [before, after] = [new Map(left.map((item) => [item.id, item])), new Map(right.map((item) => [item.id, item]))];
  return [...new Set([...before.keys(), ...after.keys()])].sort(byText).flatMap((id): readonly Changed[] => {
    const [one, other] = [before.get(id), after.get(id)];
    if (one === undefined) return [{ id, is: 'added', paths: [] }];
    if (other === undefined) return [{ id, is: 'removed', paths: [] }];
    const paths = fieldsThatDiffer(one, other, fields);
    return paths.length === 0 ? [] : [{ id, is: 'changed', paths }];
  });
};

/** How a second plan differs from a first one, `skip`, `note`, times and tool version aside. */
export const diffPlans = (left: Plan, right: Plan): PlanDifference => {
  const plan = fieldsThatDiffer(left, right, ['source', 'cluster', 'options', 'complete', 'gaps', 'unmoved']);
  const moves = listed(left.moves, right.moves, [
    'subject',
    'workloads',
    'from',
    'to',
    'blocked',
    'why',
    'risk',
    'owner',
    'delivery',
    'findings',
    'steps',
  ]);
  const steps = listed(left.steps, right.steps, [
    'stage',
    'move',
    'target',
    'params',
    'before',
    'after',
    'dependsOn',
    'undoDependsOn',
    'effect',
  ]);
  const findings = listed(left.findings, right.findings, ['severity', 'message', 'evidence', 'acceptedBy']);
  return { same: plan.length + moves.length + steps.length + findings.length === 0, plan, moves, steps, findings };
};

/** A step that a fresh plan would not make, and why, as far as the two plans tell. */
export interface Disagreement {
  readonly step: string;
  readonly move: string | null;
  readonly why: string;
}

/**
 * The steps of a plan that a plan from a fresh scan would not itself make (H21): gone, or with other parameters; and those of
 * moves that would be blocked now. What was applied already is taken out of the fresh scan first (`rewind`); `apply` refuses a move
 * that has one. What the fresh plan would do beyond the plan is no disagreement: nobody asked for it.
 */
export const agrees = (plan: Plan, fresh: Plan): readonly Disagreement[] => {
  const steps = new Map((fresh.steps as readonly Step[]).map((step) => [step.id, step]));
  const moves = new Map(fresh.moves.map((move) => [move.id, move]));
  const found = new Map(fresh.findings.map((finding) => [finding.id, finding]));
  const reason = (step: Step, move: Move | undefined): string | null => {
    if (step.move !== null) {
      if (move === undefined)
        return `a fresh plan has no move ${step.move}: its workloads, account or role are not what they were`;
      if (move.blocked) {
        const by = move.findings.find(
          (id) => found.get(id)?.severity === 'block' && found.get(id)?.acceptedBy === null,
        );
        return `a fresh plan would block ${move.id}${by === undefined ? '' : `: ${found.get(by)?.message ?? by}`}`;
      }
    }
    const other = steps.get(step.id);
    if (other === undefined) return 'a fresh plan does not have this step';
    const path =
      firstDifference(step.params, other.params, 'params') ??
      firstDifference(step.target, other.target, 'target') ??
      firstDifference(step.before, other.before, 'before');
    return path === null ? null : `a fresh plan has another ${path}`;
  };
  return (plan.steps as readonly Step[]).flatMap((step) => {
    const why = reason(step, step.move === null ? undefined : moves.get(step.move));
    return why === null ? [] : [{ step: step.id, move: step.move, why }];
  });
};
