/** Times of the simulated world, in milliseconds, and its rates. All can be changed while it runs. */
export interface Settings {
  /** Every answer waits that long. */
  latencyMs: number;
  /** IAM and EKS answer with the state of that long ago. */
  consistencyDelayMs: number;
  /** How long a new or changed Pod Identity association stays without effect. */
  associationLagMs: number;
  /** How long the Pod Identity agent goes on serving a pod that it served before the association was deleted (agent: renewal about every 3 h). */
  agentCacheMs: number;
  cloudtrailLagMs: number;
  lastUsedLagMs: number;
  /** How long an add-on takes to change. */
  addonMs: number;
  /** From a pod's readiness to its first call, and from one call to the next. Infinity: no pod ever calls. */
  useAfterMs: number;
  useEveryMs: number;
  /** Requests a second by lane, as `iam-write`. */
  rates: Readonly<Record<string, number>>;
}

export const defaultSettings: Settings = {
  latencyMs: 0,
  consistencyDelayMs: 0,
  associationLagMs: 0,
  agentCacheMs: 3 * 3600_000,
  cloudtrailLagMs: 0,
  lastUsedLagMs: 0,
  addonMs: 200,
  useAfterMs: 100,
  useEveryMs: 60_000,
  rates: {},
};
