import { digestOf } from '../model/canonical.js';
import type { Step } from '../model/plan.js';
import type { RefKey } from '../model/resource.js';
import type { StepCtx, WriteCtx } from '../steps/step.js';
import { knownDocuments } from './documents.js';
import type { Session } from './session.js';
import { until } from './wait.js';

/** Makes what each step of one run is handed: clients, clock and facts, its token, and what the run's steps know of shared documents. */
export class StepContexts {
  readonly #session: Session;
  #documents: Map<RefKey, string[]> | null = null;
  /** How often each step was undone, counted up to that line of the journal. */
  readonly #undone = new Map<string, number>();
  #counted = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  of(step: Step): WriteCtx {
    const session = this.#session;
    const { plan, clients, clock, journal, options, say } = session.run;
    const signal = session.signal;
    const facts: StepCtx['plan'] = {
      id: plan.id,
      digest: plan.digest,
      clusterName: plan.cluster.name,
      accountId: plan.cluster.accountId,
      region: plan.cluster.region,
      partition: plan.cluster.partition,
      oidcIssuer: plan.cluster.oidcIssuer,
    };
    return {
      plan: facts,
      run: journal.run,
      clock,
      signal,
      say,
      settings: {
        rolloutTimeoutMs: options.rolloutTimeoutMs,
        proveToken: options.proveToken,
        handoffWaitMs: options.handoffWaitMs,
        gitopsLive: options.gitopsLive,
        rollback: options.command.rollback,
      },
      known: this.#known(),
      token: this.#token(step),
      serverTime: () => clients.serverTime(),
      until: (why, boundMs, probe) =>
        until(clock, signal, why, boundMs, probe, (text) => session.progress(step, 'running', text)),
      waits: (why) => session.progress(step, 'running', why),
      gate: (gate) => session.gate(gate),
      appliedAt: (id) => {
        const now = session.state(id);
        return now.is === 'applied' || now.is === 'verified' ? now.since : null;
      },
      kubernetes: (cluster) => clients.kubernetes(cluster),
      aws: (account) => clients.aws(account),
    };
  }

  /** The same on every attempt; another after each undo, or EKS would answer from its memory of what is gone by now. */
  #token(step: Step): string {
    const { plan, journal } = this.#session.run;
    const { events } = journal;
    for (; this.#counted < events.length; this.#counted += 1) {
      const event = events[this.#counted];
      if (event?.type === 'undone') this.#undone.set(event.step, (this.#undone.get(event.step) ?? 0) + 1);
    }
    const undone = this.#undone.get(step.id) ?? 0;
    return digestOf({ plan: plan.digest, step: step.id, ...(undone === 0 ? {} : { undone }) }).slice(7, 71);
  }

  /** One map for the whole run, to which the steps add what they see and write. */
  #known(): Map<RefKey, string[]> {
    this.#documents ??= knownDocuments(this.#session.run.journal.events, this.#session.steps, (step) =>
      this.#session.locksOf(step),
    );
    return this.#documents;
  }
}
