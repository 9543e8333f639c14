import type { ErrorData } from '../model/error.js';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { forward } from './attempt.js';
import { beginRun } from './begin.js';
import { checkMoves, checkSteps, endRun, moveEnds } from './ending.js';
import { isHalfUndone, stuck as stuckError } from './failure.js';
import { holdsOf } from './holds.js';
import { againCommand, retireCommand, selectionOf } from './next-command.js';
import { holdAtPauseFile, mayGoOn } from './pause-file.js';
import { type Recovery, recover } from './recover.js';
import type { ApplyRun, RunResult } from './run.js';
import { costOf, Scheduler, type Task } from './schedule.js';
import { type Selection, select } from './select.js';
import { Session } from './session.js';
import { type UndoScope, undoGraph } from './undo-order.js';
import { undoTasks } from './unwind.js';

/** Resolves when the signal is aborted: a call that does not heed it must not keep the run alive. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** One apply's moving parts: which moves run, fail, and are taken back. */
class Apply {
  readonly #session: Session;
  readonly #run: ApplyRun;
  readonly #scheduler: Scheduler;
  readonly #running = new Map<string, number>();
  /** Moves whose rollback was decided, with how much of them it takes. */
  readonly #falling = new Map<string, UndoScope>();
  readonly #tasksOf = new Map<string, string[]>();

  constructor(session: Session, run: ApplyRun, scheduler: Scheduler) {
    this.#session = session;
    this.#run = run;
    this.#scheduler = scheduler;
  }

  stepTask(step: Step, needs: readonly string[]): Task {
    const kind = this.#session.kindOf(step);
    if (step.move !== null) this.#tasksOf.set(step.move, [...(this.#tasksOf.get(step.move) ?? []), step.id]);
    return {
      id: step.id,
      needs,
      locks: this.#session.locksOf(step),
      rollout: kind.rollout,
      // Checks mostly wait; they must not keep work from beginning.
      free: kind.checks === true,
      cost: costOf(kind),
      run: () => this.#take(step),
    };
  }

