import type { JournalEvent } from '../model/journal.js';
import type { JournalStore } from './journal.js';

export interface MemoryStore extends JournalStore {
  readonly events: readonly JournalEvent[];
  /** A store of its own that begins with the same events; costs one copy of references. */
  fork(upTo?: number): MemoryStore;
}

/** A journal that lives as long as the process: for the rehearsal and for tests. Events are shared between forks, never changed. */
export const memoryStore = (begin: readonly JournalEvent[] = []): MemoryStore => {
  const events = [...begin];
  return {
    where: 'memory',
    events,
    load: async () => [...events],
    append: async (added) => {
      events.push(...added);
    },
    close: async () => {},
    fork: (upTo = events.length) => memoryStore(events.slice(0, upTo)),
  };
};
