import { type Command, CommanderError } from 'commander';
import type { ErrorData } from '../model/error.js';
import { build, type Handle } from './command-line.js';
import { type CommandModule, commandModules } from './command-modules.js';

/** Runs the program and leaves the process with its exit code. */
export const main = async (argv: readonly string[]): Promise<void> => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that went away (head, a closed terminal) ends the output, and nothing else.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
  let code = 0;
  try {
    code = await dispatch(argv);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      code = thrown.exitCode === 0 ? 0 : 64;
      if (code !== 0 && argv.includes('--json'))
        process.stderr.write(`${JSON.stringify({ error: usageError(thrown) })}\n`);
    } else {
      const [{ errorText }, { errorData, RoleliftError }, { plainStyle }] = await Promise.all([
        import('../io/error-text.js'),
        import('../model/error.js'),
        import('../model/style.js'),
      ]);
      const json = argv.includes('--json');
      const data = errorData(thrown);
      const columns = Math.max(40, Math.min(process.stderr.columns ?? 80, 100));
      process.stderr.write(json ? `${JSON.stringify({ error: data })}\n` : `${errorText(data, plainStyle, columns)}\n`);
      if (argv.includes('--verbose') && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
      code = thrown instanceof RoleliftError ? thrown.exit : 1;
    }
  }
  // Handles of keep-alive sockets and watches must not hold the process; output is written first.
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(code);
};

const usageError = (thrown: CommanderError): ErrorData => ({
  code: 'RL600',
  message: thrown.message.replace(/^error: /, ''),
  subject: null,
  cause: '',
  remedy: 'rolelift --help, and rolelift COMMAND --help, tell what can be typed.',
  fault: 'user',
});

const dispatch = async (argv: readonly string[]): Promise<number> => {
  let code = 0;
  const handle: Handle =
    (name) =>
    async (...given) => {
      const command = given[given.length - 1] as Command;
      const module = (await commandModules[name]()) as CommandModule;
      code = await module.run(command.args, command.optsWithGlobals());
    };
  const program = build(handle);
  // The same is told as a document.
  if (argv.includes('--json'))
    for (const each of [program, ...program.commands]) each.configureOutput({ writeErr: () => undefined });
  if (argv.length === 0) {
    if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
      program.outputHelp();
      return 0;
    }
    const { run } = await commandModules.guide();
    return run([], defaultsOf(program));
  }
  await program.parseAsync([...argv], { from: 'user' });
  return code;
};

const defaultsOf = (program: Command): Record<string, unknown> => {
  const probe = program.commands.find((command) => command.name() === 'apply') as Command;
  return { ...probe.opts() };
};
