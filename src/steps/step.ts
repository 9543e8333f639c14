import type { Clock } from '../model/clock.js';
import type { Gate, GateState } from '../model/gate.js';
import type { UndoHow } from '../model/journal.js';
import type { Json, JsonObject } from '../model/json.js';
import type { Say } from '../model/message.js';
import type { Step } from '../model/plan.js';
import type { AwsReader, AwsService, AwsWriter, KubernetesReader, KubernetesWriter } from '../model/ports.js';
import type { Ref, RefKey, Subject } from '../model/resource.js';
import type { Effect, Proof, Stage } from '../model/words.js';

/** One write, as data. Dry run, permissions, hand-off formats, the runbook's commands and call estimates all fold these. */
export type Change =
  | {
      readonly api: 'kubernetes';
      readonly verb: 'create' | 'patch' | 'delete';
      readonly ref: Ref;
      readonly body: Json;
      /** The write starts a rollout. */
      readonly rollout: boolean;
      readonly subresource?: string;
      /** Admission only, nothing is stored. */
      readonly dryRun?: boolean;
      /** Written only where the estate needs it; `ref.name` is `*` where the object is known at run time only. */
      readonly maybe?: boolean;
    }
  | {
      readonly api: 'aws';
      readonly service: AwsService;
      readonly operation: string;
      readonly account: string;
      readonly input: JsonObject;
      readonly maybe?: boolean;
    };

/** One read, resolved against the rows of model/operations.ts. */
export type Use =
  | {
      readonly api: 'kubernetes';
      readonly verb: 'get' | 'list' | 'watch' | 'create';
      readonly ref: Ref;
      readonly subresource?: string;
      /** `prove-token`: asked only with `--prove token` (H17). `run`: asked by a run only; who merely looks at the step does without. */
      readonly only?: 'prove-token' | 'run';
    }
  | {
      readonly api: 'aws';
      readonly service: AwsService;
      readonly operation: string;
      readonly account: string;
      readonly input: JsonObject;
      /** As above. */
      readonly only?: 'run';
    };

export type Observation =
  | { readonly is: 'not-applied' | 'applied' | 'in-progress'; readonly saw: JsonObject }
  | { readonly is: 'drifted'; readonly saw: JsonObject; readonly field: string; readonly by: string | null }
  | { readonly is: 'gone'; readonly what: Ref };

export type Outcome =
  | { readonly is: 'done'; readonly output: JsonObject; readonly proof?: Proof }
  | {
      readonly is: 'paused';
      readonly gate: string;
      readonly reason: string;
      readonly how: string;
      /** What is missing is evidence: --yes does not stand for it, --accept-unproven does. */
      readonly evidence?: true;
    };

export type UndoOutcome =
  | { readonly is: 'done'; readonly how: UndoHow; readonly note: string }
  | { readonly is: 'paused'; readonly gate: string; readonly reason: string; readonly how: string };

/** Something that is not as the plan needs it, found just before a step (H21). */
export interface Drift {
  readonly subject: Subject;
  readonly field: string;
  readonly expected: Json;
  readonly found: Json;
  /** Who changed it, as managedFields or tags tell. */
  readonly by: string | null;
}

export interface UndoRecord {
  /** Null where the step never started (only kinds with `undoWithMove`). */
  readonly preimage: JsonObject | null;
  /** Null where `applied` was never recorded. */
  readonly output: JsonObject | null;
  /** Pre-images of all steps on the same lock key, oldest first: to restore an exact spelling. */
  readonly siblings: readonly JsonObject[];
}

export interface StepSettings {
  /** --rollout-timeout, milliseconds. */
  readonly rolloutTimeoutMs: number;
  /** --prove token: the exchange at STS is allowed (H17). */
  readonly proveToken: boolean;
  /** --wait-handoff, milliseconds. */
  readonly handoffWaitMs: number;
  /** The whole command that takes this plan back, as one would type it; for what is printed. */
  readonly rollback: string;
  /** `rollback --gitops live`: undo of a hand-off may be written live (H4). */
  readonly gitopsLive: boolean;
}

