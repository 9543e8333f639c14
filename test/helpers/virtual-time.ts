import type { Clock } from '../../src/model/clock.js';

/** A clock on which sleeping costs nothing: it jumps ahead, and remembers how long everybody slept. */
export class VirtualTime implements Clock {
  #now: number;
  readonly sleeps: number[] = [];
  constructor(start = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = start;
  }
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#now;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) throw signal.reason;
    this.sleeps.push(ms);
    this.#now += ms;
  }
}
