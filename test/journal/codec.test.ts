import { describe, expect, it } from 'vitest';
import { encodeLine, parseJournal } from '../../src/journal/codec.js';
import { someEvents } from './journals.js';

const bytesOf = async (): Promise<Buffer> => Buffer.from((await someEvents()).map(encodeLine).join(''), 'utf8');

describe('the lines of a journal', () => {
  it('come back as they were written', async () => {
    const events = await someEvents();
    expect(parseJournal(await bytesOf())).toEqual({
      events,
      wholeBytes: (await bytesOf()).length,
      lacksNewline: false,
      tornBytes: 0,
    });
  });

  it('are understood when cut at any length, with or without zeros behind', async () => {
    const bytes = await bytesOf();
    const events = await someEvents();
    for (let length = 0; length <= bytes.length; length += 1)
      for (const zeros of [0, 1, 4096]) {
        const parsed = parseJournal(Buffer.concat([bytes.subarray(0, length), Buffer.alloc(zeros)]));
        expect(parsed.events).toEqual(events.slice(0, parsed.events.length));
        const lines = bytes.subarray(0, length).toString('latin1').split('\n').length - 1;
        expect(parsed.events.length - lines === 0 || parsed.lacksNewline).toBe(true);
      }
  });

  it('notice every flipped bit', async () => {
    const bytes = await bytesOf();
    let missed = 0;
    for (let at = 0; at < bytes.length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        try {
          parseJournal(flipped);
          missed += 1;
        } catch (thrown) {
          expect((thrown as { data: { code: string } }).data.code).toBe('RL620');
        }
      }
    expect(missed).toBe(0);
  });

  it('name the line that is wrong, and refuse a line that was taken out or swapped', async () => {
    const lines = (await someEvents()).map(encodeLine);
    const swapped = [lines[0], lines[1], lines[3], lines[2], lines[4]].join('');
    expect(() => parseJournal(Buffer.from(swapped))).toThrow(/line 3/);
    const without = lines.filter((_, index) => index !== 2).join('');
    expect(() => parseJournal(Buffer.from(without))).toThrow(/line 3/);
    expect(() => parseJournal(Buffer.from(`nonsense\n${lines.join('')}`))).toThrow(/line 1/);
  });

  it('understand a last block that a power cut left as zeros', async () => {
    const bytes = await bytesOf();
    const cut = Buffer.concat([bytes, Buffer.from('{"seq":6,"at'), Buffer.alloc(64), Buffer.from('"}\n')]);
    expect(parseJournal(cut).events).toHaveLength(5);
  });
});
