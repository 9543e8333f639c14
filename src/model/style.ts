/** How a fold marks parts of its text; the host decides what that looks like. Marked text must be escaped already. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly name: (text: string) => string;
}
const same = (text: string): string => text;
export const plainStyle: Style = { bold: same, dim: same, good: same, warn: same, bad: same, name: same };
