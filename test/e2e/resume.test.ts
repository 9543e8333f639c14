import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { savePlan } from '../../src/cli/plan-directory.js';
import { createClients } from '../../src/clients/clients.js';
import type { HttpRequest } from '../../src/model/http.js';
import { defaultPlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { plan as makePlan } from '../../src/planner/plan.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { type Served, serve } from '../../src/sandbox/serve.js';
import { scan } from '../../src/scan/collect.js';
import { type Estate, estates } from '../faults/estates.js';
import { type Direction, somebody } from '../faults/stage.js';
import { folder, start } from '../helpers/cli.js';

/** The estate without the tool's own lock and list of runs. */
const textOf = (sandbox: Sandbox): string => {
  const { kubernetes, ...rest } = sandbox.canonical() as { kubernetes: string };
  const objects = Object.entries(JSON.parse(kubernetes) as Record<string, unknown>).filter(
    ([key]) => !/leases:|rolelift-runs/.test(key),
  );
  return JSON.stringify({ ...rest, kubernetes: objects }).replaceAll(
    /("sts:ExternalId":)"[^"]+"/g,
    '$1"made up by EKS"',
  );
};

interface Stand {
  readonly sandbox: Sandbox;
  readonly served: Served;
  readonly plan: Plan;
  readonly directory: string;
}

const raise = async (estate: Estate): Promise<Stand> => {
  const sandbox = createSandbox({ scenario: estate.scenario });
  await sandbox.settled();
  const send = (request: HttpRequest, signal: AbortSignal) => sandbox.handle(request, signal);
  const { region } = estate.scenario.cluster;
  const clients = await createClients({
    region,
    inProcess: { kubernetes: send, aws: send, server: 'http://127.0.0.1' },
  });
  const inventory = await scan(clients, { context: 'sandbox', server: 'http://127.0.0.1', region });
  const at = { createdAt: '2026-01-01T00:00:00Z', tool: 'test' };
  const plan = makePlan(inventory, { ...defaultPlanOptions, ...estate.options }, at);
  const directory = path.join(folder(), 'plan');
  await savePlan(directory, plan, inventory, '');
  sandbox.faults.forget();
  return { sandbox, served: await serve(sandbox), plan, directory };
};

const argumentsFor = (stand: Stand, direction: Direction): readonly string[] => [
  direction,
  stand.directory,
  '--yes',
  '--quiet',
  '--concurrency',
  '1',
  ...(direction === 'apply' ? ['--soak', '0s', '--accept-unproven', 'all', '--rollouts', '1'] : ['--gitops', 'live']),
];

/** The kind of the step that was under way when the process died, by its journal. */
const kindUnderWay = (stand: Stand): string => {
  const open = new Set<string>();
  for (const line of readFileSync(path.join(stand.directory, 'journal.jsonl'), 'utf8').split('\n')) {
    if (line === '') continue;
    const event = JSON.parse(line) as { type: string; step?: string };
    if (event.step === undefined) continue;
    if (event.type === 'started' || event.type === 'undo-started') open.add(event.step);
    else open.delete(event.step);
  }
  const [first] = open;
  return stand.plan.steps.find(({ id }) => id === first)?.kind ?? '';
};

/** Runs the command in a process of its own, killed before or after its n-th write to the estate. */
const killed = async (
  stand: Stand,
  direction: Direction,
  write: number,
  when: 'before' | 'after',
): Promise<boolean> => {
  const running = start(argumentsFor(stand, direction), { env: stand.served.env });
  // The first write of every run goes to the cluster's list of runs.
  stand.sandbox.faults.kill({ pid: running.child.pid as number, write: write + 1, when });
  const ended = await running.ended;
  if (ended.signal === null) expect(ended.code, `${ended.out}${ended.err}`).toBe(0);
  return ended.signal === 'SIGKILL';
};

/** Kills run after run, each some writes further, and then lets one come to its end. */
const tormented = async (stand: Stand, direction: Direction, kinds: Set<string>): Promise<void> => {
  for (let round = 0; round < 60; round += 1) {
    const [write, when] = round % 2 === 0 ? ([2, 'before'] as const) : ([1, 'after'] as const);
    if (!(await killed(stand, direction, write, when))) return;
    kinds.add(kindUnderWay(stand));
  }
  throw new Error('the run does not come to its end');
};

const of = (title: string): Estate => estates.find((estate) => estate.title.startsWith(title)) as Estate;

describe('a process that is killed from outside before or after its n-th write', { timeout: 240_000 }, () => {
  const kinds = { apply: new Set<string>(), rollback: new Set<string>() };
  const play = async (estate: Estate, before: (stand: Stand) => Promise<void> = async () => {}): Promise<void> => {
    const stand = await raise(estate);
    try {
      const begin = textOf(stand.sandbox);
      await before(stand);
      const calm = createSandbox({ scenario: estate.scenario });
      calm.stop();
      await tormented(stand, 'apply', kinds.apply);
      await stand.sandbox.settled();
      expect(textOf(stand.sandbox)).not.toBe(begin);
      await tormented(stand, 'rollback', kinds.rollback);
      await stand.sandbox.settled();
      expect(textOf(stand.sandbox)).toBe(begin);
    } finally {
      await stand.served.close();
      stand.sandbox.stop();
    }
  };

  it('ends where the uninterrupted run ends: kiam to IRSA', () => play(of('kiam to IRSA')));
  it('ends where the uninterrupted run ends: kiam to Pod Identity', () => play(of('kiam to Pod Identity')));
  it('ends where the uninterrupted run ends: a hand-off', () =>
    play(of('an account that Argo CD owns'), async ({ sandbox, plan }) => {
      // Its owner delivers both changes early.
      for (const step of plan.steps)
        if (step.kind === 'wait-for-handoff' && step.stage === 'cutover')
          await somebody(sandbox, 'PATCH', '/api/v1/namespaces/storefront/serviceaccounts/web', {
            metadata: {
              annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/storefront-web' },
            },
          });
    }));
});
