import { isMoved } from '../engine/gates.js';
import type { RunResult } from '../engine/run.js';
import { hasWork } from '../engine/undo-order.js';
import type { JournalState } from '../journal/fold.js';
import type { Plan } from '../model/plan.js';
import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';
import { pausesText } from './pause-text.js';
import type { Session } from './session.js';

export interface EndedRun {
  readonly plan: Plan;
  readonly state: JournalState;
  readonly direction: 'apply' | 'rollback';
}

/** What an end means, where its word does not say it all. */
const meanings: Readonly<Record<string, string>> = {
  moved: 'they have the new identity; retire, which takes the old way out, is to do',
  partly: 'some of their steps are undone, and some still stand',
  kept: 'they stand as they were applied: nothing of them was undone',
};

/** Where a move stands whose retire failed: it is neither undone nor half way between two identities. */
const retireText = (move: string, { plan, state }: EndedRun): string => {
  if (!isMoved(move, plan, state)) return '';
  const retiring = plan.steps.some(
    (step) => step.move === move && step.stage === 'retire' && hasWork(state.steps.get(step.id)),
  );
  return retiring
    ? ': the new identity holds; retire is done in part'
    : ': the new identity holds, with the old way beside it as before retire; rollback --move takes a move back whole';
};

/** How a run ended, for people: counts, what went wrong with what to do, what it waits for, the command that goes on. */
export const resultText = (result: RunResult, run: EndedRun, style: Style, width: number): string => {
  const { applied, skipped, undone } = result.counts;
  const lines = [
    [
      ...(run.direction === 'apply' ? [`${counted(applied, 'step')} applied`] : []),
      ...(skipped > 0 ? [`${skipped} already true or skipped`] : []),
      ...(undone > 0 || run.direction === 'rollback' ? [`${counted(undone, 'step')} undone`] : []),
    ].join(', '),
  ];
  const ends = new Map<string, string[]>();
  for (const [move, end] of result.moves) {
    const moved = end === 'waiting' && run.direction === 'apply' && isMoved(move, run.plan, run.state);
    const word = moved ? 'moved' : end === 'failed' ? `failed${retireText(move, run)}` : end;
    ends.set(word, [...(ends.get(word) ?? []), move]);
  }
  for (const [word, moves] of ends) {
    const [end = '', more] = word.split(': ');
    const paint = ['failed', 'stuck', 'refused'].includes(end)
      ? style.bad
      : ['done', 'undone', 'moved'].includes(end)
        ? style.good
        : style.dim;
    lines.push(
      `${paint(end.padEnd(9))} ${wrap(visible(moves.map((move) => move.replace(/^move:/, '')).join(', ')), width - 10, ' '.repeat(10))}`,
    );
    const meaning = more ?? meanings[end];
    if (meaning !== undefined) lines.push(`${' '.repeat(10)}${style.dim(wrap(meaning, width - 10, ' '.repeat(10)))}`);
  }
  for (const failure of result.failures) {
    const about = failure.step ?? failure.move ?? '';
    lines.push(
      '',
      `${style.bad('✗')} ${style.bold(failure.error.code)} ${wrap(visible(failure.error.message), width - 8, '    ')}`,
    );
    if (about !== '') lines.push(`    ${style.dim('at: ')} ${visible(about)}`);
    if (failure.error.cause !== '')
      lines.push(`    ${style.dim('why:')} ${wrap(visible(failure.error.cause), width - 10, ' '.repeat(9))}`);
    lines.push(`    ${style.dim('do: ')} ${wrap(visible(failure.error.remedy), width - 10, ' '.repeat(9))}`);
    if (failure.after !== null)
      lines.push(
        `    ${style.dim('after')} ${failure.after.code} ${wrap(visible(failure.after.message), width - 12, ' '.repeat(9))}`,
      );
    if (failure.byHand.length > 0)
      lines.push(`    ${style.dim('by hand:')}`, ...failure.byHand.map((command) => `      ${visible(command)}`));
  }
  if (result.pauses.length > 0) lines.push('', pausesText(result.pauses, run.plan, run.direction, style, width));
  if (result.next.length > 0)
    lines.push('', ...result.next.map((command) => `${style.dim('next:')} ${visible(command)}`));
  return lines.join('\n');
};

/** Shows how a run ended, below what is left of its progress: to people as text, with --json each failure as an error. */
export const showResult = async ({ host, options }: Session, result: RunResult, run: EndedRun): Promise<void> => {
  await host.pause();
  if (!options.json) host.result(resultText(result, run, host.style, host.width));
  else for (const failure of result.failures) host.error(failure.error, failure.after ?? undefined);
};
