import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/model/plan.js';
import type { Call, Point } from '../../src/sandbox/faults.js';
import { checkScenario } from '../../src/sandbox/scenario.js';
import { registry } from '../../src/steps/registry.js';
import { type Estate, estates } from '../faults/estates.js';
import { type Direction, patchOf, pathOf, somebody } from '../faults/stage.js';
import { type Ended, start } from '../helpers/cli.js';
import {
  bucketIssuer,
  clusterApi,
  managementCluster,
  rollControlPlane,
  workloadCluster,
} from '../helpers/giantswarm.js';
import { raise, type Stand, type StandOptions } from './stand.js';

/** An estate that processes are killed in, and what other people do there while the tool waits for them. */
interface Ordeal extends StandOptions {
  readonly estate: Estate;
  /** What somebody else does once a run has paused; by default there is nothing to wait for. */
  readonly deliver?: (stand: Stand) => Promise<void>;
  /** Takes back what somebody else did, so that the end may be compared with the beginning. */
  readonly withdraw?: (stand: Stand) => void;
}

const argumentsFor = (stand: Stand, direction: Direction): readonly string[] => [
  direction,
  stand.directory,
  '--yes',
  '--quiet',
  '--concurrency',
  '1',
  ...stand.reach,
  ...(direction === 'apply' ? ['--soak', '0s', '--accept-unproven', 'all', '--rollouts', '1'] : ['--gitops', 'live']),
];

/** Steps that are under way by the journal. */
const underWay = (stand: Stand): Plan['steps'] => {
  const open = new Set<string>();
  for (const { type, step } of stand.journal()) {
    if (type === 'run-started' || type === 'paused') open.clear();
    else if (step !== undefined && (type === 'started' || type === 'undo-started')) open.add(step);
    else if (step !== undefined) open.delete(step);
  }
  return stand.plan.steps.filter(({ id }) => open.has(id));
};

/** Whether a step says of itself that it makes this call; what is created is not named in its path. */
const makes = (step: Plan['steps'][number], direction: Direction, { service, action, url }: Call): boolean =>
  (registry.get(step.kind)?.changes(step as never, direction === 'apply' ? 'apply' : 'undo') ?? []).some((change) =>
    change.api === 'aws'
      ? change.service === service && change.operation === action
      : service === 'kubernetes' &&
        (change.verb === 'create'
          ? action.startsWith('POST ')
          : !action.startsWith('POST ') && new URL(url).pathname.includes(`/${change.ref.name}`)),
  );

/** Kinds of the steps that a write belongs to: its own effect, or a line of the journal while they are under way. */
const kindsOf = (stand: Stand, direction: Direction, call: Call): readonly string[] => {
  const steps = underWay(stand);
  return (call.service === 's3' ? steps : steps.filter((step) => makes(step, direction, call))).map(({ kind }) => kind);
};

/** Where processes were killed, as `kind before`: before or after a write while a step of that kind was under way. */
const seen: Record<Direction, Set<string>> = { apply: new Set(), rollback: new Set() };

/** Runs the command in a process of its own, killed at the first point that no process was killed at yet. */
const torment = async (stand: Stand, direction: Direction): Promise<Ended> => {
  const running = start(argumentsFor(stand, direction), { env: stand.env });
  const pid = running.child.pid as number;
  let struck = false;
  const at = (call: Call, point: Point): boolean => {
    const fresh = kindsOf(stand, direction, call)
      .map((kind) => `${kind} ${point}`)
      .filter((each) => !seen[direction].has(each));
    if (struck || fresh.length === 0) return false;
    struck = true;
    for (const each of fresh) seen[direction].add(each);
    return true;
  };
  for (const sandbox of [stand.sandbox, stand.management]) sandbox?.faults.kill({ pid, at });
  const ended = await running.ended;
  expect(ended.signal, `${ended.out}${ended.err}`).toBe(struck ? 'SIGKILL' : null);
  return ended;
};

