import type { Plan, Step } from '../model/plan.js';
import { registry } from './registry.js';

/**
 * The steps of a move whose writes `verify` looks for again: what writes nothing cannot be taken away, and rollouts are judged pod
 * by pod.
 */
export const judgedSteps = (plan: Plan, moveId: string): readonly Step[] =>
  (plan.steps as readonly Step[]).filter((step) => {
    const kind = registry.get(step.kind);
    return step.move === moveId && kind !== undefined && !kind.rollout && kind.changes(step, 'apply').length > 0;
  });
