import { DueHeap } from '../clock.js';
import type { SandboxClock } from '../contract.js';

/**
 * What controllers have to look at, and when: a queue of keys (`Deployment/shop/api`) as controllers have, so that a fork can take
 * it along. A key that waits already keeps its earlier time.
 */
export class Tasks {
  readonly #clock: SandboxClock;
  readonly #run: (task: string) => void;
  #due = new Map<string, number>();
  #heap = new DueHeap<string>();
  #cancel: (() => void) | null = null;
  #timerAt = Number.POSITIVE_INFINITY;
  #running = false;
  #stopped = false;
  constructor(clock: SandboxClock, run: (task: string) => void) {
    this.#clock = clock;
    this.#run = run;
  }
  get waiting(): number {
    return this.#due.size;
  }
  /** Tasks that are due within so many milliseconds. */
  within(ms: number): readonly string[] {
    const end = this.#clock.monotonic() + ms;
    return [...this.#due].filter(([, due]) => due <= end).map(([task]) => task);
  }
  add(task: string, ms: number): void {
    const due = this.#clock.monotonic() + ms;
    const held = this.#due.get(task);
    if (held !== undefined && held <= due) return;
    this.#due.set(task, due);
    this.#heap.push(due, task);
    if (!this.#running) this.#arm();
  }
  /** Copies the waiting tasks to another cluster's queue, with what is left of their times. */
  copyTo(other: Tasks): void {
    const now = this.#clock.monotonic();
    const waiting = [...this.#due].sort((left, right) => left[1] - right[1]);
    for (const [task, due] of waiting) other.add(task, Math.max(due - now, 0));
  }
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }
  #arm(): void {
    const next = this.#heap.nextDue;
    if (this.#stopped || next === undefined || next >= this.#timerAt) return;
    this.#cancel?.();
    this.#timerAt = next;
    this.#cancel = this.#clock.after(Math.max(next - this.#clock.monotonic(), 0), () => this.#work());
  }
  #work(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#cancel = null;
    this.#running = true;
    // Timers may fire a little early (setTimeout rounds): half a millisecond is forgiven.
    const now = this.#clock.monotonic() + 0.5;
    for (let due = this.#heap.nextDue; due !== undefined && due <= now; due = this.#heap.nextDue) {
      const next = this.#heap.pop();
      if (next === undefined || this.#due.get(next.value) !== next.due) continue;
      this.#due.delete(next.value);
      this.#run(next.value);
    }
    this.#running = false;
    this.#arm();
  }
}
