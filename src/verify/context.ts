import { until } from '../engine/wait.js';
import type { Clock } from '../model/clock.js';
import type { Say } from '../model/message.js';
import type { Plan } from '../model/plan.js';
import type { Clients } from '../model/ports.js';
import type { WriteCtx } from '../steps/step.js';

export interface Looker {
  readonly plan: Plan;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly say: Say;
  readonly run: string;
  /** --prove token (H17). */
  readonly proveToken: boolean;
  /** Image of probe pods (`--probe`); null or absent: none are run. */
  readonly probeImage?: string | null;
}

/** What the steps' own looks need, outside a run: nothing here writes, but for a token or a probe pod where that was asked for. */
export const lookingCtx = (looker: Looker): WriteCtx => ({
  plan: {
    id: looker.plan.id,
    digest: looker.plan.digest,
    clusterName: looker.plan.cluster.name,
    accountId: looker.plan.cluster.accountId,
    region: looker.plan.cluster.region,
    partition: looker.plan.cluster.partition,
    oidcIssuer: looker.plan.cluster.oidcIssuer,
  },
  run: looker.run,
  clock: looker.clock,
  signal: looker.signal,
  say: looker.say,
  settings: {
    rolloutTimeoutMs: 60_000,
    proveToken: looker.proveToken,
    handoffWaitMs: 0,
    gitopsLive: false,
    // Nothing is undone here, so nothing prints it.
    rollback: 'rolelift rollback PLAN',
  },
  token: '',
  serverTime: () => looker.clients.serverTime(),
  until: (why, boundMs, probe) => until(looker.clock, looker.signal, why, boundMs, probe),
  gate: () => ({ is: 'closed', reason: 'not in a run', opensAt: null, how: '' }),
  kubernetes: (cluster) => looker.clients.kubernetes(cluster),
  aws: (account) => looker.clients.aws(account),
});
