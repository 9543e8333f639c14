import { openJournal } from '../../src/journal/journal.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { JournalEntry, JournalEvent } from '../../src/model/journal.js';

const caller = { arn: 'arn:aws:iam::1:user/me', account: '111122223333', kubernetesUser: 'me' };
export const header: JournalEntry = {
  type: 'header',
  format: 'rolelift.journal/1',
  plan: 'sha256:1',
  planId: 'p-1',
  cluster: { uid: 'u', server: 's' },
  caller,
};
export const begun: JournalEntry = {
  type: 'run-started',
  command: 'apply',
  options: {},
  caller,
  holder: 'me',
  tool: 'rolelift 0',
};
export const error = { code: 'RL801', message: 'm', subject: null, cause: '', remedy: '', fault: 'remote' as const };
export const clock = { now: () => Date.parse('2026-11-22T00:00:00Z') };

/** A journal of one run with a few steps, as events. */
export const someEvents = async (extra: readonly JournalEntry[] = []): Promise<readonly JournalEvent[]> => {
  const store = memoryStore();
  const journal = await openJournal(store, { clock, run: 'run-1', serverTime: () => 1_000 });
  for (const entry of [
    header,
    begun,
    { type: 'started', step: 'a', attempt: 1, preimage: { text: 'ä\u2028"\n', present: true } },
    { type: 'applied', step: 'a', output: { id: 1 } },
    { type: 'started', step: 'b', attempt: 1, preimage: {} },
    ...extra,
  ] as const)
    await journal.append(entry as JournalEntry);
  return store.events;
};
