import { errorData } from '../model/error.js';
import type { Gate } from '../model/gate.js';
import { textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import type { Stage } from '../model/words.js';
import { isEffectless } from './attempt.js';
import { reactionTo } from './failure.js';
import { cutoverSince, isMoved, isUsed, soakOf } from './gates.js';
import { retireCommand } from './next-command.js';
import type { ApplyRun } from './run.js';
import type { Task } from './schedule.js';
import type { Selection } from './select.js';
import type { Session } from './session.js';

/** The gates of one apply as tasks, and for each step which of them it waits for. */
export interface Holds {
  readonly tasks: readonly Task[];
  readonly of: (step: Step) => readonly string[];
}

const gateTask = (
  session: Session,
  id: string,
  needs: readonly string[],
  ask: () => Promise<boolean>,
  move: string | null = null,
): Task => ({
  id,
  needs,
  locks: [],
  rollout: false,
  free: true,
  cost: 0,
  run: async () => {
    for (let round = 1; ; round += 1) {
      try {
        return await ask();
      } catch (error) {
        if (session.signal.aborted) return false;
        const reaction = reactionTo(error);
        if (reaction === 'credentials' && !(await session.refreshed(error))) return false;
        if (reaction !== 'fail' && round < 5 && !session.stopping) {
          await session.run.clock.sleep(500 * 2 ** round, session.signal).catch(() => undefined);
          continue;
        }
        session.failWhole(move, 'apply', errorData(error));
        return false;
      }
    }
  },
});

const question = async (session: Session, gate: Gate, text: string): Promise<boolean> => {
  const state = await session.askGate(gate, text);
  if (state.is === 'open') return true;
  await session.pauseAt({ gate: gate.id, step: null, reason: state.reason, how: state.how, opensAt: state.opensAt });
  return false;
};

/** Waits for the soak where the run was told to (--soak), by the servers' time at the beginning and the monotonic clock since. */
const soaked = async (session: Session, run: ApplyRun, move: string): Promise<boolean> => {
  const since = cutoverSince(move, run.plan, run.journal.state);
  if (since === null) return true;
  const opensAt = since + soakOf({ options: run.options, state: run.journal.state });
  const now = run.clients.serverTime() ?? run.clock.now();
  let left = opensAt - now;
  if (left <= 0) return true;
  if (run.options.soakMs !== null && run.options.stages.includes('cutover')) {
    run.say({ kind: 'note', code: 'RL852', text: `${move} soaks until ${new Date(opensAt).toISOString()}` });
    const begin = run.clock.monotonic();
    const whole = left;
    while (left > 0) {
      if (session.stopping) return false;
      await run.clock.sleep(Math.min(left, 5_000), session.signal);
      left = whole - (run.clock.monotonic() - begin);
    }
    return true;
  }
  const reason = `${move} soaks until ${new Date(opensAt).toISOString()}`;
  const gate = `soak:${move}`;
  await session.pauseAt({
    gate,
    step: null,
    reason,
    how: `${retireCommand(run.options)}, from then on`,
    opensAt,
  });
  return false;
};

/** Asks the move's proofs once more: they write nothing, and what was only configured then may be used by now. */
const proveAgain = async (session: Session, run: ApplyRun, move: string): Promise<void> => {
  for (const step of run.plan.steps as unknown as readonly Step[]) {
    if (step.move !== move || step.stage !== 'cutover' || isUsed(move, run.plan, run.journal.state)) continue;
    const now = session.state(step.id);
    const kind = session.kindOf(step);
    if ((now.is !== 'applied' && now.is !== 'verified') || !isEffectless(kind, step)) continue;
    const outcome = await kind.apply(session.context(step), step);
    if (outcome.is === 'done' && outcome.proof !== undefined && outcome.proof !== now.proof)
      await session.record({ type: 'verified', step: step.id, proof: outcome.proof, evidence: outcome.output });
  }
};

/** Evidence that the new identity was used since the cutover; from the pods' proofs, then from the host; journaled. */
const lookForUse = async (session: Session, run: ApplyRun, move: string): Promise<void> => {
  const { plan, journal, host } = run;
  if (isUsed(move, plan, journal.state)) return;
  await proveAgain(session, run, move);
  if (isUsed(move, plan, journal.state) || host.evidence === undefined) return;
  const found = await host.evidence(move, cutoverSince(move, plan, journal.state) ?? 0);
  if (found === null) return;
  const done = plan.steps.filter(({ id, move: own, stage }) => {
    const now = journal.state.steps.get(id)?.is;
    return own === move && stage === 'cutover' && (now === 'applied' || now === 'verified');
  });
  const prover = done.findLast(({ id }) => journal.state.steps.get(id)?.is === 'verified') ?? done.at(-1);
  if (prover !== undefined)
    await session.record({ type: 'verified', step: prover.id, proof: found.proof, evidence: found.evidence });
};

/** True for the plan's own gate that looks for the proof of use: it comes before the one that asks for it. */
const looksForUse = (step: Step): boolean =>
  step.move !== null && step.stage === 'retire' && textAt(step.params, 'gate', 'kind') === 'proof-of-use';

/** Builds the gates: approvals per stage, the canary, and per move the soak and the proof of use before `retire` (H10). */
export const holdsOf = (session: Session, run: ApplyRun, selection: Selection): Holds => {
  const { plan, options, journal } = run;
  const tasks: Task[] = [];
  const stagesTodo = new Set(selection.todo.map(({ stage }) => stage));

  let before: string | null = null;
  const approvals = new Map<Stage, string>();
  for (const stage of options.stages) {
    if (!stagesTodo.has(stage)) continue;
    const gate: Gate = { id: `approval:${stage}`, kind: 'approval', stage };
    const id = `gate:${gate.id}`;
    tasks.push(
      gateTask(session, id, before === null ? [] : [before], () =>
        question(session, gate, `Run ${stage}: ${selection.todo.filter((step) => step.stage === stage).length} steps?`),
      ),
    );
    approvals.set(stage, id);
    before = id;
  }

  const wanted = plan.moves.filter(({ id, to }) => selection.moves.has(id) && to !== null).map(({ id }) => id);
  const canary = new Set(options.canary === null ? wanted : wanted.slice(0, Math.max(1, options.canary)));
  const held = canary.size < wanted.length && journal.state.gates.get('canary')?.is !== 'open';
  if (held) {
    const gate: Gate = { id: 'canary', kind: 'canary', moves: [...canary] };
    const doneBefore = gate.moves.every((move) => isMoved(move, plan, journal.state));
    const needs = selection.todo
      .filter(({ move, stage }) => move !== null && canary.has(move) && stage !== 'retire')
      .map(({ id }) => id);
    tasks.push(
      gateTask(session, 'gate:canary', needs, async () => {
        if (doneBefore && options.yes) {
          await session.record({ type: 'gate-opened', gate: gate.id, by: '--yes' });
          return true;
        }
        return question(session, gate, `The first ${canary.size} moves are done. Go on with the others?`);
      }),
    );
  }

  const byId = new Map(plan.steps.map((step) => [step.id, step as Step]));
  /** Moves that a retire step takes something from: its own, or those that a shared one was built for. */
  const movesOf = (step: Step): readonly string[] => {
    if (step.move !== null) return [step.move];
    const found = new Set<string>();
    const seen = new Set<string>();
    const stack = [...step.dependsOn];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const other = byId.get(next);
      if (other === undefined || seen.has(next)) continue;
      seen.add(next);
      if (other.move !== null) found.add(other.move);
      stack.push(...other.dependsOn);
    }
    return [...found].sort();
  };
  const retiring = new Map<string, readonly string[]>();
  for (const step of selection.todo) if (step.stage === 'retire') retiring.set(step.id, movesOf(step));
  for (const move of new Set([...retiring.values()].flat())) {
    const needs = plan.steps
      .filter(({ id, move: own, stage }) => own === move && stage !== 'retire' && !selection.skipped.has(id))
      .map(({ id }) => id);
    const looks = selection.todo.filter((step) => step.move === move && looksForUse(step)).map(({ id }) => id);
    tasks.push(gateTask(session, `gate:soak:${move}`, needs, () => soaked(session, run, move), move));
    tasks.push(
      gateTask(
        session,
        `gate:retire:${move}`,
        [`gate:soak:${move}`, ...looks],
        async () => {
          await lookForUse(session, run, move);
          return question(
            session,
            { id: `proof-of-use:${move}`, kind: 'proof-of-use', move },
            `${move} was not seen using its new identity. Take the old way all the same?`,
          );
        },
        move,
      ),
    );
  }

  return {
    tasks,
    of: (step) => [
      ...(approvals.has(step.stage) ? [approvals.get(step.stage) as string] : []),
      ...(held && step.move !== null && !canary.has(step.move) ? ['gate:canary'] : []),
      ...(retiring.get(step.id) ?? []).map((move) => `gate:${looksForUse(step) ? 'soak' : 'retire'}:${move}`),
    ],
  };
};
