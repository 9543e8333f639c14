import type { SandboxClock } from './contract.js';

/** Binary heap of things that are due at a time; equal times come out in the order in which they went in. */
export class DueHeap<T> {
  #items: { readonly due: number; readonly order: number; readonly value: T }[] = [];
  #order = 0;
  get size(): number {
    return this.#items.length;
  }
  get nextDue(): number | undefined {
    return this.#items[0]?.due;
  }
  get first(): T | undefined {
    return this.#items[0]?.value;
  }
  push(due: number, value: T): void {
    const items = this.#items;
    items.push({ due, order: this.#order++, value });
    let at = items.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }
  pop(): { readonly due: number; readonly value: T } | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined) return undefined;
    if (items.length === 0) return first;
    items[0] = last;
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < items.length && this.#before(child, least)) least = child;
      }
      if (least === at) return first;
      this.#swap(at, least);
      at = least;
    }
  }
  /** A copy that shares nothing but the values. */
  copy(): DueHeap<T> {
    const copy = new DueHeap<T>();
    copy.#items = [...this.#items];
    copy.#order = this.#order;
    return copy;
  }
  #before(left: number, right: number): boolean {
    const a = this.#items[left];
    const b = this.#items[right];
    if (a === undefined || b === undefined) return false;
    return a.due < b.due || (a.due === b.due && a.order < b.order);
  }
  #swap(left: number, right: number): void {
    const items = this.#items;
    const held = items[left];
    const other = items[right];
    if (held === undefined || other === undefined) return;
    items[left] = other;
    items[right] = held;
  }
}

const sleepOn = (clock: SandboxClock, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });

/** The machine's own time. Its timers do not keep the process alive. */
export const realClock = (): SandboxClock => {
  const clock: SandboxClock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) => sleepOn(clock, ms, signal),
    after: (ms, act) => {
      // Node's timers take at most 2^31 - 1 ms; what is later than that is 24 days away and of no use to a sandbox.
      const timer = setTimeout(act, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
  return clock;
};

/** Thrown (as a rejection) by `drive` when nothing can happen any more, or too much time went by. */
class ClockStalled extends Error {
  override readonly name = 'ClockStalled';
}

/** Real milliseconds, about, that a promise without any timer is waited for before it counts as stalled. */
const patience = 1_500;

/**
 * Time that stands still until somebody moves it. Timers fire in the order of their times, so that two runs with the same calls see
 * the same world.
 */
export class VirtualClock implements SandboxClock {
  #timers = new DueHeap<{ act: (() => void) | null }>();
  #now: number;
  #monotonic = 0;
  #held = 0;
  /** @param start milliseconds since 1970 at which the clock begins */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#monotonic;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }
  after(ms: number, act: () => void): () => void {
    const timer: { act: (() => void) | null } = { act };
    this.#timers.push(this.#monotonic + Math.max(ms, 0), timer);
    return () => {
      timer.act = null;
    };
  }
  /** Another clock at the same moment, without any of this one's timers. */
  fork(): VirtualClock {
    const fork = new VirtualClock(this.#now);
    fork.#monotonic = this.#monotonic;
    return fork;
  }
  /** Real work (a file being written) is under way until the answer is called: `drive` waits for it and jumps nowhere meanwhile. */
  hold(): () => void {
    this.#held += 1;
    let open = true;
    return () => {
      if (open) this.#held -= 1;
      open = false;
    };
  }
  /** Milliseconds until the next timer; null where there is none. */
  untilNext(): number | null {
    this.#dropCancelled();
    const due = this.#timers.nextDue;
    return due === undefined ? null : Math.max(due - this.#monotonic, 0);
  }
  /** Moves time on and fires, one after another, what falls due on the way; whatever waits for promises only gets to run after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await this.#turn();
    for (;;) {
      this.#dropCancelled();
      const due = this.#timers.nextDue;
      if (due === undefined || due > end) break;
      this.#fireNext();
      await this.#turn();
    }
    this.#moveTo(end);
    await this.#turn();
  }
  /** The same without letting promises run in between: for worlds that work in timers alone. */
  advanceNow(ms: number): void {
    const end = this.#monotonic + ms;
    for (;;) {
      this.#dropCancelled();
      const due = this.#timers.nextDue;
      if (due === undefined || due > end) break;
      this.#fireNext();
    }
    this.#moveTo(end);
  }
  /**
   * Runs until the promise is settled: lets everything run that can, then jumps to the next timer. Rejects with ClockStalled where no
   * timer is left, or more than `limitMs` of virtual time went by.
   */
  async drive<T>(promise: Promise<T>, options: { readonly limitMs?: number } = {}): Promise<T> {
    const end = this.#monotonic + (options.limitMs ?? 30 * 24 * 3600_000);
    let settled = false;
    let spins = 0;
    let stalls = 0;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    for (;;) {
      await this.#turn();
      if (settled) return promise;
      if (this.#held > 0) {
        // Most of what is held is over within some turns; only real waits are worth a timer.
        spins += 1;
        if (spins > 500) await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      spins = 0;
      this.#dropCancelled();
      const due = this.#timers.nextDue;
      if (due === undefined) {
        // A module that is loaded for the first time takes real time, and tells nobody.
        stalls += 1;
        if (stalls > patience)
          throw new ClockStalled('nothing is left that could happen, and the promise is not settled');
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      stalls = 0;
      if (due > end) throw new ClockStalled('the promise was not settled within the time allowed');
      this.#fireNext();
    }
  }
  #fireNext(): void {
    const next = this.#timers.pop();
    if (next === undefined) return;
    this.#moveTo(next.due);
    next.value.act?.();
  }
  #moveTo(monotonic: number): void {
    const step = monotonic - this.#monotonic;
    if (step <= 0) return;
    this.#monotonic = monotonic;
    this.#now += step;
  }
  #dropCancelled(): void {
    // A cancelled timer stays in the heap until it comes to the top.
    for (;;) {
      const first = this.#timers.first;
      if (first === undefined || first.act !== null) return;
      this.#timers.pop();
    }
  }
  /** Promises run to their end within one turn of the event loop; two, because some code hops through setImmediate itself. */
  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
