import { apply } from '../../engine/execute.js';
import { defaultApplyOptions } from '../../engine/run.js';
import { type ErrorData, RoleliftError } from '../../model/error.js';
import type { Inventory } from '../../model/inventory.js';
import type { RunState, StepState } from '../../model/journal.js';
import type { Plan, Step } from '../../model/plan.js';
import { counted } from '../../model/text.js';
import type { Stage } from '../../model/words.js';
import { agrees } from '../../planner/diff.js';
import { optionsOf } from '../../planner/options-schema.js';
import { plan as makePlan } from '../../planner/plan.js';
import { rewind } from '../../planner/rewind.js';
import { registry } from '../../steps/registry.js';
import { appliedSteps } from '../../verify/old-way.js';
import { callsText } from '../calls-text.js';
import { confirmRun, sayWho } from '../confirm-run.js';
import { connectTo, scanLive } from '../live.js';
import { moveProgress } from '../move-progress.js';
import { movesNamed } from '../moves-named.js';
import { nextCommands } from '../next-commands.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { checkRehearsal } from '../rehearsal-verdict.js';
import { identify, runHost } from '../run-host.js';
import { showResult } from '../run-result.js';
import { holderName, openRun } from '../run-state.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { shownPath } from '../shown-path.js';
import { toolName } from '../version.js';

export interface ApplyArguments extends GlobalOptions {
  readonly state?: string;
  readonly lock: string;
  readonly stage?: Stage;
  readonly move: readonly string[];
  readonly canary?: number;
  readonly soak?: number;
  readonly acceptUnproven: readonly string[];
  readonly prove?: 'token';
  readonly onFailure: 'stop' | 'rollback-move' | 'continue';
  readonly rollouts: number;
  readonly rolloutTimeout: number;
  readonly waitHandoff?: number;
  readonly dryRun: boolean;
  readonly allowFailedRehearsal: boolean;
  readonly expectDigest?: string;
}

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as ApplyArguments;
  const session = openSession(options, true);
  const directory = await planDirectoryOf(args[0] as string);
  return applyDirectory(session, directory, options);
};

const refuse = (code: `RL${number}`, message: string, cause: string, remedy: string): never => {
  throw new RoleliftError({ code, message, cause, remedy, fault: 'user' }, { exit: 4 });
};

/** Everything that refuses a plan before a connection is made. */
const checkPlan = (plan: Plan, options: ApplyArguments, here: string): void => {
  if (options.expectDigest !== undefined && options.expectDigest !== plan.digest) {
    refuse(
      'RL613',
      'this is not the plan that was expected',
      `its digest is ${plan.digest}, not ${options.expectDigest}`,
      'Fetch the reviewed plan, or give its digest.',
    );
  }
  if (plan.source !== 'live') {
    refuse(
      'RL614',
      `the plan ${plan.id} was made from manifests`,
      'what only the cluster and the account could tell was assumed',
      'Make a plan from the live cluster: rolelift plan.',
    );
  }
  if (plan.moves.length > 0 && plan.moves.every((move) => move.blocked)) {
    refuse(
      'RL615',
      'every move of this plan is blocked',
      'each has a finding that nobody accepted',
      `See rolelift show ${here}; mend the causes or accept them when planning.`,
    );
  }
};

/** True for a step that an earlier run has begun: what became of it is told by its journal and by looking, not by planning. */
const isBegun = (state: StepState | undefined): boolean =>
  state !== undefined && 'preimage' in state && state.preimage !== null;

/** What a fresh plan of the present estate would not do any more (H21), by step; of what has not begun yet. */
export const refusedSteps = (live: Inventory, plan: Plan, state: RunState): ReadonlyMap<string, ErrorData> => {
  const before = rewind(live, plan, appliedSteps(state));
  const fresh = makePlan(before, optionsOf(plan), { createdAt: plan.createdAt, tool: plan.tool });
  return new Map(
    agrees(plan, fresh)
      .filter(({ step }) => !isBegun(state.steps.get(step)))
      .map((difference) => [
        difference.step,
        {
          code: 'RL833',
          message: `the estate has changed since the plan was made: ${difference.step}`,
          subject: null,
          cause: difference.why,
          remedy: 'See rolelift diff; plan again for what has changed.',
          fault: 'remote',
        } satisfies ErrorData,
      ]),
  );
};

