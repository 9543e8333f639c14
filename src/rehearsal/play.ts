import { setMaxListeners } from 'node:events';
import { apply } from '../engine/execute.js';
import {
  type ApplyOptions,
  defaultApplyOptions,
  defaultUnwindOptions,
  type RunResult,
  type UnwindOptions,
} from '../engine/run.js';
import { unwind } from '../engine/unwind.js';
import { openJournal } from '../journal/journal.js';
import type { MemoryStore } from '../journal/memory-store.js';
import type { JournalEvent } from '../model/journal.js';
import type { Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';
import type { Registry } from '../steps/step.js';
import { OtherHands } from './other-hands.js';
import { type Between, type Troupe, type Twin, twinServer } from './twin.js';

/** The engine as the rehearsal runs it; tests put broken ones in its place. */
export interface Engine {
  readonly apply: typeof apply;
  readonly unwind: typeof unwind;
}
export const engine: Engine = { apply, unwind };

export interface Cast {
  readonly plan: Plan;
  readonly registry: Registry;
  readonly engine: Engine;
  readonly troupe: Troupe;
}

export interface PlayOptions {
  readonly twin: Twin;
  readonly store: MemoryStore;
  readonly between?: Between;
  /** Each line of the journal, once it is durable. */
  readonly heard?: (event: JournalEvent) => void;
  /** Abort it with an exit code as the reason: running steps are finished, none is begun. */
  readonly graceful?: AbortSignal;
  readonly hands?: OtherHands;
  readonly apply?: Partial<ApplyOptions>;
  readonly unwind?: Partial<UnwindOptions>;
  /** Id of the run in the journal. */
  readonly run?: string;
  readonly say?: Say;
}

/** The longest that one run may take on the twin's clock, milliseconds. */
const longest = 40 * 24 * 3_600_000;

/** One run of the real engine with the real clients against a twin. */
export const playRun = async (cast: Cast, command: 'apply' | 'rollback', options: PlayOptions): Promise<RunResult> => {
  const { plan, registry, troupe } = cast;
  const { twin, store } = options;
  const { clock } = twin;
  const hands = options.hands ?? new OtherHands(twin, plan);
  troupe.enter(twin, options.between);
  const { clients } = troupe;
  const journal = await openJournal(store, {
    clock,
    run: options.run ?? 'rehearsal',
    serverTime: () => clients.serverTime(),
    onEvent: (event) => {
      hands.heard(event);
      options.heard?.(event);
    },
  });
  const ended = new AbortController();
  setMaxListeners(0, ended.signal);
  const base = {
    plan,
    journal,
    registry,
    clients,
    clock,
    say: options.say ?? (() => undefined),
    host: {
      identity: async () => ({
        caller: { arn: 'rehearsal', account: plan.cluster.accountId, kubernetesUser: 'rehearsal' },
        clusterUid: plan.cluster.uid,
        server: twinServer,
      }),
      approve: async (gate: Parameters<OtherHands['answer']>[0]) => hands.answer(gate),
    },
    stop: {
      hard: ended.signal,
      ...(options.graceful === undefined ? {} : { graceful: options.graceful }),
    },
  };
  const running =
    command === 'apply'
      ? cast.engine.apply({
          ...base,
          options: { ...defaultApplyOptions, handoffWaitMs: 3_600_000, soakMs: 0, tool: 'rehearsal', ...options.apply },
        })
      : cast.engine.unwind({
          ...base,
          options: { ...defaultUnwindOptions, handoffWaitMs: 3_600_000, tool: 'rehearsal', ...options.unwind },
        });
  try {
    return await clock.drive(running, { limitMs: longest });
  } finally {
    running.catch(() => undefined);
    ended.abort(130);
  }
};

/** How often a run that waits for somebody else is taken up again. */
const rounds = 5;

/** A run, taken up again as often as somebody else can end what it waits for. */
export const playThrough = async (
  cast: Cast,
  command: 'apply' | 'rollback',
  options: PlayOptions & { readonly hands: OtherHands },
): Promise<RunResult> => {
  for (let round = 1; ; round += 1) {
    const result = await playRun(cast, command, { ...options, run: `${options.run ?? 'rehearsal'}-${round}` });
    if (round === rounds || options.graceful?.aborted === true) return result;
    const acted = result.pauses.filter(({ step }) => step !== null && options.hands.replace(step));
    if (acted.length === 0) return result;
  }
};
