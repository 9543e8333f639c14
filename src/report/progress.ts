import type { RunState, StepState } from '../model/journal.js';
import type { Move, Plan } from '../model/plan.js';
import type { Style } from '../model/style.js';
import { counted, visible, wrap } from '../model/text.js';
import type { Stage } from '../model/words.js';
import { stages } from '../model/words.js';
import { stepsByMove } from './plan-index.js';
import { table } from './table.js';

export type MoveState =
  | 'blocked'
  | 'skipped'
  | 'not started'
  | 'in progress'
  | 'moved'
  | 'retired'
  | 'failed'
  | 'undone'
  | 'partly undone'
  | 'stuck';

export interface MoveProgress {
  readonly move: Move;
  readonly state: MoveState;
  /** Steps done and steps in all, by stage. */
  readonly done: Readonly<Record<Stage, readonly [number, number]>>;
  /** The newest failure, as text. */
  readonly trouble: string;
  readonly reversible: { readonly is: boolean; readonly because: string };
}

const stateOf = (run: RunState, step: string): StepState => run.steps.get(step) ?? { is: 'pending' };
const isDone = (state: StepState): boolean =>
  state.is === 'applied' || state.is === 'verified' || state.is === 'skipped';

/** Where each move stands: a fold of plan and journal. */
export const progressOf = (plan: Plan, run: RunState): readonly MoveProgress[] => {
  const steps = stepsByMove(plan);
  return plan.moves.map((move) => {
    const own = steps.get(move.id) ?? [];
    const states = own.map((step) => stateOf(run, step.id));
    const done = Object.fromEntries(
      stages.map((stage) => {
        const of = own.filter((step) => step.stage === stage);
        return [stage, [of.filter((step) => isDone(stateOf(run, step.id))).length, of.length] as const];
      }),
    ) as unknown as MoveProgress['done'];
    const failed = states.find((state) => state.is === 'failed' || state.is === 'undo-failed');
    const trouble =
      failed !== undefined && (failed.is === 'failed' || failed.is === 'undo-failed')
        ? `${failed.error.code} ${failed.error.message}`
        : '';
    return {
      move,
      state: moveState(
        move,
        own.map((step) => step.stage),
        states,
      ),
      done,
      trouble,
      reversible: reversible(move, states),
    };
  });
};

const moveState = (move: Move, stagesOf: readonly Stage[], states: readonly StepState[]): MoveState => {
  if (move.blocked) return 'blocked';
  if (move.skip) return 'skipped';
  if (states.some((state) => state.is === 'undo-failed')) return 'stuck';
  const started = states.filter((state) => state.is !== 'pending' && state.is !== 'skipped');
  if (states.some((state) => state.is === 'failed')) return 'failed';
  if (started.length > 0 && started.every((state) => state.is === 'undone')) return 'undone';
  if (started.some((state) => state.is === 'undone' || state.is === 'undoing')) return 'partly undone';
  if (states.length > 0 && states.every(isDone)) return stagesOf.includes('retire') ? 'retired' : 'moved';
  const cutover = states.filter((_state, index) => stagesOf[index] !== 'retire');
  if (cutover.length > 0 && cutover.every(isDone)) return 'moved';
  return states.some((state) => state.is !== 'pending') ? 'in progress' : 'not started';
};

const reversible = (move: Move, states: readonly StepState[]): MoveProgress['reversible'] => {
  if (move.blocked || states.every((state) => state.is === 'pending' || state.is === 'skipped'))
    return { is: true, because: 'nothing of it was done' };
  if (states.every((state) => state.is === 'undone' || state.is === 'pending' || state.is === 'skipped'))
    return { is: true, because: 'it is undone' };
  return { is: true, because: `as long as ${move.from.broker} still serves it; rollback asks the cluster first` };
};

const meaning: Readonly<Partial<Record<MoveState, string>>> = {
  moved: 'moved: pods have their new identity; retire, which takes the old way out, is to do',
  retired: 'retired: moved, and the old way is taken out',
  'partly undone': 'partly undone: rollback can be run again',
  stuck: 'stuck: an undo failed; a person has to look, then rollback again',
};

/** The state of a run as a table a move, with what comes next. */
export const statusText = (plan: Plan, run: RunState, style: Style, width: number): string => {
  const rows = progressOf(plan, run);
  const paint = (text: string, row: MoveProgress): string =>
    ['failed', 'stuck', 'partly undone'].includes(row.state)
      ? style.bad(text)
      : ['moved', 'retired'].includes(row.state)
        ? style.good(text)
        : style.dim(text);
  const shared = plan.steps.filter((step) => step.move === null);
  const head =
    run.lastRun === null
      ? `Plan ${style.bold(visible(plan.id))}: nothing was applied yet`
      : `Plan ${style.bold(visible(plan.id))}: last run ${visible(run.lastRun.id)} (${visible(run.lastRun.command)}) ${run.lastRun.ended ? `ended with exit ${run.lastRun.exit ?? '?'}` : 'did not end'}`;
  const parts = [
    head,
    table(
      rows,
      [
        { title: 'move', cell: (row) => row.move.id.replace(/^move:/, ''), gives: 2, least: 16 },
        { title: 'state', cell: (row) => row.state, style: paint },
        ...stages.map((stage) => ({
          title: stage,
          cell: (row: MoveProgress) =>
            row.done[stage][1] === 0 || row.state === 'skipped' ? '-' : `${row.done[stage][0]}/${row.done[stage][1]}`,
        })),
        { title: 'reversible', cell: (row) => (row.reversible.is ? 'yes' : 'no') },
      ],
      width,
      style.dim,
    ),
  ];
  if (shared.length > 0) {
    const done = shared.filter((step) => isDone(stateOf(run, step.id))).length;
    parts.push(`${counted(shared.length, 'shared step')}, ${done} done`);
  }
  const meanings = [...new Set(rows.map((row) => row.state))].flatMap((state) => meaning[state] ?? []);
  if (meanings.length > 0) parts.push(meanings.map((text) => style.dim(wrap(text, width, '  '))).join('\n'));
  const because = new Map<string, string[]>();
  for (const row of rows.filter((each) => !['blocked', 'skipped', 'not started', 'undone'].includes(each.state)))
    because.set(row.reversible.because, [
      ...(because.get(row.reversible.because) ?? []),
      row.move.id.replace(/^move:/, ''),
    ]);
  if (because.size > 0)
    parts.push(
      [...because]
        .map(([text, moves]) =>
          style.dim(
            wrap(visible(`reversible${because.size > 1 ? ` (${moves.join(', ')})` : ''}: ${text}`), width, '  '),
          ),
        )
        .join('\n'),
    );
  const troubles = rows.filter((row) => row.trouble !== '');
  if (troubles.length > 0)
    parts.push(
      troubles
        .map((row) => `${style.bad('✗')} ${visible(row.move.id)}: ${wrap(visible(row.trouble), width - 4, '    ')}`)
        .join('\n'),
    );
  return parts.join('\n\n');
};

/** The same as data, for `--json`. */
export const statusData = (plan: Plan, run: RunState): unknown => ({
  plan: plan.id,
  digest: plan.digest,
  lastRun: run.lastRun,
  moves: progressOf(plan, run).map((row) => ({
    id: row.move.id,
    state: row.state,
    done: row.done,
    trouble: row.trouble,
    reversible: row.reversible,
  })),
  steps: plan.steps.map((step) => ({
    id: step.id,
    stage: step.stage,
    move: step.move,
    state: stateOf(run, step.id).is,
  })),
  stuck: run.stuck,
});
