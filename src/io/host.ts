import type { ErrorData } from '../model/error.js';
import type { Message } from '../model/message.js';
import type { Style } from '../model/style.js';

/** Who shows messages: results go to standard output, everything else to standard error. */
export interface Host {
  readonly style: Style;
  /** Columns to write for. */
  readonly width: number;
  say(message: Message): void;
  /** A result: text as it stands, already escaped. */
  result(text: string): void;
  /** Ends progress displays, so that a prompt or the result can follow. */
  pause(): Promise<void>;
  /** The same, and keeps everything back until the answer is called: a question stands on the screen meanwhile. */
  hold(): Promise<() => void>;
  error(error: ErrorData, beside?: ErrorData): void;
  close(): Promise<void>;
}
