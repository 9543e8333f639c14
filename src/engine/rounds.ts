import { errorData } from '../model/error.js';
import type { Step } from '../model/plan.js';
import { isHalfUndone, reactionTo } from './failure.js';
import type { Session } from './session.js';

/** How one step ended, on the way there or on the way back. */
export type Ended = 'done' | 'failed' | 'paused' | 'interrupted';

const rounds = 5;

/**
 * Works at one step in rounds. Ambiguous answers and conflicts begin another one, a bounded number of times, with growing pauses;
 * expired credentials pause; anything else is recorded and told as the step's failure, never thrown.
 */
export const inRounds = async (
  session: Session,
  step: Step,
  way: 'apply' | 'undo',
  once: (round: number) => Promise<Ended>,
): Promise<Ended> => {
  for (let round = 1; ; round += 1) {
    try {
      return await once(round);
    } catch (error) {
      if (session.signal.aborted) return 'interrupted';
      const reaction = reactionTo(error);
      try {
        if (reaction === 'credentials') {
          if (round >= rounds || !(await session.refreshed(error))) return 'paused';
          continue;
        }
        if (reaction === 'again' && round < rounds && !session.stopping) {
          await session.run.clock.sleep(500 * 2 ** round, session.signal);
          continue;
        }
        const type = way === 'apply' ? 'failed' : 'undo-failed';
        // A step that stands in the middle of its undo was not tried (RL842): its line stays, for the rollback that ends it.
        if (way === 'undo' || !isHalfUndone(session.state(step.id)))
          await session.record({ type, step: step.id, error: errorData(error) });
      } catch (second) {
        if (session.signal.aborted) return 'interrupted';
        session.stopFor(second);
        return 'interrupted';
      }
      session.fail(step, way, errorData(error));
      session.progress(step, 'failed');
      return 'failed';
    }
  }
};
