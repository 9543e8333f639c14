import { RoleliftError } from '../model/error.js';

/** Throws RL806 where the signal is aborted: a rehearsal changes nothing, so it may end between any two runs. */
export const stopIf = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted !== true) return;
  throw new RoleliftError(
    {
      code: 'RL806',
      message: 'the rehearsal was stopped',
      remedy: 'Nothing was changed, and no verdict was written.',
      fault: 'user',
    },
    { exit: 130 },
  );
};
