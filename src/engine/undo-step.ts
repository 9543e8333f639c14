import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import type { UndoRecord } from '../steps/step.js';
import { type Ended, inRounds } from './rounds.js';
import type { Session } from './session.js';

/** Pre-images of all steps that share a lock with this one, oldest first. */
const siblingsOf = (session: Session, step: Step): readonly JsonObject[] => {
  const found: { seq: number; preimage: JsonObject }[] = [];
  const { preimages } = session.run.journal.state;
  for (const id of session.sharingLocks(step)) {
    const entry = preimages.get(id);
    if (entry !== undefined) found.push(entry);
  }
  return found.sort((left, right) => left.seq - right.seq).map(({ preimage }) => preimage);
};

/** Takes one step back. A failure is recorded, never thrown; the undo may be run again at any time. */
export const backward = async (session: Session, step: Step): Promise<Ended> => {
  const kind = session.kindOf(step);
  const state = session.state(step.id);
  const record: UndoRecord = {
    preimage: 'preimage' in state ? state.preimage : null,
    output: 'output' in state ? state.output : null,
    siblings: siblingsOf(session, step),
  };
  session.turnsBack(step);
  session.progress(step, 'running');
  return inRounds(session, step, 'undo', async (round) => {
    if (session.stopping) return 'interrupted';
    if (round === 1) await session.record({ type: 'undo-started', step: step.id });
    session.changed = true;
    const outcome = await kind.undo(session.context(step), step, record);
    if (outcome.is === 'paused') {
      await session.pauseAt({
        gate: outcome.gate,
        step: step.id,
        reason: outcome.reason,
        how: outcome.how,
        opensAt: null,
      });
      session.progress(step, 'waiting');
      return 'paused';
    }
    await session.record({ type: 'undone', step: step.id, how: outcome.how, note: outcome.note });
    session.counts.undone += 1;
    session.progress(step, 'done');
    return 'done';
  });
};
