import { setMaxListeners } from 'node:events';
import { isJournalFailure } from '../journal/journal.js';
import { type ErrorData, errorData, RoleliftError } from '../model/error.js';
import type { Gate, GateState } from '../model/gate.js';
import type { JournalEntry, StepState } from '../model/journal.js';
import type { Step } from '../model/plan.js';
import type { RefKey } from '../model/resource.js';
import type { StepKind, WriteCtx } from '../steps/step.js';
import { changesInto } from './by-hand.js';
import { gateState } from './gates.js';
import type { AnyRun, Failure, Pause } from './run.js';
import { StepContexts } from './step-contexts.js';

const pending: StepState = { is: 'pending' };

/** What all parts of one run share: the journal with its guard, the contexts of the steps, and what went wrong so far. */
export class Session {
  readonly run: AnyRun;
  readonly steps: ReadonlyMap<string, Step>;
  readonly failures: Failure[] = [];
  readonly pauses: Pause[] = [];
  readonly counts = { applied: 0, skipped: 0, undone: 0 };
  /** Tells the scheduler's owner that no further step may begin. */
  onStop: () => void = () => {};
  /** Something outside was changed, or may have been. */
  changed = false;
  /** The lock ran out before its signal came. */
  lockLost = false;
  /** The journal cannot be written any more. */
  fatal: ErrorData | null = null;
  fatalExit = 1;
  readonly #abort = new AbortController();
  #refreshing: Promise<boolean> | null = null;
  #credentialsGone = false;
  readonly #locks = new Map<string, readonly RefKey[]>();
  readonly #undoing = new Set<string>();
  #byLock: Map<RefKey, string[]> | null = null;
  readonly #contexts = new StepContexts(this);