  async #take(step: Step): Promise<boolean> {
    const { move } = step;
    if (move !== null) this.#running.set(move, (this.#running.get(move) ?? 0) + 1);
    try {
      if (!(await mayGoOn(this.#session)) || (move !== null && this.#falling.has(move))) return false;
      const ended = await forward(this.#session, step);
      if (ended === 'failed') this.failed(step);
      return ended === 'done';
    } finally {
      if (move !== null) {
        this.#running.set(move, (this.#running.get(move) ?? 1) - 1);
        this.#letFall(move);
      }
    }
  }

  /** What a failed step means for the rest, as --on-failure says. A shared step holds up its dependents only. */
  failed(step: Step): void {
    const { onFailure } = this.#run.options;
    if (onFailure === 'stop') this.#scheduler.stop();
    if (onFailure !== 'rollback-move' || step.move === null || this.#falling.has(step.move)) return;
    const { move } = step;
    this.#falling.set(
      move,
      step.stage === 'retire' ? { is: 'stage', move, stage: 'retire' } : { is: 'moves', moves: new Set([move]) },
    );
    for (const id of this.#tasksOf.get(move) ?? []) this.#scheduler.cancel(id);
    this.#letFall(move);
  }

  /** Begins the rollback of a move once nothing of it runs any more. */
  #letFall(move: string): void {
    const scope = this.#falling.get(move);
    if (scope === undefined || (this.#running.get(move) ?? 0) > 0) return;
    if (this.#session.stopping || this.#scheduler.status(`fall:${move}`) !== 'unknown') return;
    this.#scheduler.add([this.fallTask(move, scope)]);
  }

  /** The rollback of one move as a task that brings its own tasks. */
  fallTask(move: string, scope: UndoScope): Task {
    return {
      id: `fall:${move}`,
      needs: [],
      locks: [],
      rollout: false,
      free: true,
      cost: 1_000,
      run: async () => {
        const { plan, registry, journal, host, options } = this.#run;
        const graph = undoGraph(plan, registry, journal.state, scope);
        if (scope.is === 'moves' && host.oldWay !== undefined && graph.steps.some(({ stage }) => stage !== 'prepare')) {
          const gone = await host.oldWay(move).catch(() => null);
          if (gone !== null) {
            this.#keep(move, gone, `${options.command.rollback} --move ${move} --force-move ${move}`);
            return false;
          }
        }
        this.#scheduler.add(undoTasks(this.#session, graph));
        return true;
      },
    };
  }

  /** A failed move whose old way is gone stays as it is: sending its pods back would be the greater harm (H2). */
  #keep(move: string, error: ErrorData, command: string): void {
    const first = this.#session.failures.find((failure) => failure.move === move)?.error ?? null;
    this.#session.failures.push({ step: null, move, during: 'undo', error, after: first, byHand: [command] });
    this.#run.say({ kind: 'error', error, ...(first === null ? {} : { beside: first }) });
  }
}

/** Lines for what a reviewer took out. */
const recordSkips = async (session: Session, selection: Selection): Promise<void> => {
  for (const id of selection.skipped) {
    const state = session.state(id);
    const known = state.is === 'skipped' && state.because === 'reviewer';
    if (known || !['pending', 'undone', 'skipped'].includes(state.is)) continue;
    await session.record({ type: 'skipped', step: id, because: 'reviewer' });
    session.counts.skipped += 1;
  }
};

/** Finishes the rollbacks that were begun, before anything goes forward; answers the moves where that did not succeed. */
const finishUndos = async (session: Session, run: ApplyRun, recovery: Recovery): Promise<ReadonlySet<string>> => {
  if (recovery.unwind.length === 0 && recovery.sharedUndos.size === 0) return new Set();
  const { plan, registry, journal, options } = run;
  const scheduler = new Scheduler({ concurrency: options.concurrency * 2, rollouts: options.rollouts * 2 });
  session.onStop = () => scheduler.stop();
  const parts = new Apply(session, run, scheduler);
  for (const { move, scope } of recovery.unwind) {
    const graph = undoGraph(plan, registry, journal.state, scope);
    // A rollback that had begun is finished; one that the failure would have begun asks for the old way first.
    const begun = graph.steps.some(({ id }) => session.state(id).is === 'undoing');
    scheduler.add(begun ? undoTasks(session, graph) : [parts.fallTask(move, scope)]);
  }
  scheduler.add(
    undoTasks(session, undoGraph(plan, registry, journal.state, { is: 'steps', steps: recovery.sharedUndos })),
  );
  await Promise.race([scheduler.run(), aborted(session.signal)]);
  const after = recover(plan, journal.state, journal.events, 'continue');
  return new Set([...after.unwind.map(({ move }) => move), ...after.stuck]);
};

/**
 * Executes what is left of a plan, resuming where an earlier run stopped. Rejects with exit 4 before any change where plan, cluster,
 * account or journal are not the right ones; everything later is in the result, with the exit code.
 */
export const apply = async (run: ApplyRun): Promise<RunResult> => {
  const { plan, journal, options } = run;
  checkSteps(plan, run.registry);
  checkMoves(plan, options.moves);
  const session = new Session(run);
  const soakBefore = journal.state.soakMs;
  await beginRun(session, 'apply', JSON.parse(JSON.stringify(options)) as JsonObject);
  if (options.soakMs !== null && soakBefore !== null && options.soakMs < soakBefore)
    run.say({
      kind: 'note',
      code: 'RL853',
      text: `an earlier run asked for a soak of ${soakBefore / 1000} s; this one asks for ${options.soakMs / 1000} s`,
    });

  const recovery = recover(plan, journal.state, journal.events, options.onFailure);
  for (const [move, error] of recovery.leaveOut)
    if (error !== null) session.failures.push({ step: null, move, during: 'apply', error, after: null, byHand: [] });
  for (const move of recovery.stuck) session.failWhole(move, 'apply', stuckError(plan, move, options.command.rollback));
  const leaveOut = new Set([...recovery.leaveOut.keys(), ...recovery.stuck]);
  if ((await run.host.paused?.()) === true) {
    await holdAtPauseFile(session);
  } else if (!session.stopping) for (const move of await finishUndos(session, run, recovery)) leaveOut.add(move);

  // Chosen only now: what was just undone is to be done again.
  const selection = select(plan, journal.state, options, leaveOut);
  const scheduler = new Scheduler(options, selection.done);
  session.onStop = () => scheduler.stop();
  if (!session.stopping && session.pauses.length === 0) {
    await recordSkips(session, selection);
    const parts = new Apply(session, run, scheduler);
    const holds = holdsOf(session, run, selection);
    scheduler.add([
      ...holds.tasks,
      ...selection.todo
        .filter(({ id }) => !options.refused.has(id))
        .map((step) => parts.stepTask(step, [...step.dependsOn, ...holds.of(step)])),
    ]);
    for (const step of selection.todo) {
      const error = options.refused.get(step.id);
      if (error === undefined) continue;
      if (!isHalfUndone(session.state(step.id))) await session.record({ type: 'failed', step: step.id, error });
      session.fail(step, 'apply', error);
      parts.failed(step);
    }
    await Promise.race([scheduler.run(), aborted(session.signal)]);
  }

  const left = selection.todo
    .filter(({ id }) => !['applied', 'verified', 'skipped'].includes(session.state(id).is))
    .map((step) => ({ step: step.id, why: whyLeft(session, step) }));
  const retireLeft = selection.retireLeft && options.stages.includes('cutover') && !options.stages.includes('retire');
  const { command } = options;
  const failed = session.failures.length > 0;
  const moves = moveEnds(session, new Map(), leaveOut);
  // A move that failed and undid itself has no way back to go; one that stands half way, or keeps what it has, goes back by itself.
  const standing = [...moves].flatMap(([move, end]) => (end === 'failed' || end === 'stuck' ? [move] : []));
  const back = [...standing.slice(0, 5).map((move) => [move]), options.moves];
  const next = [
    ...(left.length > 0 || failed ? [againCommand(options)] : []),
    ...(retireLeft && !failed ? [retireCommand(options)] : []),
    ...(failed ? new Set(back.map((each) => `${command.rollback}${selectionOf({ moves: each })}`)) : []),
  ];
  return endRun(session, {
    moves,
    left,
    next,
    retireLeft: retireLeft || left.length > 0,
    refusedExit: null,
  });
};

const whyLeft = (session: Session, step: Step): string => {
  const state = session.state(step.id);
  if (state.is === 'failed' || state.is === 'undo-failed') return state.error.message;
  if (state.is === 'undone') return 'undone';
  if (state.is === 'in-flight') return 'under way';
  const need = step.dependsOn.find((id) => !['applied', 'verified', 'skipped'].includes(session.state(id).is));
  return need === undefined ? 'held by a gate, or not reached' : `${need} is not done`;
};
