import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanEnv } from '../helpers/cli.js';
import { lasting } from '../helpers/lasting-folder.js';

const root = path.resolve(import.meta.dirname, '../..');

/** The package as npm packs it, in an empty folder; its dependencies are those of this checkout, so that no network is needed. */
describe('the npm package', () => {
  const folder = lasting;
  const run = (cwd: string, command: string, ...args: readonly string[]): string =>
    execFileSync(command, args, { cwd, encoding: 'utf8', env: cleanEnv(), stdio: ['ignore', 'pipe', 'ignore'] });

  it('holds what it needs and nothing else, and runs in an empty folder as a command and as a library', () => {
    const made = folder();
    const [packed] = JSON.parse(
      run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', made),
    ) as readonly { filename: string; files: readonly { path: string }[] }[];
    const files = packed?.files.map((file) => file.path) ?? [];
    for (const wanted of [
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'dist/cli/main.js',
      'dist/index.js',
      'dist/index.d.ts',
      'examples/demo/estate.yaml',
      'examples/plan.schema.json',
    ])
      expect(files, wanted).toContain(wanted);
    expect(
      files.filter((file) => !/^(dist|examples)\/|^(README|CHANGELOG)\.md$|^LICENSE$|^package\.json$/.test(file)),
    ).toEqual([]);

    // What npm install does with a tarball, its dependencies taken from here.
    const modules = path.join(made, 'node_modules');
    mkdirSync(path.join(modules, '.bin'), { recursive: true });
    run(made, 'tar', '-xzf', packed?.filename ?? '', '-C', modules);
    run(modules, 'mv', 'package', 'rolelift');
    for (const name of readdirSync(path.join(root, 'node_modules')))
      if (!name.startsWith('.')) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
    const installed = JSON.parse(readFileSync(path.join(modules, 'rolelift/package.json'), 'utf8')) as {
      version: string;
      bin: Record<string, string>;
      exports: Record<string, unknown>;
    };
    const bin = path.join(modules, 'rolelift', installed.bin['rolelift'] ?? '');
    expect(existsSync(bin)).toBe(true);
    symlinkSync(bin, path.join(modules, '.bin/rolelift'));
    expect(readFileSync(bin, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);

    // As npx runs it: through the link, in the user's folder.
    expect(run(made, process.execPath, 'node_modules/.bin/rolelift', '--version').trim()).toBe(installed.version);
    expect(run(made, process.execPath, 'node_modules/.bin/rolelift', 'explain', 'RL101')).toContain(
      'broker-denies-role',
    );
    run(
      made,
      process.execPath,
      'node_modules/.bin/rolelift',
      'plan',
      '--manifests',
      'node_modules/rolelift/examples/manifests',
      '--account',
      '111122223333',
      '--region',
      'eu-west-1',
      '--cluster',
      'prod',
      '-o',
      'made',
      '--quiet',
    );

    writeFileSync(
      path.join(made, 'use.mjs'),
      `import { createRequire } from 'node:module';
       import { readFileSync } from 'node:fs';
       import { createSandbox, loadScenario, plainStyle, plan, reviewText, validatePlan } from 'rolelift';
       const made = validatePlan(JSON.parse(readFileSync('made/plan.json', 'utf8')));
       const schema = createRequire(import.meta.url)('rolelift/plan.schema.json');
       const sandbox = createSandbox({ scenario: await loadScenario('demo') });
       console.log(JSON.stringify({ text: reviewText(made, plainStyle, 80).includes(made.id), schema: schema.title, plan: typeof plan, estate: sandbox.scenario.title }));
       process.exit(0);`,
    );
    const told = JSON.parse(run(made, process.execPath, 'use.mjs')) as Record<string, unknown>;
    expect(told).toMatchObject({ text: true, schema: 'rolelift.plan/1', plan: 'function' });
    expect(told['estate']).toContain('kiam');
  }, 120_000);
});
