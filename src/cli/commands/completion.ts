import { RoleliftError } from '../../model/error.js';
import { build } from '../command-line.js';
import { type GlobalOptions, openSession } from '../session.js';

/** Words of the command line, read from the program itself, so that completion never tells what is not there. */
const words = (): {
  readonly names: readonly string[];
  readonly options: Readonly<Record<string, readonly string[]>>;
} => {
  const program = build(() => async () => undefined);
  const names = program.commands.map((command) => command.name());
  const options = Object.fromEntries(
    program.commands.map((command) => [
      command.name(),
      command.options.map((option) => option.long ?? option.short ?? '').filter((text) => text !== ''),
    ]),
  );
  return { names, options };
};

const bash = (): string => {
  const { names, options } = words();
  const cases = names.map((name) => `    ${name}) opts="${(options[name] ?? []).join(' ')}" ;;`).join('\n');
  return `_rolelift() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" cmd="\${COMP_WORDS[1]}" opts=""
  if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W "${names.join(' ')}" -- "$cur")); return; fi
  case "$cmd" in
${cases}
  esac
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$opts" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
}
complete -o filenames -F _rolelift rolelift`;
};
const zsh = (): string => `autoload -U +X bashcompinit && bashcompinit\n${bash()}`;
const fish = (): string => {
  const { names, options } = words();
  return [
    'complete -c rolelift -f',
    ...names.map((name) => `complete -c rolelift -n __fish_use_subcommand -a ${name}`),
    ...names.flatMap((name) =>
      (options[name] ?? [])
        .filter((option) => option.startsWith('--'))
        .map((option) => `complete -c rolelift -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`),
    ),
  ].join('\n');
};

export const run = async (args: readonly string[], given: Record<string, unknown>): Promise<number> => {
  const session = openSession(given as unknown as GlobalOptions);
  const shell = args[0] ?? (process.env.SHELL ?? 'bash').split('/').pop() ?? 'bash';
  const scripts: Readonly<Record<string, () => string>> = { bash, zsh, fish };
  const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
  if (script === undefined) {
    throw new RoleliftError(
      {
        code: 'RL607',
        message: `no completion for the shell ${shell}`,
        remedy: 'Name bash, zsh or fish.',
        fault: 'user',
      },
      { exit: 64 },
    );
  }
  session.host.result(script());
  await session.host.close();
  return 0;
};
