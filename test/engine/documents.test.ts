import { describe, expect, it } from 'vitest';
import { knownDocuments, unknownDocument } from '../../src/engine/documents.js';
import type { JournalEvent } from '../../src/model/journal.js';
import type { Step } from '../../src/model/plan.js';

const steps = new Map(['one', 'two'].map((id) => [id, { id } as Step]));
const started = (step: string, value: string) => ({ type: 'started', step, preimage: { document: { value } } });
const applied = (step: string, document: string) => ({ type: 'applied', step, output: { document } });
const undoing = (step: string) => ({ type: 'undo-started', step });
const undone = (step: string, how = 'exact') => ({ type: 'undone', step, how, note: '' });
const known = (...events: readonly object[]): readonly string[] =>
  knownDocuments(events as readonly JournalEvent[], steps, () => ['role']).get('role') ?? [];
const there = [started('one', 'a'), applied('one', 'b'), started('two', 'b'), applied('two', 'c')];

describe('documents that a plan knows of a shared resource', () => {
  it('are those that its steps saw and wrote, the present one last', () => {
    expect(known(...there)).toEqual(['a', 'b', 'c']);
  });

  it('say nothing of the present one while an undo is under way', () => {
    expect(known(...there, undoing('two'))).toEqual([]);
  });

  it('hold what an undo took away, and nothing that it may have brought back', () => {
    expect(known(...there, undoing('two'), undone('two'))).toEqual(['c', unknownDocument]);
    expect(known(...there, undoing('two'), undone('two'), undoing('one'), undone('one'))).toEqual([
      'c',
      unknownDocument,
    ]);
    expect(known(...there, undoing('two'), undone('two', 'kept'))).toEqual([]);
  });

  it('begin anew with the next way there', () => {
    const back = [undoing('two'), undone('two'), undoing('one'), undone('one')];
    expect(known(...there, ...back, started('one', 'a'))).toEqual(['a']);
    expect(known(...there, ...back, started('one', 'a'), applied('one', 'b'))).toEqual(['a', 'b']);
  });
});
