import { type ErrorData, errorData, RoleliftError } from '../model/error.js';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { beginRun } from './begin.js';
import { checkSteps, endRun, moveEnds } from './ending.js';
import { holdAtPauseFile, mayGoOn } from './pause-file.js';
import type { RunResult, UnwindRun } from './run.js';
import { costOf, Scheduler, type Task } from './schedule.js';
import { Session } from './session.js';
import { type UndoGraph, type UndoScope, undoGraph } from './undo-order.js';
import { backward } from './undo-step.js';

/** Name of the task that undoes a step. */
export const undoTask = (step: string): string => `undo:${step}`;

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

const scopeOf = (run: UnwindRun, without: ReadonlySet<string>): UndoScope => {
  const { scope } = run.options;
  switch (scope.is) {
    case 'whole':
      return { is: 'whole', without };
    case 'moves':
      return { is: 'moves', moves: new Set(scope.moves.filter((move) => !without.has(move))) };
    default:
      return { is: 'to', step: scope.step, without };
  }
};

const checkScope = (run: UnwindRun): void => {
  const { scope } = run.options;
  const unknown =
    scope.is === 'moves'
      ? scope.moves.find((move) => !run.plan.moves.some(({ id }) => id === move))
      : scope.is === 'to' && !run.plan.steps.some(({ id }) => id === scope.step)
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
 * Undoes what the journal says was done: whole, some moves, or down to a step; in the plan's undo order, going on past what fails.
 * It may be interrupted and run again. Rejects with exit 4 before any change where plan, cluster, account or journal are not the
 * right ones; everything later is in the result.
 */
export const unwind = async (run: UnwindRun): Promise<RunResult> => {
  checkSteps(run.plan, run.registry);
  checkScope(run);
  const session = new Session(run);
  await beginRun(session, 'rollback', JSON.parse(JSON.stringify(run.options)) as JsonObject);
  const { plan, journal, registry, options } = run;
  let graph = undoGraph(plan, registry, journal.state, scopeOf(run, new Set()));
  const refused = await askOldWays(session, run, cutMoves(graph.steps));
  for (const [move, error] of refused) session.failWhole(move, 'refused', error);
  if (refused.size > 0) graph = undoGraph(plan, registry, journal.state, scopeOf(run, new Set(refused.keys())));
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
    moves: moveEnds(session, refused),
    left,
    next: left.length > graph.kept.length ? [options.command.rollback] : [],
    retireLeft: false,
    refusedExit: refused.size > 0 ? 4 : null,
  });
};
