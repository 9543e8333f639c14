import { setMaxListeners } from 'node:events';
import type { Host } from '../io/host.js';
import { jsonHost } from '../io/json-host.js';
import { plainHost } from '../io/plain-host.js';
import { noPrompts, type Prompts, terminalPrompts } from '../io/prompts.js';
import { processStreams, type Streams } from '../io/streams.js';
import { styleFor } from '../io/style.js';
import { terminalHost } from '../io/terminal-host.js';
import { plainStyle } from '../model/style.js';

/** Options that mean the same for every command. */
export interface GlobalOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly namespace: readonly string[];
  readonly excludeNamespace: readonly string[];
  readonly selector?: string;
  readonly out?: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
  readonly concurrency: number;
  readonly maxRate: Readonly<Record<string, number>>;
  readonly accountProfile: Readonly<Record<string, string>>;
  readonly accountRole: Readonly<Record<string, string>>;
}

/** One run of a command: where it shows things, whom it may ask, and how it is stopped. */
export interface Session {
  readonly options: GlobalOptions;
  readonly host: Host;
  readonly prompts: Prompts;
  readonly streams: Streams;
  /** A person sits at it. */
  readonly interactive: boolean;
  /** First Ctrl-C or SIGTERM: finish what runs, begin nothing new. */
  readonly stopping: AbortSignal;
  /** Second one: end at once. */
  readonly ended: AbortSignal;
  /** Exit code that the signal asks for: 130 or 143; null while none came. */
  stopCode(): number | null;
}

/** `events`: with --json the command writes one event a line instead of one document. */
export const openSession = (options: GlobalOptions, events = false): Session => {
  const stopping = new AbortController();
  const ended = new AbortController();
  setMaxListeners(0, stopping.signal, ended.signal);
  let code: number | null = null;
  const stop = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
    code = signal === 'SIGINT' ? 130 : 143;
    if (!stopping.signal.aborted) stopping.abort(new Error(`stopped by ${signal}`));
    else ended.abort(new Error(`stopped at once by a second ${signal}`));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(signal));
  const streams = processStreams(() => undefined);
  const dumb =
    process.env.TERM === 'dumb' ||
    (process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false');
  const colour = options.color && (process.env.NO_COLOR ?? '') === '' && !dumb;
  const interactive = streams.inIsTerminal && streams.errIsTerminal && !dumb;
  const style = styleFor(colour && streams.outIsTerminal);
  const host: Host = options.json
    ? jsonHost(streams, events)
    : streams.errIsTerminal && !dumb && !options.quiet && !options.verbose
      ? terminalHost(streams, colour ? styleFor(true) : plainStyle)
      : plainHost(streams, style, options.quiet ? 'quiet' : options.verbose ? 'verbose' : 'normal');
  return {
    options,
    host,
    prompts: interactive && !options.json ? terminalPrompts(() => host.hold()) : noPrompts,
    streams,
    interactive: interactive && !options.json,
    stopping: stopping.signal,
    ended: ended.signal,
    stopCode: () => code,
  };
};
