import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { RoleliftError } from '../model/error.js';
import { isObject } from '../model/json.js';
import { fileCause, makeDirectory } from './atomic-file.js';

/** Who claims a directory: enough to tell whether that process still lives. */
export interface Claim {
  readonly holder: string;
  readonly host: string;
  /** Boot id and pid namespace: a pid means something only within them. */
  readonly boot: string;
  readonly space: string;
  readonly pid: number;
  /** Start time of the process as the kernel counts it; a reused pid has another. Empty where it cannot be told. */
  readonly started: string;
}

export interface DirectoryLock {
  readonly claim: Claim;
  release(): Promise<void>;
}

const heartbeatMs = 10_000;
/** A claim from another machine that did not beat for so long (by the file system's own times) is dead. */
const silentMs = 90_000;
const prefix = '.lock-';

const readText = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

/** Field 22 of /proc/PID/stat (proc(5)); the command in field 2 may hold blanks and brackets. */
const startOf = async (pid: number): Promise<string> => {
  const text = await readText(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

const ownClaim = async (holder: string): Promise<Claim> => ({
  holder,
  host: hostname(),
  boot: (await readText('/proc/sys/kernel/random/boot_id')).trim(),
  space: await readlink('/proc/self/ns/pid').catch(() => ''),
  pid: process.pid,
  started: await startOf(process.pid),
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
};

const parseClaim = (text: string): Claim | null => {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || typeof value.pid !== 'number') return null;
    const field = (key: string): string => (typeof value[key] === 'string' ? (value[key] as string) : '');
    return {
      holder: field('holder'),
      host: field('host'),
      boot: field('boot'),
      space: field('space'),
      pid: value.pid,
      started: field('started'),
    };
  } catch {
    return null;
  }
};

/** Whether the process behind a claim still lives; `silent` is how long its file has not been written, milliseconds. */
export const isLive = async (claim: Claim, own: Claim, silent: number): Promise<boolean> => {
  if (claim.host !== own.host || claim.space !== own.space) return silent < silentMs;
  if (claim.boot !== own.boot) return false;
  if (!isAlive(claim.pid)) return false;
  const started = await startOf(claim.pid);
  return claim.started === '' || started === '' || started === claim.started;
};

const locked = (directory: string, by: Claim | null): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL861',
      message: `another run holds ${directory}`,
      cause: by === null ? 'its claim cannot be read yet' : `held by ${by.holder} (process ${by.pid} on ${by.host})`,
      remedy: 'Wait for it to end, or stop it; a run that was killed gives its directory free by itself.',
      fault: 'user',
    },
    { exit: 5 },
  );

/**
 * Takes the exclusive lock on a plan directory. Each contender writes a claim of its own name first and looks at all claims then: of
 * two, the later one always sees the earlier, so at most one goes on; claims of dead processes are removed by their own unique
 * names, so that nobody ever removes a live one. Rejects with RL861 (exit 5) naming the holder.
 */
export const lockDirectory = async (directory: string, holder: string): Promise<DirectoryLock> => {
  await makeDirectory(directory);
  const claim = await ownClaim(holder);
  const name = `${prefix}${claim.pid}-${randomBytes(8).toString('hex')}.json`;
  const file = path.join(directory, name);
  const text = Buffer.from(JSON.stringify(claim), 'utf8');
  const handle = await open(
    file,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  ).catch((error: unknown) => {
    throw new RoleliftError(
      {
        code: 'RL815',
        message: `the plan directory ${directory} cannot be locked`,
        cause: fileCause(error),
        remedy: 'Nothing was run. Make the directory writable, and run the same command again.',
        fault: 'user',
      },
      { exit: 4, because: error },
    );
  });
  const beat = async (): Promise<void> => {
    await handle.write(text, 0, text.length, 0);
  };
  const drop = async (): Promise<void> => {
    await unlink(file).catch(() => {});
    await handle.close().catch(() => {});
  };
  try {
    await beat();
    await handle.sync();
    const now = (await handle.stat()).mtimeMs;
    for (const other of await readdir(directory)) {
      if (!other.startsWith(prefix) || !other.endsWith('.json') || other === name) continue;
      const there = path.join(directory, other);
      const [found, stat] = [parseClaim(await readText(there)), await lstat(there).catch(() => null)];
      if (stat === null) continue;
      // A claim that is being written cannot be read yet: it counts as live until it is old.
      const live = found === null ? now - stat.mtimeMs < silentMs : await isLive(found, claim, now - stat.mtimeMs);
      if (live) throw locked(directory, found);
      await unlink(there).catch(() => {});
    }
  } catch (error) {
    await drop();
    throw error;
  }
  const timer = setInterval(() => void beat().catch(() => {}), heartbeatMs);
  timer.unref();
  return {
    claim,
    async release() {
      clearInterval(timer);
      await drop();
    },
  };
};
