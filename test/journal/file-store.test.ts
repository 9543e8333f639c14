import { appendFile, mkdtemp, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectory, writeFileAtomically } from '../../src/journal/atomic-file.js';
import { fileStore, type JournalFile } from '../../src/journal/file-store.js';
import { openJournal } from '../../src/journal/journal.js';
import { begun, clock, header } from './journals.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'rolelift-journal-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const file = (): string => path.join(directory, 'journal.jsonl');
const open = () => openJournal(fileStore(file()), { clock, run: 'run-1' });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (thrown) => thrown.data?.code ?? String(thrown),
  );
const started = { type: 'started', step: 'a', attempt: 1, preimage: {} } as const;

describe('a journal in a file', () => {
  it('is there again when it is opened anew, readable by its owner alone', async () => {
    const journal = await open();
    await journal.append(header);
    await Promise.all([journal.append(begun), journal.append(started)]);
    await journal.close();
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    const again = await open();
    expect(again.events.map(({ type }) => type)).toEqual(['header', 'run-started', 'started']);
    await again.close();
  });

  it('cuts a torn tail off and goes on behind it', async () => {
    const journal = await open();
    await journal.append(header);
    await journal.append(begun);
    await journal.close();
    const whole = await readFile(file());
    for (const tail of ['{"seq":3,"at":"2026', '\0\0\0', '{"seq":3\0\0']) {
      await writeFile(file(), Buffer.concat([whole, Buffer.from(tail)]));
      const again = await open();
      await again.append(started);
      await again.close();
      expect((await readFile(file(), 'utf8')).trimEnd().split('\n')).toHaveLength(3);
    }
    await writeFile(file(), whole);
    await truncate(file(), whole.length - 1);
    const last = await open();
    await last.append(started);
    await last.close();
    expect((await readFile(file(), 'utf8')).trimEnd().split('\n')).toHaveLength(3);
  });

  it('stops when the file is deleted, replaced or written by somebody else', async () => {
    const harm: readonly (() => Promise<void>)[] = [
      () => rm(file()),
      async () => {
        await rename(file(), `${file()}.away`);
        await writeFile(file(), await readFile(`${file()}.away`));
      },
      () => appendFile(file(), 'x'),
      () => truncate(file(), 10),
      () => rm(directory, { recursive: true }),
    ];
    for (const [index, act] of harm.entries()) {
      await makeDirectory(directory);
      const store = fileStore(path.join(directory, `journal.jsonl`));
      const journal = await openJournal(store, { clock, run: 'run-1' });
      if (journal.events.length === 0) await journal.append(header);
      await act();
      expect(await codeOf(journal.append(begun)), `harm ${index}`).toBe('RL812');
      expect(await codeOf(journal.append(begun))).toBe('RL812');
      await journal.close();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('follows no symbolic link', async () => {
    await symlink('/etc/hostname', file());
    expect(await codeOf(open())).toBe('RL815');
    await symlink(path.join(directory, 'elsewhere'), path.join(directory, 'plan.json'));
    expect(await codeOf(writeFileAtomically(path.join(directory, 'plan.json'), 'x'))).toBe('RL813');
  });

  it('has each line on the disk before it says so', async () => {
    const order: string[] = [];
    let length = 0;
    const slow: JournalFile = {
      read: async () => Buffer.alloc(0),
      write: async (added, position) => {
        length = position + added.length;
        order.push('written');
      },
      truncate: async () => {},
      sync: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push('synced');
      },
      isStillThere: async (wanted) => length === wanted,
      close: async () => {},
    };
    const journal = await openJournal(
      fileStore('j', async () => slow),
      { clock, run: 'run-1' },
    );
    for (const event of [header, begun]) {
      await journal.append(event);
      order.push('told');
    }
    expect(order).toEqual(['written', 'synced', 'told', 'written', 'synced', 'told']);
  });

  it('says what is durable when the disk is full, and writes nothing more', async () => {
    let room = 400;
    let bytes = Buffer.alloc(0);
    const full: JournalFile = {
      read: async () => bytes,
      write: async (added, position) => {
        const fits = Math.min(room - position, added.length);
        bytes = Buffer.concat([bytes.subarray(0, position), Buffer.from(added).subarray(0, Math.max(0, fits))]);
        if (fits < added.length) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      },
      truncate: async (length) => {
        bytes = bytes.subarray(0, length);
      },
      sync: async () => {},
      isStillThere: async (length) => bytes.length === length,
      close: async () => {},
    };
    const journal = await openJournal(
      fileStore('j', async () => full),
      { clock, run: 'run-1' },
    );
    await journal.append(header);
    const failure = await journal.append(begun).catch((thrown) => thrown);
    expect(failure.data).toMatchObject({ code: 'RL810', cause: 'the disk is full' });
    expect(failure.data.remedy).toContain('Lines 1 to 1 are durable');
    room = 100_000;
    expect(await codeOf(journal.append(started))).toBe('RL810');
    const again = await openJournal(
      fileStore('j', async () => full),
      { clock, run: 'run-2' },
    );
    expect(again.events).toHaveLength(1);
    await again.append(begun);
  });

  it('reports a full device and leaves the old content', async () => {
    const target = path.join(directory, 'plan.json');
    await writeFileAtomically(target, 'old');
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    expect(await codeOf(writeFileAtomically(path.join(directory, 'no', 'such', 'plan.json'), 'new'))).toBe('RL813');
    await writeFileAtomically(target, 'new');
    expect(await readFile(target, 'utf8')).toBe('new');
  });
});
