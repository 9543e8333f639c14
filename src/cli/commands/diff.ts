import { diffPlans } from '../../planner/diff.js';
import { optionsOf } from '../../planner/options-schema.js';
import { plan as makePlan } from '../../planner/plan.js';
import { rewind } from '../../planner/rewind.js';
import { differenceText } from '../../report/difference.js';
import { appliedSteps } from '../../verify/old-way.js';
import { readRunState } from '../journal-place.js';
import { connectTo, scanLive } from '../live.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const session = openSession(given as unknown as GlobalOptions);
  const { state } = given as { readonly state?: string };
  const directory = await planDirectoryOf(args[0] as string);
  const plan = await loadPlan(directory);
  const other = await (async () => {
    if (args[1] !== undefined) return loadPlan(await planDirectoryOf(args[1]));
    const clients = await connectTo(session);
    const options = optionsOf(plan);
    const live = await scanLive(session, clients, {
      managementContext: options.managementContext ?? undefined,
      oidcIssuer: options.oidcIssuer ?? undefined,
    });
    // What we ourselves have applied is no change of the estate.
    return makePlan(rewind(live, plan, appliedSteps(await readRunState(session, plan, directory, state))), options, {
      createdAt: plan.createdAt,
      tool: plan.tool,
    });
  })();
  const difference = diffPlans(plan, other);
  await session.host.pause();
  session.host.result(
    session.options.json
      ? JSON.stringify(difference, null, 2)
      : differenceText(difference, session.host.style, session.host.width),
  );
  await session.host.close();
  return difference.same ? 0 : 2;
};
