import { type JsonObject, numberAt, textAt } from '../model/json.js';

/** What goes wrong on purpose, and what was asked so far. */
export interface Fault {
  /** `kubernetes`, `iam`, `sts`, `eks`, `ec2`, `cloudtrail`, `s3`; absent for any. */
  readonly service?: string;
  /** Operation of AWS, as `GetRole`; for Kubernetes a verb and the beginning of a path, as `PATCH /api/v1/namespaces/a/`. `*` ends a beginning. */
  readonly action?: string;
  /** Text that must occur in URL or body. */
  readonly match?: string;
  /** Error code in the API's own words; with `status`. */
  readonly code?: string;
  readonly status?: number;
  readonly message?: string;
  readonly retryAfter?: string;
  /** Milliseconds that the answer is held back. */
  readonly delayMs?: number;
  /** How many requests it hits; 1 unless told, `null` for all. */
  readonly times?: number | null;
  /** How many matching requests pass before it begins. */
  readonly skip?: number;
  /** `before`: the connection breaks and nothing was done; `late`: it was done and the answer is lost. */
  readonly drop?: 'before' | 'late';
}

/** One request that arrived. */
export interface Call {
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly service: string;
  readonly action: string;
  readonly write: boolean;
  /** Whether it counts for `kill`: leases and events come by the clock, so they would make counting useless. */
  readonly counted: boolean;
  readonly url: string;
  /** Access key, or the user that the bearer token names as far as it tells. */
  readonly caller: string;
  status: number | null;
}

export type Point = 'before' | 'after';

/** When a caller dies: at its n-th write from now, beginning with 1; within one process also where `at` first says so of a counted write. */
export type Kill = { readonly pid: number } & (
  | { readonly write: number; readonly when: Point }
  | { readonly at: (call: Call, point: Point) => boolean }
);

const mostCalls = 100_000;

/** The state of all faults of one sandbox. */
export class Faults {
  #rules: { readonly fault: Fault; left: number; skip: number }[] = [];
  #calls: Call[] = [];
  #seq = 0;
  #writes = 0;
  #kill: { readonly kill: Kill; readonly from: number } | null = null;
  /** Called for the process that shall die; SIGKILL unless a test says otherwise. */
  onKill: (pid: number) => void = (pid) => {
    process.kill(pid, 'SIGKILL');
  };

  add(...faults: readonly Fault[]): void {
    for (const fault of faults)
      this.#rules.push({
        fault,
        left: fault.times === null ? Number.POSITIVE_INFINITY : (fault.times ?? 1),
        skip: fault.skip ?? 0,
      });
  }
  clear(): void {
    this.#rules = [];
  }
  /** Faults that have not hit as often as they should. */
  pending(): readonly Fault[] {
    return this.#rules
      .filter((rule) => rule.left > 0 && rule.left !== Number.POSITIVE_INFINITY)
      .map((rule) => rule.fault);
  }

  kill(kill: Kill): void {
    this.#kill = { kill, from: this.#writes };
  }
  get calls(): readonly Call[] {
    return this.#calls;
  }
  /** How many writes arrived since the start or the last `forget`, leases and events left out. */
  get writes(): number {
    return this.#writes;
  }
  forget(): void {
    this.#calls = [];
    this.#writes = 0;
    this.#kill = null;
  }

  /** Notes a request. */
  note(call: Omit<Call, 'seq' | 'status'>): Call {
    const noted: Call = { ...call, seq: ++this.#seq, status: null };
    this.#calls.push(noted);
    if (this.#calls.length > mostCalls) this.#calls = this.#calls.slice(-mostCalls / 2);
    return noted;
  }
  /** Whether the caller has to die now; `point` is before or after the write is carried out. */
  die(call: Call, point: Point): boolean {
    if (!call.counted) return false;
    if (point === 'before') this.#writes++;
    if (this.#kill === null) return false;
    const { kill, from } = this.#kill;
    const due = 'at' in kill ? kill.at(call, point) : kill.when === point && this.#writes - from === kill.write;
    if (!due) return false;
    this.#kill = null;
    this.onKill(kill.pid);
    return true;
  }
  /** The fault that hits this request, used up by one. */
  take(service: string, action: string, text: string): Fault | null {
    for (const rule of this.#rules) {
      const { fault } = rule;
      if (rule.left <= 0) continue;
      if (fault.service !== undefined && fault.service !== service) continue;
      if (fault.action !== undefined && !named(fault.action, action)) continue;
      if (fault.match !== undefined && !text.includes(fault.match)) continue;
      if (rule.skip > 0) {
        rule.skip--;
        continue;
      }
      rule.left--;
      return fault;
    }
    return null;
  }
}

const named = (pattern: string, action: string): boolean =>
  pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : pattern === action;

/** A fault as the control endpoint takes it; unknown fields are left out. */
export const readFault = (value: JsonObject): Fault => {
  const texts = ['service', 'action', 'match', 'code', 'message', 'retryAfter'] as const;
  const numbers = ['status', 'delayMs', 'skip'] as const;
  const drop = textAt(value, 'drop');
  return {
    ...Object.fromEntries(
      texts.flatMap((key) => (textAt(value, key) === undefined ? [] : [[key, textAt(value, key)]])),
    ),
    ...Object.fromEntries(
      numbers.flatMap((key) => (numberAt(value, key) === undefined ? [] : [[key, numberAt(value, key)]])),
    ),
    ...(value['times'] === null
      ? { times: null }
      : numberAt(value, 'times') === undefined
        ? {}
        : { times: numberAt(value, 'times') as number }),
    ...(drop === 'before' || drop === 'late' ? { drop } : {}),
  };
};

/** The caller sees its connection break. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  readonly code = 'ECONNRESET';
}
