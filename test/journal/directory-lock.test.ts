import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLive, lockDirectory } from '../../src/journal/directory-lock.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'rolelift-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the lock on a plan directory', () => {
  it('is held by one, named to the other, and free after release', async () => {
    const first = await lockDirectory(directory, 'alice on her laptop');
    const refused = await lockDirectory(directory, 'bob').catch((thrown) => thrown);
    expect([refused.data.code, refused.exit]).toEqual(['RL861', 5]);
    expect(refused.data.cause).toContain('alice');
    await first.release();
    await (await lockDirectory(directory, 'bob')).release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('lets at most one of many contenders in', async () => {
    for (let round = 0; round < 10; round += 1) {
      const all = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => lockDirectory(directory, `c${index}`)),
      );
      const winners = all.filter((one) => one.status === 'fulfilled');
      expect(winners.length).toBeLessThanOrEqual(1);
      for (const winner of winners) await winner.value.release();
    }
  });

  it('takes no notice of a process that died, and of one whose number was used again', async () => {
    const first = await lockDirectory(directory, 'me');
    const own = first.claim;
    await first.release();
    const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    const pid = child.pid as number;
    await new Promise((resolve) => child.on('exit', resolve));
    await writeFile(path.join(directory, '.lock-1-a.json'), JSON.stringify({ ...own, pid, started: '1' }));
    await writeFile(path.join(directory, '.lock-2-b.json'), JSON.stringify({ ...own, started: '1' }));
    await writeFile(path.join(directory, '.lock-3-c.json'), JSON.stringify({ ...own, boot: 'an earlier boot' }));
    const second = await lockDirectory(directory, 'me again');
    expect(await readdir(directory)).toHaveLength(1);
    await second.release();
  });

  it('respects another machine while it beats', async () => {
    const first = await lockDirectory(directory, 'me');
    const own = first.claim;
    await first.release();
    const other = { ...own, host: 'elsewhere' };
    expect(await isLive(other, own, 1_000)).toBe(true);
    expect(await isLive(other, own, 100_000)).toBe(false);
    const file = path.join(directory, '.lock-9-z.json');
    await writeFile(file, JSON.stringify(other));
    await expect(lockDirectory(directory, 'me')).rejects.toMatchObject({ exit: 5 });
    const old = new Date(Date.now() - 200_000);
    await utimes(file, old, old);
    await (await lockDirectory(directory, 'me')).release();
  });
});
