import type { Estate } from '../findings/rule.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import { agentStep, associationStep } from './association-steps.js';
import { type Identity, type StepDraft, stepId, workloadKey } from './draft.js';
import { annotateStep, proveStep, restartStep, undoneAfter, useGate, usersOf } from './move-steps.js';
import type { Detachment, NodeIntent } from './nodes.js';
import type { Intent } from './proposals.js';
import { roleSteps } from './role-steps.js';
import { audienceOf, issuersOf, providerStep, trustStatements, trustSteps } from './trust-steps.js';

const ids = (drafts: readonly StepDraft[]): readonly string[] => drafts.map((draft) => draft.id);

const nameOf = (policy: string): string => policy.split('/').at(-1) as string;

const detachStep = (move: string, one: Detachment, dependsOn: readonly string[]): StepDraft => {
  const role = parseRoleArn(one.nodeRole);
  const [account, name] = [role?.account ?? '', role?.name ?? one.nodeRole];
  const base = {
    stage: 'retire',
    move,
    target: { api: 'iam', kind: 'Role', account, name },
    dependsOn,
    undoDependsOn: [],
  } as const;
  const at = `${account}/Role/${name}:${nameOf(one.policy)}`;
  if (one.more.length > 0 || (one.kind === 'inline' && one.document === null))
    return {
      ...base,
      id: `wait-for-handoff:${at}`,
      kind: 'wait-for-handoff',
      params: {
        tool: 'iam',
        ref: `${name}/${nameOf(one.policy)}`,
        changes: [],
        reverse: [],
        instructions: `Take the CNI's actions out of the policy ${one.policy} of role ${name} (account ${account}); it also allows ${one.more.slice(0, 10).join(', ') || 'what could not be read'}, which must stay. Keep the old version: it is the way back.`,
        suspend: '',
      },
      before: {},
      after: {},
    };
  if (one.kind === 'managed')
    return {
      ...base,
      id: `detach-role-policy:${at}`,
      kind: 'detach-role-policy',
      params: { account, role: name, policyArn: one.policy },
      before: { attached: true },
      after: { attached: false },
    };
  return {
    ...base,
    id: `delete-role-policy:${at}`,
    kind: 'delete-role-policy',
    params: { account, role: name, policyName: one.policy, document: one.document },
    before: { document: one.document },
    after: { document: null },
  };
};

/** A person, or a node that joined since, opens it: the only full test of the CNI's role (H13). */
const newNodeGate = (move: string, namespace: string, name: string, dependsOn: readonly string[]): StepDraft => {
  const id = stepId('gate', namespace, 'ServiceAccount', name, 'new-node');
  return {
    id,
    kind: 'gate',
    stage: 'retire',
    move,
    target: { api: 'none', kind: 'Gate', name: `${namespace}/${name}:new-node` },
    params: { gate: { id, kind: 'confirmation' } },
    before: {},
    after: {},
    dependsOn,
    undoDependsOn: [],
  };
};

const addonStep = (estate: Estate, intent: NodeIntent, identity: Identity, dependsOn: readonly string[]): StepDraft => {
  const { cluster } = estate.inventory;
  const addon = intent.part.addon as NonNullable<NodeIntent['part']['addon']>;
  const to = intent.proposal.to as NonNullable<Intent['proposal']['to']>;
  const kept = addon.associations
    .filter((one) => one.serviceAccount !== to.serviceAccount)
    .map((one) => ({ serviceAccount: one.serviceAccount, roleArn: one.role }));
  const associations =
    identity.mechanism === 'pod-identity'
      ? [...kept, { serviceAccount: to.serviceAccount, roleArn: identity.role }]
      : kept.length > 0
        ? kept
        : null;
  const role = identity.mechanism === 'irsa' ? identity.role : addon.role;
  return {
    id: `update-addon:${cluster.accountId}/Addon/${addon.name}`,
    kind: 'update-addon',
    stage: 'cutover',
    move: intent.proposal.id,
    target: { api: 'eks', kind: 'Addon', account: cluster.accountId, region: cluster.region, name: addon.name },
    params: {
      cluster: cluster.name,
      account: cluster.accountId,
      addon: addon.name,
      version: addon.version === '' ? null : addon.version,
      serviceAccountRoleArn: role,
      associations,
      workloads: intent.proposal.uses.map((use) => workloadKey(use.workload)),
      identity,
    },
    before: {
      role: addon.role,
      associations: addon.associations.map((one) => ({ serviceAccount: one.serviceAccount, roleArn: one.role })),
    },
    after: { role, associations },
    dependsOn,
    undoDependsOn: [],
  };
};

