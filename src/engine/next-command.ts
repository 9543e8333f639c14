import type { ApplyOptions, CommonOptions } from './run.js';

type Options = Pick<CommonOptions, 'command'> & Partial<Pick<ApplyOptions, 'moves' | 'stages'>>;

/** The moves that a run was asked for, as options: whoever goes on goes on with these. */
export const selectionOf = (options: Pick<Options, 'moves'>): string =>
  (options.moves ?? []).map((move) => ` --move ${move}`).join('');

/** The command that asks for what this run was asked for. */
export const againCommand = (options: Options): string => {
  const [only, ...more] = options.stages ?? [];
  const stage = only === undefined || more.length > 0 ? '' : ` --stage ${only}`;
  return `${options.command.apply}${selectionOf(options)}${stage}`;
};

/** The command for what comes after the soak. */
export const retireCommand = (options: Options): string =>
  `${options.command.apply}${selectionOf(options)} --stage retire`;
