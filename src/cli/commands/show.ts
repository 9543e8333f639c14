import { reviewMarkdown, reviewText } from '../../report/review.js';
import { loadPlan, planDirectoryOf } from '../plan-directory.js';
import { type GlobalOptions, openSession } from '../session.js';

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as GlobalOptions & { readonly format: 'table' | 'markdown' | 'json' };
  const session = openSession(options);
  const plan = await loadPlan(await planDirectoryOf(args[0] as string));
  if (options.json || options.format === 'json') session.host.result(JSON.stringify(plan, null, 2));
  else if (options.format === 'markdown') session.host.result(reviewMarkdown(plan));
  else session.host.result(reviewText(plan, session.host.style, session.host.width));
  await session.host.close();
  return 0;
};
