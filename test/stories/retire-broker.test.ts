import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { study } from '../../src/findings/estate.js';
import { fold } from '../../src/journal/fold.js';
import type { Plan } from '../../src/model/plan.js';
import { brokerRemoval } from '../../src/planner/broker-removal.js';
import { loadScenario, parseScenario, type Scenario } from '../../src/sandbox/scenario.js';
import { folder, rolelift, startSandbox } from '../helpers/cli.js';
import { Story } from '../helpers/story.js';

/** The demo's payments and nothing else, on nodes whose metadata address pods do or do not reach. */
const estate = (closed: boolean): Scenario => {
  const scenario = structuredClone(loadScenario('demo'));
  const kept = ['kube-system', 'kiam', 'payments'];
  const objects = scenario.kubernetes.filter((object) => {
    const { kind, metadata } = object as { kind?: string; metadata?: { name?: string; namespace?: string } };
    const namespace = kind === 'Namespace' ? metadata?.name : metadata?.namespace;
    return namespace === undefined || kept.includes(namespace);
  });
  const nodes = scenario.nodes.map((node) => (closed ? { ...node, hopLimit: 1, tokensRequired: true } : node));
  return parseScenario(JSON.stringify({ ...scenario, kubernetes: objects, nodes }), 'demo');
};
const over = (story: Story) =>
  new Set(
    [...fold(story.store.events).steps]
      .filter(([, { is }]) => ['applied', 'verified', 'skipped'].includes(is))
      .map(([step]) => step),
  );
const removal = async (story: Story, plan: Plan) => brokerRemoval(study(await story.scan()), plan, over(story));

describe('the removal of the broker', () => {
  it('is refused while pods get their role from it, then while a move is not over, and last while nodes are open', async () => {
    const story = await Story.begin(estate(false));
    const plan = await story.plan();
    const codes = async () => {
      const { obstacles } = await removal(story, plan);
      return [...new Set(obstacles.map(({ code, subject }) => `${code} ${subject.kind}`))].sort();
    };
    expect(await codes()).toEqual([
      'RL404 Node',
      'in use Deployment',
      'in use StatefulSet',
      'unfinished ServiceAccount',
    ]);
    expect((await story.apply(plan)).failures).toEqual([]);
    expect(await codes()).toEqual(['RL404 Node', 'unfinished ServiceAccount']);
    await story.apply(plan, { stages: ['retire'], soakMs: 0, acceptUnproven: ['all'] });
    expect(await codes()).toEqual(['RL404 Node']);
  });

  it('names what goes, in which order, and what stays behind, once nothing needs it', async () => {
    const story = await Story.begin(estate(true));
    const plan = await story.plan();
    await story.apply(plan);
    await story.apply(plan, { stages: ['retire'], soakMs: 0, acceptUnproven: ['all'] });
    const { obstacles, installs, afterwards } = await removal(story, plan);
    expect(obstacles).toEqual([]);
    expect(installs.map(({ component }) => component)).toEqual(['agent', 'server']);
    expect(installs.flatMap(({ commands }) => commands).join('\n')).toMatch(
      /kiam-agent[\s\S]*kiam-server|helm uninstall/,
    );
    expect(afterwards.join('\n')).toContain('--retire-trust');
  });
});

describe('retire-broker', () => {
  it('does nothing while it is refused, and with --live deletes what nobody else owns, journaled', async () => {
    const home = folder();
    const file = path.join(home, 'estate.json');
    writeFileSync(file, JSON.stringify(estate(true)));
    const sandbox = await startSandbox(['--scenario', file]);
    try {
      const options = { env: sandbox.env, cwd: home };
      await rolelift(['plan', '-o', 'p', '--yes'], options);
      const early = await rolelift(['retire-broker', 'p', '--live', '--yes'], options);
      expect([early.code, early.err]).toEqual([4, expect.stringContaining('RL843')]);
      const moved = await rolelift(['apply', 'p', '--yes', '--soak', '0s', '--accept-unproven', 'all'], options);
      expect([moved.code, moved.err]).toEqual([0, expect.anything()]);
      const reversible = await rolelift(['status', 'p'], options);
      expect([reversible.code, reversible.out]).toEqual([0, expect.stringContaining('kiam would serve the old')]);
      const unasked = await rolelift(['status', 'p', '--offline'], { cwd: home });
      expect([unasked.code, unasked.out]).toEqual([0, expect.stringContaining('--offline')]);
      const done = await rolelift(['retire-broker', 'p', '--live', '--yes'], options);
      const journal = readFileSync(path.join(home, 'p', 'journal.jsonl'), 'utf8');
      expect([done.code, done.out]).toEqual([0, expect.stringContaining('kubectl delete daemonset kiam-agent')]);
      expect(journal).toContain('"command":"retire-broker"');
      const state = JSON.stringify(await sandbox.control('GET', 'state'));
      expect(state).not.toContain('daemonsets:kube-system/kiam-agent');

      const standing = await rolelift(['status', 'p'], options);
      expect([standing.code, standing.out]).toEqual([0, expect.stringMatching(/not reversible: RL406/)]);

      // Its line in the journal is no forgery, and there is no way back without the broker.
      const back = await rolelift(['rollback', 'p', '--yes'], options);
      expect([back.code, back.out]).toEqual([4, expect.stringContaining('RL406')]);
      const roles = (of: unknown): unknown => (of as { readonly aws: unknown }).aws;
      expect(roles(await sandbox.control('GET', 'state'))).toEqual(roles(JSON.parse(state)));
      const again = await rolelift(['apply', 'p', '--yes'], options);
      expect([again.code, again.err]).toEqual([0, expect.not.stringContaining('RL621')]);

      // A journal of another plan is not written on.
      const lines = journal.split('\n');
      await rolelift(['plan', '-o', 'other', '--yes', '--target', 'pod-identity', '-n', 'payments'], options);
      writeFileSync(path.join(home, 'other', 'journal.jsonl'), `${lines.slice(0, -1).join('\n')}\n`);
      const wrong = await rolelift(['retire-broker', 'other', '--live', '--yes'], options);
      expect([wrong.code, wrong.err]).toEqual([4, expect.stringContaining('RL622')]);
    } finally {
      await sandbox.stop();
    }
  }, 300_000);
});
