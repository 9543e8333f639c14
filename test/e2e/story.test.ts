import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Inventory } from '../../src/model/inventory.js';
import type { Plan } from '../../src/model/plan.js';
import { type RunningSandbox, rolelift, startSandbox } from '../helpers/cli.js';
import { lasting } from '../helpers/lasting-folder.js';

// Some steps wait for IAM to agree with itself, and a machine may have other work.
vi.setConfig({ testTimeout: 180_000 });

/** One migration, as a person and as a script would drive it, against `rolelift sandbox` in a process of its own. */
describe('a migration from the command line', () => {
  let sandbox: RunningSandbox;
  let cwd: string;
  const dir = 'plans/demo';
  const run = (...args: readonly string[]) => rolelift(args, { env: sandbox.env, cwd });
  const at = (name: string): string => path.join(cwd, dir, name);
  const planFile = (): Plan => JSON.parse(readFileSync(at('plan.json'), 'utf8')) as Plan;
  const edit = (
    change: (plan: { moves: Record<string, unknown>[]; steps: Record<string, unknown>[] }) => void,
  ): void => {
    const plan = JSON.parse(readFileSync(at('plan.json'), 'utf8'));
    change(plan);
    writeFileSync(at('plan.json'), JSON.stringify(plan));
  };
  /** Writes that reached the sandbox since the last look. */
  const writes = async (): Promise<readonly string[]> => {
    const calls = (await sandbox.control('GET', 'calls?write=true')) as readonly { action: string; url: string }[];
    return calls.map((call) => `${call.action} ${call.url}`);
  };

  beforeAll(async () => {
    cwd = lasting();
    sandbox = await startSandbox();
  });
  afterAll(() => sandbox.stop());

  it('scans: the inventory on standard output is the file that was written', async () => {
    const { code, out, err } = await run('scan', '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const inventory = JSON.parse(out) as Inventory;
    expect(inventory.format).toBe('rolelift.inventory/1');
    expect(JSON.parse(readFileSync(at('inventory.json'), 'utf8'))).toEqual(inventory);
    expect(statSync(at('inventory.json')).mode & 0o777).toBe(0o600);
  });

  it('plans: the same estate gives the same plan, and a plan that nothing was applied of is replaced', async () => {
    const first = await run('plan');
    expect(first.code).toBe(0);
    expect(first.out).toContain('RL101');
    expect(first.out).toMatch(/next: +rolelift rehearse plans\/demo/);
    const plan = planFile();
    const again = await run('plan', '--json', '--detailed-exitcode');
    expect(again.code).toBe(2);
    // The account's own records of use go on between two scans; the work to do does not change.
    const { moves, steps, findings } = JSON.parse(again.out) as Plan;
    expect({ moves, steps, findings }).toEqual({ moves: plan.moves, steps: plan.steps, findings: plan.findings });
    expect(plan.moves.find((move) => move.id === 'move:marketing/campaigns')?.blocked).toBe(true);
    const offline = await run('plan', '--inventory', at('inventory.json'), '-o', 'plans/recorded', '--json');
    expect(JSON.parse(offline.out)).toMatchObject({ digest: planFile().digest, id: planFile().id });
  });

  it('shows the review again, in each format', async () => {
    const [table, markdown, json] = await Promise.all(
      ['table', 'markdown', 'json'].map((format) => run('show', dir, '--format', format)),
    );
    expect(table?.out).toContain('move:payments/api');
    expect(markdown?.out).toContain('| move:payments/api |');
    expect(JSON.parse(json?.out ?? '')).toEqual(planFile());
  });

  it('rehearses the plan on a twin, and writes the verdict beside it', async () => {
    const { code, out } = await run('rehearse', dir, '--quick', '--json');
    expect(code).toBe(0);
    const verdict = JSON.parse(out.trim().split('\n').at(-1) ?? '') as { passed: boolean; plan: string };
    expect(verdict).toMatchObject({ passed: true, plan: planFile().digest });
    expect(JSON.parse(readFileSync(at('rehearsal.json'), 'utf8'))).toMatchObject({ passed: true });
  });

  it('prints the exact calls of a dry run, and makes none', async () => {
    const before = await writes();
    const { code, out } = await run('apply', dir, '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('iam:CreateOpenIDConnectProvider 111122223333');
    expect(out).toContain('system:serviceaccount:payments:api');
    expect(await writes()).toEqual(before);
    expect(existsSync(at('journal.jsonl'))).toBe(false);
  });

  it('asks for --yes where there is nobody to ask, and names it, before it writes anything', async () => {
    const before = await writes();
    const { code, err } = await run('apply', dir);
    expect(code).toBe(64);
    expect(err).toMatch(/RL601[\s\S]*--yes/);
    expect(await writes()).toEqual(before);
  });

  it('refuses another plan than the expected one, and an edited one with the path that differs', async () => {
    const digest = planFile().digest;
    expect((await run('apply', dir, '--yes', '--expect-digest', 'sha256:0')).code).toBe(4);
    const text = readFileSync(at('plan.json'), 'utf8');
    edit((plan) => {
      const step = plan.steps.find((each) => each.kind === 'add-trust-statement') as { params: { role: string } };
      step.params.role = 'administrator';
    });
    for (const command of [
      ['apply', dir, '--yes'],
      ['show', dir],
      ['plan', '--reseal', dir],
    ]) {
      const { code, err } = await run(...command);
      expect({ command, code }).toEqual({ command, code: 4 });
      expect(err).toMatch(/RL61\d[\s\S]*steps\[\d+\]/);
    }
    writeFileSync(at('plan.json'), text);
    edit((plan) => {
      for (const move of plan.moves)
        if (move.id === 'move:batch/nightly-report') Object.assign(move, { skip: true, note: 'after the quarter' });
    });
    const shown = await run('show', dir);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain('after the quarter');
    expect(planFile().digest).toBe(digest);
  });

  it('applies: one JSON event a line, exit 3 with a hand-off and retire still to do', async () => {
    const { code, out, err } = await run('apply', dir, '--yes', '--json', '--expect-digest', planFile().digest);
    expect({ code, err }).toEqual({ code: 3, err: '' });
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; step?: string });
    expect(events.every((event) => typeof event.type === 'string')).toBe(true);
    expect(
      events.some((event) => event.type === 'applied' && event.step?.startsWith('restart-workload:payments/')),
    ).toBe(true);
    expect(events.some((event) => event.step?.includes('batch/') && event.type === 'started')).toBe(false);
    expect(events.at(-1)?.type).not.toBe('header');
  });

  it('answers status with 0, and tells moved from waiting', async () => {
    const { code, out } = await run('status', dir, '--json');
    expect(code).toBe(0);
    const { moves } = JSON.parse(out) as { moves: { id: string; state: string }[] };
    const states = Object.fromEntries(moves.map((move) => [move.id, move.state]));
    expect(states).toMatchObject({
      'move:payments/api': 'moved',
      'move:marketing/campaigns': 'blocked',
      'move:batch/nightly-report': 'skipped',
      'move:storefront/web': 'in progress',
    });
    expect((await run('status', dir)).out).toContain('retire');
  });

  it('verifies what was moved, and says who is left on the old way', async () => {
    const { code, out } = await run('verify', dir, '--json');
    expect(code).toBe(3);
    const { moves, dependents } = JSON.parse(out) as {
      moves: { move: string; state: string; role: string }[];
      dependents: { workload: string }[];
    };
    expect(moves.find((each) => each.move === 'move:payments/api')).toMatchObject({
      state: 'proven',
      role: 'arn:aws:iam::111122223333:role/payments-api',
    });
    expect(dependents.map((each) => each.workload)).toEqual([
      'CronJob batch/nightly-report',
      'Deployment marketing/campaigns',
      'Deployment storefront/web',
    ]);
  });

  it('finds no difference but our own doing, and keeps the directory of a run that is not over', async () => {
    expect((await run('diff', dir)).code).toBe(0);
    const { code, err } = await run('plan');
    expect(code).toBe(4);
    expect(err).toMatch(/RL840[\s\S]*rolelift apply[\s\S]*rolelift rollback[\s\S]*-o/);
    const runs = JSON.parse((await run('runs', '--json')).out) as { command: string; exit: number; plan: string }[];
    expect(runs).toEqual([expect.objectContaining({ command: 'apply', exit: 3, plan: planFile().digest })]);
  });

  it('retires only after the soak, and only where use was proven', async () => {
    const early = await run('apply', dir, '--yes', '--stage', 'retire');
    expect(early.code).toBe(3);
    expect(early.out).toMatch(/soaks until/);
    expect(early.out).toMatch(/next: rolelift apply plans\/demo --stage retire/);
    await sandbox.control('POST', 'settings', { useEveryMs: 100 });
    const late = await run('apply', dir, '--yes', '--stage', 'retire', '--soak', '0s');
    expect(late.code).toBe(3);
    expect(late.out).toMatch(/done +catalog\/search[\s\S]*payments\/ledger/);
    const left = JSON.parse((await run('report', '--format', 'json')).out) as {
      moves: { move: string; state: string }[];
    };
    expect(left.moves.map((each) => `${each.move} ${each.state}`)).toEqual([
      'batch/nightly-report ready',
      'marketing/campaigns blocked',
      'storefront/web hand-off',
    ]);
  });

  it('rolls all of it back; the finished directory goes to the archive with the next plan', async () => {
    const { code, out } = await run('rollback', dir, '--yes');
    expect(code).toBe(0);
    expect(out).toMatch(/undone +catalog\/search/);
    const old = planFile();
    expect((await run('plan')).code).toBe(0);
    expect(readdirSync(at(`archive/${old.id}`)).sort()).toEqual(
      expect.arrayContaining(['RUNBOOK.md', 'inventory.json', 'journal.jsonl', 'plan.json', 'rehearsal.json']),
    );
    expect(existsSync(at('journal.jsonl'))).toBe(false);
    // The estate is what it was: the same work again.
    const bare = (plan: Plan) => plan.moves.map((move) => ({ ...move, skip: false, note: '' }));
    expect(bare(planFile())).toEqual(bare(old));
  });
});
