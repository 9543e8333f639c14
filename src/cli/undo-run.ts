import type { AllClients } from '../clients/clients.js';
import { defaultUnwindOptions, type RunResult, type UnwindOptions } from '../engine/run.js';
import { unwind } from '../engine/unwind.js';
import type { Inventory } from '../model/inventory.js';
import type { Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';
import { registry } from '../steps/registry.js';
import { undoSelection } from './next-commands.js';
import { runHost } from './run-host.js';
import { holderName, type OpenRun } from './run-state.js';
import type { GlobalOptions, Session } from './session.js';
import { toolName } from './version.js';

/** Options of `rollback` that say how much is undone, and how. */
export interface UndoOptions extends GlobalOptions {
  readonly move: readonly string[];
  readonly to?: string;
  readonly forceMove: readonly string[];
  /** Milliseconds. */
  readonly rolloutTimeout: number;
  /** Milliseconds. */
  readonly waitHandoff?: number;
  readonly gitops: 'handoff' | 'live';
}

/** What is asked for: some moves, down to a step, or everything. */
export const scopeOf = ({ move, to }: Pick<UndoOptions, 'move' | 'to'>): UnwindOptions['scope'] => {
  if (move.length > 0) return { is: 'moves', moves: move };
  return to === undefined ? { is: 'whole' } : { is: 'to', step: to };
};

export interface UndoParts {
  readonly session: Session;
  readonly clients: AllClients;
  readonly plan: Plan;
  readonly directory: string;
  readonly opened: OpenRun;
  readonly say: Say;
  readonly scan: () => Promise<Inventory>;
  /** The commands that are printed for whoever goes on. */
  readonly command: { readonly apply: string; readonly rollback: string };
}

/** Undoes what an opened run's journal says was applied, as the options of `rollback` ask. */
export const undoRun = (parts: UndoParts, options: UndoOptions): Promise<RunResult> => {
  const { session, clients, plan, directory, opened } = parts;
  return unwind({
    plan,
    journal: opened.journal,
    registry,
    clients,
    clock: opened.clock,
    say: parts.say,
    host: runHost({
      session,
      plan,
      directory,
      clients,
      looker: opened.looker(false),
      state: () => opened.journal.state,
      scan: parts.scan,
    }),
    stop: opened.stops,
    options: {
      ...defaultUnwindOptions,
      concurrency: options.concurrency,
      rolloutTimeoutMs: options.rolloutTimeout,
      handoffWaitMs: options.waitHandoff ?? 0,
      gitopsLive: options.gitops === 'live',
      yes: options.yes,
      scope: scopeOf(options),
      forceMoves: options.forceMove,
      holder: holderName(),
      tool: toolName(),
      command: { ...parts.command, rollback: `${parts.command.rollback}${undoSelection(options)}` },
    },
  });
};
