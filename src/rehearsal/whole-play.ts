import { fold } from '../journal/fold.js';
import { memoryStore } from '../journal/memory-store.js';
import type { HttpRequest } from '../model/http.js';
import type { Inventory } from '../model/inventory.js';
import type { Plan } from '../model/plan.js';
import { differences } from './difference.js';
import type { Phase } from './judgement.js';
import type { IdentityModel } from './model.js';
import { OtherHands } from './other-hands.js';
import { type Cast, playThrough } from './play.js';
import { stopIf } from './stopped.js';
import { type Between, calm, forkTwin, type Twin } from './twin.js';
import type { RehearsalFailure } from './verdict.js';
import { type Violation, Watch } from './watch.js';
import { type Write, writeOf } from './writes.js';

export interface WholePlay {
  readonly failures: readonly RehearsalFailure[];
  readonly states: number;
  readonly answers: number;
  readonly estimate: { readonly calls: number; readonly restarts: number; readonly minutes: number };
  readonly notPlayed: readonly string[];
  readonly writes: number;
}

export interface WholePlayOptions {
  readonly cast: Cast;
  readonly inventory: Inventory;
  readonly model: IdentityModel;
  /** The estate as it is before anything; it is not changed. */
  readonly start: Twin;
  /** Told after each write, with how many there were. */
  readonly onWrite?: (writes: number, phase: Phase) => void;
  /** What goes wrong on purpose, or who else acts meanwhile. */
  readonly fault?: Fault;
  /** Ends the play with RL806. */
  readonly signal?: AbortSignal;
}

/** Something that goes wrong, or somebody who acts, while a plan is played. */
export interface Fault {
  /** As it stands in the report: `throttling`. */
  readonly name: string;
  /** In words, behind how far to play: `while every API throttles`. */
  readonly how: string;
  /** Before the first step. */
  begin?(twin: Twin): void;
  /** Around the n-th write, counted from 1. */
  before?(twin: Twin, write: Write, number: number): void;
  after?(twin: Twin, write: Write, number: number): void;
  /** Around each request to AWS, be it a read or a write: on its way, and answered well. */
  asked?(request: HttpRequest): void;
  answered?(request: HttpRequest): void;
  /** At the end of each phase, before all is looked at. */
  calm?(twin: Twin): void;
  /** In these phases nobody can keep it from doing harm for a while; when the phase is over the harm must be healed. */
  readonly heals?: readonly Phase[];
  /** The estate that the rollback must lead to, where it is not the one before. */
  readonly end?: Twin;
  /** Steps may fail by it, and at least one must: then their moves go back by themselves. */
  readonly mustFail?: boolean;
  /** Steps may fail by it. */
  readonly mayFail?: boolean;
}

/**
 * The plan from its beginning to its end and back, by the real engine and the real clients, on one twin: prepare, cutover, retire, rollback.
 * After each write, and whenever pods come and go, every invariant is checked; after the rollback the twin equals its start.
 */
export const playWhole = async (options: WholePlayOptions): Promise<WholePlay> => {
  const { cast, inventory, model, start, fault } = options;
  const { plan } = cast;
  const how = fault?.how;
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
    for (const violation of watch.violations.slice(seen)) failures.push(failureOf(violation, plan, last, how));
    seen = watch.violations.length;
  };
  const between: Between = async (request, sends, side) => {
    const send = async () => {
      if (side === 'aws') fault?.asked?.(request);
      const answer = await sends();
      if (side === 'aws' && answer.status < 300) fault?.answered?.(request);
      return answer;
    };
    const write: Write | null = writeOf(request, side);
    if (write === null) return send();
    fault?.before?.(twin, write, writes + 1);
    const answer = await send();
    if (answer.status < 300) {
      writes += 1;
      last = `write ${writes} (${watch.phase}: ${write.title})`;
      watch.after(write);
      fault?.after?.(twin, write, writes);
      collect();
      options.onWrite?.(writes, watch.phase);
    }
    return answer;
  };
  watch.beginning();
  fault?.begin?.(twin);
  collect();
  let failed = 0;
  const calls = cast.troupe.calls;
  const began = twin.clock.monotonic();

  const phase = async (name: Phase): Promise<void> => {
    watch.phase = name;
    watch.lenient = fault?.heals?.includes(name) === true;
    const common = {
      twin,
      store,
      between,
      hands,
      run: `rehearsal-${name}`,
      ...(options.signal === undefined ? {} : { graceful: options.signal }),
    };
    const result = await (name === 'rollback'
      ? playThrough(cast, 'rollback', common)
      : playThrough(cast, 'apply', { ...common, apply: { stages: [name] } }));
    stopIf(options.signal);
    failed += result.failures.length;
    for (const failure of mayFail(fault, name) ? [] : result.failures)
      failures.push({
        message: `${name}: ${failure.error.code} ${failure.error.message}${failure.error.cause === '' ? '' : ` (${failure.error.cause})`}`,
        subject: failure.step ?? failure.move ?? '',
        move: failure.move,
        reproduce: reproduceWith(plan, failure.move, `up to ${last}`, how),
      });
    for (const pause of result.pauses) notPlayed.add(`${name}: ${pause.reason}`);
    if (name === 'rollback') hands.leave();
    fault?.calm?.(twin);
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
  const atTheEnd = (message: string): void =>
    void failures.push({
      message,
      subject: '',
      move: null,
      reproduce: reproduceWith(plan, null, 'to the end of its rollback', how),
    });
  if (fault?.mustFail === true && failed === 0) atTheEnd(`nobody noticed: ${fault.how}`);
  for (const difference of differences(fault?.end ?? start, twin, plan, fold(store.events)))
    atTheEnd(`after the rollback the estate is not what it was: ${difference}`);
  twin.sandbox.stop();
  return { failures, states: watch.states, answers: watch.answers, estimate, notPlayed: [...notPlayed], writes };
};

/** On the way there only: nothing excuses a rollback that fails. */
const mayFail = (fault: Fault | undefined, phase: Phase): boolean =>
  phase !== 'rollback' && (fault?.mayFail === true || fault?.mustFail === true);

const kindOf = (plan: Plan, step: string): string => plan.steps.find(({ id }) => id === step)?.kind ?? '';

const failureOf = (violation: Violation, plan: Plan, where: string, how?: string): RehearsalFailure => ({
  message: violation.message,
  subject: violation.subject,
  move: violation.move,
  reproduce: reproduceWith(plan, violation.move, `up to ${where}`, how),
});

/** The shortest way to see it again: the command, and how far to look. */
const reproduceWith = (plan: Plan, move: string | null, upTo: string, how?: string): string => {
  const moves = move === null && plan.moves.length <= 3 ? plan.moves.map(({ id }) => id) : move === null ? [] : [move];
  const only = moves.map((id) => ` --move ${id}`).join('');
  return `rolelift rehearse PLAN${only}; ${upTo}${how === undefined ? '' : `, ${how}`}`;
};
