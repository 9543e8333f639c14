import type { Clock } from '../model/clock.js';
import type { LaneId } from '../model/lane.js';

/**
 * One way to one API of one account. Calls take their turn in order; a throttled answer slows the whole lane (multiplicative
 * decrease), answers speed it up again (additive increase). One throttled burst counts once: answers to calls that were sent
 * before the last decrease do not decrease again.
 */
export class Lane {
  readonly id: LaneId;
  #rate: number;
  readonly #cap: number;
  readonly #floor = 0.2;
  readonly #burst: number;
  readonly #clock: Clock;
  /** Monotonic time at which the bucket is full again: the virtual scheduling form of a token bucket. */
  #next: number;
  #heldUntil = 0;
  #lastDecrease = Number.NEGATIVE_INFINITY;
  throttles = 0;
  calls = 0;

  constructor(
    id: LaneId,
    rate: { readonly start: number; readonly cap: number; readonly burst: number },
    clock: Clock,
  ) {
    this.id = id;
    this.#rate = Math.min(rate.start, rate.cap);
    this.#cap = rate.cap;
    this.#burst = Math.max(1, rate.burst);
    this.#clock = clock;
    this.#next = clock.monotonic() - (this.#burst * 1000) / this.#rate;
  }

  /** Requests a second at this moment. */
  get rate(): number {
    return this.#rate;
  }

  /** Waits for the call's turn; answers the monotonic time at which it may go. */
  async take(signal?: AbortSignal): Promise<number> {
    const interval = 1000 / this.#rate;
    const now = this.#clock.monotonic();
    const earliest = now - this.#burst * interval;
    const start = Math.max(this.#next, earliest) + interval;
    this.#next = start;
    const due = Math.max(start, this.#heldUntil);
    this.calls += 1;
    if (due > now) await this.#clock.sleep(due - now, signal);
    const held = this.#heldUntil - this.#clock.monotonic();
    if (held > 0) await this.#clock.sleep(held, signal);
    return this.#clock.monotonic();
  }

  /** A throttled answer to a call that was sent at that monotonic time. */
  throttled(sentAt: number, retryAfterMs: number | null): void {
    const now = this.#clock.monotonic();
    this.throttles += 1;
    if (retryAfterMs !== null) this.#heldUntil = Math.max(this.#heldUntil, now + retryAfterMs);
    if (sentAt < this.#lastDecrease) return;
    this.#lastDecrease = now;
    this.#rate = Math.max(this.#floor, this.#rate * 0.6);
    this.#next = Math.max(this.#next, now);
  }

  succeeded(): void {
    this.#rate = Math.min(this.#cap, this.#rate + Math.max(0.02, 0.1 / this.#rate));
  }
}

/** Rates that begin carefully: IAM's and EKS's limits are unpublished token buckets per API (AWS support, provider issue 44853). */
const starts: Readonly<Record<string, { readonly start: number; readonly cap: number; readonly burst: number }>> = {
  'kubernetes-read': { start: 100, cap: 400, burst: 100 },
  'kubernetes-write': { start: 40, cap: 200, burst: 40 },
  'iam-read': { start: 15, cap: 50, burst: 20 },
  'iam-write': { start: 5, cap: 20, burst: 5 },
  'eks-read': { start: 8, cap: 30, burst: 15 },
  'eks-write': { start: 3, cap: 10, burst: 5 },
  'sts-read': { start: 20, cap: 100, burst: 20 },
  'ec2-read': { start: 10, cap: 50, burst: 20 },
  'cloudtrail-read': { start: 2, cap: 2, burst: 2 },
};
const otherwise = { start: 5, cap: 20, burst: 5 };

/** The lanes of one run, made as they are needed. */
export class Lanes {
  readonly #clock: Clock;
  readonly #limits: Readonly<Record<string, number>>;
  readonly #lanes = new Map<string, Lane>();
  /** `limits`: requests a second by lane, as `--max-rate iam-write=2` says. */
  constructor(clock: Clock, limits: Readonly<Record<string, number>> = {}) {
    this.#clock = clock;
    this.#limits = limits;
  }
  lane(account: string, id: LaneId): Lane {
    const key = `${account} ${id}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const base = starts[id] ?? otherwise;
      const limit = this.#limits[id];
      lane = new Lane(
        id,
        limit === undefined ? base : { start: limit, cap: limit, burst: Math.max(1, Math.floor(limit)) },
        this.#clock,
      );
      this.#lanes.set(key, lane);
    }
    return lane;
  }
  /** Calls and throttled answers so far. */
  totals(): { readonly calls: number; readonly throttled: number } {
    let calls = 0;
    let throttled = 0;
    for (const lane of this.#lanes.values()) {
      calls += lane.calls;
      throttled += lane.throttles;
    }
    return { calls, throttled };
  }
}
