import type { Plan, Step } from '../model/plan.js';
import { kubernetesRef, parseRoleArn } from '../model/resource.js';
import { judgedSteps } from '../steps/judged.js';
import { identityParam } from '../steps/params.js';
import { registry } from '../steps/registry.js';
import type { Use } from '../steps/step.js';
import type { Right } from './rbac.js';

/**
 * What `verify` reads beside a scan: the writes of each move, its pods, and CloudTrail's record of use (H10). Nothing of a run: no
 * watch, no add-on's update, no evidence of gates.
 */
export const verifyUses = (plan: Plan): readonly Use[] =>
  plan.moves.flatMap((move): readonly Use[] => {
    const proof = proofOf(plan, move.id);
    if (move.blocked || move.skip || proof === null) return [];
    // What a probe on one node may have left behind is a run's to look for.
    const looks = { ...proof, params: { ...proof.params, firstNode: false } };
    return [...judgedSteps(plan, move.id).filter(({ id }) => id !== proof.id), looks]
      .flatMap((step) => registry.get(step.kind)?.reads(step, 'apply') ?? [])
      .filter((use) => use.only !== 'run')
      .concat(recordOfUse(plan, proof));
  });

/** What `--probe` takes: a pod in each moved namespace, whose name nobody knows beforehand, made, looked at and taken away. */
export const probeRights = (plan: Plan): readonly Right[] =>
  plan.moves.flatMap((move): readonly Right[] => {
    const proof = proofOf(plan, move.id);
    if (move.blocked || move.skip || proof === null) return [];
    const { apiVersion, kind, namespace } = kubernetesRef('v1', 'Pod', String(proof.params['namespace']), '');
    return ['create', 'get', 'delete'].map((verb) => ({ verb, apiVersion, kind, namespace }));
  });

const proofOf = (plan: Plan, moveId: string): Step | null =>
  (plan.steps as readonly Step[]).find(({ kind, move }) => kind === 'prove-identity' && move === moveId) ?? null;

/** Only IRSA leaves a record that names the service account. */
const recordOfUse = (plan: Plan, proof: Step): readonly Use[] => {
  const identity = identityParam.safeParse(proof.params['identity']);
  if (!identity.success || identity.data.mechanism !== 'irsa') return [];
  const account = parseRoleArn(identity.data.role)?.account ?? plan.cluster.accountId;
  return [{ api: 'aws', service: 'cloudtrail', operation: 'LookupEvents', account, input: {} }];
};
