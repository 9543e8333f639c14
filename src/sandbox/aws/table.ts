/** One change of one key: what stood there before, and until when. */
interface Change<V> {
  readonly at: number;
  readonly before: V | undefined;
}

/** Longest lag that a table can still look back over, in milliseconds. */
const longest = 15 * 60_000;

/**
 * A map of immutable values that remembers for a while what each key held, so that a late reader can be given what stood there some
 * time ago. A fork shares the content until one of the two writes.
 */
export class Table<V> {
  #now: Map<string, V>;
  #past: Map<string, readonly Change<V>[]>;
  #shared = false;
  readonly #clock: () => number;

  constructor(clock: () => number, from?: Table<V>) {
    this.#clock = clock;
    this.#now = from?.share().now ?? new Map();
    this.#past = from?.share().past ?? new Map();
    this.#shared = from !== undefined;
  }

  private share(): { now: Map<string, V>; past: Map<string, readonly Change<V>[]> } {
    this.#shared = true;
    return { now: this.#now, past: this.#past };
  }

  /** What a reader sees who is `lag` milliseconds behind. */
  get(key: string, lag = 0): V | undefined {
    if (lag > 0) {
      const then = this.#clock() - lag;
      const change = this.#past.get(key)?.find(({ at }) => at > then);
      if (change) return change.before;
    }
    return this.#now.get(key);
  }

  values(lag = 0): V[] {
    return this.entries(lag).map(([, value]) => value);
  }

  /** Sorted by key. */
  entries(lag = 0): [string, V][] {
    const keys = new Set(this.#now.keys());
    if (lag > 0) for (const key of this.#past.keys()) keys.add(key);
    const found: [string, V][] = [];
    for (const key of [...keys].sort()) {
      const value = this.get(key, lag);
      if (value !== undefined) found.push([key, value]);
    }
    return found;
  }

  set(key: string, value: V): void {
    this.#remember(key);
    this.#now.set(key, value);
  }

  delete(key: string): void {
    this.#remember(key);
    this.#now.delete(key);
  }

  fork(clock: () => number): Table<V> {
    return new Table(clock, this);
  }

  /** Forgets what was, so that what is now counts as having been there always. */
  settle(): void {
    this.#past = new Map();
  }

  #remember(key: string): void {
    if (this.#shared) {
      this.#now = new Map(this.#now);
      this.#past = new Map(this.#past);
      this.#shared = false;
    }
    const at = this.#clock();
    const kept = (this.#past.get(key) ?? []).filter((change) => change.at > at - longest).slice(-50);
    this.#past.set(key, [...kept, { at, before: this.#now.get(key) }]);
  }
}
