import path from 'node:path';
import type { AllClients } from '../clients/clients.js';
import { systemClock } from '../clients/system-clock.js';
import { undoable } from '../engine/unwind.js';
import { openJournal } from '../journal/journal.js';
import { memoryStore } from '../journal/memory-store.js';
import { RoleliftError } from '../model/error.js';
import { counted, visible } from '../model/text.js';
import { registry } from '../steps/registry.js';
import { type MarkedPlan, planFromMarks, plansInMarks } from '../verify/from-marks.js';
import { readMarks } from '../verify/mark-reads.js';
import { writeMarkedJournal } from '../verify/marked-journal.js';
import { ourStatements } from '../verify/our-statements.js';
import { callsText } from './calls-text.js';
import type { RollbackArguments } from './commands/rollback.js';
import { confirmRun } from './confirm-run.js';
import { connectTo, scanLive } from './live.js';
import { runOptions } from './next-commands.js';
import { files, folderName, saveJson } from './plan-directory.js';
import { type Identified, identify } from './run-host.js';
import { showResult } from './run-result.js';
import { holderName, openRun, timeStamp } from './run-state.js';
import type { Session } from './session.js';
import { shownPath } from './shown-path.js';
import { scopeOf, undoRun } from './undo-run.js';
import { toolName } from './version.js';

/** Stands for plans whose marks name none: statements in trust policies, where nothing else was done yet. */
const nameless = 'unknown';

/**
 * Last resort (H5): undoes what carries our marks, in H1's order, without plan and journal. Asks the identity model first (H2) as
 * any rollback does, writes a journal of its own, and prints what it cannot restore.
 */
export const rollbackFromLive = async (session: Session, options: RollbackArguments): Promise<number> => {
  const { host } = session;
  const lost = new AbortController();
  const clients = await connectTo(session, lost.signal);
  const who = await identify(clients);
  const inventory = await scanLive(session, clients, { sharing: false });
  const reads = await readMarks(clients.kubernetes(), inventory);
  const named = plansInMarks(inventory, reads);
  const ids = named.length > 0 || !ourStatements(inventory).some(({ ours }) => ours) ? named : [nameless];
  if (ids.length === 0) {
    host.result('nothing in this cluster and its accounts carries a mark of ours');
    await host.close();
    return 0;
  }
  const found = ids.map((id, index) => planFromMarks(inventory, id, reads, index === ids.length - 1));
  let exit = 0;
  for (const { marked, move } of asked(found, options)) {
    const code = await undoMarked(session, { ...options, move }, { clients, lost, who, marked });
    // The first that is not over is what the caller has to look at.
    if (exit === 0) exit = code;
    if (session.stopCode() !== null) break;
  }
  await host.close();
  return session.stopCode() ?? exit;
};

/** Names of moves as marks give them, or without `move:`, as the screens show them. */
const nameOf = (found: readonly MarkedPlan[], given: string): string =>
  [given, `move:${given}`].find((id) => found.some(({ plan }) => plan.moves.some((move) => move.id === id))) ?? given;

/**
 * Which of the plans that left marks are undone, and which moves of each: those that have the moves or the step that were named.
 * Throws RL628 (exit 64), before anything is changed, where none has.
 */
const asked = (
  found: readonly MarkedPlan[],
  options: Pick<RollbackArguments, 'move' | 'to'>,
): readonly { readonly marked: MarkedPlan; readonly move: readonly string[] }[] => {
  const moves = options.move.map((given) => nameOf(found, given));
  const named = moves.length > 0 ? moves : options.to === undefined ? [] : [options.to];
  const has = ({ plan }: MarkedPlan, id: string): boolean =>
    (moves.length > 0 ? plan.moves : plan.steps).some((one) => one.id === id);
  const unknown = named.find((id) => !found.some((marked) => has(marked, id)));
  if (unknown !== undefined)
    throw new RoleliftError(
      {
        code: 'RL628',
        message: `nothing that carries our marks belongs to the ${moves.length > 0 ? 'move' : 'step'} ${unknown}`,
        remedy: 'rolelift rollback --from-live --dry-run lists moves and steps as far as marks tell.',
        fault: 'user',
      },
      { exit: 64 },
    );
  return found
    .filter((marked) => named.length === 0 || named.some((id) => has(marked, id)))
    .map((marked) => ({ marked, move: moves.filter((id) => has(marked, id)) }));
};

const undoMarked = async (
  session: Session,
  options: RollbackArguments,
  of: {
    readonly clients: AllClients;
    readonly lost: AbortController;
    readonly who: Identified;
    readonly marked: MarkedPlan;
  },
): Promise<number> => {
  const { host } = session;
  const { clients, lost, who, marked } = of;
  const { plan } = marked;
  const tellLeft = (): void => {
    if (options.json) for (const text of marked.left) host.say({ kind: 'note', code: 'RL803', text });
    else
      host.result(
        ['', 'not restored, as far as marks tell:', ...marked.left.map((text) => `  ${visible(text)}`)].join('\n'),
      );
  };
  const writer = { caller: who.caller, holder: holderName(), tool: toolName() };
  const onPaper = await openJournal(memoryStore(), { clock: systemClock, run: 'from-live' });
  await writeMarkedJournal(onPaper, marked, writer);
  const { steps } = undoable(plan, registry, onPaper.state, scopeOf(options));
  if (options.dryRun) {
    host.result(callsText(plan, 'undo', steps, host.style));
    tellLeft();
    return 0;
  }
  const question = `Undo what carries the marks of plan ${plan.id} (${counted(steps.length, 'step')}) without its journal?`;
  await confirmRun(session, question, 'not undone');
  const directory = path.resolve(
    session.options.out ?? path.join('plans', folderName(`from-live-${plan.id}-${timeStamp()}`)),
  );
  await saveJson(directory, files.plan, plan);
  const opened = await openRun({
    session,
    clients,
    lost,
    plan,
    directory,
    state: options.state,
    lock: options.lock,
    command: 'rollback',
    fromMarks: true,
  });
  try {
    if (opened.journal.state.lastSeq === 0) await writeMarkedJournal(opened.journal, marked, writer);
    const here = shownPath(directory);
    const result = await undoRun(
      {
        session,
        clients,
        plan,
        directory,
        opened,
        say: (message) => host.say(message),
        scan: () => scanLive(session, clients, { sharing: false }),
        command: {
          apply: `rolelift apply ${here}`,
          rollback: `rolelift rollback --from-live${runOptions(options)}`,
        },
      },
      options,
    );
    await showResult(session, result, { plan, state: opened.journal.state, direction: 'rollback' });
    tellLeft();
    return result.exit;
  } finally {
    await opened.close();
  }
};