/**
 * The steps of a move off the node role: a role of its own beside it, the binding, the restart, the proof, proof of use and a new
 * node, and only then the policy leaves each node role. Back: the policy first, so that no node is ever without it (H8, H13, H14).
 */
export const nodeSteps = (estate: Estate, options: PlanOptions, intent: NodeIntent): readonly StepDraft[] => {
  const { proposal, part } = intent;
  const to = proposal.to;
  const role = to === null ? null : parseRoleArn(to.role);
  if (to === null || role === null) return [];
  const identity: Identity = { mechanism: to.mechanism, role: to.role };
  const asMove: Intent = { proposal, held: true, bound: false };
  const providers =
    to.mechanism === 'irsa'
      ? issuersOf(estate.inventory, options).flatMap(
          (issuer) =>
            providerStep(estate, {
              account: role.account,
              partition: role.partition,
              issuer,
              audiences: [audienceOf(estate, to.namespace, to.serviceAccount)],
            }) ?? [],
        )
      : [agentStep(estate)].filter((step) => step !== null);
  const policy: readonly StepDraft[] =
    part.create === null || part.reused
      ? []
      : [
          {
            id: `create-policy:${role.account}/Policy/${part.create.name}`,
            kind: 'create-policy',
            stage: 'prepare',
            move: proposal.id,
            target: { api: 'iam', kind: 'Policy', account: role.account, name: part.create.name },
            params: {
              account: role.account,
              name: part.create.name,
              path: '/',
              document: part.create.document,
              description: part.create.description,
            },
            before: { exists: false },
            after: { exists: true },
            dependsOn: [],
            undoDependsOn: [],
          },
        ];
  const trust = { role: to.role, namespace: to.namespace, serviceAccount: to.serviceAccount, mechanism: to.mechanism };
  const made = part.reused
    ? trustSteps(estate, options, { ...trust, move: proposal.id, dependsOn: () => ids(providers) })
    : roleSteps(
        proposal.id,
        {
          arn: to.role,
          description: `${part.controller.title} of cluster ${estate.inventory.cluster.name}`,
          trust: {
            Version: '2012-10-17',
            Statement: trustStatements(estate, options, trust).map(({ statement }) => statement),
          },
          boundary: null,
          maxSessionSeconds: 3600,
          tags: {},
          attached: part.attached,
          inline: part.inline,
        },
        [...ids(providers), ...ids(policy)],
      );
  const ready = [...ids(providers), ...ids(policy), ...ids(made)];
  const of = { estate, options, intent: asMove, to, identity };
  const bind =
    part.addon !== null && part.addon.status !== ''
      ? addonStep(estate, intent, identity, ready)
      : to.mechanism === 'irsa'
        ? annotateStep(of, ready)
        : associationStep(estate, options, asMove, identity, usersOf(asMove), ready);
  const restarts = proposal.uses.map((use) => restartStep(of, use, [bind.id]));
  const prove = proveStep(of, [bind.id, ...ids(restarts)]);
  const useOf = {
    namespace: to.namespace,
    serviceAccount: to.serviceAccount,
    workloads: proposal.uses.map((use) => workloadKey(use.workload)),
    identity,
    roleAccount: role.account,
  };
  const gates = [
    useGate(proposal.id, useOf, [prove.id]),
    ...(part.controller.name === 'vpc-cni'
      ? [newNodeGate(proposal.id, to.namespace, to.serviceAccount, [prove.id])]
      : []),
  ];
  const detached = part.detach.map((one) => detachStep(proposal.id, one, [prove.id, ...ids(gates)]));
  return [
    ...providers.map((step) => undoneAfter(step, [...ids(made), prove.id])),
    ...policy.map((step) => undoneAfter(step, [...ids(made), prove.id])),
    ...made.map((step) => undoneAfter(step, [prove.id])),
    undoneAfter(bind, ids(detached)),
    ...restarts.map((step) => undoneAfter(step, [bind.id])),
    undoneAfter(prove, [bind.id, ...ids(restarts), ...ids(detached)]),
    ...gates,
    ...detached,
  ];
};