const movesToApply = (plan: Plan, named: readonly string[]): number =>
  plan.moves.filter((move) => !move.blocked && !move.skip && (named.length === 0 || named.includes(move.id))).length;

export const applyDirectory = async (session: Session, directory: string, given: ApplyArguments): Promise<number> => {
  const { host } = session;
  const here = shownPath(directory);
  const plan = await loadPlan(directory);
  checkPlan(plan, given, here);
  const options: ApplyArguments = {
    ...given,
    move: movesNamed(plan, given.move, here),
    acceptUnproven: given.acceptUnproven.flatMap((name) => (name === 'all' ? [name] : movesNamed(plan, [name], here))),
  };
  if (options.dryRun) {
    host.result(
      callsText(
        plan,
        'apply',
        (plan.steps as readonly Step[]).filter(
          (step) =>
            !step.skip &&
            (options.stage === undefined || step.stage === options.stage) &&
            (options.move.length === 0 || step.move === null || options.move.includes(step.move)),
        ),
        host.style,
      ),
    );
    await host.close();
    return 0;
  }
  // Nobody can answer: refused before a lock is taken or a line written.
  if (!options.yes && !session.interactive)
    await session.prompts.confirm(`Apply plan ${plan.id} from ${here}?`, '--yes');
  await checkRehearsal(directory, plan, options.allowFailedRehearsal, (message) => host.say(message));
  const lost = new AbortController();
  const clients = await connectTo(session, lost.signal);
  const who = await identify(clients);
  const opened = await openRun({
    session,
    clients,
    lost,
    plan,
    directory,
    state: options.state,
    lock: options.lock,
    command: 'apply',
  });
  try {
    const scan = (): Promise<Inventory> =>
      scanLive(session, clients, {
        managementContext: optionsOf(plan).managementContext ?? undefined,
        // Who else uses a node role matters only to what touches node roles, and takes a look into every Region.
        sharing: plan.moves.some((move) => move.from.broker === 'node-role' && !move.blocked),
      });
    const refused = refusedSteps(await scan(), plan, opened.journal.state);
    await host.pause();
    sayWho(session, plan, who);
    await confirmRun(
      session,
      `Apply plan ${plan.id} (${counted(movesToApply(plan, options.move), 'move')}) from ${here}?`,
      'not applied',
    );
    const stages: readonly Stage[] =
      options.stage === undefined
        ? options.soak === undefined
          ? ['prepare', 'cutover']
          : ['prepare', 'cutover', 'retire']
        : [options.stage];
    const moves = moveProgress(
      plan,
      new Set(
        (plan.steps as readonly Step[])
          .filter(
            (step) =>
              stages.includes(step.stage) &&
              !['applied', 'verified', 'skipped'].includes(opened.journal.state.steps.get(step.id)?.is ?? 'pending'),
          )
          .map((step) => step.id),
      ),
      'apply',
      (message) => host.say(message),
    );
    const result = await apply({
      plan,
      journal: opened.journal,
      registry,
      clients,
      clock: opened.clock,
      say: moves.say,
      host: runHost({
        session,
        plan,
        directory,
        clients,
        looker: opened.looker(options.prove === 'token'),
        state: () => opened.journal.state,
        // What the rollback of a failed move asks must be what is there then, not what was there at the start.
        scan,
      }),
      stop: opened.stops,
      options: {
        ...defaultApplyOptions,
        concurrency: options.concurrency,
        rollouts: options.rollouts,
        rolloutTimeoutMs: options.rolloutTimeout,
        handoffWaitMs: options.waitHandoff ?? 0,
        proveToken: options.prove === 'token',
        yes: options.yes,
        stages,
        moves: options.move.length === 0 ? null : options.move,
        canary: options.canary ?? null,
        soakMs: options.soak ?? null,
        onFailure: options.onFailure,
        acceptUnproven: options.acceptUnproven,
        refused,
        holder: holderName(),
        tool: toolName(),
        command: nextCommands(here, options),
      },
    });
    moves.end(result.moves);
    await showResult(session, result, { plan, state: opened.journal.state, direction: 'apply' });
    return session.stopCode() ?? result.exit;
  } finally {
    await opened.close();
    await host.close();
  }
};
