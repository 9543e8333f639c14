import type { ErrorData } from '../model/error.js';
import type { Message } from '../model/message.js';
import type { Style } from '../model/style.js';
import { visible } from '../model/text.js';
import { errorText } from './error-text.js';
import type { Host } from './host.js';
import type { Streams } from './streams.js';

type Progress = Extract<Message, { kind: 'progress' }>;

/** How long something waits before a line tells that it does. */
const patienceMs = 10_000;

/**
 * Lines for logs and pipes: one for each move and shared step that ended, and for what waits long; with `verbose` one for each step.
 * Nothing moves.
 */
export const plainHost = (streams: Streams, style: Style, level: 'quiet' | 'normal' | 'verbose'): Host => {
  const told = new Map<string, string>();
  const waits = new Map<string, NodeJS.Timeout>();
  let kept: string[] | null = null;
  const marks = {
    done: style.good('✓'),
    failed: style.bad('✗'),
    skipped: style.dim('-'),
    running: style.dim('…'),
    waiting: style.dim('…'),
  };
  const write = (line: string): void => {
    if (kept === null) streams.err(`${line}\n`);
    else kept.push(line);
  };
  const line = (message: Progress): void => {
    const counts = message.of === undefined ? '' : ` ${message.done ?? 0}/${message.of}`;
    const waiting = message.waitsFor === undefined ? '' : style.dim(` (waits: ${visible(message.waitsFor)})`);
    const text = `${marks[message.state]} ${visible(message.title)}${counts}${waiting}`;
    if (told.get(message.id) === text) return;
    told.set(message.id, text);
    write(`${message.parent === null || level !== 'verbose' ? '' : '  '}${text}`);
  };
  const progress = (message: Progress): void => {
    const ended = message.state === 'done' || message.state === 'failed' || message.state === 'skipped';
    if (ended || message.waitsFor === undefined) {
      clearTimeout(waits.get(message.id));
      waits.delete(message.id);
    }
    if (level === 'verbose') {
      line(message);
      return;
    }
    if (ended && (message.parent === null || message.state === 'failed')) line(message);
    if (!ended && message.waitsFor !== undefined && !waits.has(message.id))
      waits.set(message.id, setTimeout(() => line(message), patienceMs).unref());
  };
  return {
    style,
    width: streams.columns,
    say(message: Message) {
      if (level === 'quiet') return;
      if (message.kind === 'note') write(`${style.dim(message.code)} ${visible(message.text)}`);
      else if (message.kind === 'error') write(errorText(message.error, style, streams.columns, message.beside));
      else if (message.kind === 'progress') progress(message);
    },
    result(text) {
      streams.out(text.endsWith('\n') ? text : `${text}\n`);
    },
    async pause() {
      // Nothing is drawn.
    },
    async hold() {
      kept ??= [];
      return () => {
        for (const each of kept ?? []) streams.err(`${each}\n`);
        kept = null;
      };
    },
    error(error: ErrorData, beside?: ErrorData) {
      streams.err(`${errorText(error, style, streams.columns, beside)}\n`);
    },
    async close() {
      for (const timer of waits.values()) clearTimeout(timer);
      await streams.drained();
    },
  };
};
