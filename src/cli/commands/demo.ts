import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../clients/system-clock.js';
import { canonical } from '../../model/canonical.js';
import { RoleliftError } from '../../model/error.js';
import type { Inventory } from '../../model/inventory.js';
import type { Json } from '../../model/json.js';
import { defaultPlanOptions } from '../../model/options.js';
import { duration } from '../../model/text.js';
import { plan as makePlan } from '../../planner/plan.js';
import { runbook } from '../../report/runbook.js';
import { createSandbox, type Sandbox } from '../../sandbox/sandbox.js';
import { loadScenario } from '../../sandbox/scenario.js';
import { serve } from '../../sandbox/serve.js';
import { verifyMoves } from '../../verify/verify.js';
import { demoIdentities } from '../demo-identities.js';
import { demoTeller, type Teller } from '../demo-teller.js';
import { connectTo, scanLive } from '../live.js';
import { clearForPlan, loadRunState, savePlan } from '../plan-directory.js';
import { enterSandbox } from '../sandbox-env.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { shownPath } from '../shown-path.js';
import { toolName } from '../version.js';
import { type ApplyArguments, applyDirectory } from './apply.js';
import { type RollbackArguments, rollbackDirectory } from './rollback.js';

/** Pods of the demo call AWS that often, so that CloudTrail soon shows them using what they have. */
const useEveryMs = 500;

export const run = async (_args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = {
    ...(given as unknown as GlobalOptions),
    yes: true,
    namespace: [],
    excludeNamespace: [],
    concurrency: 20,
    maxRate: {},
    accountProfile: {},
    accountRole: {},
  };
  const started = systemClock.monotonic();
  const session = openSession(options, true);
  const directory = path.resolve(options.out ?? (await mkdtemp(path.join(tmpdir(), 'rolelift-demo-'))));
  const sandbox = createSandbox({ scenario: await loadScenario('demo'), settings: { useEveryMs } });
  const served = await serve(sandbox);
  enterSandbox(served.env);
  try {
    await sandbox.settled();
    return await play(session, sandbox, directory, started);
  } finally {
    await served.close();
    await session.host.close();
  }
};

const must = (what: string, right: boolean): void => {
  if (right) return;
  throw new RoleliftError({
    code: 'RL902',
    message: `the demo did not go as it should: ${what}`,
    remedy: 'Report it, with what rolelift demo --verbose prints.',
    fault: 'tool',
  });
};

const play = async (session: Session, sandbox: Sandbox, directory: string, started: number): Promise<number> => {
  const teller = demoTeller(session);
  const before = estateOf(sandbox);
  const { clients, inventory } = await look(session, teller);
  const identities = () => demoIdentities(sandbox, inventory);
  const old = identities();

  const plan = makePlan(inventory, defaultPlanOptions, {
    createdAt: new Date(systemClock.now()).toISOString(),
    tool: toolName(),
  });
  await clearForPlan(directory);
  await savePlan(directory, plan, inventory, runbook(plan, shownPath(directory)));
  await teller.planned(plan);

  const rehearsing = teller.backstage('rehearse');
  const { rehearseDirectory } = await import('./rehearse.js');
  must('the rehearsal passes', (await rehearseDirectory(rehearsing.session, directory, true)) === 0);
  await teller.rehearsed(rehearsing.shown);

  const applying = {
    ...session.options,
    lock: 'kube-system/rolelift',
    state: 'local',
    move: [],
    acceptUnproven: [],
    onFailure: 'rollback-move',
    rollouts: 20,
    rolloutTimeout: 60_000,
    dryRun: false,
    allowFailedRehearsal: false,
  } as unknown as ApplyArguments;
  // Exit 3: a hand-off waits for its owner, and retire is still to do.
  must(
    'apply ends well',
    [0, 3].includes(await applyDirectory(teller.backstage('apply').session, directory, applying)),
  );
  await sandbox.settled();
  await teller.applied(plan, await loadRunState(directory), old, identities());

  // What CloudTrail tells has whole seconds: a use counts once it is younger than the newest pod by one.
  await systemClock.sleep(1_500);
  const proofs = await verifyMoves(
    {
      plan,
      clients,
      clock: systemClock,
      signal: session.ended,
      say: () => undefined,
      run: 'demo',
      proveToken: false,
    },
    await loadRunState(directory),
  );
  await teller.verified(plan, proofs);
  must(
    'nothing is wrong after the move',
    proofs.every((proof) => proof.state !== 'wrong'),
  );

  const retiring = { ...applying, stage: 'retire', soak: 0 } as const;
  must(
    'retire ends well',
    [0, 3].includes(await applyDirectory(teller.backstage('retire').session, directory, retiring)),
  );
  await sandbox.settled();
  await teller.retired(plan, await loadRunState(directory));

  const undoing = {
    ...session.options,
    lock: 'kube-system/rolelift',
    state: 'local',
    move: [],
    fromLive: false,
    forceMove: [],
    rolloutTimeout: 60_000,
    gitops: 'handoff',
    dryRun: false,
  } as unknown as RollbackArguments;
  must('rollback ends well', (await rollbackDirectory(teller.backstage('rollback').session, directory, undoing)) === 0);
  await sandbox.settled();
  const back = identities();
  must('every pod has its old identity', canonical(back) === canonical(old));
  await teller.undone(await loadRunState(directory), back, estateOf(sandbox) === before);
  await teller.end(directory, duration(systemClock.monotonic() - started));
  return 0;
};

/** Everything in cluster and account, but for the two objects in which rolelift keeps its lock and its list of runs. */
const estateOf = (sandbox: Sandbox): string => {
  const { kubernetes, ...rest } = sandbox.canonical();
  const objects = JSON.parse(String(kubernetes)) as Record<string, Json>;
  const own = ['/configmaps:kube-system/rolelift-runs', 'coordination.k8s.io/leases:kube-system/rolelift'];
  return canonical({ ...rest, kubernetes: Object.entries(objects).filter(([key]) => !own.includes(key)) });
};

/** The first chapters: the estate, and what a scan tells of it. */
const look = async (
  session: Session,
  teller: Teller,
): Promise<{ clients: Awaited<ReturnType<typeof connectTo>>; inventory: Inventory }> => {
  await teller.begin();
  const clients = await connectTo(session);
  const inventory = await scanLive(teller.backstage('scan').session, clients);
  await teller.scanned(inventory);
  return { clients, inventory };
};
