import type { Code, ErrorData } from './error.js';
import type { Finding } from './finding.js';
import type { JournalEvent } from './journal.js';

/** Everything that anyone is shown while a command works. Hosts render it and escape it; nobody else writes to a stream. */
export type Message =
  | {
      readonly kind: 'progress';
      readonly id: string;
      readonly parent: string | null;
      readonly title: string;
      readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'skipped';
      readonly done?: number;
      readonly of?: number;
      readonly waitsFor?: string;
    }
  | { readonly kind: 'event'; readonly event: JournalEvent }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'error'; readonly error: ErrorData; readonly beside?: ErrorData }
  | { readonly kind: 'note'; readonly code: Code; readonly text: string };

export type Say = (message: Message) => void;
