import { defaultUnwindOptions } from '../../engine/run.js';
import { unwind } from '../../engine/unwind.js';
import { RoleliftError } from '../../model/error.js';
import type { Inventory } from '../../model/inventory.js';
import type { StepState } from '../../model/journal.js';
import { optionsOf } from '../../planner/options-schema.js';
import { registry } from '../../steps/registry.js';
import { callsText } from '../calls-text.js';
import { connectTo, scanLive } from '../live.js';
import { moveProgress } from '../move-progress.js';
import { loadPlan, loadRunState, planDirectoryOf } from '../plan-directory.js';
import { identify, runHost } from '../run-host.js';
import { resultText } from '../run-result.js';
import { findRun, holderName, openRun } from '../run-state.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { shownPath } from '../shown-path.js';
import { toolName } from '../version.js';
import { stateOption } from './apply.js';

export interface RollbackArguments extends GlobalOptions {
  readonly state?: string;
  readonly lock: string;
  readonly move: readonly string[];
  readonly to?: string;
  readonly run?: string;
  readonly fromLive: boolean;
  readonly forceMove: readonly string[];
  readonly rolloutTimeout: number;
  readonly waitHandoff?: number;
  readonly gitops: 'handoff' | 'live';
  readonly dryRun: boolean;
}

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as RollbackArguments;
  const session = openSession(options, true);
  if (options.fromLive) {
    const { rollbackFromLive } = await import('../from-live.js');
    return rollbackFromLive(session, options);
  }
  const [target] = args;
  if (target === undefined && options.run === undefined) {
    throw new RoleliftError(
      {
        code: 'RL608',
        message: 'which plan is to be undone?',
        remedy: 'Name a plan directory, or --run ID (rolelift runs lists them), or --from-live.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  const found =
    target === undefined
      ? await findRun(session, options.run as string)
      : { directory: await planDirectoryOf(target), state: options.state };
  return rollbackDirectory(session, found.directory, {
    ...options,
    ...(found.state === undefined ? {} : { state: found.state }),
  });
};

const isToUndo = (state: StepState | undefined): boolean =>
  ['applied', 'verified', 'in-flight', 'failed', 'undoing', 'undo-failed'].includes(state?.is ?? 'pending');

export const rollbackDirectory = async (
  session: Session,
  directory: string,
  options: RollbackArguments,
): Promise<number> => {
  const { host } = session;
  const here = shownPath(directory);
  const plan = await loadPlan(directory);
  if (options.dryRun) {
    const state = await loadRunState(directory);
    const moves = new Set(options.move);
    host.result(
      callsText(
        plan,
        'undo',
        (step) =>
          isToUndo(state.steps.get(step.id)) && (moves.size === 0 || (step.move !== null && moves.has(step.move))),
        host.style,
      ),
    );
    await host.close();
    return 0;
  }
  const what =
    options.move.length > 0
      ? options.move.join(', ')
      : options.to === undefined
        ? 'everything that was applied'
        : `down to ${options.to}`;
  const question = `Undo ${what} of plan ${plan.id}?`;
  // Nobody can answer: refused before a lock is taken or a line written.
  if (!options.yes && !session.interactive) await session.prompts.confirm(question, '--yes');
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
    command: 'rollback',
  });
  try {
    host.say({
      kind: 'note',
      code: 'RL800',
      text: `cluster ${plan.cluster.name} at ${who.server}, account ${who.caller.account}, as ${who.caller.arn} and ${who.caller.kubernetesUser || 'an unnamed Kubernetes user'}`,
    });
    if (!session.options.yes) {
      if (!(await session.prompts.confirm(question, '--yes'))) {
        throw new RoleliftError(
          { code: 'RL806', message: 'not undone', remedy: 'Nothing was changed.', fault: 'user' },
          { exit: 3 },
        );
      }
    }
    let scanned: Promise<Inventory> | null = null;
    const live = (): Promise<Inventory> => {
      scanned ??= scanLive(session, clients, {
        managementContext: optionsOf(plan).managementContext ?? undefined,
        sharing: false,
      });
      return scanned;
    };
    const moves = moveProgress(
      plan,
      new Set([...opened.journal.state.steps].filter(([, now]) => isToUndo(now)).map(([id]) => id)),
      (message) => host.say(message),
    );
    const result = await unwind({
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
        looker: opened.looker(false),
        state: () => opened.journal.state,
        live,
      }),
      stop: { graceful: session.stopping, hard: session.ended, fence: opened.fence, stillHeld: opened.stillHeld },
      options: {
        ...defaultUnwindOptions,
        concurrency: options.concurrency,
        rolloutTimeoutMs: options.rolloutTimeout,
        handoffWaitMs: options.waitHandoff ?? 0,
        gitopsLive: options.gitops === 'live',
        yes: options.yes,
        scope:
          options.move.length > 0
            ? { is: 'moves', moves: options.move }
            : options.to === undefined
              ? { is: 'whole' }
              : { is: 'to', step: options.to },
        forceMoves: options.forceMove,
        holder: holderName(),
        tool: toolName(),
        command: {
          apply: `rolelift apply ${here}${stateOption(options)}`,
          rollback: `rolelift rollback ${here}${stateOption(options)}`,
        },
      },
    });
    moves.end(result.moves);
    await host.pause();
    if (!options.json)
      host.result(
        resultText(result, { plan, state: opened.journal.state, direction: 'rollback' }, host.style, host.width),
      );
    else for (const failure of result.failures) host.error(failure.error, failure.after ?? undefined);
    return session.stopCode() ?? result.exit;
  } finally {
    await opened.close();
    await host.close();
  }
};
