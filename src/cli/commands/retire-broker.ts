import { checkPlace } from '../../engine/begin.js';
import { study } from '../../findings/estate.js';
import { RoleliftError } from '../../model/error.js';
import type { RunState } from '../../model/journal.js';
import { subjectOf, subjectTitle } from '../../model/resource.js';
import { type BrokerRemoval, brokerRemoval, obstacleText } from '../../planner/broker-removal.js';
import { optionsOf } from '../../planner/options-schema.js';
import { removalText } from '../../report/broker-removal.js';
import { registry } from '../../steps/registry.js';
import { deleteInstalls, isOurs } from '../broker-deletion.js';
import { readRunState } from '../journal-place.js';
import { connectTo, scanLive } from '../live.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { identify } from '../run-host.js';
import { openRun } from '../run-state.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';

interface RetireBrokerArguments extends GlobalOptions {
  readonly live: boolean;
  readonly state?: string;
  readonly lock: string;
}

/** Steps that need no more doing. */
const overOf = (state: RunState): ReadonlySet<string> =>
  new Set(
    [...state.steps].filter(([, { is }]) => ['applied', 'verified', 'skipped'].includes(is)).map(([step]) => step),
  );

const refused = (removal: BrokerRemoval, here: string): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL843',
      message: 'the broker cannot be removed yet',
      cause: removal.obstacles.slice(0, 10).map(obstacleText).join('; '),
      remedy: `See rolelift retire-broker ${here} for all of it; finish the moves and close the metadata address first.`,
      fault: 'user',
    },
    { exit: 4 },
  );

const show = (session: Session, removal: BrokerRemoval): void => {
  if (session.options.json) session.host.result(JSON.stringify(removal, null, 2));
  else
    session.host.result(
      removalText(
        {
          ...removal,
          obstacles: removal.obstacles.map((one) => ({ ...one, title: subjectTitle(one.subject) })),
          installs: removal.installs.map((one) => ({ ...one, title: subjectTitle(subjectOf(one.ref)) })),
        },
        session.host.style,
        session.host.width,
      ),
    );
};

/** `retire-broker PLAN`: how kiam or kube2iam goes, last of all (H24). Exit 4 while anything needs it, 3 where others must do it. */
export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as RetireBrokerArguments;
  const session = openSession(options);
  const directory = await planDirectoryOf(args[0] as string);
  const plan = await loadPlan(directory);
  const lost = new AbortController();
  const clients = await connectTo(session, lost.signal);
  const who = await identify(clients);
  if (who.clusterUid !== plan.cluster.uid)
    throw new RoleliftError(
      {
        code: 'RL835',
        message: `this is another cluster than the plan's (${plan.cluster.name})`,
        cause: `${who.server} has the uid ${who.clusterUid}, the plan ${plan.cluster.uid}`,
        remedy: 'Choose the context of the cluster that was planned.',
        fault: 'user',
      },
      { exit: 4 },
    );
  const removalNow = async (state: RunState): Promise<BrokerRemoval> =>
    brokerRemoval(study(await scanLive(session, clients), optionsOf(plan).sdkKnown), plan, overOf(state));
  if (!options.live) {
    const removal = await removalNow(await readRunState(session, plan, directory, options.state));
    await session.host.pause();
    show(session, removal);
    await session.host.close();
    return removal.obstacles.length > 0 ? 4 : 0;
  }
  const opened = await openRun({
    session,
    clients,
    lost,
    plan,
    directory,
    state: options.state,
    lock: options.lock,
    command: 'retire-broker',
  });
  try {
    await checkPlace({ plan, journal: opened.journal, registry, host: { identity: async () => who } });
    // Looked at under the lock, just before anything goes.
    const removal = await removalNow(opened.journal.state);
    await session.host.pause();
    if (removal.obstacles.length > 0) throw refused(removal, args[0] as string);
    show(session, removal);
    if (removal.installs.length === 0) return 0;
    const ours = removal.installs.filter(isOurs);
    if (ours.length > 0 && !options.yes) {
      const names = ours.map(({ ref }) => `${ref.namespace}/${ref.name}`).join(', ');
      if (!(await session.prompts.confirm(`Delete ${names}? There is no way back to the broker.`, '--yes'))) return 3;
    }
    const exit = await deleteInstalls({ session, clients, plan, opened, caller: who.caller, installs: ours });
    return exit === 0 && ours.length < removal.installs.length ? 3 : exit;
  } finally {
    await opened.close();
    await session.host.close();
  }
};
