import { shellWord } from '../model/shell.js';
import type { GlobalOptions } from './session.js';

/** Options of a run that whoever goes on has to give again. */
export type Repeatable = Partial<
  Pick<GlobalOptions, 'context' | 'kubeconfig' | 'cluster' | 'region' | 'profile' | 'accountProfile' | 'accountRole'>
> & { readonly state?: string; readonly lock?: string };

const defaultLock = 'kube-system/rolelift';

const line = (words: readonly (string | undefined)[]): string =>
  words
    .filter((word) => word !== undefined)
    .map((word) => ` ${shellWord(word)}`)
    .join('');
const given = (option: string, value: string | undefined): readonly string[] =>
  value === undefined ? [] : [option, value];
const pairs = (option: string, value: Readonly<Record<string, string>> = {}): readonly string[] =>
  Object.entries(value).flatMap(([account, one]) => [option, `${account}=${one}`]);

/** Where the estate is and with whose rights, as it was named on the command line. */
export const reachOptions = (options: Repeatable): string =>
  line([
    ...given('--context', options.context),
    ...given('--kubeconfig', options.kubeconfig),
    ...given('--cluster', options.cluster),
    ...given('--region', options.region),
    ...given('--profile', options.profile),
    ...pairs('--account-profile', options.accountProfile),
    ...pairs('--account-role', options.accountRole),
  ]);

/** The same, with the run's state and lock. */
export const runOptions = (options: Repeatable): string =>
  `${reachOptions(options)}${line([
    ...given('--state', options.state),
    ...given('--lock', options.lock === defaultLock ? undefined : options.lock),
  ])}`;

/** The commands that go on with a plan, or back, reaching what this run reached. `here`: the directory as one would type it. */
export const nextCommands = (here: string, options: Repeatable) => ({
  apply: `rolelift apply ${here}${runOptions(options)}`,
  rollback: `rolelift rollback ${here}${runOptions(options)}`,
});

/** How much a rollback undoes, and how. */
export const undoSelection = (options: {
  readonly move: readonly string[];
  readonly to?: string;
  readonly forceMove: readonly string[];
  readonly gitops: 'handoff' | 'live';
}): string =>
  line([
    ...options.move.flatMap((move) => ['--move', move]),
    ...given('--to', options.move.length > 0 ? undefined : options.to),
    ...options.forceMove.flatMap((move) => ['--force-move', move]),
    ...given('--gitops', options.gitops === 'live' ? 'live' : undefined),
  ]);
