import path from 'node:path';
import type { AllClients } from '../clients/clients.js';
import { journalHeader } from '../engine/begin.js';
import type { Journal } from '../journal/journal.js';
import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';
import type { Caller } from '../model/journal.js';
import { type JsonObject, listAt, textAt, textsAt } from '../model/json.js';
import { visible } from '../model/text.js';
import { marks } from '../model/words.js';
import { earlierTemplate } from '../verify/earlier-templates.js';
import { type MarkedPlan, type MarkReads, planFromMarks, plansInMarks } from '../verify/from-marks.js';
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

const bindingsOf = async (clients: AllClients): Promise<MarkReads['bindings']> => {
  const found: { plan: string; params: JsonObject }[] = [];
  const ours = { labelSelector: `${marks.managedBy}=${marks.managedByValue}` };
  for (const kind of ['RoleBinding', 'ClusterRoleBinding'])
    for await (const object of clients.kubernetes().list('rbac.authorization.k8s.io/v1', kind, ours)) {
      const plan = textsAt(object, 'metadata', 'annotations')[marks.plan];
      const subject = listAt(object, 'subjects').find((one) => textAt(one, 'kind') === 'ServiceAccount');
      const name = textAt(object, 'metadata', 'name');
      if (plan === undefined || subject === undefined || name === undefined) continue;
      found.push({
        plan,
        params: {
          binding: { kind, namespace: textAt(object, 'metadata', 'namespace') ?? null, name },
          of: { kind, name },
          roleRef: {
            apiGroup: textAt(object, 'roleRef', 'apiGroup') ?? '',
            kind: textAt(object, 'roleRef', 'kind') ?? '',
            name: textAt(object, 'roleRef', 'name') ?? '',
          },
          subject: { namespace: textAt(subject, 'namespace') ?? '', name: textAt(subject, 'name') ?? '' },
        },
      });
    }
  return found.sort((one, other) => byText(JSON.stringify(one), JSON.stringify(other)));
};

const readMarks = async (clients: AllClients, inventory: Inventory): Promise<MarkReads> => {
  const earlier = new Map<string, NonNullable<Awaited<ReturnType<typeof earlierTemplate>>>>();
  for (const workload of inventory.workloads) {
    const mark = workload.template.annotations[marks.restart];
    if (mark === undefined || !mark.includes('/')) continue;
    const before = await earlierTemplate(clients.kubernetes(), workload, mark.slice(0, mark.indexOf('/')));
    const { kind, namespace, name } = workload.ref;
    if (before !== null) earlier.set(`${kind}/${namespace ?? ''}/${name}`, before);
  }
  return { earlier, bindings: await bindingsOf(clients) };
};

/** The lines that a journal of that plan would hold had nothing gone wrong: what its undo begins from. */
const seed = async (journal: Journal, { plan, preimages }: MarkedPlan, caller: Caller): Promise<void> => {
  await journal.append(journalHeader(plan, caller));
  await journal.append({
    type: 'run-started',
    command: 'apply',
    options: { fromLive: true },
    caller,
    holder: holderName(),
    tool: toolName(),
  });
  for (const { id } of plan.steps) {
    await journal.append({ type: 'started', step: id, attempt: 1, preimage: preimages.get(id) ?? {} });
    await journal.append({ type: 'applied', step: id, output: {} });
  }
  await journal.append({ type: 'run-ended', exit: 0 });
};

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
  const reads = await readMarks(clients, inventory);
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
      callsText(plan, 'undo', ({ move }) => moves.size === 0 || (move !== null && moves.has(move)), host.style),
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
  });
  try {
    if (opened.journal.state.lastSeq === 0) await seed(opened.journal, marked, who.caller);
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
