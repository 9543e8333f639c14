import { statusData, statusText } from '../../report/progress.js';
import { readRunState } from '../journal-place.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as GlobalOptions & { readonly state?: string };
  const session = openSession(options);
  const directory = await planDirectoryOf(args[0] as string);
  const plan = await loadPlan(directory);
  const state = await readRunState(session, plan, directory, options.state);
  if (session.options.json) session.host.result(JSON.stringify(statusData(plan, state), null, 2));
  else session.host.result(statusText(plan, state, session.host.style, session.host.width));
  await session.host.close();
  return 0;
};
