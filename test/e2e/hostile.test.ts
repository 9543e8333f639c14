import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { folder, rolelift, startSandbox } from '../helpers/cli.js';

/** Everything in one value: a window title, a cleared screen, a line break, a direction mark, a tag, a Markdown link, a table cell. */
const hostile =
  'x\u001b]0;owned\u0007\u001b[2J\r\nOK 0 moves \u202egnp\u2066 \u009b31m <script>alert(1)</script> [a](http://e.example) | `$(id)`';
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

const manifests = (): string => {
  const made = folder();
  const deployment = (name: string, annotation: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', labels: { 'app.kubernetes.io/managed-by': hostile } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'a' } },
      template: {
        metadata: { labels: { app: 'a' }, annotations: { 'iam.amazonaws.com/role': annotation } },
        spec: {
          serviceAccountName: hostile,
          containers: [{ name: hostile, image: hostile, env: [{ name: hostile, value: hostile }] }],
        },
      },
    },
  });
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', annotations: { 'iam.amazonaws.com/permitted': '.*' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: hostile, annotations: { 'iam.amazonaws.com/permitted': `(${hostile}` } },
    },
    deployment('web', hostile),
    deployment(hostile, 'shop-web'),
    { apiVersion: hostile, kind: hostile, metadata: { name: hostile } },
  ];
  writeFileSync(path.join(made, 'all.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  writeFileSync(path.join(made, 'broken.yaml'), `a: [\u001b[31m`);
  return made;
};

describe('text that comes from clusters and files', () => {
  it('never reaches the terminal as what it says it is, from manifests', async () => {
    const cwd = folder();
    const plan = [
      'plan',
      '--manifests',
      manifests(),
      '--account',
      '111122223333',
      '--region',
      'eu-west-1',
      '--cluster',
      'prod',
      '--broker',
      'kiam',
    ];
    const made = await rolelift([...plan, '-o', 'p'], { cwd });
    expect(made.code).toBe(0);
    const outputs = [
      made,
      await rolelift(['show', 'p'], { cwd }),
      await rolelift(['show', 'p', '--format', 'markdown'], { cwd }),
      await rolelift(['status', 'p'], { cwd }),
    ];
    for (const { out, err } of outputs) {
      expect(out).not.toMatch(controls);
      expect(err).not.toMatch(controls);
    }
    expect(outputs[0]?.out).toContain('\\u{1b}');
    // One value stays in its line and its cell.
    expect(outputs.map(({ out }) => out).join('\n')).not.toMatch(/^OK 0 moves/m);
    expect(outputs[2]?.out).not.toMatch(/(?<!\\)<script|(?<!\\)\]\(http/);
    expect(readFileSync(path.join(cwd, 'p/RUNBOOK.md'), 'utf8')).not.toMatch(controls);
    // Machines get the value itself, in JSON's own escapes.
    const shown = await rolelift(['show', 'p', '--json'], { cwd });
    expect(JSON.stringify(JSON.parse(shown.out))).toContain('\\u001b');
  }, 60_000);

  it('never reaches the terminal as what it says it is, from a cluster and an account', async () => {
    const cwd = folder();
    const estate = readFileSync(path.resolve(import.meta.dirname, '../../examples/demo/estate.yaml'), 'utf8');
    const quoted = JSON.stringify(hostile);
    const file = path.join(cwd, 'estate.yaml');
    const changed = estate
      .replace('description: "Reads and writes payments"', `description: ${quoted}`)
      .replaceAll('iam.amazonaws.com/role: finance/payments-ledger', `iam.amazonaws.com/role: ${quoted}`);
    expect(changed.split(quoted)).toHaveLength(4);
    writeFileSync(file, changed);
    const sandbox = await startSandbox(['--scenario', file]);
    try {
      for (const args of [['scan'], ['plan', '-o', 'p'], ['report', '--format', 'markdown']]) {
        const { out, err } = await rolelift(args, { cwd, env: sandbox.env });
        expect(`${out}${err}`).not.toMatch(controls);
        expect(out).not.toMatch(/^OK 0 moves/m);
      }
      expect((await rolelift(['show', 'p'], { cwd })).out).toContain('\\u{1b}');
    } finally {
      await sandbox.stop();
    }
  }, 120_000);

  it('is escaped in arguments and errors too', async () => {
    const { err } = await rolelift(['show', hostile]);
    expect(err).toContain('RL602');
    expect(err).not.toMatch(controls);
  });
});
