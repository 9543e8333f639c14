import { statusData, statusText } from '../../report/progress.js';
import { loadPlan, loadRunState, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const session = openSession(given as unknown as GlobalOptions);
  const directory = await planDirectoryOf(args[0] as string);
  const plan = await loadPlan(directory);
  const state = await loadRunState(directory);
  if (session.options.json) session.host.result(JSON.stringify(statusData(plan, state), null, 2));
  else session.host.result(statusText(plan, state, session.host.style, session.host.width));
  await session.host.close();
  return 0;
};
