import type { ErrorData } from '../model/error.js';
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
  /** Whether an undo would bring the old identity back (H2); null where the cluster was not asked. */
  readonly reversible: { readonly is: boolean | null; readonly because: string };
}

/** What the identity model said of the old ways on live state, or why it was not asked. */
export type OldWays =
  | { readonly is: 'asked'; readonly of: (move: string) => ErrorData | null }
  | { readonly is: 'not-asked'; readonly because: string };

const notAsked: OldWays = { is: 'not-asked', because: 'the cluster was not asked; rollback asks it first' };

const stateOf = (run: RunState, step: string): StepState => run.steps.get(step) ?? { is: 'pending' };
const isDone = (state: StepState): boolean =>
  state.is === 'applied' || state.is === 'verified' || state.is === 'skipped';

/** Where each move stands: a fold of plan and journal. */
export const progressOf = (plan: Plan, run: RunState, oldWays: OldWays = notAsked): readonly MoveProgress[] => {
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
      reversible: reversible(
        move,
        own.filter((step) => hasEffect(stateOf(run, step.id))),
        states,
        oldWays,
      ),
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
  const cutover = states.filter((_state, index) => stagesOf[index] !== 'retire');
  const isMoved = cutover.length > 0 && cutover.every(isDone);
  const retire = states.filter((_state, index) => stagesOf[index] === 'retire');
  // A retire that failed puts back what it took, and nothing else of its move.
  if (isMoved && !retire.some((state) => state.is !== 'pending' && state.is !== 'undone')) return 'moved';
  if (started.some((state) => state.is === 'undone' || state.is === 'undoing')) return 'partly undone';
  if (states.length > 0 && states.every(isDone)) return stagesOf.includes('retire') ? 'retired' : 'moved';
  if (isMoved) return 'moved';
  return states.some((state) => state.is !== 'pending') ? 'in progress' : 'not started';
};

/** True where there may be something of ours in the world. */
const hasEffect = (state: StepState): boolean => !['pending', 'skipped', 'undone'].includes(state.is);

/** Moves whose pods an undo would send back the old way: whether that still leads anywhere has to be asked. */
export const movesToAsk = (plan: Plan, run: RunState): readonly string[] => [
  ...new Set(
    plan.steps.flatMap(({ id, move, stage }) =>
      move !== null && stage !== 'prepare' && hasEffect(stateOf(run, id)) ? [move] : [],
    ),
  ),
];

const reversible = (
  move: Move,
  inForce: readonly Plan['steps'][number][],
  states: readonly StepState[],
  oldWays: OldWays,
): MoveProgress['reversible'] => {
  if (inForce.length === 0)
    return {
      is: true,
      because: states.some(({ is }) => is === 'undone') ? 'it is undone' : 'nothing of it was done',
    };
  if (inForce.every(({ stage }) => stage === 'prepare')) return { is: true, because: 'its pods were not touched' };
  if (oldWays.is === 'not-asked') return { is: null, because: oldWays.because };
  const refused = oldWays.of(move.id);
  return refused === null
    ? { is: true, because: `${move.from.broker} would serve the old identity now` }
    : { is: false, because: `${refused.code} ${refused.cause}. ${refused.remedy}` };
};

const meaning: Readonly<Partial<Record<MoveState, string>>> = {
  moved: 'moved: pods have their new identity; retire, which takes the old way out, is to do',
  retired: 'retired: moved, and the old way is taken out',
  'partly undone': 'partly undone: rollback can be run again',
  stuck: 'stuck: an undo failed; a person has to look, then rollback again',
};

const answers: Readonly<Record<string, string>> = { true: 'yes', false: 'no' };
const hasNothing = (row: MoveProgress): boolean => ['blocked', 'skipped', 'not started', 'undone'].includes(row.state);

/** The state of a run as a table a move, with what comes next. */
export const statusText = (
  plan: Plan,
  run: RunState,
  style: Style,
  width: number,
  oldWays: OldWays = notAsked,
): string => {
  const rows = progressOf(plan, run, oldWays);
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
        {
          title: 'reversible',
          cell: (row) => (hasNothing(row) ? '-' : answers[String(row.reversible.is)]) ?? '?',
          style: (text, row) => (row.reversible.is === false ? style.bad(text) : text),
        },
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
  for (const row of rows.filter((each) => !hasNothing(each))) {
    const word = row.reversible.is === false ? 'not reversible' : 'reversible';
    const text = `${word}${row.reversible.is === null ? ' is not known' : ''}: ${row.reversible.because}`;
    because.set(text, [...(because.get(text) ?? []), row.move.id.replace(/^move:/, '')]);
  }
  parts.push(
    ...(because.size === 0
      ? []
      : [
          [...because]
            .map(([text, moves]) => {
              const told = because.size > 1 ? `${text} (${moves.join(', ')})` : text;
              const painted = text.startsWith('not ') ? style.bad : style.dim;
              return painted(wrap(visible(told), width, '  '));
            })
            .join('\n'),
        ]),
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
export const statusData = (plan: Plan, run: RunState, oldWays: OldWays = notAsked): unknown => ({
  plan: plan.id,
  digest: plan.digest,
  lastRun: run.lastRun,
  moves: progressOf(plan, run, oldWays).map((row) => ({
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
