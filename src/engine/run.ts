import type { Journal } from '../journal/journal.js';
import type { Clock } from '../model/clock.js';
import type { ErrorData } from '../model/error.js';
import type { Gate } from '../model/gate.js';
import type { Caller } from '../model/journal.js';
import type { JsonObject } from '../model/json.js';
import type { Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';
import type { Clients } from '../model/ports.js';
import type { Proof, Stage } from '../model/words.js';
import type { Registry } from '../steps/step.js';

/** What a person, or an option in their name, answers at a gate. */
export type Answer = { readonly open: true; readonly by: string } | { readonly open: false };

/** What the engine asks of whoever runs it; everything is optional but who we are. */
export interface Host {
  /** Who we are and which cluster answers; compared with the plan before anything else. */
  identity(): Promise<{ readonly caller: Caller; readonly clusterUid: string; readonly server: string }>;
  /** True while a PAUSE file lies in the plan directory. */
  paused?(): Promise<boolean>;
  /** Asks a person; answers closed where nobody can be asked. */
  approve?(gate: Gate, question: string): Promise<Answer>;
  /** New credentials after expiry: true where the calls may be tried again. */
  freshCredentials?(error: ErrorData): Promise<boolean>;
  /** What is known of the use of a move's new identity since that server time (H10). */
  evidence?(move: string, sinceMs: number): Promise<{ readonly proof: Proof; readonly evidence: JsonObject } | null>;
  /** What the move's pods would get if it were undone now: an error (RL406) where that is not the old role (H2). */
  oldWay?(move: string): Promise<ErrorData | null>;
}

/** Signals from outside; their reasons may be a number, which then is the exit code (130, 143). */
export interface Stops {
  /** Running steps are finished, none is begun. */
  readonly graceful?: AbortSignal;
  /** Everything is let go at once. */
  readonly hard?: AbortSignal;
  /** The lock is lost: no further effect, and no further line (H22). */
  readonly fence?: AbortSignal;
  /** False once the lock has run out by any clock, though its signal may be late (a laptop that slept); asked before each line. */
  readonly stillHeld?: () => boolean;
}

export interface CommonOptions {
  /** Steps at once, and as many restarts beside them as --rollouts allows; rollback takes twice as many. 1 is one at a time. */
  readonly concurrency: number;
  /** --rollouts: restarts at once. */
  readonly rollouts: number;
  readonly rolloutTimeoutMs: number;
  readonly handoffWaitMs: number;
  readonly proveToken: boolean;
  readonly gitopsLive: boolean;
  /** --yes: answers approvals, never missing evidence. */
  readonly yes: boolean;
  /** How long a write is waited for until reads show it, milliseconds. */
  readonly settleMs: number;
  /** How long a PAUSE file holds a run that is under way, before it ends with exit 3. */
  readonly pauseWaitMs: number;
  readonly holder: string;
  readonly tool: string;
  /** The commands that name this plan and reach its estate, as `rolelift apply plans/prod --state local`; for what is printed. */
  readonly command: { readonly apply: string; readonly rollback: string };
}

export interface ApplyOptions extends CommonOptions {
  readonly stages: readonly Stage[];
  /** Only these moves; null: all. */
  readonly moves: readonly string[] | null;
  readonly canary: number | null;
  /** --soak, milliseconds; null: not given, so 24 h (H10). */
  readonly soakMs: number | null;
  readonly onFailure: 'stop' | 'rollback-move' | 'continue';
  /** --accept-unproven: moves, or `all`. */
  readonly acceptUnproven: readonly string[];
  /** Steps that a fresh plan would not produce, with why (H21). */
  readonly refused: ReadonlyMap<string, ErrorData>;
}

export interface UnwindOptions extends CommonOptions {
  readonly scope:
    | { readonly is: 'whole' }
    | { readonly is: 'moves'; readonly moves: readonly string[] }
    | { readonly is: 'to'; readonly step: string };
  /** --force-move: undone though the old way is gone. */
  readonly forceMoves: readonly string[];
}

interface RunBase {
  readonly plan: Plan;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly say: Say;
  readonly host: Host;
  readonly stop?: Stops;
}
export interface ApplyRun extends RunBase {
  readonly options: ApplyOptions;
}
export interface UnwindRun extends RunBase {
  readonly options: UnwindOptions;
}
export type AnyRun = RunBase & { readonly options: CommonOptions };

const common: CommonOptions = {
  concurrency: 16,
  rollouts: 20,
  rolloutTimeoutMs: 600_000,
  handoffWaitMs: 0,
  proveToken: false,
  gitopsLive: false,
  yes: false,
  settleMs: 120_000,
  pauseWaitMs: 86_400_000,
  holder: 'unknown',
  tool: 'rolelift',
  command: { apply: 'rolelift apply PLAN', rollback: 'rolelift rollback PLAN' },
};
export const defaultApplyOptions: ApplyOptions = {
  ...common,
  stages: ['prepare', 'cutover'],
  moves: null,
  canary: null,
  soakMs: null,
  onFailure: 'rollback-move',
  acceptUnproven: [],
  refused: new Map(),
};
export const defaultUnwindOptions: UnwindOptions = { ...common, scope: { is: 'whole' }, forceMoves: [] };

/** Something that went wrong with one step (or with a whole move: `step` null). */
export interface Failure {
  readonly step: string | null;
  readonly move: string | null;
  readonly during: 'apply' | 'undo' | 'refused';
  readonly error: ErrorData;
  /** The failure that came first, where this is a failed undo after it. */
  readonly after: ErrorData | null;
  /** The exact commands that a person would run instead; empty where the tool can simply be run again. */
  readonly byHand: readonly string[];
}

export interface Pause {
  readonly gate: string;
  readonly step: string | null;
  readonly reason: string;
  /** The command or act that opens it. */
  readonly how: string;
  /** Milliseconds by server time; null where no time opens it. */
  readonly opensAt: number | null;
}

export type MoveEnd =
  | 'done'
  | 'undone'
  /** Some of its steps are undone, and some are not. */
  | 'partly'
  /** Nothing of it was asked to be undone: it stands as it was applied. */
  | 'kept'
  | 'failed'
  | 'stuck'
  | 'refused'
  | 'waiting'
  | 'left-out'
  | 'blocked';

export interface RunResult {
  /** 0, 1, 3, 4, 5, 130 or 143, as the table of exit codes in README tells. */
  readonly exit: number;
  readonly moves: ReadonlyMap<string, MoveEnd>;
  readonly failures: readonly Failure[];
  readonly pauses: readonly Pause[];
  /** Steps that were asked for and not reached, with why. */
  readonly left: readonly { readonly step: string; readonly why: string }[];
  /** Commands that go on from here. */
  readonly next: readonly string[];
  /** Steps that this run applied, found already true, or undid. */
  readonly counts: { readonly applied: number; readonly skipped: number; readonly undone: number };
}
