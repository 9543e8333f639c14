import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { AwsFault } from '../../src/sandbox/aws/fault.js';
import { refusal } from '../../src/sandbox/aws/service.js';
import { routeOf } from '../../src/sandbox/route.js';
import { estates } from '../faults/estates.js';
import { type Running, start } from '../helpers/cli.js';
import { calmWrites, seen, withStand } from './small-stand.js';
import { amidWrite, type Stand, writesTo } from './stand.js';

/** Two real processes and one lock; machines whose clocks are wrong. */

const hour = 3_600_000;
const preload = pathToFileURL(path.join(import.meta.dirname, 'shifted-clock.mjs')).href;

type Command = 'apply' | 'rollback';
interface Machine {
  /** By how much its clock is wrong, milliseconds. */
  readonly off?: number;
  /** How fast its time passes, so that nobody waits for leases in earnest. */
  readonly speed?: number;
  readonly directory?: string;
}
const on = (stand: Stand, machine: Machine, command: Command, ...more: readonly string[]): Running =>
  start([command, machine.directory ?? stand.directory, '--yes', '--quiet', '--concurrency', '1', ...more], {
    env: {
      ...stand.env,
      NODE_OPTIONS: `--import ${preload}`,
      CLOCK_OFF_MS: String(machine.off ?? 0),
      CLOCK_SPEED: String(machine.speed ?? 1),
    },
  });
const all = (command: Command): readonly string[] =>
  command === 'apply' ? ['--soak', '0s', '--accept-unproven', 'all'] : [];
/** As AWS does, refuses requests whose signature is of another time than the server's (Signature Version 4: 5 minutes). */
const strict = ({ sandbox }: Stand): void => {
  const handle = sandbox.handle.bind(sandbox);
  sandbox.handle = async (request, signal) => {
    const stamp = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(request.headers['x-amz-date'] ?? '');
    const routed = stamp === null ? null : routeOf(request, 'eu-west-1');
    if (stamp !== null && routed?.to === 'aws') {
      const [year = 0, month = 0, ...rest] = stamp.slice(1).map(Number);
      const signed = Date.UTC(year, month - 1, ...rest);
      if (Math.abs(signed - Date.now()) > 300_000) {
        const { service } = routed.call;
        const query = ['iam', 'sts', 'ec2'].includes(service);
        const fault = new AwsFault(
          query ? 'SignatureDoesNotMatch' : 'InvalidSignatureException',
          403,
          'Signature expired',
        );
        const answer = refusal(service, fault, 'skew');
        return { ...answer, headers: { ...answer.headers, date: new Date().toUTCString() } };
      }
    }
    return handle(request, signal);
  };
};
/** The same plan in another folder, as another machine has it: no journal, no lock. */
const elsewhere = (stand: Stand): string => {
  const copy = path.join(stand.folder, 'elsewhere');
  rmSync(copy, { recursive: true, force: true });
  cpSync(stand.directory, copy, {
    recursive: true,
    filter: (file) => !path.basename(file).startsWith('.lock-') && !file.endsWith('journal.jsonl'),
  });
  return copy;
};

describe('two runs and one lock', { timeout: 300_000, concurrent: true }, () => {
  it(
    'a holder that sleeps for longer than its lease stops before its next effect, and nothing is written twice',
    withStand(async (stand) => {
      const before = stand.estate();
      const calm = await calmWrites();
      const state = ['--state', 's3://team/prod'];
      for (const command of ['apply', 'rollback'] as const) {
        const count = writesTo(stand);
        // Four times as fast: a lease of a minute takes a quarter of it.
        const sleeper = on(stand, { speed: 4 }, command, ...state, ...all(command));
        await new Promise<void>((resolve) => {
          amidWrite(stand, 1, () => {
            sleeper.child.kill('SIGSTOP');
            resolve();
          });
        });
        const begun = performance.now();
        const next = await on(stand, { speed: 4, directory: elsewhere(stand) }, command, ...state, ...all(command))
          .ended;
        expect(next.code, seen(next)).toBe(0);
        expect(performance.now() - begun).toBeGreaterThan(60_000 / 4);
        expect(writesTo(stand)).toBe(count + calm[command]);
        await stand.sandbox.settled();
        const after = stand.estate();
        sleeper.child.kill('SIGCONT');
        const woken = await sleeper.ended;
        expect(woken.code, seen(woken)).toBe(5);
        expect(seen(woken)).toMatch(/RL86[23]|RL814/);
        expect(writesTo(stand)).toBe(count + calm[command]);
        await stand.sandbox.settled();
        expect(stand.estate()).toBe(after);
      }
      expect(stand.estate()).toBe(before);
    }),
  );
});

