import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import path from 'node:path';
import { RoleliftError } from '../model/error.js';
import type { JournalEvent } from '../model/journal.js';
import { fileCause, syncDirectory, writeAll } from './atomic-file.js';
import { encodeLine, parseJournal } from './codec.js';
import type { JournalStore } from './journal.js';

/** The file operations that the store needs; tests hand in ones that fail. */
export interface JournalFile {
  /** All bytes. */
  read(): Promise<Uint8Array>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  /** True while the path still names this very file, and it has that many bytes. */
  isStillThere(length: number): Promise<boolean>;
  close(): Promise<void>;
}

const codeOf = (error: unknown): string => (error as { code?: string } | null)?.code ?? '';

const openFile = async (file: string): Promise<JournalFile> => {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW;
  let handle: FileHandle;
  try {
    handle = await open(file, flags);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    handle = await open(file, flags | constants.O_CREAT | constants.O_EXCL, 0o600);
    await syncDirectory(path.dirname(file));
  }
  const own = await handle.stat({ bigint: true });
  if (!own.isFile()) {
    await handle.close();
    throw Object.assign(new Error('not a plain file'), { code: 'ELOOP' });
  }
  return {
    read: () => handle.readFile(),
    write: (bytes, position) => writeAll(handle, bytes, position),
    truncate: (length) => handle.truncate(length),
    sync: () => handle.datasync(),
    async isStillThere(length) {
      const there = await lstat(file, { bigint: true }).catch(() => null);
      return there !== null && there.ino === own.ino && there.dev === own.dev && there.size === BigInt(length);
    },
    close: () => handle.close(),
  };
};

const notOpened = (file: string, error: unknown): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL815',
      message: `the journal ${file} cannot be opened`,
      cause: fileCause(error),
      remedy: 'Nothing was run. Restore the plan directory and its permissions, and run the same command again.',
      fault: 'user',
    },
    { exit: 4, because: error },
  );

/** The journal as a file of lines: append and fsync, mode 0600, symbolic links not followed. */
export const fileStore = (file: string, opening: (file: string) => Promise<JournalFile> = openFile): JournalStore => {
  let opened: JournalFile | null = null;
  let length = 0;
  let newlineFirst = false;
  return {
    where: file,
    async load() {
      try {
        opened ??= await opening(file);
        const bytes = await opened.read();
        const parsed = parseJournal(bytes, file);
        length = parsed.wholeBytes;
        newlineFirst = parsed.lacksNewline;
        // Cut before anything is appended: a line behind torn bytes would be one broken line with them.
        if (parsed.tornBytes > 0) {
          await opened.truncate(length);
          await opened.sync();
        }
        return parsed.events;
      } catch (error) {
        throw error instanceof RoleliftError ? error : notOpened(file, error);
      }
    },
    async append(events: readonly JournalEvent[]) {
      if (opened === null) throw notOpened(file, new Error('it was not loaded'));
      const first = events[0]?.seq ?? 1;
      if (!(await opened.isStillThere(length)))
        throw new RoleliftError({
          code: 'RL812',
          message: `the journal ${file} was replaced, deleted or written by somebody else while the run was under way`,
          cause: 'the path no longer names the file that this run has open, or its length changed',
          remedy: `Stopped before the next effect; lines 1 to ${first - 1} were durable in the file as it was. Restore it and run the same command again: it looks what became of a step under way. Where it is lost: rolelift rollback --from-live.`,
          fault: 'user',
        });
      const bytes = Buffer.from(`${newlineFirst ? '\n' : ''}${events.map(encodeLine).join('')}`, 'utf8');
      try {
        await opened.write(bytes, length);
        await opened.sync();
      } catch (error) {
        await opened.truncate(length).catch(() => {});
        throw new RoleliftError(
          {
            code: 'RL810',
            message: `the journal ${file} could not be written`,
            cause: fileCause(error),
            remedy: `Stopped before the next effect. Lines 1 to ${first - 1} are durable, and nothing was changed that they do not tell. Make room or restore the permission, and run the same command again.`,
            fault: 'user',
          },
          { because: error },
        );
      }
      length += bytes.length;
      newlineFirst = false;
    },
    async close() {
      await opened?.close();
      opened = null;
    },
  };
};
