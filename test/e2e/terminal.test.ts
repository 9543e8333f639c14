import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSandbox, rolelift, startSandbox } from '../helpers/cli.js';
import { lasting } from '../helpers/lasting-folder.js';
import { hasTmux, inTerminal, type Screen } from '../helpers/tmux.js';

/** In a real terminal: questions, moving progress, Ctrl-C. Skipped where there is no tmux. */
describe.skipIf(!hasTmux)('at a terminal', () => {
  let sandbox: RunningSandbox;
  let cwd: string;
  let screen: Screen | null = null;
  const open = (...args: readonly string[]): Screen => {
    screen = inTerminal(args, { env: sandbox.env, cwd });
    return screen;
  };

  beforeAll(async () => {
    cwd = lasting();
    sandbox = await startSandbox();
  });
  afterEach(() => screen?.close());
  afterAll(() => sandbox.stop());

  it('leads through cluster, target, namespaces, moves, review and apply, and prints the commands that do the same', async () => {
    const at = open();
    await at.shows(/Which cluster\?[\s\S]*demo \(current\)[\s\S]*simulated/);
    at.keys('Enter');
    await at.shows(/Where shall workloads move to\?/);
    at.keys('Enter');
    await at.shows(/Which namespaces\?[\s\S]*submit/);
    // All off, then logging, the third, on.
    at.keys('a', 'Down', 'Down', 'Space', 'Enter');
    await at.shows(/Which moves shall be applied\?[\s\S]*logging\/log-shipper[\s\S]*submit/);
    at.keys('Enter');
    await at.shows(/Rehearse it first[^\n]*\?[^\n]*\(Y\/n\)/);
    at.keys('n', 'Enter');
    const asked = await at.shows(/Apply plan demo-\w+ \(1 move\) from plans\/demo\?/);
    expect(asked).toContain('rolelift plan --context demo -n logging -o plans/demo');
    expect(asked).toContain('rolelift apply plans/demo --context demo --yes');
    // Cluster, account and caller stand there before the first question.
    expect(asked.replaceAll('\n', '')).toMatch(
      /cluster demo at http.*account 111122223333, as arn:aws:iam.*Apply plan/,
    );
    at.keys('y', 'Enter');
    await at.shows(/Run prepare: \d+ steps\?/);
    at.keys('y', 'Enter');
    await at.shows(/Run cutover: \d+ steps\?/);
    at.keys('y', 'Enter');
    const end = await at.shows(/\[exit \d+\]/);
    expect(end).toContain('✔ logging/log-shipper 4/4');
    expect(end).toMatch(/moved +logging\/log-shipper/);
    expect(end).toContain('rolelift apply plans/demo --context demo --stage retire');
    expect(end).toContain('[exit 3]');
    // Nothing that moved is left standing on the screen.
    expect(end).not.toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
  }, 240_000);

  it('ends with 130 at Ctrl-C on a question, and has changed nothing', async () => {
    expect((await rolelift(['plan', '-o', 'plans/other', '--quiet'], { env: sandbox.env, cwd })).code).toBe(0);
    await sandbox.control('DELETE', 'calls');
    const at = open('apply', 'plans/other', '--lock', 'none');
    await at.shows(/Apply plan/);
    at.keys('C-c');
    const end = await at.shows(/\[exit \d+\]/);
    expect(end).toContain('[exit 130]');
    expect(end).toContain('RL806');
    // Only the run itself was noted (and ended) in the cluster's list of runs.
    const writes = (await sandbox.control('GET', 'calls?write=true')) as readonly { url: string }[];
    expect(writes.filter((call) => !call.url.includes('/configmaps'))).toEqual([]);
  }, 180_000);

  it('finishes what runs at the first Ctrl-C in mid-run, and says how to go on', async () => {
    const at = open('apply', 'plans/other', '--yes');
    await at.shows(/search \d\/5|uploader \d\/5/);
    at.keys('C-c');
    const end = await at.shows(/\[exit \d+\]/);
    expect(end).toContain('[exit 130]');
    expect(end).toMatch(/next: rolelift apply plans\/other/);
    const status = await rolelift(['status', 'plans/other', '--json'], { env: sandbox.env, cwd });
    const { lastRun } = JSON.parse(status.out) as { lastRun: { ended: boolean; exit: number } };
    expect(lastRun).toMatchObject({ ended: true, exit: 130 });
  }, 180_000);
});
