// Plants known mistakes in a copy of the source, one at a time, and wants a test to turn red for each (npm run mutate).
// With arguments only mutants whose names hold one of them.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { transformWithEsbuild } from 'vite';
import { mutants } from './mutants.mjs';

const here = path.resolve(import.meta.dirname, '../..');
const copied = ['src', 'test', 'examples', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const wanted = process.argv.slice(2);
const chosen = mutants.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const copy = mkdtempSync(path.join(tmpdir(), 'rolelift-mutate-'));

/** Runs test files in the copy; the last lines of what vitest says are kept. */
const test = (files, bail) =>
  new Promise((resolve) => {
    const args = [
      path.join(here, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=dot',
      ...(bail ? ['--bail=1'] : []),
      ...files,
    ];
    const child = spawn(process.execPath, args, {
      cwd: copy,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
    const hung = setTimeout(() => child.kill('SIGKILL'), 180_000);
    child.on('close', (code) => {
      clearTimeout(hung);
      resolve({ green: code === 0, ran: /\btests?\b|Tests/.test(said), said });
    });
  });

const planted = async ({ name, file, edits }) => {
  let text = readFileSync(path.join(here, file), 'utf8');
  for (const [from, to] of edits) {
    const parts = text.split(from);
    if (parts.length !== 2)
      throw new Error(`"${name}": its text stands ${parts.length - 1} times in ${file}, not once:\n${from}`);
    text = parts.join(to);
  }
  // A mistake that does not even parse would prove nothing.
  await transformWithEsbuild(text, file);
  return text;
};

const main = async () => {
  for (const name of copied) cpSync(path.join(here, name), path.join(copy, name), { recursive: true });
  symlinkSync(path.join(here, 'node_modules'), path.join(copy, 'node_modules'));
  const texts = new Map();
  for (const mutant of chosen) texts.set(mutant, await planted(mutant));

  const files = [...new Set(chosen.flatMap(({ tests }) => tests))].sort();
  const sound = await test(files, false);
  if (!sound.green) {
    process.stdout.write(sound.said.split('\n').slice(-60).join('\n'));
    throw new Error('these tests fail without any mistake planted');
  }
  const rows = [];
  for (const mutant of chosen) {
    const began = performance.now();
    writeFileSync(path.join(copy, mutant.file), texts.get(mutant));
    const { green, ran } = await test(mutant.tests, true);
    cpSync(path.join(here, mutant.file), path.join(copy, mutant.file));
    const fate = green ? 'SURVIVED' : ran ? 'caught' : 'NOT RUN';
    rows.push(fate);
    const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5);
    process.stdout.write(`${fate.padEnd(9)} ${seconds} s  ${mutant.name}\n`);
  }
  const caught = rows.filter((fate) => fate === 'caught').length;
  process.stdout.write(`\n${caught} of ${rows.length} planted mistakes were caught\n`);
  return caught === rows.length ? 0 : 1;
};

try {
  process.exitCode = await main();
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
