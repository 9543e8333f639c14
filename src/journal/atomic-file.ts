import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { RoleliftError } from '../model/error.js';

const codeOf = (error: unknown): string => (error as { code?: string } | null)?.code ?? '';

const why: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'the permission is missing',
  EPERM: 'the permission is missing',
  EFBIG: 'the file would be larger than allowed here (ulimit -f, or the file system)',
  EIO: 'the disk reports an error',
  ELOOP: 'a symbolic link stands in its place',
  ENOENT: 'its directory is not there',
  ENOTDIR: 'a part of its path is not a directory',
};

/** The cause of a file error in words, by its code. */
export const fileCause = (error: unknown): string =>
  why[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));

/** RL813: a state file could not be written; the old content is whole. */
const notWritten = (file: string, error: unknown): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL813',
      message: `${file} could not be written`,
      cause: fileCause(error),
      remedy:
        'What stood there before is unchanged. Make room or restore the permission, and run the same command again.',
      fault: 'user',
    },
    { because: error },
  );

/** Writes every byte: a short write is gone on with, and its reason surfaces on the next call. */
export const writeAll = async (handle: FileHandle, bytes: Uint8Array, position: number | null): Promise<void> => {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(
      bytes,
      done,
      bytes.length - done,
      position === null ? null : position + done,
    );
    if (bytesWritten === 0) throw Object.assign(new Error('no byte was written'), { code: 'EIO' });
    done += bytesWritten;
  }
};

/** Makes the directory's entries durable. File systems that cannot sync a directory (EINVAL, EISDIR) do so by themselves. */
export const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'EISDIR', 'ENOTSUP'].includes(codeOf(error))) throw error;
  } finally {
    await handle.close();
  }
};

/** Makes a directory, and those above it, with mode 0700. A symbolic link in its place is refused (RL813). */
export const makeDirectory = async (directory: string): Promise<void> => {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const found = await lstat(directory);
    if (!found.isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ELOOP' });
  } catch (error) {
    throw notWritten(directory, error);
  }
};

/**
 * Replaces a file as a whole: all bytes, fsync, rename, fsync of the directory; mode 0600. A symbolic link in its place is refused,
 * not followed. Rejects with RL813, and then the old content stands.
 */
export const writeFileAtomically = async (file: string, content: string | Uint8Array): Promise<void> => {
  const directory = path.dirname(file);
  const beside = path.join(directory, `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  let handle: FileHandle | null = null;
  try {
    const there = await lstat(file).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (there !== null && !there.isFile()) throw Object.assign(new Error('not a plain file'), { code: 'ELOOP' });
    handle = await open(
      beside,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    await writeAll(handle, typeof content === 'string' ? Buffer.from(content, 'utf8') : content, 0);
    await handle.sync();
    await handle.close();
    handle = null;
    await rename(beside, file);
    await syncDirectory(directory);
  } catch (error) {
    await handle?.close().catch(() => {});
    await unlink(beside).catch(() => {});
    throw notWritten(file, error);
  }
};
