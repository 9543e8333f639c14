import { constants } from 'node:fs';
import { lstat, open, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { makeDirectory, writeFileAtomically } from '../journal/atomic-file.js';
import { parseJournal } from '../journal/codec.js';
import { fold, type JournalState } from '../journal/fold.js';
import { RoleliftError } from '../model/error.js';
import type { Inventory } from '../model/inventory.js';
import type { Plan } from '../model/plan.js';

/** Everything of one migration, in one folder: files 0600, replaced as a whole, no symbolic links followed. */
export const files = {
  plan: 'plan.json',
  inventory: 'inventory.json',
  journal: 'journal.jsonl',
  rehearsal: 'rehearsal.json',
  runbook: 'RUNBOOK.md',
  pause: 'PAUSE',
  /** Where the journal is, where it is not here: `s3://bucket/prefix`. */
  state: 'STATE',
} as const;

/** Largest file that is read whole: an inventory of 20,000 pods is some 40 MB. */
const largest = 512 * 1024 * 1024;

export const hasFile = async (file: string): Promise<boolean> =>
  lstat(file).then(
    () => true,
    () => false,
  );

/** PLAN on the command line is a plan directory or its plan.json. */
export const planDirectoryOf = async (given: string): Promise<string> => {
  const found = await lstat(given).catch(() => null);
  if (found?.isDirectory() === true) return path.resolve(given);
  if (path.basename(given).endsWith('.json') && found !== null) return path.dirname(path.resolve(given));
  throw new RoleliftError(
    {
      code: 'RL602',
      message: `there is no plan at ${given}`,
      cause: found === null ? 'nothing is there' : 'it is neither a directory nor a JSON file',
      remedy: 'Name a plan directory, as plans/prod; rolelift plan makes one.',
      fault: 'user',
    },
    { exit: 64 },
  );
};

/** Text of a file, refused where it is a link, not a file, or too large. */
export const readText = async (file: string, what: string): Promise<string> => {
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    const found = await handle.stat();
    if (!found.isFile()) throw new Error('it is not a file');
    if (found.size > largest) throw new Error(`it is larger than ${largest / 1024 / 1024} MB`);
    return await handle.readFile('utf8');
  } catch (thrown) {
    throw new RoleliftError(
      {
        code: 'RL603',
        message: `${what} ${file} cannot be read`,
        remedy: 'Check the path and its permissions.',
        fault: 'user',
      },
      { because: thrown, exit: 64 },
    );
  } finally {
    await handle?.close();
  }
};

export const parseJson = (text: string, file: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    throw new RoleliftError(
      { code: 'RL604', message: `${file} is not JSON`, remedy: 'Restore the file, or plan again.', fault: 'user' },
      { because: thrown, exit: 4 },
    );
  }
};

export const loadPlan = async (directory: string): Promise<Plan> => {
  const file = path.join(directory, files.plan);
  // With every step kind behind it: for commands that read a plan, and not for a scan.
  const { validatePlan } = await import('../planner/validate.js');
  return validatePlan(parseJson(await readText(file, 'the plan'), file));
};

/** Where a run stands, read only; null where there is no journal yet. */
export const loadRunState = async (directory: string): Promise<JournalState> => {
  const file = path.join(directory, files.journal);
  if (!(await hasFile(file))) return fold([]);
  return fold(parseJournal(Buffer.from(await readText(file, 'the journal')), file).events);
};

const hasApplied = (state: JournalState): boolean =>
  [...state.steps.values()].some((step) => !['pending', 'skipped', 'undone'].includes(step.is));

/**
 * Makes room for a new plan: a directory whose journal has something applied is refused while the run is unfinished (RL840, exit 4),
 * and moved to archive/<id>/ once it is finished.
 */
export const clearForPlan = async (
  directory: string,
  stateOf: (plan: Plan) => Promise<JournalState> = () => loadRunState(directory),
): Promise<void> => {
  const begun = await Promise.all([files.journal, files.state].map((name) => hasFile(path.join(directory, name))));
  if (!begun.includes(true)) return;
  const plan = await loadPlan(directory).catch(() => null);
  const state = plan === null ? await loadRunState(directory) : await stateOf(plan);
  const unfinished =
    plan === null
      ? hasApplied(state) || begun[1] === true
      : hasApplied(state) &&
        plan.steps.some((step) => {
          const is = state.steps.get(step.id)?.is ?? 'pending';
          const left = plan.moves.some((move) => move.id === step.move && (move.skip || move.blocked)) || step.skip;
          return !left && !['applied', 'verified', 'skipped'].includes(is);
        });
  if (unfinished) {
    throw new RoleliftError(
      {
        code: 'RL840',
        message: `${directory} holds a plan that is applied in part`,
        cause: 'a new plan would leave what was done without its undo',
        remedy: `Go on with rolelift apply ${directory}, undo it with rolelift rollback ${directory}, or plan into another folder with -o.`,
        fault: 'user',
      },
      { exit: 4 },
    );
  }
  const archive = path.join(directory, 'archive', plan?.id ?? 'unknown');
  await makeDirectory(archive);
  for (const name of await readdir(directory)) {
    if (name === 'archive' || name.startsWith('.')) continue;
    await rename(path.join(directory, name), path.join(archive, name));
  }
};

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

export const savePlan = async (
  directory: string,
  plan: Plan,
  inventory: Inventory | null,
  runbook: string,
): Promise<void> => {
  await makeDirectory(directory);
  if (inventory !== null) await writeFileAtomically(path.join(directory, files.inventory), pretty(inventory));
  await writeFileAtomically(path.join(directory, files.runbook), runbook);
  await writeFileAtomically(path.join(directory, files.plan), pretty(plan));
};

export const saveJson = async (directory: string, name: string, value: unknown): Promise<void> => {
  await makeDirectory(directory);
  await writeFileAtomically(path.join(directory, name), pretty(value));
};

/** Name of a folder for a cluster: what a path may hold, and nothing that leads elsewhere. */
export const folderName = (cluster: string): string =>
  cluster
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 80) || 'cluster';