describe('a machine whose clock is wrong', { timeout: 300_000, concurrent: true }, () => {
  /** The holder's clock is wrong: what it writes into the Lease looks long over, or far ahead. */
  const heldBy = (off: number) =>
    withStand(async (stand) => {
      const before = stand.estate();
      const state = ['--state', 's3://team/prod'];
      const held = on(stand, { off, speed: 4 }, 'apply', ...state);
      let goOn = (): void => {};
      await new Promise<void>((atWork) => {
        amidWrite(stand, 1, () => {
          atWork();
          return new Promise<void>((resolve) => {
            goOn = resolve;
          });
        });
      });
      const other = { speed: 4, directory: elsewhere(stand) };
      const rival = await on(stand, other, 'apply', ...state).ended;
      expect(rival.code, seen(rival)).toBe(5);
      expect(seen(rival)).toContain('RL862');
      expect(seen(rival)).toContain(stand.directory);
      held.child.kill('SIGKILL');
      await held.ended;
      goOn();
      // Nobody renews it any more: it holds others up for its duration, whatever time it names.
      const heir = await on(stand, other, 'apply', ...state, ...all('apply')).ended;
      expect(heir.code, seen(heir)).toBe(0);
      const back = await on(stand, { off }, 'rollback', ...state).ended;
      expect(back.code, seen(back)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
    });
  it('does not hold the lock for ever when it is ahead', heldBy(hour));
  it('does not lose the lock when it is behind', heldBy(-hour));

  it(
    'gets everywhere that a right one gets: on, killed and on again, back; by the times of the servers',
    withStand(async (stand) => {
      strict(stand);
      const before = stand.estate();
      const since = Date.now() - 1_000;
      const killed = on(stand, { off: hour }, 'apply');
      // The first write of a run goes to the cluster's list of runs.
      stand.sandbox.faults.kill({ pid: killed.child.pid as number, write: 3, when: 'after' });
      expect((await killed.ended).signal).toBe('SIGKILL');
      const there = await on(stand, { off: -hour }, 'apply').ended;
      expect(there.code, seen(there)).toBe(3);
      // By its own clock the soak of a day is long over.
      const soaking = await on(stand, { off: 48 * hour }, 'apply', '--stage', 'retire').ended;
      expect(soaking.code, seen(soaking)).toBe(3);
      expect(seen(soaking)).toContain('soaks until');
      const whole = await on(stand, { off: -hour }, 'apply', '--stage', 'retire', ...all('apply')).ended;
      expect(whole.code, seen(whole)).toBe(0);
      const moved = stand.sandbox.identities('shop').map(({ role, containers }) => [role, containers[0]?.source]);
      expect(new Set(moved.map(String))).toEqual(new Set(['arn:aws:iam::111122223333:role/api,web-identity']));
      const back = await on(stand, { off: hour }, 'rollback').ended;
      expect(back.code, seen(back)).toBe(0);
      await stand.sandbox.settled();
      expect(stand.estate()).toBe(before);
      const times = stand.journal().flatMap(({ serverTime }) => (typeof serverTime === 'number' ? [serverTime] : []));
      expect(times.length).toBeGreaterThan(20);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(since);
      expect(Math.max(...times)).toBeLessThanOrEqual(Date.now() + 1_000);
      expect(times).toEqual([...times].sort((one, other) => one - other));
    }),
  );

  it(
    'keeps its credentials for another account as long as they last',
    withStand(
      async (stand) => {
        strict(stand);
        const begin = stand.sandbox.faults.calls.length;
        for (const [command, off] of [
          ['apply', hour],
          ['rollback', -hour],
        ] as const) {
          const ended = await on(stand, { off }, command, ...stand.reach, ...all(command)).ended;
          expect(ended.code, seen(ended)).toBe(0);
        }
        const calls = stand.sandbox.faults.calls.slice(begin);
        expect(calls.filter(({ service }) => service === 'iam').length).toBeGreaterThan(10);
        // One for each process, and one that was refused for its signature's time.
        expect(calls.filter(({ action }) => action === 'AssumeRole').length).toBeLessThanOrEqual(4);
      },
      estates.find(({ title }) => title.startsWith('a role of another account')),
    ),
  );
});
