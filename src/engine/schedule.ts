/** One piece of work in a graph. */
export interface Task {
  readonly id: string;
  /** Ids of tasks that must be done first; an id that is no task and not done holds it for ever. */
  readonly needs: readonly string[];
  /** Keys that no two running tasks share. */
  readonly locks: readonly string[];
  /** Takes a rollout slot, and no other: it is long and mostly waits, and the next moves are prepared meanwhile. */
  readonly rollout: boolean;
  /** Waits rather than works (a gate): takes no slot at all. */
  readonly free?: boolean;
  /** Estimated cost, for the length of the remaining path; `costOf` has the usual two. */
  readonly cost: number;
  /** True: done, and what needs it may begin. It must not reject; a rejection counts as false. */
  run(): Promise<boolean>;
}

/**
 * Cost of a step. Rollouts are what a run waits for, so paths are measured in them; a quick step counts a little less than nothing:
 * among equal paths the one that is nearest to its rollout goes first, and the rollout budget is never idle for want of work.
 */
export const costOf = (kind: { readonly rollout: boolean }): number => (kind.rollout ? 60 : -0.01);

interface Ranked {
  readonly priority: number;
  readonly order: number;
}
const before = (left: Ranked, right: Ranked): boolean =>
  left.priority !== right.priority ? left.priority > right.priority : left.order < right.order;

/** A binary heap: highest priority first, then the order in which tasks were added. */
const heap = <T extends Ranked>() => {
  const items: T[] = [];
  const swap = (a: number, b: number): void => {
    [items[a], items[b]] = [items[b] as T, items[a] as T];
  };
  return {
    get top(): T | undefined {
      return items[0];
    },
    push(item: T) {
      items.push(item);
      let at = items.length - 1;
      while (at > 0) {
        const above = (at - 1) >> 1;
        if (!before(items[at] as T, items[above] as T)) break;
        swap(at, above);
        at = above;
      }
    },
    pop(): T | undefined {
      const top = items[0];
      const last = items.pop();
      if (items.length > 0 && last !== undefined) {
        items[0] = last;
        let at = 0;
        for (;;) {
          let best = at;
          for (const below of [2 * at + 1, 2 * at + 2])
            if (below < items.length && before(items[below] as T, items[best] as T)) best = below;
          if (best === at) break;
          swap(at, best);
          at = best;
        }
      }
      return top;
    },
  };
};

type Status = 'waiting' | 'ready' | 'running' | 'done' | 'failed' | 'cancelled';
interface Entry {
  readonly task: Task;
  readonly order: number;
  priority: number;
  open: number;
  status: Status;
}

/**
 * Runs a graph of tasks: deepest remaining path first, within a bound of concurrency, a budget of rollouts beside it, and one task per
 * lock key; a concurrency of 1 is one task at a time, whatever it is. All locks of a task are taken at once, so that no two can wait for each other. Tasks may be added while it runs.
 */
export class Scheduler {
  readonly #limits: { readonly concurrency: number; readonly rollouts: number };
  readonly #entries = new Map<string, Entry>();
  readonly #dependents = new Map<string, Entry[]>();
  readonly #done: Set<string>;
  readonly #ready = heap<Entry>();
  readonly #free = heap<Entry>();
  readonly #rollouts = heap<Entry>();
  readonly #forLock = new Map<string, Entry[]>();
  readonly #held = new Set<string>();
  #running = 0;
  #working = 0;
  #rolling = 0;
  #order = 0;
  #stopped = false;
  #started = false;
  #wake: (() => void) | null = null;

  /** `done`: ids that are done before anything runs. */
  constructor(limits: { readonly concurrency: number; readonly rollouts: number }, done: Iterable<string> = []) {
    const concurrency = Math.max(1, limits.concurrency);
    this.#limits = { concurrency, rollouts: Math.max(1, Math.min(limits.rollouts, concurrency)) };
    this.#done = new Set(done);
  }

