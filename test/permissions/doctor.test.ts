import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { folder, rolelift, startSandbox } from '../helpers/cli.js';

interface Needs {
  readonly iam: { readonly Statement: { Action: string[]; Resource: string[] }[] };
  readonly rbac: {
    kind: string;
    metadata: { namespace?: string };
    rules?: { resources?: string[]; verbs: string[] }[];
  }[];
}
interface Found {
  readonly checks: readonly { readonly name: string; readonly is: string; readonly text: string }[];
}

it('doctor finds the printed rights to be enough, and names each that is missing', async () => {
  const at = folder();
  const open = await startSandbox();
  const planned = path.join(at, 'plan');
  const needsFile = path.join(at, 'needs.json');
  try {
    const made = await rolelift(['plan', '-n', 'orders', '-o', planned], { env: open.env });
    expect(made.err + made.out).toContain('orders');
    const needs = await rolelift(['permissions', planned, '--for', 'apply', '--json']);
    expect(needs.code).toBe(0);
    writeFileSync(needsFile, needs.out);
  } finally {
    await open.stop();
  }

  const exact = await startSandbox(['--authorise', needsFile]);
  try {
    const answer = await rolelift(['doctor', planned, '--json'], { env: exact.env });
    const { checks } = JSON.parse(answer.out) as Found;
    expect(checks.filter(({ is }) => is === 'fail')).toEqual([]);
    expect(checks.find(({ name }) => name === 'bindings')?.text).toMatch(/played as dry runs/);
    // Simulating is a right of its own, which a run does not need: it only warns.
    expect(checks.find(({ name }) => name === 'account rights')?.is).toBe('warn');
    expect(answer.code).toBe(0);
    // And enough they are: the command itself is refused nothing.
    await exact.control('DELETE', 'rights');
    const done = await rolelift(['apply', planned, '--yes', '--json'], { env: exact.env });
    expect(done.code, done.err).toBe(3);
    const used = (await exact.control('GET', 'rights')) as readonly { readonly allowed: boolean }[];
    expect(used.length).toBeGreaterThan(50);
    expect(used.filter(({ allowed }) => !allowed)).toEqual([]);
  } finally {
    await exact.stop();
  }

  const less = JSON.parse(readFileSync(needsFile, 'utf8')) as Needs;
  for (const role of less.rbac) {
    for (const rule of role.rules ?? []) {
      if (rule.resources?.includes('deployments')) rule.verbs = rule.verbs.filter((verb) => verb !== 'patch');
      if (rule.verbs.includes('bind')) rule.verbs = ['escalate'];
    }
  }
  for (const statement of less.iam.Statement)
    statement.Action = statement.Action.filter((action) => action !== 'iam:GetRole');
  writeFileSync(needsFile, JSON.stringify(less));
  const poorer = await startSandbox(['--authorise', needsFile]);
  try {
    const answer = await rolelift(['doctor', planned], { env: poorer.env });
    expect(answer.code).toBe(1);
    expect(answer.out).toContain('patch deployments.apps');
    expect(answer.out).toMatch(/bindings\s+refused/);
    expect(answer.out).toContain('iam:GetRole');
  } finally {
    await poorer.stop();
  }

  writeFileSync(needsFile, JSON.stringify(less.iam));
  const bare = await startSandbox(['--authorise', needsFile]);
  try {
    const answer = await rolelift(['doctor', planned, '--json'], { env: bare.env });
    const { checks } = JSON.parse(answer.out) as Found;
    expect(checks.find(({ name }) => name === 'cluster rights')?.is).toBe('ok');
    expect(checks.find(({ name }) => name === 'account 111122223333')?.is).toBe('fail');
  } finally {
    await bare.stop();
  }
}, 120_000);
