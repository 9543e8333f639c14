/** Time as the engine, the clients and the sandbox see it; tests and the rehearsal run on a virtual one. */
export interface Clock {
  /** Milliseconds of wall-clock time since 1970: for people and for records only. */
  now(): number;
  /** Monotonic milliseconds: for waits and lanes. */
  monotonic(): number;
  /** Resolves after that many milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