export interface StepCtx {
  readonly plan: {
    readonly id: string;
    readonly digest: string;
    readonly clusterName: string;
    readonly accountId: string;
    readonly region: string;
    readonly partition: string;
    readonly oidcIssuer: string;
  };
  readonly run: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly say: Say;
  readonly settings: StepSettings;
  /** Client request token: hash of plan and step, the same on every attempt. */
  readonly token: string;
  /** Milliseconds by the servers' clocks, null before one was seen. */
  serverTime(): number | null;
  /**
   * Trust documents of this run by role, oldest first, as text: what was read before a write and what was written. A read that
   * equals an older one is stale (H20). One map for the whole run, seeded from the journal's pre-images and outputs.
   */
  readonly known?: Map<RefKey, string[]>;
  /** The one way to wait: asks `probe` until it answers other than null or the bound (ms) is over (RL811), telling why. */
  until<T>(why: string, boundMs: number, probe: () => Promise<T | null>): Promise<T>;
  /** Tells what the step waits for, where something else than \`until\` does the waiting. */
  waits?(why: string): void;
  gate(gate: Gate): GateState;
  /** Server time (ms since 1970) since which a step of the plan is applied; null where it is not. */
  appliedAt?(step: string): number | null;
}
export interface ReadCtx extends StepCtx {
  readonly kubernetes: (cluster?: string) => KubernetesReader;
  readonly aws: (account: string) => AwsReader;
}
export interface WriteCtx extends StepCtx {
  readonly kubernetes: (cluster?: string) => KubernetesWriter;
  readonly aws: (account: string) => AwsWriter;
}

/** The contract of a step kind: one file, one line in the registry; nothing else may switch on kind. */
export interface StepKind<P extends JsonObject = JsonObject> {
  readonly kind: string;
  readonly stages: readonly Stage[];
  /** True for what a reviewer may set `skip` on. Gates, proofs and trust steps are false (H21). */
  readonly skippable: boolean;
  /** True where the undo must run whenever anything of its move's cutover started, even if this step never did (H1.4). */
  readonly undoWithMove: boolean;
  /** True where an applied step takes a rollout slot (`--rollouts`). */
  readonly rollout: boolean;
  /**
   * True for kinds that look and wait (proofs, gates, hand-offs): an observation of `applied` before they started never
   * makes them `skipped`; `apply` is asked, and what it finds is recorded.
   */
  readonly checks?: boolean;
  /** Throws RL61x with the path where the parameters are not this kind's. */
  parseParams(params: unknown): P;
  describe(step: Step<P>): { readonly title: string; readonly effect: Effect; readonly undo: string };
  /**
   * Its writes as data. Marks carry the plan's id, which `planId` gives; without it they read `this-plan`. A write that only
   * some estates need (a pod to be replaced) is among them with `maybe`.
   */
  changes(step: Step<P>, direction: 'apply' | 'undo', planId?: string): readonly Change[];
  /** Its reads, of one direction or (where none is named, or where it makes no difference) of both. */
  reads(step: Step<P>, direction?: 'apply' | 'undo'): readonly Use[];
  locks(step: Step<P>): readonly RefKey[];
  /** Read again just before the step; anything it answers refuses the step (H21). */
  preconditions(ctx: ReadCtx, step: Step<P>): Promise<readonly Drift[]>;
  observe(ctx: ReadCtx, step: Step<P>): Promise<Observation>;
  /** Only the fields that `apply` will write, raw, each `{ present, value }`, with uid and resourceVersion (H26). */
  preimage(ctx: ReadCtx, step: Step<P>): Promise<JsonObject>;
  /** Idempotent and stateless. */
  apply(ctx: WriteCtx, step: Step<P>): Promise<Outcome>;
  /** Idempotent; works when the output was never recorded; restores only what is still ours. */
  undo(ctx: WriteCtx, step: Step<P>, record: UndoRecord): Promise<UndoOutcome>;
}

export const defineStep = <P extends JsonObject>(kind: StepKind<P>): StepKind => kind as unknown as StepKind;
export type Registry = ReadonlyMap<string, StepKind>;
