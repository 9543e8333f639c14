import type { Listr } from 'listr2';
import type { ErrorData } from '../model/error.js';
import type { Message } from '../model/message.js';
import type { Style } from '../model/style.js';
import { shorten, visible } from '../model/text.js';
import { errorText } from './error-text.js';
import type { Host } from './host.js';
import type { Streams } from './streams.js';

type Progress = Extract<Message, { kind: 'progress' }>;
type End = 'done' | 'failed' | 'skipped';

type Growing = Pick<Listr, 'add' | 'run'> & {
  readonly tasks: readonly unknown[];
  runTask(task: unknown): Promise<void>;
};

interface Row {
  /** Progress of its own was told, not only that of its parts. */
  announced: boolean;
  title: string;
  /** The step that runs for it, told behind its title. */
  now: string;
  readonly finish: (end: End) => void;
  readonly over: Promise<End>;
  show: () => void;
}

const endOf = (message: Progress): End | null =>
  message.state === 'done' || message.state === 'failed' || message.state === 'skipped' ? message.state : null;

/**
 * Progress that moves, drawn by listr2 on standard error. Progress without a parent is a line; what belongs to it is told in that line, so
 * that a thousand steps never scroll a screen away. A parent that nobody announced gets its line when its first part is told.
 */
export const terminalHost = (streams: Streams, style: Style): Host => {
  const rows = new Map<string, Row>();
  const lines: string[] = [];
  let list: Growing | null = null;
  const late: Promise<unknown>[] = [];
  let close: () => void = () => undefined;
  let running: Promise<unknown> | null = null;
  let opening: Promise<void> | null = null;
  const early: Progress[] = [];
  let kept: Message[] | null = null;
  const width = (): number => Math.max(40, streams.columns - 6);

  const titleOf = (message: Progress): string => {
    const counts = message.of === undefined ? '' : ` ${message.done ?? 0}/${message.of}`;
    return `${shorten(visible(message.title), width() - counts.length)}${counts}`;
  };
  const textOf = (row: Row): string => {
    const room = width() - row.title.length - 3;
    return row.now === '' || room < 8 ? row.title : `${row.title}${style.dim(` · ${shorten(row.now, room)}`)}`;
  };
  const partOf = (message: Progress): string =>
    visible(message.waitsFor === undefined ? message.title : `${message.title}: waits, ${message.waitsFor}`);

  const add = (id: string, title: string): Row => {
    let finish: Row['finish'] = () => undefined;
    const over = new Promise<End>((resolve) => {
      finish = resolve;
    });
    const row: Row = { announced: false, title, now: '', finish, over, show: () => undefined };
    rows.set(id, row);
    start({
      title: row.title,
      task: async (_context: unknown, task: { title: string; skip: (text?: string) => void }) => {
        row.show = () => {
          task.title = textOf(row);
        };
        row.show();
        const end = await row.over;
        row.now = '';
        row.show();
        if (end === 'skipped') task.skip(row.title);
        if (end === 'failed') throw new Error(row.title);
      },
    });
    return row;
  };

  /** listr2 runs what it had when it began: what comes later is run by hand, and a task without a title keeps the list open. */
  const start = (task: object): void => {
    if (list === null) return;
    list.add(task as never);
    const added = list.tasks.at(-1);
    if (running !== null && added !== undefined) late.push(list.runTask(added).catch(() => undefined));
  };

  const draw = (message: Progress): void => {
    const row = rows.get(message.parent ?? message.id) ?? add(message.parent ?? message.id, titleOfRow(message));
    if (message.parent === null) {
      row.announced = true;
      row.title = titleOf(message);
      if (message.waitsFor !== undefined) row.now = visible(message.waitsFor);
    } else row.now = partOf(message);
    row.show();
    const end = message.parent === null ? endOf(message) : null;
    if (end !== null) row.finish(end);
  };
  const titleOfRow = (message: Progress): string =>
    message.parent === null ? titleOf(message) : visible(message.parent.replace(/^move:/, ''));

  const open = async (): Promise<void> => {
    const { Listr: List } = await import('listr2');
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    const made = new List([{ task: () => closed }], {
      concurrent: true,
      exitOnError: false,
      collectErrors: false,
      registerSignalListeners: false,
      fallbackRenderer: 'simple',
      rendererOptions: { outputBar: true, collapseErrors: true, showErrorMessage: false, collapseSkips: true },
    } as never);
    list = made as unknown as Growing;
    for (const each of early.splice(0)) draw(each);
    running = list.run().catch(() => undefined);
  };

  const progress = (message: Progress): void => {
    if (list !== null) {
      draw(message);
      return;
    }
    early.push(message);
    opening ??= open().finally(() => {
      opening = null;
    });
  };

  const pause = async (): Promise<void> => {
    if (opening !== null) await opening;
    // A line that nobody announced has no end of its own: its parts are told, so it is over. Others are cut off here.
    for (const row of rows.values()) row.finish(row.announced ? 'skipped' : 'done');
    // Their last lines are drawn before the list is.
    await Promise.all(late.splice(0));
    close();
    await running;
    list = null;
    running = null;
    rows.clear();
    for (const line of lines.splice(0)) streams.err(`${line}\n`);
  };

  const tell = (line: string): void => {
    if (list === null && opening === null) streams.err(`${line}\n`);
    else lines.push(line);
  };

  const say = (message: Message): void => {
    if (kept !== null) kept.push(message);
    else if (message.kind === 'progress') progress(message);
    else if (message.kind === 'note') tell(`${style.dim(message.code)} ${visible(message.text)}`);
    else if (message.kind === 'error') tell(errorText(message.error, style, streams.columns, message.beside));
  };

  return {
    style,
    width: streams.columns,
    say,
    result(text) {
      streams.out(text.endsWith('\n') ? text : `${text}\n`);
    },
    pause,
    async hold() {
      kept ??= [];
      await pause();
      return () => {
        const all = kept ?? [];
        kept = null;
        for (const message of all) say(message);
      };
    },
    error(error: ErrorData, beside?: ErrorData) {
      streams.err(`${errorText(error, style, streams.columns, beside)}\n`);
    },
    async close() {
      await pause();
      await streams.drained();
    },
  };
};
