import type { Subject } from './resource.js';

export type Code = `RL${number}`;

/** An error that a person can act on: RL6xx input, RL7xx access, RL8xx run, RL9xx the tool's own. */
export interface ErrorData {
  readonly code: Code;
  /** What happened, to which object. */
  readonly message: string;
  readonly subject: Subject | null;
  /** Why, as far as it is known. */
  readonly cause: string;
  /** What to do. */
  readonly remedy: string;
  readonly fault: 'user' | 'remote' | 'tool';
}

/** The one exception class of the project: everything thrown on purpose is one of these. */
export class RoleliftError extends Error {
  override readonly name = 'RoleliftError';
  readonly data: ErrorData;
  /** Exit code that the command should end with; 1 where nothing says otherwise. */
  readonly exit: number;
  constructor(
    data: Omit<ErrorData, 'subject' | 'cause'> & { readonly subject?: Subject | null; readonly cause?: string },
    options: { readonly exit?: number; readonly because?: unknown } = {},
  ) {
    super(data.message, options.because === undefined ? {} : { cause: options.because });
    this.data = {
      code: data.code,
      message: data.message,
      subject: data.subject ?? null,
      cause: data.cause ?? (options.because === undefined ? '' : textOf(options.because)),
      remedy: data.remedy,
      fault: data.fault,
    };
    this.exit = options.exit ?? 1;
  }
}

/** One line about anything thrown; never a stack. */
export const textOf = (thrown: unknown): string =>
  thrown instanceof Error
    ? thrown.message
    : typeof thrown === 'string'
      ? thrown
      : (JSON.stringify(thrown) ?? 'unknown');

/** Data of any thrown thing: what is not ours becomes RL901. */
export const errorData = (thrown: unknown): ErrorData =>
  thrown instanceof RoleliftError
    ? thrown.data
    : {
        code: 'RL901',
        message: 'an error inside rolelift',
        subject: null,
        cause: textOf(thrown),
        remedy: 'Run again with --verbose and report it with what that prints.',
        fault: 'tool',
      };
