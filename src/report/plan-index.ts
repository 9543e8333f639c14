import type { Plan } from '../model/plan.js';

type PlanStep = Plan['steps'][number];
type PlanFinding = Plan['findings'][number];

/** A plan's steps and findings by move, each in the plan's own order: a plan may have thousands of moves. */
export interface PlanIndex {
  /** Steps that name the move. */
  readonly stepsOf: (move: string) => readonly PlanStep[];
  /** Findings that a move names. */
  readonly findingsOf: (move: Plan['moves'][number]) => readonly PlanFinding[];
}

const none: readonly never[] = [];

export const stepsByMove = (plan: Plan): ReadonlyMap<string, readonly PlanStep[]> => {
  const found = new Map<string, PlanStep[]>();
  for (const step of plan.steps) {
    if (step.move === null) continue;
    const known = found.get(step.move);
    if (known === undefined) found.set(step.move, [step]);
    else known.push(step);
  }
  return found;
};

export const indexOf = (plan: Plan): PlanIndex => {
  const steps = stepsByMove(plan);
  const places = new Map<string, number>(plan.findings.map(({ id }, place) => [id, place]));
  return {
    stepsOf: (move) => steps.get(move) ?? none,
    findingsOf: (move) =>
      [...new Set(move.findings.flatMap((id) => places.get(id) ?? none))]
        .sort((left, right) => left - right)
        .map((place) => plan.findings[place] as PlanFinding),
  };
};
