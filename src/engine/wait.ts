import type { Clock } from '../model/clock.js';
import { RoleliftError } from '../model/error.js';

/**
 * The one way to wait: asks until the answer is not null, with growing pauses (0.5 s up to 5 s), by the monotonic clock. Rejects with
 * RL811 and the reason when the bound (milliseconds) is over, and with the signal's reason when it is aborted.
 */
export const until = async <T>(
  clock: Clock,
  signal: AbortSignal,
  why: string,
  boundMs: number,
  probe: () => Promise<T | null>,
  onWait: (why: string) => void = () => {},
): Promise<T> => {
  const begin = clock.monotonic();
  for (let pause = 500; ; pause = Math.min(pause * 2, 5_000)) {
    signal.throwIfAborted();
    const answer = await probe();
    if (answer !== null) return answer;
    const left = boundMs - (clock.monotonic() - begin);
    if (left <= 0)
      throw new RoleliftError({
        code: 'RL811',
        message: `waited ${Math.round(boundMs / 1000)} s in vain: ${why}`,
        cause: 'what was waited for did not come within its bound',
        remedy: 'Look at why it takes so long; the same command goes on from here.',
        fault: 'remote',
      });
    onWait(why);
    await clock.sleep(Math.min(pause, Math.max(left, 1)), signal);
  }
};
