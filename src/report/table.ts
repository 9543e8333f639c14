import { shorten, visible } from '../model/text.js';

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
  /** Styles a padded cell; never changes its width. */
  readonly style?: (text: string, row: T) => string;
  /** Columns with a higher number are cut first when the table is too wide; 0 is never cut. */
  readonly gives?: number;
  readonly least?: number;
}

/** Rows in columns of at most that width altogether, two spaces between them. Cells are escaped here. */
export const table = <T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  width: number,
  head: (text: string) => string = (text) => text,
): string => {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => columns.map((column) => visible(column.cell(row))));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const total = (): number => widths.reduce((sum, each) => sum + each, 0) + 2 * (columns.length - 1);
  const order = columns
    .map((column, index) => ({ index, gives: column.gives ?? 0, least: column.least ?? 8 }))
    .filter((each) => each.gives > 0);
  order.sort((left, right) => right.gives - left.gives);
  for (const { index, least } of order) {
    const over = total() - width;
    if (over <= 0) break;
    widths[index] = Math.max(Math.min(least, widths[index] ?? 0), (widths[index] ?? 0) - over);
  }
  const line = (texts: readonly string[], paint: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const cut = shorten(text, widths[index] ?? text.length);
        return paint(index === texts.length - 1 ? cut : cut.padEnd(widths[index] ?? 0), index);
      })
      .join('  ')
      .trimEnd();
  return [
    line(
      columns.map((column) => column.title),
      (text) => head(text),
    ),
    ...cells.map((row, at) => line(row, (text, index) => columns[index]?.style?.(text, rows[at] as T) ?? text)),
  ].join('\n');
};

/** The same as a Markdown table; pipes and line breaks are escaped. */
export const markdownTable = <T>(rows: readonly T[], columns: readonly Column<T>[]): string =>
  [
    `| ${columns.map((column) => column.title).join(' | ')} |`,
    `| ${columns.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${columns.map((column) => markdownText(column.cell(row))).join(' | ')} |`),
  ].join('\n');

/** Untrusted text in Markdown: nothing of it is markup. */
export const markdownText = (text: string): string =>
  visible(text).replace(/[\\`*_{}[\]()#+!|<>~]/g, (found) => `\\${found}`);
