import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeLine, sumOf } from '../../src/journal/codec.js';
import type { JournalEvent } from '../../src/model/journal.js';
import { type Plan, sealPlan } from '../../src/model/plan.js';
import { loadScenario } from '../../src/sandbox/scenario.js';
import { type Ended, type RunningSandbox, rolelift, startSandbox } from '../helpers/cli.js';
import { lasting } from '../helpers/lasting-folder.js';

/** A plan as somebody with an editor sees it. */
interface Loose {
  format: string;
  moves: { to: { role: string }; note: string; workloads: { name: string }[] }[];
  steps: { id: string; kind: string; params: Record<string, never>; target: Record<string, string> }[];
}
interface Attack {
  readonly title: string;
  /** Text before or after which the attacker seals the plan anew; unsealed edits are told by the digest. */
  readonly seal: boolean;
  readonly edit: (plan: Loose) => unknown;
  /** What the refusal names: the code, and the place. */
  readonly says: RegExp;
}

const evil = 'pay\u001b[2J\u001b]0;owned\u0007\u202ements';
const escapes = /\u001b|\u0007|\u202e|\u009b/;
const admin = 'arn:aws:iam::111122223333:role/kiam-server';

const stepOf = (plan: Loose, kind: string) => {
  const found = plan.steps.find((step) => step.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found as unknown as { kind: string; params: Record<string, unknown>; target: Record<string, unknown> };
};
const statementOf = (plan: Loose) =>
  stepOf(plan, 'add-trust-statement').params.statement as {
    Principal: unknown;
    Condition: Record<string, Record<string, string>>;
  };

const attacks: readonly Attack[] = [
  {
    title: 'another role, not sealed',
    seal: false,
    edit: (plan) => ((plan.moves[0] as Loose['moves'][0]).to.role = admin),
    says: /RL613.*moves\[0\]|RL613.*steps\[\d+\]/s,
  },
  {
    title: 'another account',
    seal: true,
    edit: (plan) => (stepOf(plan, 'add-trust-statement').params.account = '999999999999'),
    says: /RL615.*steps\[\d+\]\.params\.account.*999999999999/s,
  },
  {
    title: 'another role in one step',
    seal: true,
    edit: (plan) =>
      (stepOf(plan, 'annotate-service-account').params.annotations = { 'eks.amazonaws.com/role-arn': admin }),
    says: /RL615.*steps\[\d+\]\.params\.annotations/s,
  },
  {
    title: 'another role everywhere, so that everything agrees',
    seal: true,
    edit: (plan) => {
      const role = (plan.moves[0] as Loose['moves'][0]).to.role;
      const text = JSON.stringify(plan)
        .replaceAll(role, admin)
        .replaceAll(`"role":"${role.split('/').at(-1)}"`, '"role":"kiam-server"');
      Object.assign(plan, JSON.parse(text));
    },
    says: /RL6\d\d|RL833|RL838/,
  },
  {
    title: 'a path that leads elsewhere',
    seal: true,
    edit: (plan) => (stepOf(plan, 'annotate-service-account').params.name = '../../kube-system/serviceaccounts/x'),
    says: /RL615.*steps\[\d+\]\.params\.name/s,
  },
  {
    title: 'everybody as a principal',
    seal: true,
    edit: (plan) => (statementOf(plan).Principal = { AWS: '*' }),
    says: /RL615.*steps\[\d+\]\.params\.statement/s,
  },
  {
    title: "another namespace's service account in the statement",
    seal: true,
    edit: (plan) => {
      const { Condition } = statementOf(plan);
      const tests = Condition['StringEquals'] as Record<string, string>;
      for (const key of Object.keys(tests)) if (key.endsWith(':sub')) tests[key] = 'system:serviceaccount:evil:evil';
    },
    says: /RL615.*steps\[\d+\]\.params\.statement.*evil/s,
  },
  {
    title: 'a kind of step that nobody knows',
    seal: true,
    edit: (plan) => (stepOf(plan, 'restart-workload').kind = 'run-shell'),
    says: /RL6\d\d.*run-shell/s,
  },
  {
    title: 'parameters that the kind does not have',
    seal: true,
    edit: (plan) => (stepOf(plan, 'restart-workload').params.command = 'rm -rf /'),
    says: /RL6\d\d.*command/s,
  },
  {
    title: 'a newer version',
    seal: true,
    edit: (plan) => (plan.format = 'rolelift.plan/2'),
    says: /RL611.*rolelift\.plan\/2/s,
  },
];

const journalAttacks: readonly {
  readonly title: string;
  readonly seal: boolean;
  readonly edit: (events: Record<string, unknown>[]) => void;
  readonly says: RegExp;
}[] = [
  {
    title: 'a line that was changed',
    seal: false,
    edit: (events) => ((events[1] as Record<string, unknown>).holder = 'somebody'),
    says: /RL620.*line 2/s,
  },
  {
    title: 'a role that the plan never spoke of, in a pre-image',
    seal: true,
    edit: (events) => {
      const started = events.find(
        ({ type, step }) => type === 'started' && String(step).startsWith('annotate-service-account'),
      );
      const preimage = (started?.preimage as { fields: Record<string, unknown> } | undefined)?.fields ?? {};
      const [pointer] = Object.keys(preimage) as [string];
      preimage[pointer] = { present: true, value: admin };
    },
    says: /RL621.*kiam-server/s,
  },
  {
    title: "another role's name, which the broker would resolve, in a pre-image",
    seal: true,
    edit: (events) => {
      const step = 'remove-pod-annotation';
      const started: unknown = events.find((event) => event.type === 'started' && String(event.step).startsWith(step));
      const { fields } = (started as { preimage: { fields: Record<string, unknown> } }).preimage;
      const pointer = Object.keys(fields).find((one) => one.endsWith('iam.amazonaws.com~1role')) as string;
      fields[pointer] = { present: true, value: 'orders-checkout' };
    },
    says: /RL621.*remove-pod-annotation:payments.*line\s+\d+.*orders-checkout/s,
  },
  {
    title: 'a step of no plan',
    seal: true,
    edit: (events) => {
      const started = events.find(({ type }) => type === 'started') as Record<string, unknown>;
      for (const event of events)
        if (event.step === started.step && event !== started) event.step = 'restart-workload:a/b/c';
      started.step = 'restart-workload:a/b/c';
    },
    says: /RL621.*restart-workload:a\/b\/c/s,
  },
  {
    title: 'a newer version',
    seal: true,
    edit: (events) => ((events[0] as Record<string, unknown>).format = 'rolelift.journal/2'),
    says: /RL6\d\d.*rolelift\.journal\/2/s,
  },
  {
    title: 'another plan',
    seal: true,
    edit: (events) => ((events[0] as Record<string, unknown>).plan = `sha256:${'0'.repeat(64)}`),
    says: /RL622/,
  },
];

describe('what somebody else wrote', () => {
  let sandbox: RunningSandbox;
  let cwd: string;
  const limit = pLimit(2);
  const run = (...args: readonly string[]): Promise<Ended> => rolelift(args, { env: sandbox.env, cwd });
  /** Writes that changed something: leases and notes of runs aside. */
  const writes = async (): Promise<readonly string[]> => {
    const calls = (await sandbox.control('GET', 'calls?write=true')) as readonly {
      readonly action: string;
      readonly service: string;
    }[];
    return calls
      .map(({ service, action }) => `${service} ${action}`)
      .filter((call) => !/leases|configmaps|reviews|AssumeRole/.test(call));
  };
  const copyOf = (name: string): string => {
    const folder = path.join(cwd, 'plans', name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    cpSync(path.join(cwd, 'plans/p'), folder, { recursive: true });
    return `plans/${name}`;
  };

  beforeAll(async () => {
    cwd = lasting();
    const scenario = structuredClone(loadScenario('demo'));
    for (const object of scenario.kubernetes as {
      kind: string;
      metadata: { name: string; annotations?: Record<string, string> };
      spec?: { template?: { metadata?: { annotations?: Record<string, string> } } };
    }[]) {
      if (object.kind === 'Deployment' && object.metadata.name === 'uploader') {
        const template = object.spec?.template;
        if (template) template.metadata = { ...template.metadata, annotations: { 'iam.amazonaws.com/role': evil } };
      }
      if (object.kind === 'Namespace' && object.metadata.name === 'marketing')
        object.metadata.annotations = { 'iam.amazonaws.com/permitted': evil };
    }
    const file = path.join(cwd, 'estate.json');
    writeFileSync(file, JSON.stringify(scenario));
    sandbox = await startSandbox(['--scenario', file]);
    const made = await run('plan', '-n', 'payments', '-o', 'plans/p');
    expect(made.code, made.err).toBe(0);
  }, 60_000);
  afterAll(() => sandbox.stop());

  it('in a plan is refused with the place, and nothing runs', async () => {
    const before = await writes();
    const answers = await Promise.all(
      attacks.map(({ title, seal, edit, says }, index) =>
        limit(async () => {
          const folder = copyOf(`attack-${index}`);
          const at = path.join(cwd, folder, 'plan.json');
          const plan = JSON.parse(readFileSync(at, 'utf8')) as Loose;
          edit(plan);
          writeFileSync(at, JSON.stringify(seal ? sealPlan(plan as unknown as Plan) : plan));
          const { code, out, err } = await run('apply', folder, '--yes');
          const journal = readdirSync(path.join(cwd, folder)).includes('journal.jsonl')
            ? readFileSync(path.join(cwd, folder, 'journal.jsonl'), 'utf8')
            : '';
          const said = `${out}${err}`;
          return {
            title,
            refused: code === 4 ? 'yes' : `exit ${code}`,
            names: says.test(said) ? 'yes' : said,
            began: journal.includes('"type":"started"'),
          };
        }),
      ),
    );
    expect(answers).toEqual(attacks.map(({ title }) => ({ title, refused: 'yes', names: 'yes', began: false })));
    expect(await writes()).toEqual(before);
  }, 120_000);

  it('in a journal is refused with the place, and nothing is undone', async () => {
    const done = await run('apply', 'plans/p', '--yes', '--json', '--soak', '0s', '--accept-unproven', 'all');
    expect(done.code, done.err).toBe(0);
    const before = await writes();
    const answers = await Promise.all(
      journalAttacks.map(({ title, seal, edit, says }, index) =>
        limit(async () => {
          const folder = copyOf(`forged-${index}`);
          const at = path.join(cwd, folder, 'journal.jsonl');
          const events = readFileSync(at, 'utf8')
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as Record<string, unknown>);
          edit(events);
          let previous = '';
          for (const event of seal ? events : []) {
            event.sum = sumOf(previous, event);
            previous = event.sum as string;
          }
          writeFileSync(at, events.map((event) => encodeLine(event as unknown as JournalEvent)).join(''));
          const { code, out, err } = await run('rollback', folder, '--yes', '--lock', 'none');
          const said = `${out}${err}`;
          return { title, refused: code === 4 ? 'yes' : `exit ${code}`, names: says.test(said) ? 'yes' : said };
        }),
      ),
    );
    expect(answers).toEqual(journalAttacks.map(({ title }) => ({ title, refused: 'yes', names: 'yes' })));
    expect(await writes()).toEqual(before);
  }, 120_000);

  it('in names, annotations and notes is shown and never interpreted, by any command', async () => {
    const at = path.join(cwd, 'plans/p/plan.json');
    const plan = JSON.parse(readFileSync(at, 'utf8')) as Loose;
    for (const move of plan.moves) move.note = evil;
    writeFileSync(at, JSON.stringify(plan));
    const commands = [
      ['plan', '-o', 'plans/all'],
      ['show', 'plans/p'],
      ['show', 'plans/p', '--format', 'markdown'],
      ['status', 'plans/p'],
      ['diff', 'plans/p', 'plans/all'],
      ['report', '--format', 'markdown'],
      ['apply', 'plans/p', '--move', evil],
      ['explain', evil],
      ['permissions', `plans/${evil}`],
    ];
    const answers = await Promise.all(commands.map((args) => limit(async () => ({ args, ended: await run(...args) }))));
    const raw = answers.flatMap(({ args, ended }) => [
      ...(escapes.test(ended.out) ? [`output of ${args.join(' ')}`] : []),
      ...(escapes.test(ended.err) ? [`errors of ${args.join(' ')}`] : []),
    ]);
    expect(raw).toEqual([]);
    expect(answers.some(({ ended }) => ended.out.includes('\\u{1b}'))).toBe(true);
    const runbooks = ['p', 'all'].map((name) => readFileSync(path.join(cwd, 'plans', name, 'RUNBOOK.md'), 'utf8'));
    expect(runbooks.filter((text) => escapes.test(text))).toEqual([]);
  }, 120_000);
});
