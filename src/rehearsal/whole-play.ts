import type { RunResult } from '../engine/run.js';
import { fold } from '../journal/fold.js';
import { type MemoryStore, memoryStore } from '../journal/memory-store.js';
import type { Inventory } from '../model/inventory.js';
import type { Move, Plan } from '../model/plan.js';
import { differences } from './difference.js';
import type { IdentityModel } from './model.js';
import { OtherHands } from './other-hands.js';
import { type Cast, playRun } from './play.js';
import { type Between, calm, forkTwin, type Twin } from './twin.js';
import type { RehearsalFailure } from './verdict.js';
import { type Phase, type Violation, Watch } from './watch.js';
import { type Write, writeOf } from './writes.js';

export interface WholePlay {
  readonly failures: readonly RehearsalFailure[];
  readonly states: number;
  readonly answers: number;
  readonly estimate: { readonly calls: number; readonly restarts: number; readonly minutes: number };
  readonly notPlayed: readonly string[];
  readonly store: MemoryStore;
}

export interface WholePlayOptions {
  readonly cast: Cast;
  readonly inventory: Inventory;
  readonly model: IdentityModel;
  /** The estate as it is before anything; it is not changed. */
  readonly start: Twin;
  /** Told after each write, with how many there were. */
  readonly onWrite?: (writes: number, phase: Phase) => void;
  /** Faults and other onlookers of the requests. */
  readonly between?: Between;
  /** How to see a failure again, in words behind the write. */
  readonly how?: string;
}

/** How often a run that pauses is taken up again. */
const rounds = 5;

/**
 * The plan from its beginning to its end and back, by the real engine and the real clients, on one twin: prepare, cutover, retire, rollback.
 * After each write, and whenever pods come and go, every invariant is checked; after the rollback the twin equals its start.
 */
export const playWhole = async (options: WholePlayOptions): Promise<WholePlay> => {
  const { cast, inventory, model, start } = options;
  const { plan } = cast;
  const failures: RehearsalFailure[] = [];
  const twin = forkTwin(start);
  const store = memoryStore();
  const watch = new Watch(twin, { plan, inventory, model, start });
  const hands = new OtherHands(twin, plan);
  let writes = 0;
  let seen = 0;
  let last = 'the beginning';
  const notPlayed = new Set<string>();
  const collect = (): void => {
    for (const violation of watch.violations.slice(seen)) failures.push(failureOf(violation, plan, last, options.how));
    seen = watch.violations.length;
  };
  const between: Between = async (request, send, side) => {
    const write: Write | null = writeOf(request, side);
    const answer = options.between === undefined ? await send() : await options.between(request, send, side);
    if (write !== null && answer.status < 300) {
      writes += 1;
      last = `write ${writes} (${watch.phase}: ${write.title})`;
      watch.after(write);
      collect();
      options.onWrite?.(writes, watch.phase);
    }
    return answer;
  };
  watch.beginning();
  collect();
  const calls = cast.troupe.calls;
  const began = twin.clock.monotonic();

  const phase = async (name: Phase): Promise<void> => {
    watch.phase = name;
    for (let round = 1; ; round += 1) {
      const common = { twin, store, between, hands, run: `rehearsal-${name}-${round}` };
      const result = await (name === 'rollback'
        ? playRun(cast, 'rollback', common)
        : playRun(cast, 'apply', { ...common, apply: { stages: [name] } }));
      const again = round < rounds && takeUp(result, hands);
      if (!again) {
        for (const failure of result.failures)
          failures.push({
            message: `${name}: ${failure.error.code} ${failure.error.message}${failure.error.cause === '' ? '' : ` (${failure.error.cause})`}`,
            subject: failure.step ?? failure.move ?? '',
            reproduce: reproduceWith(plan, failure.move, `up to ${last}`, options.how),
          });
        for (const pause of result.pauses) notPlayed.add(`${name}: ${pause.reason}`);
        break;
      }
    }
    await calm(twin, 30_000);
    watch.everything();
    collect();
  };
  for (const stage of ['prepare', 'cutover', 'retire'] as const) await phase(stage);
  const estimate = {
    calls: cast.troupe.calls - calls,
    restarts: store.events.filter(
      (event) => event.type === 'started' && cast.registry.get(kindOf(plan, event.step))?.rollout === true,
    ).length,
    minutes: Math.ceil((twin.clock.monotonic() - began) / 6_000) / 10,
  };
  await phase('rollback');
  watch.stop();
  await calm(twin, 60_000);
  for (const difference of differences(start, twin, plan, fold(store.events)))
    failures.push({
      message: `after the rollback the estate is not what it was: ${difference}`,
      subject: '',
      reproduce: reproduceWith(plan, null, 'to the end of its rollback', options.how),
    });
  twin.sandbox.stop();
  return { failures, states: watch.states, answers: watch.answers, estimate, notPlayed: [...notPlayed], store };
};

const kindOf = (plan: Plan, step: string): string => plan.steps.find(({ id }) => id === step)?.kind ?? '';

/** Whether somebody else can end what a run waits for. */
const takeUp = (result: RunResult, hands: OtherHands): boolean => {
  let acted = false;
  for (const pause of result.pauses) if (pause.step !== null && hands.replace(pause.step)) acted = true;
  return acted;
};

export const failureOf = (violation: Violation, plan: Plan, where: string, how?: string): RehearsalFailure => ({
  message: violation.message,
  subject: violation.subject,
  reproduce: reproduceWith(plan, violation.move, `up to ${where}`, how),
});

/** The shortest way to see it again, in words. */
export const reproduceWith = (plan: Plan, move: string | null, upTo: string, how?: string): string => {
  const only = move === null ? '' : ` with ${moveText(plan, move)} alone`;
  return `play plan ${plan.id}${only} on its twin ${upTo}${how === undefined ? '' : `, ${how}`}`;
};

const moveText = (plan: Plan, id: string): string => {
  const move: Move | undefined = plan.moves.find((each) => each.id === id);
  return move === undefined ? id : `${id} (rolelift rehearse --move ${id})`;
};
