import type { Style } from '../model/style.js';
import { visible, wrap } from '../model/text.js';

interface Entry {
  readonly id: string;
  readonly is: 'added' | 'removed' | 'changed';
  readonly paths: readonly string[];
}
/** Shape of a comparison of two plans; made by the planner. */
export interface DifferenceView {
  readonly same: boolean;
  readonly plan: readonly string[];
  readonly moves: readonly Entry[];
  readonly steps: readonly Entry[];
  readonly findings: readonly Entry[];
}

/** How two plans differ, a line for each thing. */
export const differenceText = (difference: DifferenceView, style: Style, width: number): string => {
  if (difference.same) return 'no difference';
  const marks = { added: style.good('+'), removed: style.bad('-'), changed: style.warn('~') };
  const part = (title: string, entries: readonly Entry[]): readonly string[] =>
    entries.length === 0
      ? []
      : [
          style.bold(title),
          ...entries.map(
            (entry) =>
              `  ${marks[entry.is]} ${wrap(visible(`${entry.id}${entry.paths.length === 0 ? '' : ` (${entry.paths.join(', ')})`}`), width - 4, '    ')}`,
          ),
        ];
  return [
    ...(difference.plan.length === 0
      ? []
      : [style.bold('PLAN'), ...difference.plan.map((path) => `  ${marks.changed} ${visible(path)}`)]),
    ...part('MOVES', difference.moves),
    ...part('STEPS', difference.steps),
    ...part('FINDINGS', difference.findings),
  ].join('\n');
};
