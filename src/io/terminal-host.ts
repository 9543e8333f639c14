import type { Listr } from 'listr2';
import type { ErrorData } from '../model/error.js';
import type { Message } from '../model/message.js';
import type { Style } from '../model/style.js';
import { shorten, visible } from '../model/text.js';
import { errorText } from './error-text.js';
import type { Host } from './host.js';
import type { Streams } from './streams.js';

type Progress = Extract<Message, { kind: 'progress' }>;

interface Row {
  readonly id: string;
  title: string;
  finish: (failed: boolean, skipped: boolean) => void;
  readonly over: Promise<{ readonly failed: boolean; readonly skipped: boolean }>;
  show: (title: string) => void;
}

/**
 * Progress that moves, drawn by listr2 on standard error. Top-level progress becomes a task; what belongs to it is told in the
 * task's own line, so that a thousand steps never scroll a screen away.
 */
export const terminalHost = (streams: Streams, style: Style): Host => {
  let list: Listr | null = null;
  let running: Promise<unknown> | null = null;
  const rows = new Map<string, Row>();
  const lines: string[] = [];
  const width = (): number => Math.max(40, streams.columns - 6);

  const open = async (first: Progress): Promise<void> => {
    const { Listr: List } = await import('listr2');
    list = new List([], {
      concurrent: true,
      exitOnError: false,
      collectErrors: false,
      registerSignalListeners: false,
      fallbackRenderer: 'simple',
      rendererOptions: { outputBar: true, collapseErrors: true, showErrorMessage: false },
    } as never);
    add(first);
    running = list.run().catch(() => undefined);
  };

  const add = (message: Progress): void => {
    let finish: Row['finish'] = () => undefined;
    const over = new Promise<{ failed: boolean; skipped: boolean }>((resolve) => {
      finish = (failed, skipped) => resolve({ failed, skipped });
    });
    const row: Row = { id: message.id, title: titleOf(message), finish, over, show: () => undefined };
    rows.set(message.id, row);
    list?.add({
      title: row.title,
      task: async (_context: unknown, task: { title: string; skip: (text?: string) => void }) => {
        row.show = (title) => {
          task.title = title;
        };
        row.show(row.title);
        const end = await row.over;
        if (end.skipped) task.skip(row.title);
        if (end.failed) throw new Error(row.title);
      },
    } as never);
  };

  const titleOf = (message: Progress): string => {
    const counts = message.of === undefined ? '' : ` ${message.done ?? 0}/${message.of}`;
    const waits = message.waitsFor === undefined ? '' : style.dim(` · waits for ${visible(message.waitsFor)}`);
    return `${shorten(visible(message.title), width() - counts.length)}${counts}${waits}`;
  };

  const queue: Progress[] = [];
  let opening: Promise<void> | null = null;
  const progress = (message: Progress): void => {
    if (list === null) {
      queue.push(message);
      opening ??= (async () => {
        const first = queue.shift() as Progress;
        await open(first);
        opening = null;
        const rest = queue.splice(0);
        if (['done', 'failed', 'skipped'].includes(first.state)) rest.unshift(first);
        for (const each of rest) progress(each);
      })();
      return;
    }
    const id = message.parent ?? message.id;
    const row = rows.get(id);
    if (row === undefined) {
      if (message.parent === null) add(message);
      const made = rows.get(message.id);
      if (made !== undefined && ['done', 'failed', 'skipped'].includes(message.state)) {
        made.finish(message.state === 'failed', message.state === 'skipped');
      }
      return;
    }
    if (message.parent !== null) {
      row.show(
        `${row.title}${style.dim(` · ${shorten(visible(message.title), Math.max(10, width() - row.title.length))}`)}`,
      );
      return;
    }
    row.title = titleOf(message);
    row.show(row.title);
    if (['done', 'failed', 'skipped'].includes(message.state))
      row.finish(message.state === 'failed', message.state === 'skipped');
  };

  const pause = async (): Promise<void> => {
    if (opening !== null) await opening;
    for (const row of rows.values()) row.finish(false, false);
    await running;
    list = null;
    running = null;
    rows.clear();
  };

  return {
    style,
    width: streams.columns,
    say(message) {
      if (message.kind === 'progress') progress(message);
      else if (message.kind === 'note') queueLine(`${style.dim(message.code)} ${visible(message.text)}`);
      else if (message.kind === 'error') queueLine(errorText(message.error, style, streams.columns, message.beside));
    },
    result(text) {
      streams.out(text.endsWith('\n') ? text : `${text}\n`);
    },
    pause,
    error(error: ErrorData, beside?: ErrorData) {
      streams.err(`${errorText(error, style, streams.columns, beside)}\n`);
    },
    async close() {
      await pause();
      for (const line of lines.splice(0)) streams.err(`${line}\n`);
      await streams.drained();
    },
  };

  function queueLine(line: string): void {
    if (list === null) streams.err(`${line}\n`);
    else lines.push(line);
  }
};
