import pLimit from 'p-limit';
import { byText } from '../model/canonical.js';
import { RoleliftError, textOf } from '../model/error.js';
import type { JournalEvent } from '../model/journal.js';
import { encodeLine, parseJournal } from './codec.js';
import type { JournalStore } from './journal.js';

/** Conditions of a write, as S3 has them (Amazon S3 User Guide, conditional requests). */
export type WriteCondition = { readonly ifNoneMatch: '*' } | { readonly ifMatch: string };

/** Object storage with conditional writes: S3 and what speaks its language. */
export interface ObjectStore {
  /** For people, as `s3://bucket`. */
  readonly where: string;
  get(key: string): Promise<{ readonly body: string; readonly etag: string } | null>;
  /** `conflict` where the condition does not hold; any other failure rejects. */
  put(key: string, body: string, condition?: WriteCondition): Promise<{ readonly etag: string } | 'conflict'>;
  /** All keys that begin so. */
  list(prefix: string): Promise<readonly string[]>;
}

const pad = (seq: number): string => String(seq).padStart(12, '0');
const atOnce = 16;

const base = (prefix: string): string => prefix.replace(/^\/+|\/+$/g, '');
const keyIn = (prefix: string, name: string): string => (base(prefix) === '' ? name : `${base(prefix)}/${name}`);

const notWritten = (where: string, first: number, error: unknown): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL810',
      message: `the journal ${where} could not be written`,
      cause: textOf(error),
      remedy: `Stopped before the next effect. Lines 1 to ${first - 1} are durable, and nothing was changed that they do not tell. Run the same command again when the store answers.`,
      fault: 'remote',
    },
    { because: error },
  );
const overtaken = (where: string, first: number): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL814',
      message: `another run writes the journal ${where}`,
      cause: `line ${first} is there already, and not ours`,
      remedy: 'Stopped before the next effect. Find the other run with `rolelift runs`, and wait for its end.',
      fault: 'user',
    },
    { exit: 5 },
  );

/**
 * A journal in object storage. Each append creates one object that is named by its first line's number, on condition that none is
 * there: two writers can never both have line N. Many small objects are folded into one when a journal is opened.
 */
export const objectJournal = (store: ObjectStore, prefix: string): JournalStore => {
  const folder = keyIn(prefix, 'journal/');
  const where = `${store.where}/${folder}`;
  let next = 1;
  let broken: RoleliftError | null = null;
  const segment = (seq: number): string => `${folder}${pad(seq)}.jsonl`;

  /** The last whole copy begins at line 1, so it stands for every segment below its end. */
  const copyEnd = (key: string): number => Number(/copy-(\d{12})\.jsonl$/.exec(key)?.[1] ?? 0);

  return {
    where,
    async load() {
      const keys = await store.list(folder);
      const copy = [...keys].filter((key) => copyEnd(key) > 0).sort((a, b) => copyEnd(b) - copyEnd(a))[0];
      const from = copy === undefined ? 0 : copyEnd(copy);
      const segments = keys
        .filter((key) => {
          const seq = Number(/\/(\d{12})\.jsonl$/.exec(`/${key}`)?.[1] ?? 0);
          return seq > from;
        })
        .sort(byText);
      const limit = pLimit(atOnce);
      const bodies = await Promise.all(
        [...(copy === undefined ? [] : [copy]), ...segments].map((key) =>
          limit(async () => (await store.get(key))?.body ?? ''),
        ),
      );
      const text = bodies.join('');
      const { events, tornBytes } = parseJournal(Buffer.from(text, 'utf8'), where);
      if (tornBytes > 0)
        throw new RoleliftError(
          {
            code: 'RL620',
            message: `the journal ${where} is corrupt in line ${events.length + 1}`,
            cause: 'an object of it is cut off; objects are written whole, so it was damaged afterwards',
            remedy: 'Nothing was run. Restore the object (an earlier version of it, where the bucket keeps them).',
            fault: 'user',
          },
          { exit: 4 },
        );
      next = events.length + 1;
      if (segments.length > 200)
        await store.put(`${folder}copy-${pad(events.length)}.jsonl`, text, { ifNoneMatch: '*' });
      return events;
    },
    async append(events: readonly JournalEvent[]) {
      if (broken !== null) throw broken;
      const first = events[0]?.seq ?? next;
      const body = events.map(encodeLine).join('');
      const key = segment(first);
      const mine = async (): Promise<boolean> => (await store.get(key))?.body === body;
      try {
        // After a lost answer the object tells whether the write was carried out.
        const answer = await store.put(key, body, { ifNoneMatch: '*' }).catch(async (error: unknown) => {
          if (await mine()) return { etag: '' };
          throw error;
        });
        if (answer === 'conflict' && !(await mine())) throw overtaken(where, first);
        next = first + events.length;
      } catch (error) {
        broken =
          error instanceof RoleliftError && error.data.code === 'RL814' ? error : notWritten(where, first, error);
        throw broken;
      }
    },
    close: async () => {},
  };
};

/** The other files of a plan directory in the same prefix: `plan.json`, `RUNBOOK.md` … */
export interface StateFiles {
  read(name: string): Promise<string | null>;
  /** Rejects with RL814 where somebody else wrote it since it was read. */
  write(name: string, text: string): Promise<void>;
}
export const stateFiles = (store: ObjectStore, prefix: string): StateFiles => {
  const etags = new Map<string, string>();
  return {
    async read(name) {
      const found = await store.get(keyIn(prefix, name));
      if (found === null) return null;
      etags.set(name, found.etag);
      return found.body;
    },
    async write(name, text) {
      const etag = etags.get(name);
      const key = keyIn(prefix, name);
      const answer = await store.put(key, text, etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag });
      if (answer !== 'conflict') {
        etags.set(name, answer.etag);
        return;
      }
      const found = await store.get(key);
      if (found?.body !== text)
        throw new RoleliftError(
          {
            code: 'RL814',
            message: `somebody else wrote ${store.where}/${key}`,
            cause: 'it is not what this run read or wrote last',
            remedy: 'Find the other run with `rolelift runs`, and wait for its end.',
            fault: 'user',
          },
          { exit: 5 },
        );
      etags.set(name, found.etag);
    },
  };
};
