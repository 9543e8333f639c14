import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, type RunningSandbox, rolelift, startSandbox } from '../helpers/cli.js';
import { lasting } from '../helpers/lasting-folder.js';
import { canaries, planted } from './canaries.js';

/** Everything that would let a reader act as somebody: the sandbox's own credentials, session keys, signed tokens. */
const credentials: readonly (readonly [string, RegExp])[] = [
  ['the AWS secret key', /sandbox-secret/],
  ['the kubeconfig’s token', /sandbox-admin-token/],
  ['a session’s secret key', /"?secret-[A-Z0-9]{4,}/],
  ['a session token', /sandbox\.eyJ/],
  ['a signed token', /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/],
];

const walk = (folder: string): readonly string[] =>
  readdirSync(folder).flatMap((name) => {
    const at = path.join(folder, name);
    return lstatSync(at).isDirectory() ? [at, ...walk(at)] : [at];
  });

describe('secrets of an estate', () => {
  let sandbox: RunningSandbox;
  let cwd: string;
  const said: { readonly command: string; readonly ended: Ended }[] = [];
  const run = async (...args: readonly string[]): Promise<Ended> => {
    const ended = await rolelift(args, { env: sandbox.env, cwd });
    said.push({ command: args.join(' '), ended });
    return ended;
  };

  beforeAll(async () => {
    cwd = lasting();
    const scenario = path.join(cwd, 'estate.json');
    writeFileSync(scenario, JSON.stringify(planted(['media', 'payments'], 'encoder')));
    sandbox = await startSandbox(['--scenario', scenario]);
  }, 60_000);
  afterAll(() => sandbox.stop());

  it('appear in no file and on no stream of the whole story', async () => {
    const plan = 'plans/p';
    const state = JSON.stringify(await sandbox.control('GET', 'state'));
    const missing = Object.entries(canaries).filter(
      ([, value]) => !state.includes(value) && !state.includes(Buffer.from(value).toString('base64')),
    );
    expect(missing).toEqual([]);

    await run('plan', '-o', plan, '--verbose');
    await Promise.all([
      run('scan', '--json', '-o', 'plans/scanned'),
      ...['table', 'markdown', 'json'].map((format) => run('show', plan, '--format', format)),
      run('permissions', plan),
      run('doctor', plan),
      run('rehearse', plan, '--quick'),
      run('apply', plan, '--dry-run'),
    ]);
    const failing = await run(
      'apply',
      plan,
      '--yes',
      '--verbose',
      '--prove',
      'token',
      '--rollout-timeout',
      '5s',
      '--allow-failed-rehearsal',
    );
    expect(failing.code, failing.err).toBe(1);
    await Promise.all([
      run('status', plan),
      run('verify', plan, '--prove', 'token', '--json'),
      run('report', '--format', 'markdown'),
      run('diff', plan),
    ]);
    const back = await run('rollback', plan, '--yes', '--json');
    expect(back.code, back.err).toBe(0);
    await run('runs');

    // The token was really exchanged, so there was something to leak.
    const calls = (await sandbox.control('GET', 'calls')) as readonly { readonly action: string }[];
    expect(calls.some(({ action }) => action === 'AssumeRoleWithWebIdentity')).toBe(true);
    // Secrets are never asked for at all.
    expect(calls.filter(({ action }) => /\/secrets(?:\/|$)/.test(action))).toEqual([]);

    const places = [
      ...said.flatMap(({ command, ended }) => [
        [`standard output of ${command}`, ended.out] as const,
        [`standard error of ${command}`, ended.err] as const,
      ]),
      ...walk(path.join(cwd, 'plans'))
        .filter((file) => lstatSync(file).isFile())
        .map((file) => [file, readFileSync(file, 'utf8')] as const),
    ];
    expect(places.length).toBeGreaterThan(25);
    const found = places.flatMap(([where, text]) => [
      ...Object.entries(canaries).flatMap(([what, value]) => (text.includes(value) ? [`${what} in ${where}`] : [])),
      ...credentials.flatMap(([what, pattern]) => (pattern.test(text) ? [`${what} in ${where}`] : [])),
    ]);
    expect(found).toEqual([]);
  }, 180_000);

  it('lie in files that only their owner can open', () => {
    const open = walk(path.join(cwd, 'plans')).flatMap((at) => {
      const { mode } = lstatSync(at);
      const wanted = lstatSync(at).isDirectory() ? 0o700 : 0o600;
      return (mode & 0o777) === wanted ? [] : [`${at} ${(mode & 0o777).toString(8)}`];
    });
    expect(open).toEqual([]);
  });

  it('are not written past a symbolic link out of the plan directory', async () => {
    const outside = path.join(cwd, 'victim');
    writeFileSync(outside, 'mine');
    const folder = path.join(cwd, 'plans', 'scanned');
    for (const name of ['inventory.json', 'plan.json']) {
      const linked = path.join(folder, `with-${name}`);
      mkdirSync(linked, { mode: 0o700 });
      symlinkSync(outside, path.join(linked, name));
      const made = await run('plan', '--inventory', 'plans/p/inventory.json', '-o', linked);
      expect(made.code).not.toBe(0);
      expect(made.err).toContain(name);
      expect(readFileSync(outside, 'utf8')).toBe('mine');
      expect(lstatSync(path.join(linked, name)).isSymbolicLink()).toBe(true);
    }
  }, 120_000);
});
