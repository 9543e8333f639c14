import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/cli/command-line.js';
import { cleanEnv, rolelift, start } from '../helpers/cli.js';
import { lasting } from '../helpers/lasting-folder.js';

const root = path.resolve(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');
const readme = read('README.md');

/** Every `rolelift …` that a text tells people to type, without what stands behind it as a comment. */
const told = (text: string): readonly string[] =>
  [...text.matchAll(/(?:^|`)\s*(rolelift [^`\n]*)/gm)]
    .map((match) => (match[1] as string).split(/\s{2,}|\s+#|\s+\|\||\s+[&>]/)[0] as string)
    .map((line) => line.trim())
    .filter((line) => /^rolelift( -|$| [a-z-]+)/.test(line));

/** Whether the program itself can read the line; placeholders stand for a word. */
const parses = async (line: string): Promise<string | null> => {
  const ran: string[] = [];
  const program = build((name) => async () => {
    ran.push(name);
  });
  for (const each of [program, ...program.commands])
    each.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  try {
    await program.parseAsync(line.split(/\s+/).slice(1), { from: 'user' });
    return ran[0] ?? null;
  } catch (thrown) {
    return `${line}: ${(thrown as Error).message}`;
  }
};

describe('what README and examples say', () => {
  it('is understood by the program, line by line, in texts and in the help itself', async () => {
    const program = build(() => async () => undefined);
    const names = new Set(program.commands.map((command) => command.name()));
    const help: string[] = [];
    for (const command of program.commands) {
      command.configureOutput({ writeOut: (text) => void help.push(text) });
      command.outputHelp();
    }
    const lines = [
      ...told(readme),
      ...told(read('examples/README.md')),
      ...told(help.join('\n')),
      ...told(read('plans/README.md')),
    ].filter((line) => !line.includes('COMMAND') && !/^rolelift(,| alone)/.test(line));
    expect(lines.length).toBeGreaterThan(40);
    for (const line of lines)
      expect(names.has((await parses(line)) ?? ''), `${line} → ${await parses(line)}`).toBe(true);
  });

  it('lists every command, and each of them once', () => {
    const program = build(() => async () => undefined);
    const rows = [...readme.matchAll(/^\| `([a-z-]+)[^`]*` \| /gm)].map((match) => match[1]);
    expect(rows).toEqual(program.commands.map((command) => command.name()));
  });

  it('names the exit codes that the program ends with', () => {
    const codes = [...readme.matchAll(/^\| ([\d, ]+) \| /gm)].flatMap((match) => (match[1] as string).split(', '));
    expect(codes).toEqual(['0', '1', '2', '3', '4', '5', '64', '130', '143']);
  });

  it('can be walked through as it stands', async () => {
    const script = /<!-- test: walkthrough -->\n```sh\n([\s\S]*?)```/.exec(readme)?.[1] as string;
    const cwd = lasting();
    const bin = path.join(cwd, 'bin');
    mkdirSync(bin);
    writeFileSync(
      path.join(bin, 'rolelift'),
      `#!/bin/sh\nexec '${process.execPath}' '${path.join(root, 'dist/cli/main.js')}' "$@"\n`,
    );
    chmodSync(path.join(bin, 'rolelift'), 0o755);
    const out = await new Promise<{ code: number; text: string }>((resolve) => {
      execFile(
        'bash',
        ['-c', `set -e; trap 'kill %1' EXIT\n${script}`],
        { cwd, env: { ...cleanEnv(), PATH: `${bin}:${process.env['PATH']}` }, timeout: 270_000 },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, text: `${stdout}\n${stderr}` }),
      );
    });
    expect(out.code, out.text).toBe(0);
    expect(out.text).toMatch(/undone +batch\/nightly-report/);
  }, 280_000);

  it('names examples that start: each estate is served, the manifests are planned', async () => {
    for (const [, name] of read('examples/README.md').matchAll(/`rolelift sandbox --scenario (\S+)`/g)) {
      const running = start(['sandbox', '--json', '--scenario', name as string]);
      while (!running.out().includes('\n') && running.child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 30));
      expect(JSON.parse(running.out()), name).toHaveProperty('KUBECONFIG');
      running.child.kill('SIGTERM');
      expect((await running.ended).code).toBe(0);
    }
    const line = /`rolelift (plan --manifests [^`]*)`/.exec(read('examples/README.md'))?.[1] as string;
    const cwd = lasting();
    symlinkSync(path.join(root, 'examples'), path.join(cwd, 'examples'));
    const planned = await rolelift([...line.split(/\s+/), '--json'], { cwd });
    expect(planned.code).toBe(0);
    const { source, moves } = JSON.parse(planned.out) as { source: string; moves: { id: string; blocked: boolean }[] };
    expect(source).toBe('manifests');
    expect(moves.map((move) => `${move.id} ${move.blocked}`).sort()).toEqual([
      'move:payments/api false',
      'move:payments/reconcile true',
      'move:payments/settlement false',
    ]);
    const applied = await rolelift(['apply', 'plans/prod', '--yes'], { cwd });
    expect(applied.code).toBe(4);
    expect(applied.err).toContain('was made from manifests');
  }, 120_000);
});
