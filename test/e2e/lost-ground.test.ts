import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { rolelift } from '../helpers/cli.js';
import { calmWrites, seen, withStand } from './small-stand.js';
import { amidWrite, type Stand, writesTo } from './stand.js';

/** What becomes of a run whose files cannot be written any more, with real processes on real files. */

/** Root is asked for no permission: these commands run without root's privileges, as everybody's do. */
const likeAnybody = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--'] : [];
/** Starts a command under a limit on the size of its files, which answers as a full disk does; in KiB. */
const withRoom = (kib: number): readonly string[] => ['bash', '-c', 'ulimit -f "$0"; exec "$@"', String(kib)];
/** A view of the file system of its own, in which a folder is mounted read-only. */
const readOnly = (folder: string): readonly string[] => [
  ...unshare,
  'sh',
  '-c',
  'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"',
  folder,
];
const unshare = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-Urm'];
const mayMount = spawnSync(unshare[0] as string, [...unshare.slice(1), 'true']).status === 0;

const mayProtect = (() => {
  const file = path.join(tmpdir(), `rolelift-immutable-${process.pid}`);
  writeFileSync(file, '');
  const may = spawnSync('chattr', ['+i', file]).status === 0;
  spawnSync('chattr', ['-i', file]);
  rmSync(file);
  return may;
})();

type Command = 'apply' | 'rollback';
const args = ({ directory }: Stand, command: Command, ...more: readonly string[]): readonly string[] => [
  command,
  directory,
  '--yes',
  '--quiet',
  '--concurrency',
  '1',
  ...(command === 'apply' ? ['--soak', '0s', '--accept-unproven', 'all'] : []),
  ...more,
];
const run = (stand: Stand, command: Command, under: readonly string[] = [], ...more: readonly string[]) =>
  rolelift(args(stand, command, ...more), { env: stand.env, under });

