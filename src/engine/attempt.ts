import { RoleliftError } from '../model/error.js';
import type { Gate } from '../model/gate.js';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import type { Outcome, StepKind } from '../steps/step.js';
import { drifted, halfUndone, isHalfUndone, misfit, notSeen } from './failure.js';
import { type Ended, inRounds } from './rounds.js';
import type { Session } from './session.js';

/** True for kinds that write nothing: their observation cannot stand for their work, so they are simply run again. */
export const isEffectless = (kind: StepKind, step: Step): boolean =>
  kind.checks === true || kind.changes(step, 'apply').length === 0;

const gateOf = (step: Step, { gate, evidence }: Outcome & { readonly is: 'paused' }): Gate => {
  if (evidence === true && step.move !== null) return { id: gate, kind: 'evidence', move: step.move };
  const known = step.params.gate as unknown as Gate | undefined;
  if (known !== undefined && typeof known === 'object' && known !== null && known.id === gate) return known;
  return { id: gate, kind: 'confirmation' };
};

const paused = async (session: Session, step: Step, outcome: Outcome & { readonly is: 'paused' }): Promise<boolean> => {
  // A hand-off is opened by its owner alone: nobody is asked to say that it is done.
  const ask = session.kindOf(step).kind !== 'wait-for-handoff';
  if (ask) {
    const gate = await session.askGate(gateOf(step, outcome), outcome.reason);
    if (gate.is === 'open') return true;
  }
  await session.pauseAt({ gate: outcome.gate, step: step.id, reason: outcome.reason, how: outcome.how, opensAt: null });
  return false;
};

/** Waits until reads show the write: eventual consistency is observed, never slept over. */
const settle = async (session: Session, step: Step, kind: StepKind): Promise<void> => {
  const ctx = session.context(step);
  const bound = session.run.options.settleMs;
  let wrong: RoleliftError | null = null;
  try {
    await ctx.until(`${step.title}: until reads show it`, bound, async () => {
      const saw = await kind.observe(ctx, step);
      wrong = misfit(step, saw);
      return saw.is === 'applied' ? true : null;
    });
  } catch (error) {
    if (error instanceof RoleliftError && error.data.code === 'RL811')
      throw wrong ?? notSeen(step, Math.round(bound / 1000));
    throw error;
  }
};

const once = async (session: Session, step: Step, kind: StepKind): Promise<Ended> => {
  const ctx = session.context(step);
  const before = session.state(step.id);
  if (isHalfUndone(before)) throw halfUndone(step, session.run.options.command.rollback);
  const recorded = 'preimage' in before ? before.preimage : null;
  const effectless = isEffectless(kind, step);
  const saw = await kind.observe(ctx, step);
  if (saw.is === 'applied' && !effectless) {
    if (recorded === null) {
      // True before us, so it is not ours to undo.
      await session.record({ type: 'skipped', step: step.id, because: 'already-true' });
      session.counts.skipped += 1;
      return 'done';
    }
    // Started in an earlier run, or in a round whose answer was lost: the effect is there, only its line is missing.
    await session.record({ type: 'applied', step: step.id, output: saw.saw });
    session.counts.applied += 1;
    return 'done';
  }
  const wrong = misfit(step, saw);
  if (wrong !== null) throw wrong;
  if (recorded === null || saw.is === 'not-applied') {
    const drifts = await kind.preconditions(ctx, step);
    if (drifts.length > 0) throw drifted(step, drifts);
  }
  const preimage: JsonObject = recorded ?? (await kind.preimage(ctx, step));
  if (session.stopping) return 'interrupted';
  const attempt = ('attempts' in before ? before.attempts : 0) + 1;
  await session.record({ type: 'started', step: step.id, attempt, preimage });
  if (!effectless) session.changed = true;
  let outcome = await kind.apply(ctx, step);
  while (outcome.is === 'paused') {
    if (!(await paused(session, step, outcome))) return 'paused';
    outcome = await kind.apply(ctx, step);
    if (outcome.is === 'paused') {
      // Opened by a person, and the kind still sees a reason to wait: it is told once more, and not asked for ever.
      await session.pauseAt({
        gate: outcome.gate,
        step: step.id,
        reason: outcome.reason,
        how: outcome.how,
        opensAt: null,
      });
      return 'paused';
    }
  }
  if (!effectless) await settle(session, step, kind);
  await session.record({ type: 'applied', step: step.id, output: outcome.output });
  session.counts.applied += 1;
  if (outcome.proof !== undefined)
    await session.record({ type: 'verified', step: step.id, proof: outcome.proof, evidence: outcome.output });
  return 'done';
};

/**
 * Takes one step forward: observe, preconditions, intent made durable, effect, observe, result. What was started before is settled by
 * observing first; what is ambiguous is observed and decided anew.
 */
export const forward = async (session: Session, step: Step): Promise<Ended> => {
  const kind = session.kindOf(step);
  session.progress(step, 'running');
  return inRounds(session, step, 'apply', async () => {
    const ended = await once(session, step, kind);
    session.progress(step, ended === 'done' ? 'done' : 'waiting');
    return ended;
  });
};
