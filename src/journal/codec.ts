import { createHash } from 'node:crypto';
import { canonical } from '../model/canonical.js';
import { RoleliftError } from '../model/error.js';
import { type JournalEvent, journalEventSchema } from '../model/journal.js';
import { isObject } from '../model/json.js';

/** What a journal's bytes say, and where its understood part ends. */
export interface Parsed {
  readonly events: readonly JournalEvent[];
  /** Bytes that are understood; what lies behind them is a torn write and may be cut off. */
  readonly wholeBytes: number;
  /** True where the last whole line lacks its newline: the next append must write it first. */
  readonly lacksNewline: boolean;
  /** Bytes of a torn last line, zeros included; 0 where the file ends cleanly. */
  readonly tornBytes: number;
}

const newline = 10;

/** Sum of a line: it covers the canonical line without `sum`, and the sum of the line before it. */
export const sumOf = (previous: string, line: object): string => {
  const { sum: _sum, ...rest } = line as { readonly sum?: string };
  return createHash('sha256')
    .update(`${previous}\n${canonical(rest)}`)
    .digest('hex')
    .slice(0, 16);
};

/** One event as its line, newline included. */
export const encodeLine = (event: JournalEvent): string => `${JSON.stringify(event)}\n`;

const corrupt = (where: string, line: number, cause: string): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL620',
      message: `the journal ${where} is corrupt in line ${line}`,
      cause,
      remedy:
        'Nothing was run. Restore the journal from a backup; without one, `rolelift rollback --from-live` undoes what carries our marks.',
      fault: 'user',
    },
    { exit: 4 },
  );

type Line = { readonly event: JournalEvent } | { readonly wrong: string };

const readLine = (text: string, previous: JournalEvent | undefined): Line => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { wrong: 'it is not JSON' };
  }
  if (!isObject(value)) return { wrong: 'it is not an object' };
  if (value.sum !== sumOf(previous?.sum ?? '', value)) return { wrong: 'its checksum does not fit' };
  if (value.seq !== (previous?.seq ?? 0) + 1) return { wrong: 'its number does not follow the line before it' };
  if (value.type === 'header' && value.format !== 'rolelift.journal/1')
    return { wrong: `its format is ${JSON.stringify(value.format)}; this version writes rolelift.journal/1` };
  const checked = journalEventSchema.safeParse(value);
  if (!checked.success) return { wrong: `it is not an event that this version knows (${String(value.type)})` };
  return { event: value as unknown as JournalEvent };
};

/** A torn write is a strict beginning of a line, so whole JSON with something behind it was damaged afterwards. */
const isWholeWithRest = (text: string): boolean => {
  for (let length = text.length - 1; length > 0 && length >= text.length - 4; length -= 1) {
    if (text[length - 1] !== '}') continue;
    try {
      JSON.parse(text.slice(0, length));
      return true;
    } catch {}
  }
  return false;
};

/**
 * Reads a journal of any length. A torn last line (a strict beginning of one, or zeros that a power cut left) is understood and
 * left out; anything wrong before it is RL620 with the line's number, exit 4.
 */
export const parseJournal = (bytes: Uint8Array, where = 'journal.jsonl'): Parsed => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = buffer.length;
  while (end > 0 && buffer[end - 1] === 0) end -= 1;
  const events: JournalEvent[] = [];
  let offset = 0;
  let lacksNewline = false;
  while (offset < end) {
    const found = buffer.indexOf(newline, offset);
    const terminated = found >= 0 && found < end;
    const stop = terminated ? found : end;
    const raw = buffer.subarray(offset, stop);
    const number = events.length + 1;
    const line = readLine(raw.toString('utf8'), events.at(-1));
    if ('event' in line) {
      events.push(line.event);
      offset = terminated ? stop + 1 : stop;
      lacksNewline = !terminated;
      continue;
    }
    const last = !terminated || found + 1 >= end;
    const torn = last && (terminated ? raw.includes(0) : !isWholeWithRest(raw.toString('utf8')));
    if (!torn) throw corrupt(where, number, line.wrong);
    break;
  }
  return { events, wholeBytes: offset, lacksNewline, tornBytes: buffer.length - offset };
};
