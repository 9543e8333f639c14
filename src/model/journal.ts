import { z } from 'zod';
import type { ErrorData } from './error.js';
import type { GateState } from './gate.js';
import type { DeepReadonly, JsonObject } from './json.js';
import { subjectSchema } from './resource.js';
import { proofSchema } from './words.js';

const jsonObject = z.record(z.string(), z.unknown());
export const errorDataSchema = z.object({
  code: z.string(),
  message: z.string(),
  subject: subjectSchema.nullable(),
  cause: z.string(),
  remedy: z.string(),
  fault: z.enum(['user', 'remote', 'tool']),
});
export const callerSchema = z.object({ arn: z.string(), account: z.string(), kubernetesUser: z.string() });
export type Caller = Readonly<z.infer<typeof callerSchema>>;

const line = {
  /** From 1, without holes. */
  seq: z.number().int().positive(),
  at: z.string(),
  /** Milliseconds by the newest server's Date header; null before any was seen. Soaks are counted by it. */
  serverTime: z.number().nullable(),
  run: z.string(),
  /** First 16 hexadecimal digits of the SHA-256 of the canonical line without `sum`, chained with the previous line's sum. */
  sum: z.string(),
};

export const journalEventSchema = z.union([
  z.object({
    ...line,
    type: z.literal('header'),
    format: z.literal('rolelift.journal/1'),
    plan: z.string(),
    planId: z.string(),
    cluster: z.object({ uid: z.string(), server: z.string() }),
    caller: callerSchema,
  }),
  z.object({
    ...line,
    type: z.literal('run-started'),
    command: z.enum(['apply', 'rollback', 'retire-broker']),
    options: jsonObject,
    caller: callerSchema,
    holder: z.string(),
    tool: z.string(),
  }),
  z.object({
    ...line,
    type: z.literal('started'),
    step: z.string(),
    attempt: z.number().int(),
    preimage: jsonObject,
  }),
  z.object({ ...line, type: z.literal('applied'), step: z.string(), output: jsonObject }),
  z.object({ ...line, type: z.literal('verified'), step: z.string(), proof: proofSchema, evidence: jsonObject }),
  z.object({ ...line, type: z.literal('skipped'), step: z.string(), because: z.enum(['already-true', 'reviewer']) }),
  z.object({ ...line, type: z.literal('failed'), step: z.string(), error: errorDataSchema }),
  z.object({ ...line, type: z.literal('undo-started'), step: z.string() }),
  z.object({
    ...line,
    type: z.literal('undone'),
    step: z.string(),
    how: z.enum(['exact', 'surgical', 'gone', 'kept']),
    note: z.string(),
  }),
  z.object({ ...line, type: z.literal('undo-failed'), step: z.string(), error: errorDataSchema }),
  z.object({ ...line, type: z.literal('gate-opened'), gate: z.string(), by: z.string() }),
  z.object({ ...line, type: z.literal('paused'), gate: z.string(), reason: z.string() }),
  z.object({ ...line, type: z.literal('run-ended'), exit: z.number().int() }),
]);

export type JournalEvent = DeepReadonly<z.infer<typeof journalEventSchema>>;
type Without<T> = T extends unknown ? Omit<T, 'seq' | 'at' | 'serverTime' | 'run' | 'sum'> : never;
/** What a writer says; the journal adds number, time, run and checksum. */
export type JournalEntry = Without<JournalEvent>;

export type UndoHow = 'exact' | 'surgical' | 'gone' | 'kept';

/** State of one step as the journal tells it. */
export type StepState =
  | { readonly is: 'pending' }
  | { readonly is: 'skipped'; readonly because: 'already-true' | 'reviewer' }
  | { readonly is: 'in-flight'; readonly preimage: JsonObject; readonly attempts: number }
  | {
      readonly is: 'failed';
      readonly preimage: JsonObject | null;
      readonly attempts: number;
      readonly error: ErrorData;
    }
  | {
      readonly is: 'applied' | 'verified';
      readonly preimage: JsonObject;
      readonly output: JsonObject;
      /** Server time of the `applied` line, milliseconds; the journal's own time where no server told any. */
      readonly since: number;
      readonly proof: string | null;
    }
  | { readonly is: 'undoing'; readonly preimage: JsonObject | null; readonly output: JsonObject | null }
  | {
      readonly is: 'undo-failed';
      readonly preimage: JsonObject | null;
      readonly output: JsonObject | null;
      readonly error: ErrorData;
    }
  /** May start again: a new first pre-image is then taken. */
  | { readonly is: 'undone'; readonly how: UndoHow; readonly note: string };

/** The fold of a journal; read by engine, report, status and rehearsal alike. */
export interface RunState {
  readonly plan: string | null;
  readonly lastSeq: number;
  readonly lastRun: {
    readonly id: string;
    readonly command: string;
    readonly holder: string;
    readonly ended: boolean;
    readonly exit: number | null;
  } | null;
  readonly steps: ReadonlyMap<string, StepState>;
  readonly gates: ReadonlyMap<string, GateState>;
  /** Steps whose undo failed. */
  readonly stuck: readonly string[];
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}
