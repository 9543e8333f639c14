import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';

/** What the text of a rehearsal is made from. */
export interface RehearsalFacts {
  readonly passed: boolean;
  readonly states: number;
  readonly answers: number;
  readonly playedInFull: number;
  readonly interruptionPoints: number;
  readonly alikePoints: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly message: string; readonly subject: string; readonly reproduce: string }[];
  readonly estimate: { readonly calls: number; readonly restarts: number; readonly minutes: number };
  readonly assumed: readonly string[];
  readonly notPlayed: readonly string[];
}

/** Failures that are shown in full; the others are counted. */
const shownFailures = 10;

/** The verdict of a rehearsal, for people. */
export const rehearsalText = (facts: RehearsalFacts, style: Style, width: number): string => {
  const faults = Object.entries(facts.faults).map(([name, times]) => `${name} (${times})`);
  const indented = (text: string): string => `  ${wrap(visible(text), width - 2, '  ')}`;
  const lines = [
    facts.passed
      ? `${style.good('✓')} the rehearsal passed`
      : `${style.bad('✗')} the rehearsal failed: ${counted(facts.failures.length, 'failure')}`,
    indented(
      `${counted(facts.states, 'state')} checked, ${counted(facts.answers, 'answer')} asked; ${counted(facts.playedInFull, 'run')} played in full, ${counted(facts.interruptionPoints, 'interruption point')}`,
    ),
    ...(facts.alikePoints === 0
      ? []
      : [
          `  ${counted(facts.alikePoints, 'more interruption point')} of moves that differ from played ones in names alone`,
        ]),
    ...(faults.length === 0 ? [] : [indented(`faults: ${faults.join(', ')}`)]),
    indented(
      `the real run: about ${counted(facts.estimate.calls, 'API call')}, ${counted(facts.estimate.restarts, 'restart')}, ${facts.estimate.minutes} minutes without people and soaks`,
    ),
  ];
  for (const failure of facts.failures.slice(0, shownFailures))
    lines.push(
      '',
      `${style.bad('✗')} ${wrap(visible(failure.message), width - 2, '  ')}`,
      `  ${style.dim('again:')} ${wrap(visible(failure.reproduce), width - 9, '         ')}`,
    );
  if (facts.failures.length > shownFailures)
    lines.push('', `  and ${counted(facts.failures.length - shownFailures, 'more failure')}, in rehearsal.json`);
  if (facts.assumed.length > 0)
    lines.push('', style.dim(`  made up: ${wrap(visible(facts.assumed.slice(0, 8).join('; ')), width - 11, '    ')}`));
  if (facts.notPlayed.length > 0)
    lines.push(style.dim(`  not played: ${wrap(visible(facts.notPlayed.slice(0, 8).join('; ')), width - 14, '    ')}`));
  return lines.join('\n');
};
