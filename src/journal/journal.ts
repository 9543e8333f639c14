import type { Clock } from '../model/clock.js';
import { RoleliftError } from '../model/error.js';
import type { JournalEntry, JournalEvent } from '../model/journal.js';
import { sumOf } from './codec.js';
import { type JournalState, openFold } from './fold.js';

/** Where a journal's lines are kept. */
export interface JournalStore {
  /** For people: a path or an address. */
  readonly where: string;
  /** Everything stored. A torn tail is cut off; corruption before it rejects with RL620. */
  load(): Promise<readonly JournalEvent[]>;
  /** Durable when it resolves. Rejects with RL81x, and then nothing may be appended any more. */
  append(events: readonly JournalEvent[]): Promise<void>;
  close(): Promise<void>;
}

export interface JournalOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Id of the run that writes. */
  readonly run: string;
  /** Milliseconds by the servers' clocks; null before one was seen. */
  readonly serverTime?: () => number | null;
  /** Told each event once it is durable. */
  readonly onEvent?: (event: JournalEvent) => void;
}

/** The append-only record of one plan directory. */
export interface Journal {
  readonly run: string;
  readonly where: string;
  /** Everything so far, oldest first; live. */
  readonly events: readonly JournalEvent[];
  /** The fold of `events`; live. */
  readonly state: JournalState;
  /**
   * Adds number, times, run and checksum, and resolves when the line is durable. Rejects with RL621 where the event may not follow
   * the state (nothing is written then), else with the store's RL81x; after that every append rejects the same way.
   */
  append(entry: JournalEntry): Promise<JournalEvent>;
  close(): Promise<void>;
}

type Waiting = { readonly event: JournalEvent; resolve(event: JournalEvent): void; reject(reason: unknown): void };

/**
 * Opens a journal over its store. Appends that come while one is being written go out together with the next write: many moves share
 * one fsync.
 */
export const openJournal = async (store: JournalStore, options: JournalOptions): Promise<Journal> => {
  const folding = openFold();
  const events: JournalEvent[] = [];
  for (const event of await store.load()) {
    folding.add(event);
    events.push(event);
  }
  let lastSum = events.at(-1)?.sum ?? '';
  let broken: unknown = null;
  let queue: Waiting[] = [];
  let writing: Promise<void> | null = null;

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        if (broken !== null) throw broken;
        await store.append(batch.map(({ event }) => event));
      } catch (error) {
        broken ??= error;
        for (const waiting of batch) waiting.reject(broken);
        continue;
      }
      for (const waiting of batch) {
        options.onEvent?.(waiting.event);
        waiting.resolve(waiting.event);
      }
    }
    writing = null;
  };

  return {
    run: options.run,
    where: store.where,
    events,
    state: folding.state,
    append(entry) {
      if (broken !== null) return Promise.reject(broken);
      const serverTime = options.serverTime?.() ?? null;
      // Through JSON once, so that what is summed is exactly what will be read back.
      const bare = JSON.parse(
        JSON.stringify({
          seq: folding.state.lastSeq + 1,
          at: new Date(options.clock.now()).toISOString(),
          serverTime: serverTime === null ? null : Math.trunc(serverTime),
          run: options.run,
          ...entry,
        }),
      ) as Omit<JournalEvent, 'sum'>;
      const event = { ...bare, sum: sumOf(lastSum, bare) } as JournalEvent;
      try {
        folding.add(event);
      } catch (error) {
        return Promise.reject(error);
      }
      lastSum = event.sum;
      events.push(event);
      return new Promise<JournalEvent>((resolve, reject) => {
        queue.push({ event, resolve, reject });
        writing ??= drain();
      });
    },
    async close() {
      await writing;
      await store.close();
    },
  };
};

/** True where a journal can no longer be written: no further effect may happen. */
export const isJournalFailure = (error: unknown): boolean =>
  error instanceof RoleliftError && /^RL(81[02-9]|620|621)$/.test(error.data.code);
