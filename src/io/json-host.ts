import type { ErrorData } from '../model/error.js';
import type { Message } from '../model/message.js';
import { plainStyle } from '../model/style.js';
import { quietJson } from '../model/text.js';
import type { Host } from './host.js';
import type { Streams } from './streams.js';

/** `--json`: standard output is one document, or one event a line; errors are one JSON object on standard error. */
export const jsonHost = (raw: Streams, events: boolean): Host => hostOn(quieted(raw), events);

const quieted = (streams: Streams): Streams => ({
  ...streams,
  out: (text) => streams.out(quietJson(text)),
  err: (text) => streams.err(quietJson(text)),
});

const hostOn = (streams: Streams, events: boolean): Host => ({
  style: plainStyle,
  width: 80,
  say(message: Message) {
    if (!events) return;
    if (message.kind === 'event') streams.out(`${JSON.stringify(message.event)}\n`);
    else if (message.kind === 'progress' && (message.state === 'done' || message.state === 'failed')) {
      streams.out(
        `${JSON.stringify({ type: 'progress', id: message.id, title: message.title, state: message.state })}\n`,
      );
    } else if (message.kind === 'note')
      streams.out(`${JSON.stringify({ type: 'note', code: message.code, text: message.text })}\n`);
  },
  result(text) {
    streams.out(text.endsWith('\n') ? text : `${text}\n`);
  },
  async pause() {
    // Nothing is drawn.
  },
  async hold() {
    return () => undefined;
  },
  error(error: ErrorData, beside?: ErrorData) {
    streams.err(`${JSON.stringify(beside === undefined ? { error } : { error, beside })}\n`);
  },
  async close() {
    await streams.drained();
  },
});
