import type { Estate } from '../findings/rule.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import { chainPolicyFor, statementFor, targetStatementFor } from '../trust/statement.js';
import { type Identity, type StepDraft, stepId } from './draft.js';
import { nodesWithoutAgent } from './mechanism.js';
import type { Intent } from './proposals.js';
import { trustLimit, trustStep } from './trust-steps.js';

const agentName = 'eks-pod-identity-agent';

/** The Pod Identity agent where nodes lack it; null on Auto Mode, which has it built in, and where it runs already. */
export const agentStep = (estate: Estate): StepDraft | null => {
  const { cluster, addons } = estate.inventory;
  const lacking = nodesWithoutAgent(estate);
  const plain = estate.inventory.nodes.some((node) => node.compute === 'ec2');
  if ((cluster.autoMode && !plain) || lacking.length === 0) return null;
  if (addons.some((addon) => addon.name === agentName)) return null;
  return {
    id: `install-pod-identity-agent:${cluster.accountId}/Addon/${agentName}`,
    kind: 'install-pod-identity-agent',
    stage: 'prepare',
    move: null,
    target: { api: 'eks', kind: 'Addon', account: cluster.accountId, region: cluster.region, name: agentName },
    params: { cluster: cluster.name, version: null },
    before: { exists: false },
    after: { exists: true },
    dependsOn: [],
    undoDependsOn: [],
  };
};

/** The association; as it is not inert, it is a cutover step (H6). */
export const associationStep = (
  estate: Estate,
  options: PlanOptions,
  intent: Intent,
  identity: Identity,
  users: readonly string[],
  dependsOn: readonly string[],
): StepDraft => {
  const { cluster } = estate.inventory;
  const to = intent.proposal.to as NonNullable<Intent['proposal']['to']>;
  const present = estate.inventory.associations.find(
    (one) => one.namespace === to.namespace && one.serviceAccount === to.serviceAccount,
  );
  const target = to.associationRole === null ? null : to.role;
  return {
    id: stepId('create-pod-identity-association', to.namespace, 'ServiceAccount', to.serviceAccount),
    kind: 'create-pod-identity-association',
    stage: 'cutover',
    move: intent.proposal.id,
    target: {
      api: 'eks',
      kind: 'PodIdentityAssociation',
      account: cluster.accountId,
      region: cluster.region,
      name: `${to.namespace}/${to.serviceAccount}`,
    },
    params: {
      cluster: cluster.name,
      account: cluster.accountId,
      namespace: to.namespace,
      serviceAccount: to.serviceAccount,
      roleArn: identity.role,
      targetRoleArn: target,
      disableSessionTags: options.disableSessionTags,
      users: [...users],
    },
    before: { role: present?.role ?? null, targetRole: present?.targetRole ?? null },
    after: { role: identity.role, targetRole: target },
    dependsOn,
    undoDependsOn: [],
  };
};

/**
 * The role of the cluster's account that chains to one in another account: it trusts Pod Identity for exactly this service
 * account, may assume the target, and the target trusts it before the association is made (H15).
 */
export const chainSteps = (
  estate: Estate,
  options: PlanOptions,
  intent: Intent,
  before: readonly StepDraft[],
): readonly StepDraft[] => {
  const { cluster } = estate.inventory;
  const to = intent.proposal.to as NonNullable<Intent['proposal']['to']>;
  const role = parseRoleArn(to.associationRole ?? '');
  if (role === null) return [];
  const trust = {
    Version: '2012-10-17',
    Statement: [
      statementFor({
        mechanism: 'pod-identity',
        clusterArn: cluster.arn,
        namespace: to.namespace,
        serviceAccount: to.serviceAccount,
        disableSessionTags: options.disableSessionTags,
      }),
    ],
  };
  const move = intent.proposal.id;
  const created: StepDraft = {
    id: `create-role:${role.account}/Role/${role.name}`,
    kind: 'create-role',
    stage: 'prepare',
    move,
    target: { api: 'iam', kind: 'Role', account: role.account, name: role.name },
    params: {
      account: role.account,
      name: role.name,
      path: role.path,
      description: `Chains to ${to.role} for ${to.namespace}/${to.serviceAccount}`.slice(0, 1000),
      trust,
      boundary: null,
      maxSessionSeconds: 3600,
      tags: {},
    },
    before: { exists: false },
    after: { exists: true },
    dependsOn: [],
    undoDependsOn: [],
  };
  const allowed: StepDraft = {
    id: `put-role-policy:${role.account}/Role/${role.name}:rolelift-chain`,
    kind: 'put-role-policy',
    stage: 'prepare',
    move,
    target: { api: 'iam', kind: 'Role', account: role.account, name: role.name },
    params: { account: role.account, role: role.name, policyName: 'rolelift-chain', document: chainPolicyFor(to.role) },
    before: { document: null },
    after: { document: chainPolicyFor(to.role) },
    dependsOn: [created.id],
    undoDependsOn: [],
  };
  if (intent.proposal.newRole) return [created, allowed];
  const target = trustStep(estate, {
    move,
    roleArn: to.role,
    statement: targetStatementFor({ associationRole: to.associationRole as string }),
    phase: `${to.namespace}.${to.serviceAccount}`,
    // Trusted last: nobody may be let in by way of a role that is not finished.
    dependsOn: [created.id, allowed.id, ...before.map((step) => step.id)],
  });
  return [{ ...created, undoDependsOn: [allowed.id, target.id] }, allowed, target];
};

/**
 * The target's trust narrowed to the external id of the association, after the proof (H15). Nothing depends on it: it widens nobody's
 * access, and what it takes away nobody but the association's role had.
 */
export const tightenStep = (estate: Estate, intent: Intent, dependsOn: readonly string[]): StepDraft | null => {
  const { cluster } = estate.inventory;
  const { to } = intent.proposal;
  if (to === null || to.associationRole === null) return null;
  const target = parseRoleArn(to.role);
  if (target === null) return null;
  const statement = targetStatementFor({ associationRole: to.associationRole });
  return {
    id: `tighten-trust-statement:${target.account}/Role/${target.name}:${to.namespace}.${to.serviceAccount}`,
    kind: 'tighten-trust-statement',
    stage: 'cutover',
    move: intent.proposal.id,
    target: { api: 'iam', kind: 'Role', account: target.account, name: target.name },
    params: {
      account: target.account,
      role: target.name,
      roleArn: to.role,
      statement,
      limit: trustLimit(estate.inventory, target.account),
      externalIdOf: {
        cluster: cluster.name,
        account: cluster.accountId,
        namespace: to.namespace,
        serviceAccount: to.serviceAccount,
      },
    },
    before: { externalId: false },
    after: { externalId: true },
    dependsOn,
    undoDependsOn: dependsOn,
  };
};
