import type { JournalState } from '../journal/fold.js';
import type { StepState } from '../model/journal.js';
import type { Plan, Step } from '../model/plan.js';
import type { Stage } from '../model/words.js';
import type { Registry } from '../steps/step.js';

/** Which steps shall be undone. */
export type UndoScope =
  | { readonly is: 'whole'; readonly without: ReadonlySet<string> }
  | { readonly is: 'moves'; readonly moves: ReadonlySet<string> }
  /** A step that failed in `retire` takes back what its move gave up, not the move itself. */
  | { readonly is: 'stage'; readonly move: string; readonly stage: Stage }
  | { readonly is: 'steps'; readonly steps: ReadonlySet<string> }
  /** Everything that the plan places behind that step. */
  | { readonly is: 'to'; readonly step: string; readonly without: ReadonlySet<string> };

export interface UndoGraph {
  /** In the plan's order. */
  readonly steps: readonly Step[];
  /** For each of them: whose undo must be over before. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  /** What stays, because something that stays needs it. */
  readonly kept: readonly { readonly step: string; readonly why: string }[];
}

/** True where there may be something of ours in the world. */
export const hasWork = (state: StepState | undefined): boolean => {
  switch (state?.is) {
    case 'in-flight':
    case 'applied':
    case 'verified':
    case 'undoing':
    case 'undo-failed':
      return true;
    case 'failed':
      return state.preimage !== null;
    default:
      return false;
  }
};

/**
 * The graph of a rollback (H1): the order is the plan's `undoDependsOn`, read through steps that have nothing to undo, so that a
 * trust statement waits for the pods even where the proof between them never ran. Steps of kinds with `undoWithMove` join as soon as
 * anything that they wait for was under way. What something that stays still needs is left standing.
 */
export const undoGraph = (plan: Plan, registry: Registry, state: JournalState, scope: UndoScope): UndoGraph => {
  const byId = new Map(plan.steps.map((step) => [step.id, step as Step]));
  const order = new Map(plan.steps.map((step, index) => [step.id, index]));
  const dependents = new Map<string, string[]>();
  for (const step of plan.steps)
    for (const need of step.dependsOn) {
      const list = dependents.get(need);
      if (list === undefined) dependents.set(need, [step.id]);
      else list.push(step.id);
    }
  const works = (id: string): boolean => hasWork(state.steps.get(id));

  /** All steps whose undo must be over before this one's, near and far. */
  const reaches = new Map<string, ReadonlySet<string>>();
  const reach = (id: string): ReadonlySet<string> => {
    const known = reaches.get(id);
    if (known !== undefined) return known;
    const seen = new Set<string>();
    const stack = [...(byId.get(id)?.undoDependsOn ?? [])];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next) || !byId.has(next)) continue;
      seen.add(next);
      stack.push(...(byId.get(next)?.undoDependsOn ?? []));
    }
    reaches.set(id, seen);
    return seen;
  };

  const inScope = (step: Step): boolean => {
    switch (scope.is) {
      case 'whole':
        return step.move === null || !scope.without.has(step.move);
      case 'moves':
        return step.move !== null && scope.moves.has(step.move);
      case 'steps':
        return scope.steps.has(step.id);
      case 'stage':
        return step.move === scope.move && step.stage === scope.stage;
      default:
        return (
          (step.move === null || !scope.without.has(step.move)) &&
          (order.get(step.id) ?? 0) > (order.get(scope.step) ?? Number.MAX_SAFE_INTEGER)
        );
    }
  };

  const chosen = new Set<string>();
  for (const step of plan.steps) if (inScope(step as Step) && works(step.id)) chosen.add(step.id);

  if (scope.is === 'to' || scope.is === 'moves') {
    // H1 does not let a restart be undone under a standing annotation, nor a move while its broker is not trusted: what must go
    // first goes too.
    const stack = [...chosen];
    for (let next = stack.pop(); next !== undefined; next = stack.pop())
      for (const need of reach(next)) {
        const step = byId.get(need) as Step;
        const stays = step.move !== null && (scope.is === 'moves' || scope.without.has(step.move));
        if (chosen.has(need) || !works(need) || stays) continue;
        chosen.add(need);
        stack.push(need);
      }
  }

  for (const step of plan.steps) {
    if (chosen.has(step.id) || registry.get(step.kind)?.undoWithMove !== true || step.move === null) continue;
    if (scope.is !== 'to' && !inScope(step as Step)) continue;
    const own = state.touched.get(step.id)?.seq ?? 0;
    const undone = state.steps.get(step.id)?.is === 'undone' ? own : 0;
    const joins = [...reach(step.id)].some((id) => {
      if (byId.get(id)?.move !== step.move) return false;
      if (chosen.has(id)) return true;
      // An interrupted rollback has undone that one already, and not yet this one since.
      return state.steps.get(id)?.is === 'undone' && (state.touched.get(id)?.seq ?? 0) > undone && scope.is !== 'to';
    });
    if (joins) chosen.add(step.id);
  }

  const kept: { step: string; why: string }[] = [];
  /** A step that stays and cannot do without this one; null where there is none. */
  const holder = (id: string): string | null => {
    for (const need of reach(id)) if (!chosen.has(need) && works(need)) return need;
    const own = byId.get(id)?.move ?? null;
    const seen = new Set<string>();
    const stack = [...(dependents.get(id) ?? [])];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const other = byId.get(next) as Step;
      // A gate or a proof needs nothing any more once it was passed; what came behind it may.
      const passed = registry.get(other.kind)?.checks === true;
      if (works(next) && !passed && !chosen.has(next) && (own === null || other.move !== own)) return next;
      if (!works(next) || passed) stack.push(...(dependents.get(next) ?? []));
    }
    return null;
  };
  for (let again = true; again; ) {
    again = false;
    for (const id of [...chosen]) {
      const by = holder(id);
      if (by === null) continue;
      chosen.delete(id);
      kept.push({ step: id, why: `${by} still needs it` });
      again = true;
    }
  }

  const needs = new Map<string, readonly string[]>();
  for (const id of chosen) {
    const before = new Set<string>();
    const seen = new Set<string>();
    const stack = [...(byId.get(id)?.undoDependsOn ?? [])];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      if (chosen.has(next)) before.add(next);
      else stack.push(...(byId.get(next)?.undoDependsOn ?? []));
    }
    // What several moves share goes after everything that was built on it, whatever the plan says.
    if (byId.get(id)?.move === null)
      for (const next of dependents.get(id) ?? []) if (chosen.has(next) && !reach(next).has(id)) before.add(next);
    needs.set(id, [...before]);
  }
  return { steps: plan.steps.filter(({ id }) => chosen.has(id)) as unknown as readonly Step[], needs, kept };
};
