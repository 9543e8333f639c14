import type { HttpRequest } from '../model/http.js';
import { trustRequestOf } from './writes.js';

/** Nothing that reads a role in order to write it waits between the two; whoever let so much time pass only looked. Milliseconds. */
const idleMs = 5_000;

/**
 * Roles that somebody has read and may be about to write. IAM has no conditional write (H20): what another hand writes into that window
 * is lost whoever is right, so a rehearsal that wants to tell right from wrong keeps out of it.
 */
export class OpenWindows {
  readonly #now: () => number;
  /** When each role was last read without a write of its trust policy since, by `<account>/<name>`. */
  readonly #read = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();

  /** `now`: monotonic time of the twin, milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A request is on its way: a read opens the window of its role. */
  asked(request: HttpRequest): void {
    this.#release();
    const about = trustRequestOf(request);
    if (about?.is === 'read') this.#read.set(about.role, this.#now());
  }

  /** It was answered, and well: a write closes the window of its role. */
  answered(request: HttpRequest): void {
    const about = trustRequestOf(request);
    if (about?.is === 'write') this.#read.delete(about.role);
    this.#release();
  }

  /** Acts now where the role's window is closed, else as soon as it is. `role`: `<account>/<name>`. */
  outside(role: string, act: () => void): void {
    this.#waiting.set(role.toLowerCase(), act);
    this.#release();
  }

  /** Nobody is at work any more: whatever waited acts. */
  close(): void {
    this.#read.clear();
    this.#release();
  }

  #release(): void {
    for (const [role, act] of this.#waiting) {
      const read = this.#read.get(role);
      if (read !== undefined && this.#now() - read < idleMs) continue;
      this.#waiting.delete(role);
      act();
    }
  }
}
