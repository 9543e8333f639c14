import { type ErrorData, RoleliftError } from '../model/error.js';
import type { Plan } from '../model/plan.js';
import type { Registry } from '../steps/step.js';
import type { MoveEnd, RunResult } from './run.js';
import { type Session, signalExit } from './session.js';
import { hasWork } from './undo-order.js';

/** Checks before anything runs that every step is of a known kind, with parameters of its own, and names steps that are there. */
export const checkSteps = (plan: Plan, registry: Registry): void => {
  const refuse = (message: string, cause: string): never => {
    throw new RoleliftError(
      { code: 'RL625', message, cause, remedy: 'Use the version that made the plan, or plan again.', fault: 'user' },
      { exit: 4 },
    );
  };
  const ids = new Set<string>();
  for (const step of plan.steps) {
    if (ids.has(step.id)) refuse(`step ${step.id} stands twice in the plan`, 'ids are unique');
    ids.add(step.id);
  }
  const moves = new Set(plan.moves.map(({ id }) => id));
  const placed = new Set<string>();
  for (const step of plan.steps) {
    const kind = registry.get(step.kind);
    if (kind === undefined) refuse(`step ${step.id} is of an unknown kind, ${step.kind}`, 'no such kind');
    else kind.parseParams(step.params);
    if (step.move !== null && !moves.has(step.move)) refuse(`step ${step.id} names no move`, step.move);
    for (const id of step.dependsOn)
      if (!placed.has(id))
        refuse(`step ${step.id} depends on ${id}, which does not stand before it`, 'the order is broken');
    for (const id of step.undoDependsOn)
      if (!ids.has(id))
        refuse(`step ${step.id} is undone after ${id}, which is not in the plan`, 'the order is broken');
    placed.add(step.id);
  }
};

/** Checks that the moves that are named are in the plan, and that there is one to take. */
export const checkMoves = (plan: Plan, named: readonly string[] | null): void => {
  const unknown = named?.find((id) => !plan.moves.some((move) => move.id === id));
  if (unknown !== undefined)
    throw new RoleliftError(
      {
        code: 'RL628',
        message: `the plan has no move ${unknown}`,
        remedy: 'rolelift show PLAN lists the moves.',
        fault: 'user',
      },
      { exit: 64 },
    );
  if (plan.moves.length > 0 && plan.moves.every(({ blocked }) => blocked))
    throw new RoleliftError(
      {
        code: 'RL838',
        message: 'every move of the plan is blocked',
        cause: 'each has a finding that nobody accepted',
        remedy: 'rolelift show PLAN tells which, and what to do about them; then plan again.',
        fault: 'user',
      },
      { exit: 4 },
    );
};

/** How each move stands now, by the journal and what this run found. */
export const moveEnds = (
  session: Session,
  refused: ReadonlyMap<string, ErrorData> = new Map(),
  leftOut: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, MoveEnd> => {
  const ends = new Map<string, MoveEnd>();
  const { plan } = session.run;
  const byMove = new Map<string, (typeof plan.steps)[number][]>();
  for (const step of plan.steps)
    if (step.move !== null) byMove.set(step.move, [...(byMove.get(step.move) ?? []), step]);
  const failed = new Set(session.failures.flatMap(({ move, during }) => (during === 'apply' ? [move] : [])));
  for (const move of plan.moves) {
    const steps = byMove.get(move.id) ?? [];
    const states = steps.map(({ id }) => session.state(id));
    const end = (): MoveEnd => {
      if (move.blocked) return 'blocked';
      if (refused.has(move.id)) return 'refused';
      if (states.some(({ is }) => is === 'undo-failed')) return 'stuck';
      if (states.some((state) => state.is === 'undone') && !states.some(hasWork)) return 'undone';
      if (failed.has(move.id) || states.some(({ is }) => is === 'failed')) return 'failed';
      if (move.skip || leftOut.has(move.id)) return 'left-out';
      return states.every(({ is }) => is === 'applied' || is === 'verified' || is === 'skipped') ? 'done' : 'waiting';
    };
    ends.set(move.id, end());
  }
  return ends;
};

/** The same after a rollback, where a move that is not undone is one that was kept, wholly or in part, or one that waits for somebody. */
export const undoneEnds = (session: Session, refused: ReadonlyMap<string, ErrorData>): ReadonlyMap<string, MoveEnd> => {
  const { plan } = session.run;
  const moveOf = new Map(plan.steps.map(({ id, move }) => [id, move]));
  const waiting = new Set(session.pauses.map(({ step }) => (step === null ? null : (moveOf.get(step) ?? null))));
  const works = new Set<string | null>();
  const undone = new Set<string | null>();
  for (const { id, move } of plan.steps) {
    const state = session.state(id);
    if (hasWork(state)) works.add(move);
    if (state.is === 'undone') undone.add(move);
  }
  return new Map(
    [...moveEnds(session, refused)].map(([move, end]) => {
      if ((end !== 'done' && end !== 'waiting') || waiting.has(move)) return [move, end];
      if (!works.has(move)) return [move, 'left-out'];
      return [move, undone.has(move) ? 'partly' : 'kept'];
    }),
  );
};

/** Writes the last line where that can still be done, and says how it ended. */
export const endRun = async (
  session: Session,
  facts: Pick<RunResult, 'moves' | 'left' | 'next'> & {
    readonly retireLeft: boolean;
    readonly refusedExit: number | null;
  },
): Promise<RunResult> => {
  const { run } = session;
  const result = (exit: number): RunResult => ({
    exit,
    moves: facts.moves,
    failures: session.failures,
    pauses: session.pauses,
    left: facts.left,
    next: facts.next,
    counts: { ...session.counts },
  });
  if (session.fatal !== null) {
    session.failWhole(null, 'apply', session.fatal);
    return result(session.fatalExit);
  }
  if (run.stop?.fence?.aborted || session.lockLost) {
    const reason: unknown = run.stop?.fence?.reason;
    const error: ErrorData =
      reason instanceof RoleliftError
        ? reason.data
        : {
            code: 'RL863',
            message: 'the lock was lost while the run was under way',
            subject: null,
            cause: 'it could not be renewed in time, or another run took it over',
            remedy: 'Stopped before the next effect. Run the same command again: it observes what the last call did.',
            fault: 'remote',
          };
    session.failWhole(null, 'apply', error);
    return result(5);
  }
  const hard = signalExit(run.stop?.hard);
  if (hard !== null) return result(hard);
  const failed = session.failures.some(({ during }) => during !== 'refused');
  const exit = (): number => {
    const graceful = signalExit(run.stop?.graceful);
    if (graceful !== null && (facts.left.length > 0 || facts.retireLeft)) return graceful;
    if (failed) return session.changed || !isRefusal(session) ? 1 : 4;
    if (facts.refusedExit !== null) return facts.refusedExit;
    return session.pauses.length > 0 || facts.retireLeft ? 3 : 0;
  };
  const code = exit();
  try {
    await session.record({ type: 'run-ended', exit: code });
  } catch {
    const error = session.fatal as ErrorData | null;
    if (error !== null)
      session.failures.push({ step: null, move: null, during: 'apply', error, after: null, byHand: [] });
    return result(error === null ? (signalExit(run.stop?.hard) ?? 5) : session.fatalExit);
  }
  return result(code);
};

/** True where everything that failed was refused before it began, so that nothing was changed. */
const isRefusal = (session: Session): boolean =>
  session.failures.every(({ error }) => /^RL83[1-3]$/.test(error.code)) &&
  ![...session.run.journal.state.steps.values()].some(hasWork);
