import { describe, expect, it } from 'vitest';
import { fold, legalEvents } from '../../src/journal/fold.js';
import { openJournal } from '../../src/journal/journal.js';
import { memoryStore } from '../../src/journal/memory-store.js';
import type { JournalEntry } from '../../src/model/journal.js';
import { begun, clock, error, header } from './journals.js';

const journalOf = async (entries: readonly JournalEntry[]) => {
  const journal = await openJournal(memoryStore(), { clock, run: 'run-1', serverTime: () => 5_000 });
  for (const entry of [header, begun, ...entries]) await journal.append(entry);
  return journal;
};
const started = (value: string): JournalEntry => ({ type: 'started', step: 'a', attempt: 1, preimage: { value } });
const applied: JournalEntry = { type: 'applied', step: 'a', output: { id: 7 } };
const undo: readonly JournalEntry[] = [
  { type: 'undo-started', step: 'a' },
  { type: 'undone', step: 'a', how: 'exact', note: '' },
];
const samples: Readonly<Record<string, JournalEntry>> = {
  started: started('x'),
  applied,
  verified: { type: 'verified', step: 'a', proof: 'used', evidence: {} },
  skipped: { type: 'skipped', step: 'a', because: 'already-true' },
  failed: { type: 'failed', step: 'a', error },
  'undo-started': { type: 'undo-started', step: 'a' },
  undone: { type: 'undone', step: 'a', how: 'exact', note: '' },
  'undo-failed': { type: 'undo-failed', step: 'a', error },
};
const ways: Readonly<Record<string, readonly JournalEntry[]>> = {
  pending: [],
  skipped: [samples.skipped as JournalEntry],
  'in-flight': [started('x')],
  failed: [started('x'), samples.failed as JournalEntry],
  applied: [started('x'), applied],
  verified: [started('x'), applied, samples.verified as JournalEntry],
  undoing: [started('x'), applied, samples['undo-started'] as JournalEntry],
  'undo-failed': [
    started('x'),
    applied,
    samples['undo-started'] as JournalEntry,
    samples['undo-failed'] as JournalEntry,
  ],
  undone: [started('x'), applied, ...undo],
};

describe('the fold of a journal', () => {
  it('takes every legal event and refuses every other, writing nothing', async () => {
    for (const [state, way] of Object.entries(ways))
      for (const [type, entry] of Object.entries(samples)) {
        const journal = await journalOf(way);
        const is = journal.state.steps.get('a')?.is ?? 'pending';
        expect(is).toBe(state);
        const lines = journal.events.length;
        const legal = (legalEvents[is] as readonly string[]).includes(type);
        const outcome = await journal.append(entry).then(
          () => true,
          (thrown) => thrown.data.code,
        );
        expect(outcome, `${type} after ${state}`).toBe(legal ? true : 'RL621');
        if (!legal) expect(journal.events.length).toBe(lines);
      }
  });

  it('keeps the pre-image of the first start since the last undo', async () => {
    const twice = await journalOf([started('first'), started('second'), applied]);
    expect(twice.state.steps.get('a')).toMatchObject({ preimage: { value: 'first' }, output: { id: 7 }, since: 5_000 });
    const again = await journalOf([started('first'), applied, ...undo, started('later'), applied]);
    expect(again.state.steps.get('a')).toMatchObject({ preimage: { value: 'later' } });
    expect(again.state.preimages.get('a')?.preimage).toEqual({ value: 'later' });
  });

  it('forgets opened gates when a rollback begins, and closed ones with the next run', async () => {
    const gates: readonly JournalEntry[] = [
      { type: 'gate-opened', gate: 'canary', by: 'me' },
      { type: 'paused', gate: 'soak', reason: 'soaking' },
    ];
    const next = await journalOf([...gates, begun]);
    expect([...next.state.gates.keys()]).toEqual(['canary']);
    const back = await journalOf([...gates, { ...begun, command: 'rollback' } as JournalEntry]);
    expect([...back.state.gates.keys()]).toEqual([]);
  });

  it('counts a resumed run as the same session, and one that ended as another', async () => {
    const ended = (exit: number): JournalEntry => ({ type: 'run-ended', exit });
    expect((await journalOf([begun])).state.session).toBe(0);
    expect((await journalOf([ended(130), begun])).state.session).toBe(0);
    expect((await journalOf([ended(1), begun])).state.session).toBe(1);
    expect((await journalOf([{ ...begun, command: 'rollback' } as JournalEntry])).state.session).toBe(1);
  });

  it('gives the same state from events as from appending', async () => {
    const journal = await journalOf(ways.undone as readonly JournalEntry[]);
    expect([...fold(journal.events).steps]).toEqual([...journal.state.steps]);
  });

  it('refuses a step before any run, a second header and a hole', async () => {
    const events = (await journalOf([])).events;
    expect(() => fold([events[1] as never])).toThrow();
    expect(() => fold([events[0] as never, { ...events[0], seq: 2 } as never])).toThrow();
    expect(() => fold([events[0] as never, { ...events[1], seq: 3 } as never])).toThrow(/line 3/);
  });
});
