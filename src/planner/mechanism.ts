import type { Estate, WorkloadUse } from '../findings/rule.js';
import type { ClusterNode } from '../model/inventory.js';
import type { PlanOptions } from '../model/options.js';
import type { Broker, Mechanism } from '../model/words.js';
import { issuersOf, trustFits } from './trust-steps.js';

export interface Choice {
  readonly mechanism: Mechanism;
  readonly why: string;
}

/** Smallest platform version with Pod Identity per Kubernetes version (EKS User Guide, pod-identities). */
const smallestPlatform: Readonly<Record<string, number>> = {
  '1.24': 13,
  '1.25': 10,
  '1.26': 9,
  '1.27': 8,
  '1.28': 4,
};

const minorOf = (version: string): number => Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? Number.NaN);

/** Why EKS itself cannot serve Pod Identity here; null where it can (EKS User Guide, Pod Identity considerations). */
export const clusterReason = (estate: Estate): string | null => {
  const { cluster } = estate.inventory;
  if (cluster.kind !== 'eks') return `Pod Identity is EKS only, this cluster is ${cluster.kind}`;
  const minor = minorOf(cluster.kubernetesVersion);
  if (Number.isNaN(minor)) return 'the Kubernetes version is not known';
  if (minor < 24) return `Kubernetes 1.${minor} has no Pod Identity`;
  const needed = smallestPlatform[`1.${minor}`];
  const have = Number(/^eks\.(\d+)$/.exec(cluster.platformVersion ?? '')?.[1] ?? Number.NaN);
  if (needed !== undefined && !(have >= needed))
    return `platform ${cluster.platformVersion ?? 'unknown'} of 1.${minor} is older than eks.${needed}`;
  return null;
};

const admits = (node: ClusterNode, use: WorkloadUse): boolean =>
  Object.entries(use.workload.template.nodeSelector).every(
    ([key, value]) => Object.hasOwn(node.labels, key) && node.labels[key] === value,
  );

const placesReason = (estate: Estate, use: WorkloadUse): string | null => {
  const { workload } = use;
  const at = `${workload.ref.kind} ${workload.ref.namespace ?? ''}/${workload.ref.name}`;
  const os =
    workload.template.nodeSelector['kubernetes.io/os'] ?? workload.template.nodeSelector['beta.kubernetes.io/os'];
  if (os === 'windows') return `${at} runs on Windows`;
  const fargate = estate.inventory.fargateProfiles.find((profile) =>
    profile.selectors.some(
      (selector) =>
        selector.namespace === workload.ref.namespace &&
        Object.entries(selector.labels).every(
          ([key, value]) => Object.hasOwn(workload.template.labels, key) && workload.template.labels[key] === value,
        ),
    ),
  );
  if (fargate !== undefined) return `${at} runs on Fargate (profile ${fargate.name})`;
  const held = new Set(use.pods.map((pod) => pod.pod.node));
  for (const node of estate.inventory.nodes) {
    if (!admits(node, use) && !held.has(node.name)) continue;
    if (node.compute === 'ec2' || node.compute === 'auto') continue;
    if (held.has(node.name) || node.taints.length === 0)
      return `${at} can run on ${node.name}, which is ${node.compute}`;
  }
  const variables = ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'];
  const preset = workload.template.containers.find((container) =>
    container.env.some((variable) => variables.includes(variable)),
  );
  return preset === undefined ? null : `${at} sets web identity variables in container ${preset.name} itself`;
};

/** Why Pod Identity cannot serve these workloads; null where it can (K10), the SDK apart. */
export const podIdentityReason = (estate: Estate, uses: readonly WorkloadUse[]): string | null => {
  const cluster = clusterReason(estate);
  if (cluster !== null) return cluster;
  for (const use of uses) {
    const place = placesReason(estate, use);
    if (place !== null) return place;
  }
  return null;
};

/** The first workload whose SDK nobody vouches for; null where all are known to be new enough (H9). */
const sdkReason = (uses: readonly WorkloadUse[], options: PlanOptions): string | null => {
  const vouched = new Set(options.sdkKnown.map((text) => text.split('=')[0] as string));
  const unknown = uses.find(
    ({ workload: { ref } }) => !vouched.has('*') && !vouched.has(`${ref.namespace ?? ''}/${ref.name}`),
  );
  return unknown === undefined
    ? null
    : `the SDK of ${unknown.workload.ref.kind} ${unknown.workload.ref.name} is not known to be new enough for Pod Identity`;
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
