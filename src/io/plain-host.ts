import type { ErrorData } from '../model/error.js';
import type { Message } from '../model/message.js';
import type { Style } from '../model/style.js';
import { visible } from '../model/text.js';
import { errorText } from './error-text.js';
import type { Host } from './host.js';
import type { Streams } from './streams.js';

/** Lines for logs and pipes: one for each thing that ended, nothing that moves. */
export const plainHost = (streams: Streams, style: Style, level: 'quiet' | 'normal' | 'verbose'): Host => {
  const told = new Map<string, string>();
  const marks = {
    done: style.good('✓'),
    failed: style.bad('✗'),
    skipped: style.dim('-'),
    running: style.dim('…'),
    waiting: style.dim('…'),
  };
  return {
    style,
    width: streams.columns,
    say(message: Message) {
      if (level === 'quiet') return;
      if (message.kind === 'note') streams.err(`${style.dim(message.code)} ${visible(message.text)}\n`);
      if (message.kind === 'error')
        streams.err(`${errorText(message.error, style, streams.columns, message.beside)}\n`);
      if (message.kind !== 'progress') return;
      const counts = message.of === undefined ? '' : ` ${message.done ?? 0}/${message.of}`;
      const ended = ['done', 'failed', 'skipped'].includes(message.state);
      if (!ended && level !== 'verbose' && message.waitsFor === undefined) return;
      const line = `${marks[message.state]} ${visible(message.title)}${counts}${message.waitsFor === undefined ? '' : style.dim(` (waits for ${visible(message.waitsFor)})`)}`;
      if (told.get(message.id) === line) return;
      told.set(message.id, line);
      streams.err(`${message.parent === null ? '' : '  '}${line}\n`);
    },
    result(text) {
      streams.out(text.endsWith('\n') ? text : `${text}\n`);
    },
    async pause() {
      // Nothing is drawn.
    },
    error(error: ErrorData, beside?: ErrorData) {
      streams.err(`${errorText(error, style, streams.columns, beside)}\n`);
    },
    async close() {
      await streams.drained();
    },
  };
};
