import { podIdentityObstacles } from '../findings/pod-identity-places.js';
import type { Estate, WorkloadUse } from '../findings/rule.js';
import { sdkVerdict } from '../findings/sdk-versions.js';
import { issuersOf } from '../findings/trust-plans.js';
import type { PlanOptions } from '../model/options.js';
import type { Broker, Mechanism } from '../model/words.js';
import { trustFits } from './trust-steps.js';

export interface Choice {
  readonly mechanism: Mechanism;
  readonly why: string;
}

const webIdentityVariables = new Set(['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE']);

/** Why Pod Identity cannot serve these workloads; null where it can (K10), the SDK apart. */
export const podIdentityReason = (estate: Estate, uses: readonly WorkloadUse[]): string | null => {
  for (const use of uses) {
    const { ref, template } = use.workload;
    const at = `${ref.kind} ${ref.namespace ?? ''}/${ref.name}`;
    const [obstacle] = podIdentityObstacles(estate, use);
    if (obstacle !== undefined) return `${at}: ${obstacle}`;
    const preset = template.containers.find((container) =>
      container.env.some((variable) => webIdentityVariables.has(variable)),
    );
    if (preset !== undefined) return `${at} sets web identity variables in container ${preset.name} itself`;
  }
  return null;
};

/** The first workload whose SDK is not known to be new enough; null where all are (H9). */
export const sdkReason = (uses: readonly WorkloadUse[], options: PlanOptions): string | null => {
  for (const use of uses) {
    const verdict = sdkVerdict(use, options);
    if (verdict.verdict === 'supported') continue;
    const { kind, name } = use.workload.ref;
    return verdict.verdict === 'too-old'
      ? `the SDK of ${kind} ${name} is too old for Pod Identity`
      : `the SDK of ${kind} ${name} is not known to be new enough for Pod Identity`;
  }
  return null;
};

/** Nodes on which the Pod Identity agent must run and does not. */
export const nodesWithoutAgent = (estate: Estate): readonly string[] =>
  estate.inventory.nodes
    .filter((node) => node.compute === 'ec2' && node.ready && !node.agentReady)
    .map((node) => node.name);

/**
 * IRSA or Pod Identity. `auto` means IRSA unless its trust cannot fit, no provider can be made, or every container's SDK is
 * known to be new enough for Pod Identity (H9); a target that a person named is taken, and the rules object where it cannot be.
 */
export const chooseMechanism = (
  estate: Estate,
  options: PlanOptions,
  uses: readonly WorkloadUse[],
  broker: Broker,
  role: string | null,
): Choice => {
  if (options.target === 'irsa') return { mechanism: 'irsa', why: 'IRSA, as asked for.' };
  if (options.target === 'pod-identity') return { mechanism: 'pod-identity', why: 'Pod Identity, as asked for.' };
  if (broker === 'pod-identity') return { mechanism: 'pod-identity', why: 'Pod Identity, as it is already.' };
  const obstacle = podIdentityReason(estate, uses);
  if (obstacle !== null) return { mechanism: 'irsa', why: `IRSA: Pod Identity is not available (${obstacle}).` };
  const issuers = issuersOf(estate.inventory, options);
  if (issuers.length === 0)
    return { mechanism: 'pod-identity', why: 'Pod Identity: no OIDC provider can be made, the issuer is not known.' };
  const bad = issuers.find((issuer) => !/^https:\/\/[^/:?#]+(\/[^:?#]*)?$/.test(issuer));
  if (bad !== undefined)
    return { mechanism: 'pod-identity', why: `Pod Identity: IAM takes no OIDC provider for the issuer ${bad}.` };
  if (role !== null && options.roleMode === 'reuse') {
    const fits = (mechanism: Mechanism) => trustFits(estate, options, role, mechanism);
    if (!fits('irsa') && fits('pod-identity'))
      return {
        mechanism: 'pod-identity',
        why: "Pod Identity: the role's trust policy has no room for IRSA's statement.",
      };
  }
  const unknown = sdkReason(uses, options);
  return unknown === null
    ? { mechanism: 'pod-identity', why: 'Pod Identity: available here, and every SDK is known to be new enough.' }
    : { mechanism: 'irsa', why: `IRSA: it serves older SDKs too, and ${unknown}.` };
};
