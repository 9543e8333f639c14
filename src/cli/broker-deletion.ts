import type { AllClients } from '../clients/clients.js';
import { journalHeader } from '../engine/begin.js';
import { until } from '../engine/wait.js';
import { errorData } from '../model/error.js';
import type { Caller } from '../model/journal.js';
import { type JsonObject, textAt } from '../model/json.js';
import type { Plan } from '../model/plan.js';
import { marks } from '../model/words.js';
import type { RemovedInstall } from '../planner/broker-removal.js';
import { redacted } from '../scan/redact.js';
import { holderName, type OpenRun } from './run-state.js';
import type { Session } from './session.js';
import { toolName } from './version.js';

/** Deleted live only where nobody would make it anew. */
export const isOurs = ({ owner }: RemovedInstall): boolean => ['none', 'kubectl-apply'].includes(owner.tool);

const stepOf = ({ ref }: RemovedInstall): string =>
  `${marks.brokerDeletion}${ref.namespace ?? ''}/${ref.kind}/${ref.name}`;

/** How long the pods of a deleted workload may take to end. Milliseconds. */
const endBoundMs = 300_000;

/**
 * Deletes the workloads of a broker, one after another, each announced in the journal with its manifest (values of variables left
 * out, H26). Answers the exit code.
 */
export const deleteInstalls = async (of: {
  readonly session: Session;
  readonly clients: AllClients;
  readonly plan: Plan;
  readonly opened: OpenRun;
  readonly caller: Caller;
  readonly installs: readonly RemovedInstall[];
}): Promise<number> => {
  const { session, plan, opened } = of;
  const { journal } = opened;
  if (journal.state.lastSeq === 0) await journal.append(journalHeader(plan, of.caller));
  await journal.append({
    type: 'run-started',
    command: 'retire-broker',
    options: {},
    caller: of.caller,
    holder: holderName(),
    tool: toolName(),
  });
  let exit = 0;
  for (const install of of.installs) {
    if (session.stopping.aborted || !opened.stops.stillHeld()) {
      exit = session.stopCode() ?? 5;
      break;
    }
    try {
      await deleteOne(of, install);
    } catch (thrown) {
      const error = errorData(thrown);
      if (journal.state.steps.get(stepOf(install))?.is === 'in-flight')
        await journal.append({ type: 'failed', step: stepOf(install), error });
      session.host.error(error);
      exit = 1;
      break;
    }
  }
  await journal.append({ type: 'run-ended', exit });
  return exit;
};

const deleteOne = async (
  { session, clients, opened }: Parameters<typeof deleteInstalls>[0],
  install: RemovedInstall,
): Promise<void> => {
  const { journal } = opened;
  const step = stepOf(install);
  const kubernetes = clients.kubernetes();
  const live = await kubernetes.get(install.ref);
  const now = journal.state.steps.get(step);
  const begun = now?.is === 'in-flight' || now?.is === 'failed';
  if (live === null && !begun) return;
  if (live !== null) {
    const attempt = begun ? now.attempts + 1 : 1;
    const preimage: JsonObject = begun && now.preimage !== null ? now.preimage : { manifest: redacted(live) };
    if (now?.is !== 'applied' && now?.is !== 'verified')
      await journal.append({ type: 'started', step, attempt, preimage });
    await kubernetes.remove(install.ref, textAt(live, 'metadata', 'uid') ?? '');
  }
  await until(opened.clock, session.ended, `${install.ref.name} has not ended yet`, endBoundMs, async () =>
    (await kubernetes.get(install.ref)) === null ? true : null,
  );
  const after = journal.state.steps.get(step);
  if (after?.is === 'in-flight' || after?.is === 'failed') await journal.append({ type: 'applied', step, output: {} });
};
