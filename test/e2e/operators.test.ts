import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Estate, estates } from '../faults/estates.js';
import { rolelift, start } from '../helpers/cli.js';
import { seen, withStand } from './small-stand.js';
import { type Stand, until } from './stand.js';

const found = estates.find(({ title }) => title.startsWith('kiam to IRSA')) as Estate;
/** A broker that was taken out of a trust policy leaves no mark. */
const two: Estate = { ...found, options: { ...found.options, retireTrust: false } };

const args = (stand: Stand, command: 'apply' | 'rollback', ...more: readonly string[]): readonly string[] => [
  command,
  stand.directory,
  '--yes',
  '--quiet',
  ...more,
];
const begun = (stand: Stand, count: number) => (): boolean =>
  stand.journal().filter(({ type }) => type === 'started').length >= count;

describe('an operator', { timeout: 300_000, concurrent: true }, () => {
  it(
    'may stop a run by Ctrl-C, by SIGTERM, by Ctrl-C twice, and lose the terminal: it goes on where it was',
    withStand(async (stand) => {
      const before = stand.estate();
      const first = start(args(stand, 'apply'), { env: stand.env });
      await until('a step begins', begun(stand, 1));
      first.child.kill('SIGINT');
      const once = await first.ended;
      expect(once.code, seen(once)).toBe(130);
      expect(stand.journal().at(-1)).toMatchObject({ type: 'run-ended', exit: 130 });

      const lines = stand.journal().length;
      const second = start(args(stand, 'apply'), { env: stand.env });
      await until('the run is begun again', () => stand.journal().length > lines);
      second.child.kill('SIGTERM');
      expect((await second.ended).code).toBe(143);

      const more = stand.journal().length;
      const third = start(args(stand, 'apply'), { env: stand.env });
      await until('the run is begun again', () => stand.journal().length > more);
      third.child.kill('SIGINT');
      third.child.kill('SIGINT');
      expect((await third.ended).code).toBe(130);

      const last = await rolelift(args(stand, 'apply', '--soak', '0s', '--accept-unproven', 'all'), { env: stand.env });
      expect(last.code, seen(last)).toBe(0);
      expect(stand.estate()).not.toBe(before);

      // Nobody reads any more what it writes.
      const back = start(args(stand, 'rollback', '--json'), { env: stand.env });
      back.child.stdout?.destroy();
      await back.ended;
      await until('the rollback is over', () => stand.journal().at(-1)?.type === 'run-ended');
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    }),
  );

  it(
    'may hold a run by a PAUSE file, and a second run is told who holds the lock',
    withStand(async (stand) => {
      const pause = path.join(stand.directory, 'PAUSE');
      writeFileSync(pause, '');
      const paused = await rolelift(args(stand, 'apply'), { env: stand.env });
      expect(paused.code, seen(paused)).toBe(3);
      expect(seen(paused)).toContain('PAUSE');
      expect(stand.journal().some(({ type }) => type === 'started')).toBe(false);

      rmSync(pause);
      const run = start(args(stand, 'apply'), { env: stand.env });
      await until('a step begins', begun(stand, 1));
      // Held there, it keeps its locks.
      writeFileSync(pause, '');
      const rival = await rolelift(args(stand, 'apply'), { env: stand.env });
      expect(rival.code, seen(rival)).toBe(5);
      expect(seen(rival)).toContain(`process ${run.child.pid}`);

      // From another directory it is the cluster's Lease that tells.
      const copy = path.join(stand.folder, 'copy');
      cpSync(stand.directory, copy, { recursive: true, filter: (file) => !path.basename(file).startsWith('.lock-') });
      rmSync(path.join(copy, 'journal.jsonl'), { force: true });
      const other = await rolelift(['apply', copy, '--yes', '--quiet'], { env: stand.env });
      expect(other.code, seen(other)).toBe(5);
      expect(seen(other)).toContain(stand.directory);
      expect(run.child.exitCode).toBe(null);
      rmSync(pause);
      expect((await run.ended).code).toBe(3);
    }),
  );

  it(
    'finds the state of a run in object storage from another directory, and undoes it by the run that the cluster knows',
    withStand(async (stand) => {
      const before = stand.estate();
      const there = await rolelift(args(stand, 'apply', '--state', 's3://team/prod'), { env: stand.env });
      expect(there.code, seen(there)).toBe(3);
      expect(stand.journal()).toEqual([]);
      rmSync(stand.directory, { recursive: true });
      const elsewhere = path.join(stand.folder, 'elsewhere');
      mkdirSync(elsewhere);
      const listed = await rolelift(['runs', '--json'], { env: stand.env, cwd: elsewhere });
      const runs = JSON.parse(listed.out) as { run: string; state: string; exit: number }[];
      expect(runs).toHaveLength(1);
      expect(runs[0]).toMatchObject({ state: `s3://team/prod/${stand.plan.id}`, exit: 3 });
      const back = await rolelift(['rollback', '--run', runs[0]?.run ?? '', '--yes', '--quiet'], {
        env: stand.env,
        cwd: elsewhere,
      });
      expect(back.code, seen(back)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    }),
  );

  it(
    'need not know where the journal is: the plan directory and the cluster do, and a second one is never begun',
    withStand(async (stand) => {
      const before = stand.estate();
      const place = 's3://team/prod';
      const copy = path.join(stand.folder, 'copy');
      cpSync(stand.directory, copy, { recursive: true });
      const there = await rolelift(args(stand, 'apply', '--state', place), { env: stand.env });
      expect(there.code, seen(there)).toBe(3);
      expect(readFileSync(path.join(stand.directory, 'STATE'), 'utf8')).toBe(`${place}\n`);
      writeFileSync(path.join(stand.directory, 'STATE'), 'http://elsewhere/x\n');
      const strange = await rolelift(['status', stand.directory], { env: stand.env });
      expect([strange.code, strange.err]).toEqual([64, expect.stringMatching(/RL609[\s\S]*STATE[\s\S]*http:/)]);
      writeFileSync(path.join(stand.directory, 'STATE'), `${place}\n`);
      const status = await rolelift(['status', stand.directory, '--json'], { env: stand.env });
      const [move] = (JSON.parse(status.out) as { moves: { state: string }[] }).moves;
      expect(move?.state).toBe('moved');
      const proven = await rolelift(['verify', stand.directory, '--json'], { env: stand.env });
      expect((JSON.parse(proven.out) as { moves: { state: string }[] }).moves[0]?.state).not.toBe('not-moved');
      const difference = await rolelift(['diff', stand.directory], { env: stand.env });
      // The stand's plan names no port; what the run did is no difference.
      expect(difference.out).not.toMatch(/MOVES|STEPS/);

      const applied = stand.estate();
      for (const [directory, state] of [
        [stand.directory, 'local'],
        [stand.directory, 's3://team/other'],
        [copy, 'local'],
        [copy, 's3://team/other'],
      ] as const) {
        const second = await rolelift(['apply', directory, '--yes', '--quiet', '--state', state], { env: stand.env });
        expect([second.code, directory, state], seen(second)).toEqual([4, directory, state]);
        expect(seen(second)).toMatch(/RL864[\s\S]*s3:\/\/team\/prod/);
      }
      const again = await rolelift(['plan', '-o', stand.directory], { env: stand.env });
      expect(again.code, seen(again)).toBe(4);
      expect(seen(again)).toContain('RL840');
      expect(stand.estate()).toBe(applied);

      const dry = await rolelift(['rollback', stand.directory, '--move', 'shop/api', '--dry-run'], { env: stand.env });
      expect(dry.out).toMatch(/annotate-service-account[\s\S]*add-trust-statement/);
      expect(dry.out).not.toContain('create-oidc-provider');
      const back = await rolelift(args(stand, 'rollback'), { env: stand.env });
      expect(back.code, seen(back)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
      // All of it is undone, so the plan may begin anew, wherever that is.
      const anew = await rolelift(['apply', copy, '--yes', '--quiet', '--state', 'local'], { env: stand.env });
      expect(anew.code, seen(anew)).toBe(3);
    }),
  );

  it(
    'undoes by marks alone where plan and journal are lost',
    withStand(async (stand) => {
      const before = stand.estate();
      const there = await rolelift(args(stand, 'apply', '--soak', '0s', '--accept-unproven', 'all'), {
        env: stand.env,
      });
      expect(there.code, seen(there)).toBe(0);
      rmSync(stand.directory, { recursive: true });
      const dry = await rolelift(['rollback', '--from-live', '--dry-run'], { env: stand.env, cwd: stand.folder });
      expect(dry.code, seen(dry)).toBe(0);
      expect(dry.out).toContain('not restored');
      expect(stand.estate()).not.toBe(before);
      const back = await rolelift(['rollback', '--from-live', '--yes'], { env: stand.env, cwd: stand.folder });
      expect(back.code, seen(back)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    }),
  );

  it(
    'undoes by marks alone into a folder of its own where the lost journal may lie in the same storage',
    withStand(async (stand) => {
      const before = stand.estate();
      const place = 's3://team/prod';
      const there = await rolelift(args(stand, 'apply', '--state', place), { env: stand.env });
      expect(there.code, seen(there)).toBe(3);
      rmSync(stand.directory, { recursive: true });
      const foldersThere = (): Map<string, string> => {
        const folders = new Map<string, string>();
        const all = [...stand.sandbox.world.accounts.values()].flatMap(({ objects }) => [...objects.entries()]);
        for (const [key, { body }] of all.sort(([one], [other]) => (one < other ? -1 : 1))) {
          const folder = /^team\/prod\/([^/]+)\//.exec(key)?.[1] ?? key;
          folders.set(folder, `${folders.get(folder) ?? ''}${key}\n${body}\n`);
        }
        return folders;
      };
      const old = foldersThere();
      expect([...old.keys()]).toEqual([stand.plan.id]);

      const back = await rolelift(['rollback', '--from-live', '--state', place, '--yes', '--quiet'], {
        env: stand.env,
        cwd: stand.folder,
      });
      expect(back.code, seen(back)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
      const now = foldersThere();
      expect(now.get(stand.plan.id)).toBe(old.get(stand.plan.id));
      const own = [...now.keys()].filter((folder) => !old.has(folder));
      expect(own).toEqual([expect.stringMatching(new RegExp(`^from-live-${stand.plan.id}-`))]);
      const written = now.get(own[0] ?? '');
      expect(written).toMatch(/"type":"undone"[\s\S]*"type":"run-ended"/);
      expect(written).toContain('/plan.json\n');

      const listed = await rolelift(['runs', '--json'], { env: stand.env, cwd: stand.folder });
      const runs = JSON.parse(listed.out) as { run: string; command: string; state: string }[];
      const last = runs.find(({ command }) => command === 'rollback');
      expect(last?.state).toBe(`${place}/${own[0]}`);
      // What marks told is not the plan: nobody goes on from there.
      const again = await rolelift(['rollback', '--run', last?.run ?? '', '--yes'], {
        env: stand.env,
        cwd: stand.folder,
      });
      expect(again.code, seen(again)).toBe(4);
      expect(seen(again)).toMatch(/RL630[\s\S]*undid what marks told/);
    }),
  );

  it(
    'undoes by marks alone one move, or down to a step, and nothing of what no mark speaks of',
    withStand(async (stand) => {
      const before = stand.estate();
      const there = await rolelift(args(stand, 'apply', '--soak', '0s', '--accept-unproven', 'all'), {
        env: stand.env,
      });
      expect(there.code, seen(there)).toBe(0);
      rmSync(stand.directory, { recursive: true });
      const fromLive = (...more: readonly string[]) =>
        rolelift(['rollback', '--from-live', '--quiet', ...more], { env: stand.env, cwd: stand.folder });
      const roles = (namespace: string, workload: string): ReadonlySet<string> =>
        new Set(
          stand.sandbox
            .identities(namespace)
            .filter(({ pod }) => pod.startsWith(workload))
            .flatMap(({ containers }) => containers.map(({ source }) => source)),
        );
      const applied = stand.estate();
      const [none, noStep, both, dry] = await Promise.all([
        fromLive('--move', 'move:payments/nobody', '--yes'),
        fromLive('--to', 'restart-workload:payments/Deployment/nobody', '--yes'),
        fromLive('--to', 'restart-workload:payments/Deployment/api', '--move', 'move:payments/api', '--yes'),
        fromLive('--move', 'move:payments/api', '--dry-run'),
      ]);
      expect([none.code, noStep.code, both.code], seen(none)).toEqual([64, 64, 64]);
      expect(seen(none)).toContain('RL628');
      expect(seen(noStep)).toContain('RL628');
      expect(dry.out).toContain('annotate-service-account:payments/ServiceAccount/api');
      expect(dry.out).not.toContain('orders');
      expect(stand.estate()).toBe(applied);

      const one = await fromLive('--move', 'move:payments/api', '--yes');
      expect(one.code, seen(one)).toBe(0);
      await stand.sandbox.settled();
      expect(roles('payments', 'api')).toEqual(new Set(['kiam']));
      expect(roles('orders', 'checkout')).toEqual(new Set(['web-identity']));

      const trust = /^(add-trust-statement:\S+checkout\S*)/m.exec((await fromLive('--dry-run')).out)?.[1] ?? '';
      const down = await fromLive('--to', trust, '--yes');
      expect(down.code, seen(down)).toBe(0);
      await stand.sandbox.settled();
      expect(roles('orders', 'checkout')).toEqual(new Set(['kiam']));
      const trustOf = () => stand.sandbox.world.role('arn:aws:iam::111122223333:role/orders-checkout')?.trust;
      expect(JSON.stringify(trustOf())).toContain('Rolelift');

      const rest = await fromLive('--yes');
      expect(rest.code, seen(rest)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    }, two),
  );
});
