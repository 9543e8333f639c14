import type { Plan } from '../model/plan.js';

/** Something that the rehearsal found, with the shortest way to see it again. */
export interface RehearsalFailure {
  readonly message: string;
  /** What it is about, as `Deployment payments/api`; empty for the estate as a whole. */
  readonly subject: string;
  /** Id of the move that it is about; null for the estate as a whole. */
  readonly move: string | null;
  /** In words: which moves, up to which write, with which fault. */
  readonly reproduce: string;
}

/** rehearsal.json */
export interface Rehearsal {
  readonly format: 'rolelift.rehearsal/1';
  /** Digest of the plan that was rehearsed. */
  readonly plan: string;
  readonly passed: boolean;
  /** States in which the invariants were checked: after each write, and whenever pods changed. */
  readonly states: number;
  /** Times that a pod's identity was asked for. */
  readonly answers: number;
  /** Runs that were played from their beginning (or an interruption) to their very end. */
  readonly playedInFull: number;
  /** Moments at which a run was cut off and recovered. */
  readonly interruptionPoints: number;
  /** Such moments of moves that were left out because they differ from a move that was played in names alone. */
  readonly alikePoints: number;
  /** Kinds of faults that were played, with how often. */
  readonly faults: Readonly<Record<string, number>>;
  readonly failures: readonly RehearsalFailure[];
  /** What the real run will take: calls to all APIs, restarts of workloads, minutes without waiting for people and soaks. */
  readonly estimate: { readonly calls: number; readonly restarts: number; readonly minutes: number };
  /** What the twin had to make up, and what could not be played. */
  readonly assumed: readonly string[];
  readonly notPlayed: readonly string[];
  readonly tool: string;
}

export const verdictFormat = 'rolelift.rehearsal/1';

/** The verdict on a plan that has nothing to execute. */
export const nothingToPlay = (plan: Plan, tool: string): Rehearsal => ({
  format: verdictFormat,
  plan: plan.digest,
  passed: true,
  states: 0,
  answers: 0,
  playedInFull: 0,
  interruptionPoints: 0,
  alikePoints: 0,
  faults: {},
  failures: [],
  estimate: { calls: 0, restarts: 0, minutes: 0 },
  assumed: [],
  notPlayed: ['every move is blocked'],
  tool,
});
