import { journalHeader } from '../engine/begin.js';
import type { Journal } from '../journal/journal.js';
import type { Caller } from '../model/journal.js';
import type { MarkedPlan } from './from-marks.js';

/** The lines that a journal of that plan would hold had nothing gone wrong: what its undo begins from. */
export const writeMarkedJournal = async (
  journal: Journal,
  { plan, preimages }: MarkedPlan,
  { caller, holder, tool }: { readonly caller: Caller; readonly holder: string; readonly tool: string },
): Promise<void> => {
  await journal.append(journalHeader(plan, caller));
  await journal.append({
    type: 'run-started',
    command: 'apply',
    options: { fromLive: true },
    caller,
    holder,
    tool,
  });
  for (const { id } of plan.steps) {
    await journal.append({ type: 'started', step: id, attempt: 1, preimage: preimages.get(id) ?? {} });
    await journal.append({ type: 'applied', step: id, output: {} });
  }
  await journal.append({ type: 'run-ended', exit: 0 });
};