/** Kills processes until one comes to its end; the next command begins where each died. */
const tormented = async (stand: Stand, direction: Direction, deliver: Ordeal['deliver']): Promise<void> => {
  for (;;) {
    const { code, out, err } = await torment(stand, direction);
    if (code === null) continue;
    if (code === 0) return;
    expect([code, deliver === undefined], `${out}${err}`).toEqual([3, false]);
    await deliver?.(stand);
  }
};

const ends = async ({ estate, deliver, withdraw, ...options }: Ordeal): Promise<void> => {
  const stand = await raise(estate, options);
  try {
    const begin = stand.estate();
    await tormented(stand, 'apply', deliver);
    await stand.sandbox.settled();
    expect(stand.estate()).not.toBe(begin);
    await tormented(stand, 'rollback', undefined);
    withdraw?.(stand);
    await stand.sandbox.settled();
    expect(stand.estate()).toBe(begin);
  } finally {
    await stand.close();
  }
};

const of = (title: string): Estate => estates.find((estate) => estate.title.startsWith(title)) as Estate;

interface Delivered {
  readonly ref: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly pointer: string;
  readonly value: unknown;
}
/** What Argo CD's people do: they change the source, and it is synchronised. */
const synchronise = async ({ sandbox, plan, journal }: Stand): Promise<void> => {
  const [waiting] = journal().slice(-2);
  for (const { id, params } of plan.steps)
    if (waiting?.gate === `handoff:${id}`)
      for (const { ref, pointer, value } of params['changes'] as unknown as readonly Delivered[])
        await somebody(sandbox, 'PATCH', pathOf(ref), patchOf(pointer, value));
};

const swarmIssuer = bucketIssuer('aws');
const giantSwarm: Ordeal = {
  estate: {
    title: 'a Giant Swarm cluster whose IRSA is switched on from its management cluster',
    scenario: checkScenario(workloadCluster('aws'), 'workload'),
    options: { scope: ['workloads'], managementContext: 'gauss' },
  },
  management: {
    context: 'gauss',
    scenario: checkScenario(managementCluster('17.4.0'), 'management'),
    cluster: 'abcl0',
    server: clusterApi,
  },
  deliver: async ({ sandbox }) => rollControlPlane(sandbox, 'aws', swarmIssuer),
  // The provider is the operator's: it stays behind.
  withdraw: ({ sandbox }) => {
    for (const { providers } of sandbox.world.accounts.values())
      for (const [arn] of providers.entries())
        if (arn.endsWith(swarmIssuer.slice('https://'.length))) providers.delete(arn);
  },
};

describe('a process that is killed from outside before or after a write, then started again', {
  timeout: 900_000,
  concurrent: true,
}, () => {
  it('ends where the uninterrupted run ends: kiam to IRSA', () => ends({ estate: of('kiam to IRSA') }));
  it('ends where the uninterrupted run ends: kiam to Pod Identity', () => ends({ estate: of('kiam to Pod Identity') }));
  it('ends where the uninterrupted run ends: the CNI off two node roles', () =>
    ends({ estate: of('the CNI off two node roles') }));
  it('ends where the uninterrupted run ends: a role of another account', () =>
    ends({ estate: of('a role of another account') }));
  it('ends where the uninterrupted run ends: the CNI of IPv6', () =>
    ends({ estate: of('the CNI of an IPv6 cluster') }));
  it('ends where the uninterrupted run ends: Giant Swarm', () => ends(giantSwarm));
  // Here every line of the journal is a write as well, so steps that write nothing else are hit too.
  it('ends where the uninterrupted run ends: Argo CD, with the journal in object storage', () =>
    ends({ estate: of('an account that Argo CD owns'), deliver: synchronise, stateInObjects: true }));
});

describe('processes killed from outside', () => {
  it.each(['apply', 'rollback'] as const)('were hit before and after a write of every step kind: %s', (direction) => {
    const points = [...registry.keys()].flatMap((kind) => [`${kind} after`, `${kind} before`]).sort();
    expect([...seen[direction]].sort()).toEqual(points);
    process.stdout.write(`\nprocesses killed in ${direction}: ${seen[direction].size}/${points.length}\n`);
  });
});