  constructor(run: AnyRun) {
    this.run = run;
    // Every waiting step listens to it; there is no leak to be warned of.
    setMaxListeners(0, this.#abort.signal);
    this.steps = new Map(run.plan.steps.map((step) => [step.id, step as Step]));
    for (const signal of [run.stop?.hard, run.stop?.fence]) {
      if (signal === undefined) continue;
      const abort = (): void => {
        this.#abort.abort(signal.reason);
        this.onStop();
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    }
    const graceful = run.stop?.graceful;
    graceful?.addEventListener('abort', () => this.onStop(), { once: true });
  }

  /** Aborted on a hard stop, a lost lock and a journal that cannot be written. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }
  get stopping(): boolean {
    return this.signal.aborted || this.run.stop?.graceful?.aborted === true || this.#credentialsGone;
  }
  get credentialsGone(): boolean {
    return this.#credentialsGone;
  }

  kindOf(step: Step): StepKind {
    const kind = this.run.registry.get(step.kind);
    if (kind === undefined)
      throw new RoleliftError(
        {
          code: 'RL625',
          message: `step ${step.id} is of an unknown kind, ${step.kind}`,
          cause: 'the plan was written by a newer version, or by hand',
          remedy: 'Use the version that made the plan, or plan again.',
          fault: 'user',
        },
        { exit: 4 },
      );
    return kind;
  }

  /** Lock keys of a step, asked of its kind once. */
  locksOf(step: Step): readonly RefKey[] {
    const known = this.#locks.get(step.id);
    if (known !== undefined) return known;
    const keys = this.kindOf(step).locks(step);
    this.#locks.set(step.id, keys);
    return keys;
  }

  /** Ids of the steps that share a lock with this one, itself included. */
  sharingLocks(step: Step): ReadonlySet<string> {
    if (this.#byLock === null) {
      this.#byLock = new Map();
      for (const other of this.steps.values())
        for (const key of this.locksOf(other)) {
          const list = this.#byLock.get(key);
          if (list === undefined) this.#byLock.set(key, [other.id]);
          else list.push(other.id);
        }
    }
    const byLock = this.#byLock;
    return new Set([step.id, ...this.locksOf(step).flatMap((key) => byLock.get(key) ?? [])]);
  }

  state(step: string): StepState {
    return this.run.journal.state.steps.get(step) ?? pending;
  }

  /** Appends one line; durable when it resolves. Where it cannot be, the whole run stops before its next effect. */
  async record(entry: JournalEntry): Promise<void> {
    this.#checkLock();
    try {
      await this.run.journal.append(entry);
    } catch (error) {
      if (isJournalFailure(error) || !(error instanceof RoleliftError)) this.stopFor(error);
      throw error;
    }
    // The lock may have been lost while the line was being written: then the effect it announces must not follow.
    this.#checkLock();
  }

  #checkLock(): void {
    if (!this.signal.aborted && this.run.stop?.stillHeld?.() === false) {
      this.lockLost = true;
      this.#abort.abort();
      this.onStop();
    }
    this.signal.throwIfAborted();
  }

  stopFor(error: unknown): void {
    if (this.fatal === null && error instanceof RoleliftError && error.exit === 5) this.fatalExit = 5;
    this.fatal ??= errorData(error);
    this.#abort.abort(error);
    this.onStop();
  }

  /** Writes that the run pauses there, and tells it at the end. */
  async pauseAt(pause: Pause): Promise<void> {
    await this.record({ type: 'paused', gate: pause.gate, reason: pause.reason });
    this.pauses.push(pause);
  }

  /** Asks for new credentials, once for all steps that wait for them. */
  async refreshed(error: unknown): Promise<boolean> {
    if (this.#credentialsGone) return false;
    this.#refreshing ??= (this.run.host.freshCredentials?.(errorData(error)) ?? Promise.resolve(false)).catch(
      () => false,
    );
    const fresh = await this.#refreshing;
    this.#refreshing = null;
    if (fresh || this.#credentialsGone) return fresh;
    this.#credentialsGone = true;
    this.onStop();
    await this.pauseAt({
      gate: 'credentials',
      step: null,
      reason: errorData(error).message,
      how: 'log in again and run the same command',
      opensAt: null,
    });
    return false;
  }

  /** The state of a gate, and, where a person may open it and does, the line that says so. */
  async askGate(gate: Gate, question: string): Promise<GateState> {
    const now = this.gate(gate);
    if (now.is === 'open') {
      if (this.run.journal.state.gates.get(gate.id)?.is !== 'open')
        await this.record({ type: 'gate-opened', gate: gate.id, by: now.by });
      return now;
    }
    if (gate.kind === 'soak' || gate.kind === 'handoff' || gate.kind === 'pause-file') return now;
    // --yes stands for approvals: neither for a look at the canary, nor for evidence that is missing (H10).
    if (this.run.options.yes && ['canary', 'proof-of-use', 'evidence'].includes(gate.kind)) return now;
    const answer = await this.run.host.approve?.(gate, question);
    if (answer?.open !== true) return now;
    await this.record({ type: 'gate-opened', gate: gate.id, by: answer.by });
    return { is: 'open', by: answer.by };
  }

  gate(gate: Gate): GateState {
    return gateState(gate, {
      state: this.run.journal.state,
      plan: this.run.plan,
      options: this.run.options,
      serverTime: this.run.clients.serverTime() ?? this.run.clock.now(),
    });
  }

  /** What a step is handed for its calls. */
  context(step: Step): WriteCtx {
    return this.#contexts.of(step);
  }

  /** From here on the step's progress is that of its undo. */
  turnsBack(step: Step): void {
    this.#undoing.add(step.id);
  }

  progress(step: Step, state: 'waiting' | 'running' | 'done' | 'failed' | 'skipped', waitsFor?: string): void {
    this.run.say({
      kind: 'progress',
      id: step.id,
      parent: step.move,
      title: this.#undoing.has(step.id) ? `Undo: ${step.title}` : step.title,
      state,
      ...(waitsFor === undefined ? {} : { waitsFor }),
    });
  }

  fail(step: Step, during: Failure['during'], error: ErrorData): Failure {
    const after =
      during === 'undo'
        ? (this.failures.find((failure) => failure.move === step.move && failure.during !== 'undo')?.error ?? null)
        : null;
    const byHand = during === 'undo' ? changesInto(this.kindOf(step).changes(step, 'undo', this.run.plan.id)) : [];
    const failure: Failure = { step: step.id, move: step.move, during, error, after, byHand };
    this.failures.push(failure);
    this.run.say({ kind: 'error', error, ...(after === null ? {} : { beside: after }) });
    return failure;
  }

  /** Something that went wrong with a whole move, or (null) with the run. */
  failWhole(move: string | null, during: Failure['during'], error: ErrorData): void {
    this.failures.push({ step: null, move, during, error, after: null, byHand: [] });
    this.run.say({ kind: 'error', error });
  }
}

/** The exit code of a stop signal: its reason where that is a number, else 130. */
export const signalExit = (signal: AbortSignal | undefined): number | null =>
  signal?.aborted === true ? (typeof signal.reason === 'number' ? signal.reason : 130) : null;
