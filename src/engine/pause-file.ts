import type { Pause } from './run.js';
import type { Session } from './session.js';

const pauseFile: Pause = {
  gate: 'pause-file',
  step: null,
  reason: 'a PAUSE file lies in the plan directory',
  how: 'remove the file PAUSE and run the same command again',
  opensAt: null,
};

/** Ends what a PAUSE file holds, with the line that says so. Listed before it is written: many steps wait here at once. */
export const holdAtPauseFile = async (session: Session): Promise<void> => {
  session.pauses.push(pauseFile);
  await session.record({ type: 'paused', gate: pauseFile.gate, reason: pauseFile.reason });
};

/** Waits while a PAUSE file lies there; false where the run ends meanwhile. */
export const mayGoOn = async (session: Session): Promise<boolean> => {
  const { host, clock, options } = session.run;
  const begin = clock.monotonic();
  for (let told = false; !session.stopping; ) {
    if (host.paused === undefined || !(await host.paused())) return !session.stopping;
    if (!told) session.run.say({ kind: 'note', code: 'RL851', text: 'a PAUSE file holds the run; remove it to go on' });
    told = true;
    if (clock.monotonic() - begin >= options.pauseWaitMs) {
      if (session.pauses.some(({ gate }) => gate === 'pause-file')) return false;
      await holdAtPauseFile(session);
      session.onStop();
      return false;
    }
    await clock.sleep(2_000, session.signal);
  }
  return false;
};
