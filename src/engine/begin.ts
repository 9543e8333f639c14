import { RoleliftError } from '../model/error.js';
import type { Caller, JournalEntry } from '../model/journal.js';
import type { JsonObject } from '../model/json.js';
import { type Plan, planDigest } from '../model/plan.js';
import type { AnyRun } from './run.js';
import type { Session } from './session.js';
import { strangeRecord } from './strange-record.js';

/** Refuses, before anything, a plan that is not what it was, another cluster, another account, another plan's journal (exit 4). */
export const checkPlace = async (
  run: Pick<AnyRun, 'plan' | 'journal' | 'registry'> & { readonly host: Pick<AnyRun['host'], 'identity'> },
): Promise<{ readonly caller: Caller }> => {
  const { plan, journal, host } = run;
  const refuse = (code: `RL${number}`, message: string, cause: string, remedy: string): RoleliftError =>
    new RoleliftError({ code, message, cause, remedy, fault: 'user' }, { exit: 4 });
  if (planDigest(plan as Plan) !== plan.digest)
    throw refuse(
      'RL626',
      'the plan was edited',
      'its digest does not fit its content',
      'Undo the edit, or run rolelift plan --reseal.',
    );
  if (plan.source !== 'live')
    throw refuse(
      'RL627',
      'the plan was made from manifests',
      'only a live plan is applied',
      'Plan against the cluster.',
    );
  if (journal.state.plan !== null && journal.state.plan !== plan.digest)
    throw refuse(
      'RL622',
      `the journal ${journal.where} is of another plan`,
      `it tells of ${journal.state.plan}, the plan is ${plan.digest}`,
      'Put the plan back that it was begun with, or use another directory.',
    );
  const strange = strangeRecord(plan as Plan, run.registry, journal.state);
  if (strange !== null)
    throw refuse(
      'RL621',
      `the journal ${journal.where} tells what cannot have happened`,
      strange,
      'Restore the journal from a backup; somebody wrote into it.',
    );
  const here = await host.identity();
  if (here.clusterUid !== plan.cluster.uid)
    throw refuse(
      'RL835',
      `this is another cluster than the plan's (${plan.cluster.name})`,
      `${here.server} has the uid ${here.clusterUid}, the plan ${plan.cluster.uid}`,
      'Choose the context of the cluster that was planned.',
    );
  if (here.caller.account !== plan.cluster.accountId)
    throw refuse(
      'RL836',
      `the credentials are of account ${here.caller.account}, the plan of ${plan.cluster.accountId}`,
      here.caller.arn,
      'Use credentials of the account that was planned.',
    );
  return { caller: here.caller };
};

/** The first line of a plan's journal: which plan, which cluster, who began. */
export const journalHeader = (plan: Plan, caller: Caller): JournalEntry => ({
  type: 'header',
  format: 'rolelift.journal/1',
  plan: plan.digest,
  planId: plan.id,
  cluster: { uid: plan.cluster.uid, server: plan.cluster.server },
  caller,
});

/** Header, where there is none, and the run's first line. */
export const beginRun = async (session: Session, command: 'apply' | 'rollback', options: JsonObject): Promise<void> => {
  const { run } = session;
  const { caller } = await checkPlace(run);
  if (run.journal.state.lastSeq === 0) await session.record(journalHeader(run.plan, caller));
  await session.record({
    type: 'run-started',
    command,
    options,
    caller,
    holder: run.options.holder,
    tool: run.options.tool,
  });
};
