import { plan as makePlan } from '../../planner/plan.js';
import { type Alarm, type LeftView, leftData, leftMarkdown, leftText } from '../../report/left.js';
import { stillDepends } from '../../verify/depends.js';
import { lostStatements } from '../../verify/lost-statements.js';
import { connectTo, scanLive } from '../live.js';
import { type PlanArguments, planOptionsOf } from '../plan-options.js';
import { type GlobalOptions, openSession } from '../session.js';
import { sayUnmetAcceptances } from '../unmet-acceptances.js';
import { toolName } from '../version.js';

type ReportArguments = GlobalOptions &
  Omit<PlanArguments, 'namespace' | 'excludeNamespace' | 'selector'> & {
    readonly format: 'table' | 'markdown' | 'json';
  };

export const run = async (_args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as ReportArguments;
  const session = openSession(options);
  const clients = await connectTo(session);
  const inventory = await scanLive(session, clients, {
    oidcIssuer: options.oidcIssuer,
    managementContext: options.managementContext,
  });
  const plan = makePlan(inventory, planOptionsOf(options), { createdAt: new Date().toISOString(), tool: toolName() });
  sayUnmetAcceptances(session.host, plan);
  const alarms: readonly Alarm[] = lostStatements(inventory);
  const view: LeftView = { plan, dependents: stillDepends(inventory), alarms };
  await session.host.pause();
  if (options.json || options.format === 'json') session.host.result(JSON.stringify(leftData(view), null, 2));
  else if (options.format === 'markdown') session.host.result(leftMarkdown(view));
  else session.host.result(leftText(view, session.host.style, session.host.width));
  await session.host.close();
  // Blocked moves are left to move as well: somebody has to act.
  return plan.moves.length > 0 || alarms.length > 0 ? 2 : 0;
};