describe('a run that loses the ground under its feet', { timeout: 300_000, concurrent: true }, () => {
  it(
    'stops on a full disk before its next effect, goes on with each bit of room, and does nothing twice',
    withStand(async (stand) => {
      const before = stand.estate();
      // Whatever changes the estate has its intent on the disk.
      const unannounced: string[] = [];
      const handle = stand.sandbox.handle.bind(stand.sandbox);
      stand.sandbox.handle = async (request, signal) => {
        const count = writesTo(stand);
        const answer = await handle(request, signal);
        const open = new Set<string>();
        for (const { type, step } of stand.journal())
          if (step !== undefined)
            if (/started$/.test(type)) open.add(step);
            else open.delete(step);
        if (writesTo(stand) > count && open.size === 0) unannounced.push(`${request.method} ${request.url}`);
        return answer;
      };
      const crowded = async (command: Command, from: number, more: number): Promise<number> => {
        let stops = 0;
        for (let room = from; ; room += more) {
          const ended = await run(stand, command, withRoom(room));
          if (ended.code === 0) return stops;
          expect(ended.code, seen(ended)).toBe(1);
          expect(seen(ended)).toContain('RL810');
          expect(seen(ended)).toContain(`Lines 1 to ${stand.journal().length} are durable`);
          stops += 1;
        }
      };
      const size = (): number => Math.ceil(readFileSync(path.join(stand.directory, 'journal.jsonl')).length / 1024);
      const calm = await calmWrites();
      expect(await crowded('apply', 3, 3)).toBeGreaterThan(2);
      expect(writesTo(stand)).toBe(calm.apply);
      expect(await crowded('rollback', size() + 1, 2)).toBeGreaterThan(0);
      expect(writesTo(stand)).toBe(calm.apply + calm.rollback);
      expect(unannounced).toEqual([]);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    }),
  );

  it(
    'stops where its journal or directory was taken away, and refuses to invent another',
    withStand(async (stand) => {
      const { directory, folder } = stand;
      const before = stand.estate();
      const journal = path.join(directory, 'journal.jsonl');
      const aside = path.join(folder, 'aside');
      const keeps = path.join(folder, 'kept.jsonl');
      const within = (harm: () => void) => ({
        harm: () => [renameSync(journal, keeps), harm()],
        mend: () => [rmSync(journal, { recursive: true }), renameSync(keeps, journal)],
      });
      const whole = (harm: () => void) => ({
        harm,
        mend: () => [rmSync(directory, { recursive: true, force: true }), renameSync(aside, directory)],
      });
      const away = (): void => renameSync(directory, aside);
      const copy = (from: string, to: string): void => cpSync(from, to, { recursive: true });
      const harms = {
        deleted: whole(() => [copy(directory, aside), rmSync(directory, { recursive: true })]),
        'replaced by an empty one': whole(() => [away(), mkdirSync(directory)]),
        'replaced by a copy': whole(() => [away(), copy(aside, directory)]),
        'its journal a directory': within(() => mkdirSync(journal)),
        'its journal a link': within(() => symlinkSync(keeps, journal)),
      };
      for (const [index, [what, { harm, mend }]] of Object.entries(harms).entries()) {
        const command = index < 3 ? 'apply' : 'rollback';
        const count = writesTo(stand);
        amidWrite(stand, 1, () => {
          harm();
        });
        const ended = await run(stand, command);
        expect(ended.code, `${what}: ${seen(ended)}`).toBe(1);
        expect(seen(ended)).toContain('RL812');
        expect(seen(ended)).toContain('--from-live');
        expect(writesTo(stand), what).toBe(count + 1);
        // Nothing of a journal where it was taken away.
        if (index < 2) expect(existsSync(journal)).toBe(false);
        mend();
        expect(seen(ended)).toContain(`lines 1 to ${stand.journal().length} were durable`);
        if (index !== 2) continue;
        const there = await run(stand, 'apply');
        expect(there.code, seen(there)).toBe(0);
      }
      const back = await run(stand, 'rollback');
      expect(back.code, seen(back)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    }),
  );

  it(
    'goes on while its open journal can be written, and begins nothing where files or folder may not be written',
    withStand(async (stand) => {
      const { directory } = stand;
      const journal = path.join(directory, 'journal.jsonl');
      // In mid-run: the journal is open, so all stays durable; only the lock's file cannot be taken away.
      amidWrite(stand, 2, () => {
        chmodSync(journal, 0o400);
        chmodSync(directory, 0o500);
      });
      const there = await run(stand, 'apply', likeAnybody, '--stage', 'prepare');
      expect(there.code, seen(there)).toBe(0);
      expect(stand.journal().at(-1)).toMatchObject({ type: 'run-ended', exit: 0 });
      const lines = stand.journal().length;
      const count = writesTo(stand);
      const refused = async (code: number, says: string, under = likeAnybody): Promise<void> => {
        const ended = await run(stand, 'apply', under);
        expect(ended.code, seen(ended)).toBe(4);
        expect(seen(ended)).toContain(`RL${code}`);
        expect(seen(ended)).toContain(says);
        expect(seen(ended)).toContain('Nothing was run.');
        expect(stand.journal()).toHaveLength(lines);
        expect(writesTo(stand)).toBe(count);
      };
      await refused(815, 'the permission is missing');
      chmodSync(directory, 0o700);
      await refused(815, 'the permission is missing');
      chmodSync(path.join(directory, 'plan.json'), 0o000);
      const unread = await run(stand, 'apply', likeAnybody);
      expect(unread.code, seen(unread)).toBe(64);
      expect(seen(unread)).toContain('RL603');
      chmodSync(path.join(directory, 'plan.json'), 0o600);
      chmodSync(journal, 0o600);
      const last = await run(stand, 'apply', likeAnybody);
      expect(last.code, seen(last)).toBe(0);
    }),
  );

  it.skipIf(!mayMount)(
    'begins nothing on a file system that is mounted read-only (where this user may mount one)',
    withStand(async (stand) => {
      for (const command of ['apply', 'rollback'] as const) {
        const ended = await run(stand, command, readOnly(stand.directory));
        expect(ended.code, seen(ended)).toBe(4);
        expect(seen(ended)).toContain('RL815');
        expect(seen(ended)).toContain('the file system is read-only');
        expect(writesTo(stand)).toBe(0);
      }
    }),
  );

  it.skipIf(!mayProtect)(
    'stops where its open journal becomes immutable (where this user may make a file so)',
    withStand(async (stand) => {
      const journal = path.join(stand.directory, 'journal.jsonl');
      for (const command of ['apply', 'rollback'] as const) {
        const count = writesTo(stand);
        amidWrite(stand, 1, () => {
          spawnSync('chattr', ['+i', journal]);
        });
        const ended = await run(stand, command);
        spawnSync('chattr', ['-i', journal]);
        expect(ended.code, seen(ended)).toBe(1);
        expect(seen(ended)).toContain('RL810');
        expect(seen(ended)).toContain('the permission is missing');
        expect(seen(ended)).toContain(`Lines 1 to ${stand.journal().length} are durable`);
        expect(writesTo(stand)).toBe(count + 1);
        const last = await run(stand, command);
        expect(last.code, seen(last)).toBe(0);
      }
    }),
  );

  it(
    'stops where object storage refuses its journal',
    withStand(async (stand) => {
      const before = stand.estate();
      const state = ['--state', 's3://team/prod'];
      for (const command of ['apply', 'rollback'] as const) {
        const count = writesTo(stand);
        amidWrite(stand, 1, () => {
          stand.sandbox.faults.add({
            service: 's3',
            action: 'PutObject',
            code: 'AccessDenied',
            status: 403,
            times: null,
          });
        });
        const ended = await run(stand, command, [], ...state);
        expect(ended.code, seen(ended)).toBe(1);
        expect(seen(ended)).toContain('RL810');
        expect(seen(ended)).toMatch(/Lines 1 to \d+ are durable/);
        expect(writesTo(stand)).toBe(count + 1);
        stand.sandbox.faults.clear();
        const last = await run(stand, command, [], ...state);
        expect(last.code, seen(last)).toBe(0);
      }
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    }),
  );

  it(
    'tells of any other file that it may not write, and leaves what stood there',
    withStand(async (stand) => {
      const out = path.join(stand.folder, 'out');
      const env = { env: stand.env, under: likeAnybody };
      const scanned = await rolelift(['scan', '-o', out, '--quiet'], env);
      expect(scanned.code, seen(scanned)).toBe(0);
      const old = readFileSync(path.join(out, 'inventory.json'), 'utf8');
      const dotEnv = path.join(out, 'sandbox.env');
      chmodSync(out, 0o500);
      chmodSync(stand.directory, 0o500);
      const commands: readonly (readonly string[])[] = [
        ['scan', '-o', out],
        ['plan', '-o', out],
        ['plan', '-o', path.join(out, 'deeper')],
        ['rehearse', stand.directory],
        ['sandbox', '--write-env', dotEnv],
      ];
      await Promise.all(
        commands.map(async (command) => {
          const ended = await rolelift(command, env);
          const told = `${command.join(' ')}: ${seen(ended)}`;
          expect(ended.code, told).toBe(1);
          expect(told).toContain('RL813');
          expect(told).toContain('the permission is missing');
        }),
      );
      expect(readdirSync(out)).toEqual(['inventory.json']);
      expect(readFileSync(path.join(out, 'inventory.json'), 'utf8')).toBe(old);
      expect(writesTo(stand)).toBe(0);
      chmodSync(out, 0o700);
      chmodSync(stand.directory, 0o700);
    }),
  );
});
