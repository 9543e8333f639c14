import type { JsonObject } from '../model/json.js';
import type { Move, Plan, Step } from '../model/plan.js';
import { parseRoleArn } from '../model/resource.js';
import type { Proof } from '../model/words.js';
import { type IdentityParam, identityParam, type WorkloadParam, workloadParam } from '../steps/params.js';
import { configured, type UseAnswer, usedByCloudTrail, useRegions } from '../steps/proof.js';
import { type Looker, lookingCtx } from './context.js';

export interface Expectation {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly identity: IdentityParam;
  /** Role that AWS knows the pods under: the target role where the association's own role assumes one (EKS User Guide, target roles). */
  readonly caller: string;
  readonly workloads: readonly WorkloadParam[];
}

/** What the pods of a move shall carry, as its own prove-identity step says; null where it has none. */
export const expectationOf = (plan: Plan, move: Move): Expectation | null => {
  const step = plan.steps.find((each) => each.move === move.id && each.kind === 'prove-identity') as Step | undefined;
  if (step === undefined) return null;
  const identity = identityParam.safeParse(step.params.identity);
  const workloads = workloadParam.array().safeParse(step.params.workloads);
  if (!identity.success || !workloads.success) return null;
  return {
    namespace: String(step.params.namespace),
    serviceAccount: String(step.params.serviceAccount),
    identity: identity.data,
    caller: move.to?.role ?? identity.data.role,
    workloads: workloads.data,
  };
};

/**
 * Whether the new identity was seen used from the pods since then (milliseconds since 1970). Only CloudTrail's record of that very
 * subject counts, newer than the newest pod; a Pod Identity association leaves none, so nothing passive proves it (H10).
 */
export const seenUsed = async (
  looker: Looker,
  expectation: Expectation,
  since: number,
  newest: number,
): Promise<UseAnswer> => {
  if (expectation.identity.mechanism !== 'irsa')
    return { is: 'not-readable', because: 'Pod Identity leaves no record that names the service account' };
  const ctx = lookingCtx(looker);
  const account = parseRoleArn(expectation.identity.role)?.account ?? looker.plan.cluster.accountId;
  return usedByCloudTrail(looker.clients.aws(account), {
    account,
    role: expectation.identity.role,
    namespace: expectation.namespace,
    serviceAccount: expectation.serviceAccount,
    since: Math.max(since, newest),
    regions: useRegions(ctx),
  });
};

/** The engine's question before the retire stage: proof of use of a move, with its evidence, or null. */
export const evidenceFor = async (
  looker: Looker,
  moveId: string,
  since: number,
): Promise<{ readonly proof: Proof; readonly evidence: JsonObject } | null> => {
  const move = looker.plan.moves.find((each) => each.id === moveId);
  const expectation = move === undefined ? null : expectationOf(looker.plan, move);
  if (expectation === null) return null;
  const found = await configured(
    lookingCtx(looker),
    expectation.workloads,
    expectation.identity,
    expectation.serviceAccount,
  );
  if (found.wrong.length > 0) return null;
  const used = await seenUsed(looker, expectation, since, found.newest);
  return used.is === 'used'
    ? {
        proof: 'used',
        evidence: {
          at: used.at,
          session: used.session,
          region: used.region,
          source: 'CloudTrail AssumeRoleWithWebIdentity',
        },
      }
    : null;
};
