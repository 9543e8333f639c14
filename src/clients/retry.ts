import type { Clock } from '../model/clock.js';
import type { Lane } from './lanes.js';

/** What became of one try. */
export type Verdict =
  | { readonly is: 'throttled'; readonly retryAfterMs: number | null }
  /** Failed in a way that may pass; whether it may be repeated is the caller's to say. */
  | { readonly is: 'transient'; readonly retryAfterMs: number | null; readonly mayRepeat: boolean }
  | { readonly is: 'final' };

const attempts = 8;
const longestMs = 20_000;

/** Full jitter: a random wait up to the exponential bound (AWS Architecture Blog, exponential backoff and jitter). */
const backoff = (attempt: number, random: () => number): number => Math.min(longestMs, 200 * 2 ** attempt) * random();

/**
 * The one place that repeats calls. A throttled call slows its lane and is repeated: the server said that it did nothing.
 * Anything else is repeated only where the verdict allows it. After the last try the error goes to the caller.
 */
export const withRetries = async <T>(
  lane: Lane,
  clock: Clock,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
  judge: (thrown: unknown) => Verdict,
  random: () => number = Math.random,
): Promise<T> => {
  for (let tries = 0; ; tries += 1) {
    const sentAt = await lane.take(signal);
    try {
      const answer = await attempt();
      lane.succeeded();
      return answer;
    } catch (thrown) {
      if (signal?.aborted === true) throw signal.reason ?? thrown;
      const verdict = judge(thrown);
      if (verdict.is === 'throttled') {
        lane.throttled(sentAt, verdict.retryAfterMs);
        // Throttled calls wait in their lane; only a server that never lets go ends them.
        if (tries >= attempts * 4) throw thrown;
        await clock.sleep(backoff(Math.min(tries, 5), random), signal);
      } else if (verdict.is === 'transient' && verdict.mayRepeat && tries < attempts) {
        await clock.sleep(Math.max(verdict.retryAfterMs ?? 0, backoff(tries, random)), signal);
      } else {
        throw thrown;
      }
    }
  }
};

/** The run's signal, aborted also after so many milliseconds (30 s unless said). Infinity: whoever is asked sits in this process. */
export const limitedSignal = (signal: AbortSignal, ms: number | undefined): AbortSignal =>
  ms === Number.POSITIVE_INFINITY ? signal : AbortSignal.any([signal, AbortSignal.timeout(ms ?? 30_000)]);

/** Milliseconds that a `Retry-After` header asks for: seconds, or a date as counted from the server's own Date. Null for none. */
export const retryAfter = (header: string | undefined, serverDate: string | undefined, now: number): number | null => {
  if (header === undefined) return null;
  if (/^\d+$/.test(header.trim())) return Math.min(Number(header.trim()) * 1000, 300_000);
  const at = Date.parse(header);
  if (Number.isNaN(at)) return null;
  const from = serverDate === undefined ? now : Date.parse(serverDate);
  return Math.min(Math.max(0, at - (Number.isNaN(from) ? now : from)), 300_000);
};
