import type { JournalState } from '../journal/fold.js';
import { type ErrorData, errorData, RoleliftError } from '../model/error.js';
import type { JsonObject } from '../model/json.js';
import type { Plan, Step } from '../model/plan.js';
import type { Registry } from '../steps/step.js';
import { beginRun } from './begin.js';
import { checkSteps, endRun, undoneEnds } from './ending.js';
import { holdAtPauseFile, mayGoOn } from './pause-file.js';
import type { RunResult, UnwindOptions, UnwindRun } from './run.js';
import { costOf, Scheduler, type Task } from './schedule.js';
import { Session } from './session.js';
import { type UndoGraph, type UndoScope, undoGraph } from './undo-order.js';
import { backward } from './undo-step.js';

/** Name of the task that undoes a step. */
const undoTask = (step: string): string => `undo:${step}`;

/** The tasks of a rollback's graph. */
export const undoTasks = (session: Session, graph: UndoGraph): readonly Task[] =>
  graph.steps.map((step) => ({
    id: undoTask(step.id),
    needs: (graph.needs.get(step.id) ?? []).map(undoTask),
    locks: session.locksOf(step),
    rollout: session.kindOf(step).rollout,
    cost: costOf(session.kindOf(step)),
    run: async () => (await mayGoOn(session)) && (await backward(session, step)) === 'done',
  }));

const scopeOf = (scope: UnwindOptions['scope'], without: ReadonlySet<string>): UndoScope => {
  switch (scope.is) {
    case 'whole':
      return { is: 'whole', without };
    case 'moves':
      return { is: 'moves', moves: new Set(scope.moves.filter((move) => !without.has(move))) };
    default:
      return { is: 'to', step: scope.step, without };
  }
};

const checkScope = (plan: Plan, scope: UnwindOptions['scope']): void => {
  const unknown =
    scope.is === 'moves'
      ? scope.moves.find((move) => !plan.moves.some(({ id }) => id === move))
      : scope.is === 'to' && !plan.steps.some(({ id }) => id === scope.step)
        ? scope.step
        : undefined;
  if (unknown !== undefined)
    throw new RoleliftError(
      {
        code: 'RL628',
        message: `the plan has no ${scope.is === 'to' ? 'step' : 'move'} ${unknown}`,
        remedy: 'rolelift show PLAN lists moves and steps.',
        fault: 'user',
      },
      { exit: 64 },
    );
};

/** Asks of every move whether its old way still leads to the old role (H2); answers those that must stay. */
const askOldWays = async (
  session: Session,
  run: UnwindRun,
  moves: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ErrorData>> => {
  const refused = new Map<string, ErrorData>();
  if (run.host.oldWay === undefined) return refused;
  for (const move of moves) {
    if (run.options.forceMoves.includes(move) || session.stopping) continue;
    let error: ErrorData | null;
    try {
      error = await run.host.oldWay(move);
    } catch (thrown) {
      // What cannot be asked is not known to be there: leaving the move as it is harms nobody.
      error = errorData(thrown);
    }
    if (error !== null) refused.set(move, error);
  }
  return refused;
};

/** Moves whose pods the rollback would send back the old way: anything but their preparation is under way. */
const cutMoves = (steps: readonly Step[]): ReadonlySet<string> =>
  new Set(steps.flatMap(({ move, stage }) => (move !== null && stage !== 'prepare' ? [move] : [])));

/**
 * What a rollback would undo now, each step after those that go before it, and what would stay. Nobody is asked whether the old ways
 * still lead anywhere (H2). Throws RL628 for a move or a step that the plan does not have.
 */
export const undoable = (
  plan: Plan,
  registry: Registry,
  state: JournalState,
  scope: UnwindOptions['scope'],
): Pick<UndoGraph, 'steps' | 'kept'> => {
  checkScope(plan, scope);
  const graph = undoGraph(plan, registry, state, scopeOf(scope, new Set()));
  const left = [...graph.steps].reverse();
  const steps: Step[] = [];
  const over = new Set<string>();
  while (left.length > 0) {
    const index = left.findIndex(({ id }) => (graph.needs.get(id) ?? []).every((need) => over.has(need)));
    const [next] = left.splice(Math.max(0, index), 1);
    if (next === undefined) break;
    over.add(next.id);
    steps.push(next);
  }
  return { steps, kept: graph.kept };
};

/**
 * Undoes what the journal says was done: whole, some moves, or down to a step; in the plan's undo order, going on past what fails.
 * It may be interrupted and run again. Rejects with exit 4 before any change where plan, cluster, account or journal are not the
 * right ones; everything later is in the result.
 */
export const unwind = async (run: UnwindRun): Promise<RunResult> => {
  checkSteps(run.plan, run.registry);
  checkScope(run.plan, run.options.scope);
  const session = new Session(run);
  await beginRun(session, 'rollback', JSON.parse(JSON.stringify(run.options)) as JsonObject);
  const { plan, journal, registry, options } = run;
  let graph = undoGraph(plan, registry, journal.state, scopeOf(run.options.scope, new Set()));
  const refused = await askOldWays(session, run, cutMoves(graph.steps));
  for (const [move, error] of refused) session.failWhole(move, 'refused', error);
  if (refused.size > 0)
    graph = undoGraph(plan, registry, journal.state, scopeOf(run.options.scope, new Set(refused.keys())));
  const scheduler = new Scheduler({ concurrency: options.concurrency * 2, rollouts: options.rollouts * 2 });
  session.onStop = () => scheduler.stop();
  if (await run.host.paused?.()) {
    await holdAtPauseFile(session);
  } else if (!session.stopping) {
    scheduler.add(undoTasks(session, graph));
    await scheduler.run();
  }
  const left = [
    ...graph.kept,
    ...graph.steps
      .filter(({ id }) => scheduler.status(undoTask(id)) !== 'done')
      .map(({ id, undoDependsOn }) => {
        const status = scheduler.status(undoTask(id));
        const first = (graph.needs.get(id) ?? undoDependsOn).find(
          (need) => scheduler.status(undoTask(need)) !== 'done',
        );
        return {
          step: id,
          why:
            status === 'failed'
              ? 'its undo did not succeed'
              : first === undefined
                ? 'not reached'
                : `${first} is not undone`,
        };
      }),
  ];
  return endRun(session, {
    moves: undoneEnds(session, refused),
    left,
    next: left.length > graph.kept.length ? [options.command.rollback] : [],
    retireLeft: false,
    refusedExit: refused.size > 0 ? 4 : null,
  });
};
