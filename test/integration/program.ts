import { expect } from 'vitest';
import { type Ended, rolelift, start } from '../helpers/cli.js';
import type { Estate } from './estate.js';
import { until, userEnv, usesOf } from './real.js';

/** The program as a user runs it, against the real servers. */
export const cli = async (
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> => rolelift(args, { env: { ...userEnv, ...env }, cwd });

export const begun = (args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) =>
  start(args, { env: { ...userEnv, ...env }, cwd });

/** Runs it and holds it to an exit code; what it said is shown where that differs. */
export const ends = async (
  code: number,
  args: readonly string[],
  cwd: string,
  env?: Readonly<Record<string, string>>,
): Promise<Ended> => {
  const ended = await cli(args, cwd, env);
  expect(ended.code, `rolelift ${args.join(' ')}\n${ended.out}\n${ended.err}`).toBe(code);
  return ended;
};

/** Makes a plan for the estate's own namespaces in `plan` and answers it. */
export const planFor = async (
  estate: Estate,
  cwd: string,
  more: readonly string[] = [],
  env?: Readonly<Record<string, string>>,
): Promise<any> =>
  JSON.parse((await ends(0, ['plan', '-n', `${estate.id}-*`, '-o', 'plan', '--json', ...more], cwd, env)).out);

/** The plan's move of a workload. */
export const moveOf = (plan: any, workload: string): any => {
  const found = plan.moves.find((move: any) => move.workloads.some((each: any) => each.name === workload));
  expect(found, `a move of ${workload} in ${JSON.stringify(plan.moves.map((move: any) => move.id))}`).toBeDefined();
  return found;
};

/** Waits until every live pod of a workload has asked for its new role. */
export const used = async (estate: Estate, namespace: string, app: string, account: string): Promise<void> => {
  const pods = (await estate.pods(namespace, app)).length;
  await until(
    `all of ${namespace}/${app} use their new identity`,
    async () => (await usesOf(namespace, account)).length >= pods,
  );
};
