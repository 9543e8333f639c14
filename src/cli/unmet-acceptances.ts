import { unusedAcceptances } from '../findings/accept.js';
import type { Host } from '../io/host.js';
import type { Plan } from '../model/plan.js';
import { optionsOf } from '../planner/options-schema.js';

/** Tells of each --accept that met no finding (RL644): mostly a typing error, and then the move that was meant stays blocked. */
export const sayUnmetAcceptances = (host: Pick<Host, 'say'>, plan: Plan): void => {
  for (const text of unusedAcceptances(plan.findings, optionsOf(plan).accept))
    host.say({ kind: 'note', code: 'RL644', text: `--accept ${text} meets no finding of this plan` });
};
