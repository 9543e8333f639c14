import { RoleliftError } from '../model/error.js';
import type { Plan, Step } from '../model/plan.js';
import { stages } from '../model/words.js';
import type { Registry } from '../steps/step.js';
import { undoCircle } from './order.js';
import { invalid } from './plan-errors.js';

const unique = (items: readonly { readonly id: string }[], where: string): ReadonlyMap<string, number> => {
  const places = new Map<string, number>();
  for (const [index, { id }] of items.entries()) {
    if (places.has(id)) throw invalid('RL614', `${where}[${index}].id`, `stands there twice: ${id}`);
    places.set(id, index);
  }
  return places;
};

/** Kinds and parameters, references, stages and order of a plan's steps, and what moves and findings say of each other. */
export const checkStructure = (plan: Plan, kinds: Registry): void => {
  const moves = unique(plan.moves, 'moves');
  const steps = unique(plan.steps, 'steps');
  const findings = unique(plan.findings, 'findings');
  for (const [index, step] of plan.steps.entries()) checkStep(plan, step as Step, index, { kinds, moves, steps });
  const circle = undoCircle(plan.steps);
  if (circle !== null)
    throw invalid('RL614', `steps[${steps.get(circle)}].undoDependsOn`, 'leads back to the step itself');
  const byMove = new Map<string, string[]>();
  for (const { id, move } of plan.steps) {
    if (move === null) continue;
    const own = byMove.get(move);
    if (own === undefined) byMove.set(move, [id]);
    else own.push(id);
  }
  for (const [index, move] of plan.moves.entries()) {
    const at = `moves[${index}]`;
    for (const [place, id] of move.findings.entries())
      if (!findings.has(id)) throw invalid('RL614', `${at}.findings[${place}]`, `names ${id}, which is not there`);
    const own = byMove.get(move.id) ?? [];
    if (own.length !== move.steps.length || own.some((id, place) => id !== move.steps[place]))
      throw invalid('RL614', `${at}.steps`, 'are not the steps that name this move, in their order');
    const blocks = move.findings.some((id) => {
      const finding = plan.findings[findings.get(id) as number];
      return finding?.severity === 'block' && finding.acceptedBy === null;
    });
    if ((blocks || move.to === null) !== move.blocked)
      throw invalid('RL614', `${at}.blocked`, 'does not say what its findings say');
    if (move.blocked && move.steps.length > 0)
      throw invalid('RL614', `${at}.steps`, 'are there although it is blocked');
  }
};

const checkStep = (
  plan: Plan,
  step: Step,
  index: number,
  known: {
    readonly kinds: Registry;
    readonly moves: ReadonlyMap<string, number>;
    readonly steps: ReadonlyMap<string, number>;
  },
): void => {
  const at = `steps[${index}]`;
  const kind = known.kinds.get(step.kind);
  if (kind === undefined) throw invalid('RL614', `${at}.kind`, `is unknown: ${JSON.stringify(step.kind.slice(0, 60))}`);
  try {
    kind.parseParams(step.params);
  } catch (thrown) {
    if (!(thrown instanceof RoleliftError)) throw thrown;
    throw new RoleliftError(
      { ...thrown.data, message: `plan.json: ${at}.params: ${thrown.data.message}` },
      { exit: 4 },
    );
  }
  if (!kind.stages.includes(step.stage))
    throw invalid('RL614', `${at}.stage`, `is ${step.stage}, which ${step.kind} never has`);
  if (!step.id.startsWith(`${step.kind}:`)) throw invalid('RL614', `${at}.id`, 'does not begin with its kind');
  if (step.move !== null && !known.moves.has(step.move))
    throw invalid('RL614', `${at}.move`, `names ${step.move}, which is not there`);
  for (const [place, id] of step.dependsOn.entries()) {
    const before = known.steps.get(id);
    if (before === undefined) throw invalid('RL614', `${at}.dependsOn[${place}]`, `names ${id}, which is not there`);
    if (before >= index) throw invalid('RL614', `${at}.dependsOn[${place}]`, `comes later: ${id}`);
    if (stages.indexOf((plan.steps[before] as Step).stage) > stages.indexOf(step.stage))
      throw invalid('RL614', `${at}.dependsOn[${place}]`, `belongs to a later stage: ${id}`);
  }
  for (const [place, id] of step.undoDependsOn.entries())
    if (!known.steps.has(id))
      throw invalid('RL614', `${at}.undoDependsOn[${place}]`, `names ${id}, which is not there`);
  const said = kind.describe(step);
  for (const field of ['title', 'effect', 'undo'] as const)
    if (said[field] !== step[field]) throw invalid('RL614', `${at}.${field}`, 'is not what its parameters say');
};

/**
 * A reviewer may skip moves, and steps that nothing depends on; never a gate, a proof or a trust step, as what they guard would
 * then run unguarded (H21).
 */
export const checkSkips = (plan: Plan, kinds: Registry): void => {
  const skippedMoves = new Set(plan.moves.filter((move) => move.skip).map((move) => move.id));
  const needed = new Map<string, string>();
  for (const step of plan.steps) {
    if (step.skip || (step.move !== null && skippedMoves.has(step.move))) continue;
    for (const id of step.dependsOn) if (!needed.has(id)) needed.set(id, step.id);
  }
  for (const [index, step] of plan.steps.entries()) {
    if (!step.skip) continue;
    const remedy = 'Skip the whole move instead, or take the skip away.';
    if (kinds.get(step.kind)?.skippable !== true)
      throw invalid(
        'RL616',
        `steps[${index}].skip`,
        `is set, and a step of kind ${step.kind} can never be skipped`,
        remedy,
      );
    const by = needed.get(step.id);
    if (by !== undefined) throw invalid('RL616', `steps[${index}].skip`, `is set, but ${by} depends on it`, remedy);
  }
};
