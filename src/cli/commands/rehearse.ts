import path from 'node:path';
import { partWith } from '../../rehearsal/components.js';
import { rehearse } from '../../rehearsal/rehearse.js';
import { rehearsalText } from '../../report/rehearsal.js';
import { parseInventory } from '../../scan/inventory-file.js';
import { registry } from '../../steps/registry.js';
import { movesNamed } from '../moves-named.js';
import { files, loadPlan, parseJson, planDirectoryOf, readText, saveJson } from '../plan-directory.js';
import { type GlobalOptions, openSession, type Session } from '../session.js';
import { shownPath } from '../shown-path.js';
import { toolName } from '../version.js';

interface RehearseArguments extends GlobalOptions {
  readonly move: readonly string[];
  readonly quick: boolean;
}

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const options = given as unknown as RehearseArguments;
  const session = openSession(options, true);
  const directory = await planDirectoryOf(args[0] as string);
  try {
    return await rehearseDirectory(session, directory, options.quick, options.move);
  } finally {
    await session.host.close();
  }
};

/**
 * Rehearses the plan of a directory on a twin of its own inventory, writes rehearsal.json and shows the verdict. `quick`: fewer faults and
 * interruptions. `given`: these moves alone, to see a failure again; then no verdict on the plan is written. Answers the exit code: 0 passed, 1
 * failed.
 */
export const rehearseDirectory = async (
  session: Session,
  directory: string,
  quick: boolean,
  given: readonly string[] = [],
): Promise<number> => {
  const { host } = session;
  const plan = await loadPlan(directory);
  const moves = movesNamed(plan, given, shownPath(directory));
  const file = path.join(directory, files.inventory);
  const inventory = parseInventory(parseJson(await readText(file, 'the inventory'), file), file);
  const part = moves.length === 0 ? { plan, inventory } : partWith(plan, inventory, registry, moves);
  const verdict = await rehearse({
    ...part,
    tool: toolName(),
    quick,
    say: (message) => host.say(message),
    signal: session.stopping,
  });
  if (moves.length === 0) await saveJson(directory, files.rehearsal, verdict);
  await host.pause();
  if (session.options.json) host.result(JSON.stringify(verdict));
  else host.result(rehearsalText(verdict, host.style, host.width));
  return session.stopCode() ?? (verdict.passed ? 0 : 1);
};
