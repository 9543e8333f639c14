import type { PlanOptions } from '../model/options.js';
import { shellWord } from '../model/shell.js';

/** What somebody chose when led through by questions. */
export interface Choices {
  readonly context: string;
  readonly target: PlanOptions['target'];
  /** Empty: all. */
  readonly namespaces: readonly string[];
  /** Empty: all. */
  readonly moves: readonly string[];
  /** The plan directory, as it would be typed. */
  readonly directory: string;
  /** Where the journal lives; null where the estate is a sandbox and nobody needs to say. */
  readonly state: string | null;
}

/** The commands that do without questions what was answered: for the next time, for a script, for a ticket. */
export const commandsFor = (choices: Choices): readonly string[] => {
  const context = ['--context', choices.context];
  const line = (...words: readonly string[]): string => ['rolelift', ...words].map(shellWord).join(' ');
  return [
    line(
      'plan',
      ...context,
      ...(choices.target === 'auto' ? [] : ['--target', choices.target]),
      ...choices.namespaces.flatMap((name) => ['-n', name]),
      '-o',
      choices.directory,
    ),
    line('rehearse', choices.directory),
    line(
      'apply',
      choices.directory,
      ...context,
      ...choices.moves.flatMap((move) => ['--move', move]),
      ...(choices.state === null ? [] : ['--state', choices.state]),
      '--yes',
    ),
  ];
};
