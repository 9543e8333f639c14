import { describe, expect, it } from 'vitest';
import { openJournal } from '../../src/journal/journal.js';
import { type ObjectStore, objectJournal, stateFiles } from '../../src/journal/object-store.js';
import type { JournalEntry } from '../../src/model/journal.js';
import { begun, clock, header } from './journals.js';

const bucket = () => {
  const objects = new Map<string, { body: string; etag: string }>();
  let count = 0;
  const faults = { put: (): 'ok' | 'lost-answer' | 'down' => 'ok' };
  const store: ObjectStore = {
    where: 's3://bucket',
    get: async (key) => objects.get(key) ?? null,
    put: async (key, body, condition) => {
      const fault = faults.put();
      if (fault === 'down') throw new Error('503 Slow Down');
      const there = objects.get(key);
      if (condition !== undefined && 'ifNoneMatch' in condition && there !== undefined) return 'conflict';
      if (condition !== undefined && 'ifMatch' in condition && there?.etag !== condition.ifMatch) return 'conflict';
      count += 1;
      objects.set(key, { body, etag: String(count) });
      if (fault === 'lost-answer') throw new Error('connection reset');
      return { etag: String(count) };
    },
    list: async (prefix) => [...objects.keys()].filter((key) => key.startsWith(prefix)),
  };
  return { store, objects, faults };
};
const open = (store: ObjectStore, run = 'run-1') => openJournal(objectJournal(store, '/team/prod/'), { clock, run });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (thrown) => thrown.data?.code ?? String(thrown),
  );
const started = (step: string) => ({ type: 'started', step, attempt: 1, preimage: {} }) as const;

describe('a journal in object storage', () => {
  it('is read again from its objects, in order', async () => {
    const { store, objects } = bucket();
    const journal = await open(store);
    await journal.append(header);
    await Promise.all([journal.append(begun), journal.append(started('a')), journal.append(started('b'))]);
    expect([...objects.keys()][0]).toBe('team/prod/journal/000000000001.jsonl');
    expect((await open(store)).events).toEqual(journal.events);
  });

  it('lets only one of two writers go on', async () => {
    const { store } = bucket();
    const first = await open(store);
    await first.append(header);
    const second = await open(store, 'run-2');
    await second.append(begun);
    expect(await codeOf(first.append({ ...begun, holder: 'other' } as JournalEntry))).toBe('RL814');
    expect(await codeOf(first.append(started('a')))).toBe('RL814');
    expect(await codeOf(second.append(started('a')))).toBe('done');
  });

  it('settles a lost answer by looking, and stops where the store is down', async () => {
    const { store, faults } = bucket();
    const journal = await open(store);
    faults.put = () => 'lost-answer';
    await journal.append(header);
    faults.put = () => 'down';
    expect(await codeOf(journal.append(begun))).toBe('RL810');
    faults.put = () => 'ok';
    const again = await open(store);
    expect(again.events).toHaveLength(1);
    await again.append(begun);
  });

  it('folds many objects into one, and loses nothing', async () => {
    const { store, objects } = bucket();
    const journal = await open(store);
    await journal.append(header);
    await journal.append(begun);
    for (let index = 0; index < 210; index += 1) await journal.append(started(`s${index}`));
    const again = await open(store);
    expect([...objects.keys()].filter((key) => key.includes('copy-'))).toHaveLength(1);
    await again.append(started('more'));
    expect((await open(store)).events).toHaveLength(213);
  });

  it('refuses a journal with a damaged object', async () => {
    const { store, objects } = bucket();
    const journal = await open(store);
    await journal.append(header);
    await journal.append(begun);
    const [key, value] = [...objects.entries()][1]!;
    objects.set(key, { ...value, body: value.body.slice(0, 40) });
    expect(await codeOf(open(store))).toBe('RL620');
  });

  it('keeps the other files of the directory, and notices another writer', async () => {
    const { store } = bucket();
    const files = stateFiles(store, 'p');
    await files.write('plan.json', 'one');
    await files.write('plan.json', 'two');
    expect(await stateFiles(store, 'p').read('plan.json')).toBe('two');
    expect(await codeOf(stateFiles(store, 'p').write('plan.json', 'three'))).toBe('RL814');
  });
});
