import { undoable } from '../../engine/unwind.js';
import { RoleliftError } from '../../model/error.js';
import type { StepState } from '../../model/journal.js';
import { visible } from '../../model/text.js';
import { optionsOf } from '../../planner/options-schema.js';
import { registry } from '../../steps/registry.js';
import { callsText } from '../calls-text.js';
import { confirmRun, sayWho } from '../confirm-run.js';
import { readRunState } from '../journal-place.js';
import { connectTo, scanLive } from '../live.js';
import { moveProgress } from '../move-progress.js';
import { movesNamed } from '../moves-named.js';
import { nextCommands } from '../next-commands.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { identify } from '../run-host.js';
import { showResult } from '../run-result.js';
import { findRun, openRun } from '../run-state.js';
import { openSession, type Session } from '../session.js';
import { shownPath } from '../shown-path.js';
import { scopeOf, type UndoOptions, undoRun } from '../undo-run.js';

export interface RollbackArguments extends UndoOptions {
  readonly state?: string;
  readonly lock: string;
  readonly run?: string;
  readonly fromLive: boolean;
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
  given: RollbackArguments,
): Promise<number> => {
  const { host } = session;
  const here = shownPath(directory);
  const plan = await loadPlan(directory);
  const options: RollbackArguments = {
    ...given,
    move: movesNamed(plan, given.move, here),
    forceMove: movesNamed(plan, given.forceMove, here),
  };
  if (options.dryRun) {
    const state = await readRunState(session, plan, directory, options.state);
    const { steps, kept } = undoable(plan, registry, state, scopeOf(options));
    host.result(callsText(plan, 'undo', steps, host.style));
    for (const { step, why } of kept) host.result(`${host.style.dim('stays:')} ${visible(step)} (${visible(why)})`);
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
    sayWho(session, plan, who);
    await confirmRun(session, question, 'not undone');
    const moves = moveProgress(
      plan,
      new Set([...opened.journal.state.steps].filter(([, now]) => isToUndo(now)).map(([id]) => id)),
      'rollback',
      (message) => host.say(message),
    );
    const result = await undoRun(
      {
        session,
        clients,
        plan,
        directory,
        opened,
        say: moves.say,
        scan: () =>
          scanLive(session, clients, {
            managementContext: optionsOf(plan).managementContext ?? undefined,
            sharing: false,
          }),
        command: nextCommands(here, options),
      },
      options,
    );
    moves.end(result.moves);
    await showResult(session, result, { plan, state: opened.journal.state, direction: 'rollback' });
    return session.stopCode() ?? result.exit;
  } finally {
    await opened.close();
    await host.close();
  }
};
