import { RoleliftError } from '../../model/error.js';
import type { RunState } from '../../model/journal.js';
import type { Plan } from '../../model/plan.js';
import { optionsOf } from '../../planner/options-schema.js';
import { movesToAsk, type OldWays, statusData, statusText } from '../../report/progress.js';
import { oldWays } from '../../verify/old-way.js';
import { readRunState } from '../journal-place.js';
import { connectTo, scanLive } from '../live.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { identify } from '../run-host.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';

interface StatusArguments extends GlobalOptions {
  readonly state?: string;
  readonly offline: boolean;
}

/** Asks the live estate, as a rollback does (H2); that it cannot be asked is no error of a status. */
const asked = async (session: Session, plan: Plan, run: RunState, offline: boolean): Promise<OldWays> => {
  if (movesToAsk(plan, run).length === 0) return { is: 'not-asked', because: '' };
  if (offline) return { is: 'not-asked', because: 'the cluster was not asked (--offline); rollback asks it first' };
  try {
    const clients = await connectTo(session);
    const { clusterUid, server } = await identify(clients);
    if (clusterUid !== plan.cluster.uid)
      return {
        is: 'not-asked',
        because: `${server} is another cluster than the plan's; give --context, or --offline`,
      };
    const { managementContext } = optionsOf(plan);
    const live = await scanLive(session, clients, {
      managementContext: managementContext ?? undefined,
      sharing: false,
    });
    return { is: 'asked', of: oldWays(live, plan, run) };
  } catch (thrown) {
    if (!(thrown instanceof RoleliftError) || session.stopping.aborted) throw thrown;
    return { is: 'not-asked', because: `the cluster could not be asked (${thrown.data.code} ${thrown.data.message})` };
  } finally {
    await session.host.pause();
  }
};

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as StatusArguments;
  const session = openSession(options);
  const directory = await planDirectoryOf(args[0] as string);
  const plan = await loadPlan(directory);
  const state = await readRunState(session, plan, directory, options.state);
  const ways = await asked(session, plan, state, options.offline);
  const { host } = session;
  if (options.json) host.result(JSON.stringify(statusData(plan, state, ways), null, 2));
  else host.result(statusText(plan, state, host.style, host.width, ways));
  await host.close();
  return 0;
};
