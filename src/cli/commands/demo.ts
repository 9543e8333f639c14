import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../clients/system-clock.js';
import { canonical } from '../../model/canonical.js';
import { RoleliftError } from '../../model/error.js';
import { defaultPlanOptions } from '../../model/options.js';
import { counted, duration, visible } from '../../model/text.js';
import { plan as makePlan } from '../../planner/plan.js';
import { type IdentityRow, identitiesText } from '../../report/identities.js';
import { proofsText } from '../../report/proofs.js';
import { reviewText } from '../../report/review.js';
import { runbook } from '../../report/runbook.js';
import { usesText } from '../../report/uses.js';
import { createSandbox, type Sandbox } from '../../sandbox/sandbox.js';
import { loadScenario } from '../../sandbox/scenario.js';
import { serve } from '../../sandbox/serve.js';
import { verifyMoves } from '../../verify/verify.js';
import { connectTo, scanLive } from '../live.js';
import { clearForPlan, files, loadRunState, savePlan } from '../plan-directory.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { useRows } from '../use-rows.js';
import { toolName } from '../version.js';
import { type ApplyArguments, applyDirectory } from './apply.js';
import { type RollbackArguments, rollbackDirectory } from './rollback.js';

/** Name of what made a pod: the name without the ReplicaSet's hash and the pod's own suffix, or without the ordinal. */
const workloadName = (pod: string): string => pod.replace(/(-[a-z0-9]{6,10})?-([a-z0-9]{5}|\d+)$/, '');

/** Which role every pod of the estate really gets, asked of the sandbox, which decides by its own rules. */
const identitiesOf = (sandbox: Sandbox): readonly IdentityRow[] => {
  const rows = new Map<string, IdentityRow>();
  for (const pod of sandbox.identities()) {
    const workload = `${pod.namespace}/${workloadName(pod.pod)}`;
    for (const { container, role, source } of pod.containers) {
      rows.set(`${workload} ${container}`, { workload, container, role, via: source });
    }
  }
  return [...rows.values()].sort((left, right) => (left.workload < right.workload ? -1 : 1));
};

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
  const sandbox = createSandbox({ scenario: await loadScenario('demo') });
  const served = await serve(sandbox);
  Object.assign(process.env, served.env);
  delete process.env.AWS_PROFILE;
  delete process.env.AWS_SESSION_TOKEN;
  try {
    return await play(session, sandbox, directory, started);
  } finally {
    await served.close();
    await session.host.close();
  }
};

const play = async (session: Session, sandbox: Sandbox, directory: string, started: number): Promise<number> => {
  const { host } = session;
  const { style, width } = host;
  const json = session.options.json;
  const chapter = async (title: string, text: string): Promise<void> => {
    await host.pause();
    if (!json) host.result(`\n${style.bold(style.name(`▌ ${title}`))}\n${text}`);
  };
  const check = (what: string, right: boolean): void => {
    if (right) return;
    throw new RoleliftError({
      code: 'RL902',
      message: `the demo did not go as it should: ${what}`,
      remedy: 'Report it, with what rolelift demo --verbose prints.',
      fault: 'tool',
    });
  };

  const before = canonical(sandbox.canonical());
  const identitiesBefore = identitiesOf(sandbox);
  await chapter(
    '1. A cluster and an account, simulated on loopback',
    'Real HTTP, the real clients; nothing leaves this machine.',
  );

  const clients = await connectTo(session);
  const inventory = await scanLive(session, clients);
  await chapter(
    '2. scan: who gets which credentials, from what',
    usesText(inventory, useRows(inventory), style, width),
  );

  const plan = makePlan(inventory, defaultPlanOptions, {
    createdAt: new Date(systemClock.now()).toISOString(),
    tool: toolName(),
  });
  await clearForPlan(directory);
  await savePlan(directory, plan, inventory, runbook(plan, directory));
  await chapter('3. plan: what moves, in which steps, and what is in the way', reviewText(plan, style, width));

  const { rehearseDirectory } = await import('./rehearse.js');
  await chapter('4. rehearse: the plan and its rollback on a twin, before anything real', '');
  check('the rehearsal passes', (await rehearseDirectory(session, directory, true)) === 0);

  await chapter('5. apply: prepare and cut over, each identity proven', '');
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
  const quiet: Session = { ...session, host: { ...host, close: async () => undefined } };
  // Exit 3: hand-offs wait for their owners, and retire is still to do.
  check('apply ends well', [0, 3].includes(await applyDirectory(quiet, directory, applying)));
  const identitiesMoved = identitiesOf(sandbox);
  await chapter(
    '6. what each pod really gets now, asked of the simulated cluster',
    identitiesText(identitiesBefore, identitiesMoved, plan.cluster.accountId, style, width),
  );

  const looker = {
    plan,
    clients,
    clock: systemClock,
    signal: session.ended,
    say: host.say,
    run: 'demo',
    proveToken: false,
  };
  const proofs = await verifyMoves(looker, await loadRunState(directory));
  await chapter('7. verify: proven how, since when', proofsText(proofs, null, plan.cluster.accountId, style, width));
  check(
    'nothing is wrong after the move',
    proofs.every((proof) => proof.state !== 'wrong'),
  );

  await chapter('8. retire: the old annotations go (here without the usual 24 h of soak)', '');
  check(
    'retire ends well',
    [0, 3].includes(await applyDirectory(quiet, directory, { ...applying, stage: 'retire', soak: 0 })),
  );

  await chapter('9. rollback: everything back, in the order that loses nobody an identity', '');
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
  check('rollback ends well', (await rollbackDirectory(quiet, directory, undoing)) === 0);
  const identitiesAfter = identitiesOf(sandbox);
  const same = canonical(identitiesAfter) === canonical(identitiesBefore);
  check('every pod has its old identity', same);
  const exact = canonical(sandbox.canonical()) === before;
  await chapter(
    'The end',
    [
      `${counted(identitiesAfter.length, 'container')} have the identity that they began with; the estate ${exact ? 'is what it was before' : 'differs from before only in what the server keeps (revisions)'}.`,
      `took ${duration(systemClock.monotonic() - started)}; files: ${visible(directory)}`,
      `  ${Object.values(files)
        .filter((name) => name !== files.pause)
        .join('  ')}`,
      '',
      'On your own cluster: rolelift scan, rolelift plan, rolelift rehearse, rolelift apply.',
    ].join('\n'),
  );
  return 0;
};
