import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { RoleliftError } from '../model/error.js';
import { at, textAt } from '../model/json.js';
import type { Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';
import { files, parseJson, readText } from './plan-directory.js';

/** Refuses a plan whose rehearsal failed (RL845, exit 4); says so where there was none, or where it was of another plan. */
export const checkRehearsal = async (directory: string, plan: Plan, allowed: boolean, say: Say): Promise<void> => {
  const file = path.join(directory, files.rehearsal);
  const there = await lstat(file).catch(() => null);
  if (there === null) {
    say({
      kind: 'note',
      code: 'RL801',
      text: 'this plan was not rehearsed; rolelift rehearse plays it on a twin first',
    });
    return;
  }
  const verdict = parseJson(await readText(file, 'the rehearsal'), file);
  if (textAt(verdict, 'plan') !== plan.digest) {
    say({ kind: 'note', code: 'RL801', text: 'the rehearsal beside this plan was of another plan; rehearse it again' });
    return;
  }
  if (at(verdict, 'passed') === true || allowed) return;
  throw new RoleliftError(
    {
      code: 'RL845',
      message: 'the rehearsal of this plan failed',
      cause: textAt(verdict, 'failures', 0, 'message') ?? `see ${files.rehearsal}`,
      remedy: 'Mend the cause and plan again; --allow-failed-rehearsal applies it all the same.',
      fault: 'user',
    },
    { exit: 4 },
  );
};
