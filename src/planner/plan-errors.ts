import { RoleliftError } from '../model/error.js';

/** Something in a plan is not as it may be: its code, and where it stands. */
export const invalid = (
  code: 'RL611' | 'RL612' | 'RL613' | 'RL614' | 'RL615' | 'RL616',
  path: string,
  what: string,
  remedy = 'Make the plan again with `rolelift plan`, or undo the edit.',
): RoleliftError =>
  new RoleliftError({ code, message: `plan.json: ${path} ${what}`, remedy, fault: 'user' }, { exit: 4 });