  /** Adds tasks; those that nothing holds may begin at once where the scheduler runs already. */
  add(tasks: readonly Task[]): void {
    const added: Entry[] = [];
    for (const task of tasks) {
      const entry: Entry = { task, order: this.#order++, priority: task.cost, open: 0, status: 'waiting' };
      this.#entries.set(task.id, entry);
      this.#done.delete(task.id);
      added.push(entry);
    }
    for (const entry of added)
      for (const need of new Set(entry.task.needs)) {
        if (this.#done.has(need)) continue;
        entry.open += 1;
        const list = this.#dependents.get(need);
        if (list === undefined) this.#dependents.set(need, [entry]);
        else list.push(entry);
      }
    this.#weigh(added);
    for (const entry of added) if (entry.open === 0) this.#becomeReady(entry);
    if (this.#started) this.#dispatch();
  }

  /** Priority of a task: its own cost and that of the most expensive path of tasks that wait for it. */
  #weigh(added: readonly Entry[]): void {
    const weight = new Map<Entry, number>();
    for (const root of added) {
      const stack: { entry: Entry; next: number }[] = [{ entry: root, next: 0 }];
      const path = new Set<Entry>([root]);
      while (stack.length > 0) {
        const top = stack[stack.length - 1] as { entry: Entry; next: number };
        const below = this.#dependents.get(top.entry.task.id) ?? [];
        const child = weight.has(top.entry) ? undefined : below[top.next++];
        if (child !== undefined) {
          if (!weight.has(child) && !path.has(child)) {
            path.add(child);
            stack.push({ entry: child, next: 0 });
          }
          continue;
        }
        if (!weight.has(top.entry)) {
          let deepest = below.length === 0 ? 0 : Number.NEGATIVE_INFINITY;
          for (const after of below) deepest = Math.max(deepest, weight.get(after) ?? after.priority);
          weight.set(top.entry, top.entry.task.cost + deepest);
          top.entry.priority = top.entry.task.cost + deepest;
        }
        path.delete(top.entry);
        stack.pop();
      }
    }
  }

  #becomeReady(entry: Entry): void {
    if (entry.status !== 'waiting') return;
    entry.status = 'ready';
    this.#queue(entry);
  }

  #queue(entry: Entry): void {
    const { free, rollout } = entry.task;
    (free === true ? this.#free : rollout ? this.#rollouts : this.#ready).push(entry);
  }

  /** Takes back a task that has not begun. */
  cancel(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || (entry.status !== 'waiting' && entry.status !== 'ready')) return false;
    entry.status = 'cancelled';
    return true;
  }

  /** No further task begins; those that run are finished. */
  stop(): void {
    this.#stopped = true;
    this.#settle();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  status(id: string): Status | 'unknown' {
    return this.#entries.get(id)?.status ?? (this.#done.has(id) ? 'done' : 'unknown');
  }

  isRunning(id: string): boolean {
    return this.#entries.get(id)?.status === 'running';
  }

  /** Resolves when nothing runs and nothing can begin. */
  async run(): Promise<void> {
    this.#started = true;
    this.#dispatch();
    while (this.#running > 0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  #settle(): void {
    if (this.#running > 0) return;
    this.#wake?.();
    this.#wake = null;
  }

  #dispatch(): void {
    while (!this.#stopped) {
      const next = this.#next();
      if (next === undefined) break;
      this.#begin(next);
    }
    this.#settle();
  }

  #next(): Entry | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const { concurrency, rollouts } = this.#limits;
    if (concurrency === 1 && this.#working + this.#rolling > 0) return undefined;
    const work = this.#working < concurrency ? this.#ready.top : undefined;
    const rollout = this.#rolling < rollouts ? this.#rollouts.top : undefined;
    if (work === undefined && rollout === undefined) return undefined;
    return rollout === undefined || (work !== undefined && before(work, rollout))
      ? this.#ready.pop()
      : this.#rollouts.pop();
  }

  /** Begins a task, or parks it where it waits for a lock. */
  #begin(entry: Entry): void {
    if (entry.status !== 'ready') return;
    const { task } = entry;
    const busy = task.locks.find((key) => this.#held.has(key));
    if (busy !== undefined) {
      const list = this.#forLock.get(busy);
      if (list === undefined) this.#forLock.set(busy, [entry]);
      else list.push(entry);
      return;
    }
    entry.status = 'running';
    this.#running += 1;
    this.#count(task, 1);
    for (const key of task.locks) this.#held.add(key);
    void task.run().then(
      (done) => this.#ended(entry, done),
      () => this.#ended(entry, false),
    );
  }

  #count(task: Task, by: 1 | -1): void {
    if (task.free === true) return;
    if (task.rollout) this.#rolling += by;
    else this.#working += by;
  }

  #ended(entry: Entry, done: boolean): void {
    const { task } = entry;
    entry.status = done ? 'done' : 'failed';
    this.#running -= 1;
    this.#count(task, -1);
    for (const key of task.locks) {
      this.#held.delete(key);
      for (const waiting of this.#forLock.get(key) ?? []) this.#queue(waiting);
      this.#forLock.delete(key);
    }
    if (done) {
      this.#done.add(task.id);
      for (const waiting of this.#dependents.get(task.id) ?? []) {
        waiting.open -= 1;
        if (waiting.open === 0) this.#becomeReady(waiting);
      }
      this.#dependents.delete(task.id);
    }
    this.#dispatch();
  }
}
