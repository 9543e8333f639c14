import path from 'node:path';
import type { AllClients } from '../clients/clients.js';
import type { Step } from '../model/plan.js';
import { visible } from '../model/text.js';
import { type MarkedPlan, planFromMarks, plansInMarks } from '../verify/from-marks.js';
import { readMarks } from '../verify/mark-reads.js';
import { writeMarkedJournal } from '../verify/marked-journal.js';
import { ourStatements } from '../verify/our-statements.js';
import { callsText } from './calls-text.js';
import type { RollbackArguments } from './commands/rollback.js';
import { confirmRun } from './confirm-run.js';
import { connectTo, scanLive } from './live.js';
import { files, folderName, saveJson } from './plan-directory.js';
import { type Identified, identify } from './run-host.js';
import { showResult } from './run-result.js';
import { holderName, openRun, stateOption, timeStamp } from './run-state.js';
import type { Session } from './session.js';
import { shownPath } from './shown-path.js';
import { undoRun } from './undo-run.js';
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
  let exit = 0;
  for (const [index, id] of ids.entries()) {
    const marked = planFromMarks(inventory, id, reads, index === ids.length - 1);
    const code = await undoMarked(session, options, { clients, lost, who, marked });
    // The first that is not over is what the caller has to look at.
    if (exit === 0) exit = code;
    if (session.stopCode() !== null) break;
  }
  await host.close();
  return session.stopCode() ?? exit;
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
  if (options.dryRun) {
    const moves = new Set(options.move);
    host.result(
      callsText(
        plan,
        'undo',
        [...(plan.steps as readonly Step[])]
          .reverse()
          .filter(({ move }) => moves.size === 0 || (move !== null && moves.has(move))),
        host.style,
      ),
    );
    tellLeft();
    return 0;
  }
  const question = `Undo what carries the marks of plan ${plan.id} (${plan.steps.length} steps) without its journal?`;
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
    if (opened.journal.state.lastSeq === 0)
      await writeMarkedJournal(opened.journal, marked, { caller: who.caller, holder: holderName(), tool: toolName() });
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
          rollback: `rolelift rollback --from-live${stateOption(options.state)}`,
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
