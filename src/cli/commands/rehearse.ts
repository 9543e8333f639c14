import path from 'node:path';
import { rehearse } from '../../rehearsal/rehearse.js';
import { rehearsalText } from '../../report/rehearsal.js';
import { parseInventory } from '../../scan/inventory-file.js';
import { files, loadPlan, parseJson, planDirectoryOf, readText, saveJson } from '../plan-directory.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { toolName } from '../version.js';

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as GlobalOptions;
  const session = openSession(options, true);
  const directory = await planDirectoryOf(args[0] as string);
  try {
    return await rehearseDirectory(session, directory, false);
  } finally {
    await session.host.close();
  }
};

/**
 * Rehearses the plan of a directory on a twin of its own inventory, writes rehearsal.json and shows the verdict. `quick`: fewer faults and
 * interruptions. Answers the exit code: 0 passed, 1 failed.
 */
export const rehearseDirectory = async (session: Session, directory: string, quick: boolean): Promise<number> => {
  const { host } = session;
  const plan = await loadPlan(directory);
  const file = path.join(directory, files.inventory);
  const inventory = parseInventory(parseJson(await readText(file, 'the inventory'), file), file);
  const verdict = await rehearse({ plan, inventory, tool: toolName(), quick, say: (message) => host.say(message) });
  await saveJson(directory, files.rehearsal, verdict);
  await host.pause();
  if (session.options.json) host.result(JSON.stringify(verdict));
  else host.result(rehearsalText(verdict, host.style, host.width));
  return session.stopCode() ?? (verdict.passed ? 0 : 1);
};
