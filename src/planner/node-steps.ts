import type { Estate } from '../findings/rule.js';
import { audienceOf, issuersOf, trustStatements } from '../findings/trust-plans.js';
import type { JsonObject } from '../model/json.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import { agentStep, associationStep } from './association-steps.js';
import { type Identity, type StepDraft, stepId, workloadKey } from './draft.js';
import { undoneAfter } from './move-steps.js';
import type { Detachment } from './node-policies.js';
import type { NodeIntent } from './nodes.js';
import type { Intent } from './proposals.js';
import { roleSteps } from './role-steps.js';
import { providerStep, trustSteps } from './trust-steps.js';
import { annotateStep, proveStep, restartStep, useGate, usersOf } from './workload-steps.js';

const ids = (drafts: readonly StepDraft[]): readonly string[] => drafts.map((draft) => draft.id);

const nameOf = (policy: string): string => policy.split('/').at(-1) as string;

/** What leaves a node role, and behind what. */
interface Leaving {
  readonly move: string;
  readonly guard: JsonObject;
  readonly dependsOn: readonly string[];
}

const handedOff = (one: Detachment): boolean => one.more.length > 0 || (one.kind === 'inline' && one.document === null);

const accountAndName = (one: Detachment): readonly [string, string] => {
  const role = parseRoleArn(one.nodeRole);
  return [role?.account ?? '', role?.name ?? one.nodeRole];
};

const detachStep = ({ move, guard, dependsOn }: Leaving, one: Detachment): StepDraft => {
  const [account, name] = accountAndName(one);
  const base = {
    stage: 'retire',
    move,
    target: { api: 'iam', kind: 'Role', account, name },
    dependsOn,
    undoDependsOn: [],
  } as const;
  const at = `${account}/Role/${name}:${nameOf(one.policy)}`;
  if (one.kind === 'managed')
    return {
      ...base,
      id: `detach-role-policy:${at}`,
      kind: 'detach-role-policy',
      params: { account, role: name, policyArn: one.policy, guard },
      before: { attached: true },
      after: { attached: false },
    };
  return {
    ...base,
    id: `delete-role-policy:${at}`,
    kind: 'delete-role-policy',
    params: { account, role: name, policyName: one.policy, document: one.document, guard },
    before: { document: one.document },
    after: { document: null },
  };
};

/** A gate that looks for evidence itself; a person opens it with --accept-unproven. */
const evidenceGate = (
  move: string,
  target: string,
  id: string,
  looks: JsonObject,
  dependsOn: readonly string[],
): StepDraft => ({
  id,
  kind: 'gate',
  stage: 'retire',
  move,
  target: { api: 'none', kind: 'Gate', name: target },
  params: { gate: { id, kind: 'evidence', move }, looks },
  before: {},
  after: {},
  dependsOn,
  undoDependsOn: [],
});

/**
 * A policy that holds more than the CNI's statements is edited by whoever wrote it (RL407): a hand-off with its words, and a gate
 * behind it that reads the policy until it allows the CNI's actions no more.
 */
const handoffSteps = ({ move, dependsOn }: Leaving, one: Detachment): readonly StepDraft[] => {
  const [account, name] = accountAndName(one);
  const at = `${account}/Role/${name}:${nameOf(one.policy)}`;
  const wait: StepDraft = {
    id: `wait-for-handoff:${at}`,
    kind: 'wait-for-handoff',
    stage: 'retire',
    move,
    target: { api: 'iam', kind: 'Role', account, name },
    params: {
      tool: 'iam',
      ref: `${name}/${nameOf(one.policy)}`,
      changes: [],
      reverse: [],
      instructions: `Take ${one.actions.join(', ')} out of the policy ${one.policy} of role ${name} (account ${account}); it also allows ${one.more.slice(0, 10).join(', ') || 'what could not be read'}, which must stay. Keep the old version: it is the way back.`,
      suspend: '',
    },
    before: {},
    after: {},
    dependsOn,
    undoDependsOn: [],
  };
  const looks = {
    is: 'withdrawn',
    account,
    role: name,
    policy: { kind: one.kind, name: one.policy },
    actions: [...one.actions],
  };
  return [wait, evidenceGate(move, at, `gate:${at}:withdrawn`, looks, [...dependsOn, wait.id])];
};

/**
 * What leaves the node roles of a move and the gates around it (H13): the new role was seen in use, the reports of the node roles
 * show nothing of what they lose, a node that joined since has given a pod an address; then role by role; then a node that is
 * younger than all that.
 */
const retireSteps = (
  intent: NodeIntent,
  use: StepDraft,
  of: { readonly guard: JsonObject; readonly since: readonly string[]; readonly prove: string },
): readonly StepDraft[] => {
  const { proposal, part } = intent;
  const { namespace, name } = proposal.subject;
  const account = `${namespace}/${name}`;
  const cni = part.controller.name === 'vpc-cni';
  const gateId = (phase: string): string => stepId('gate', namespace, 'ServiceAccount', name, phase);
  const node = (phase: string, since: readonly string[], watch: boolean, dependsOn: readonly string[]): StepDraft =>
    evidenceGate(
      proposal.id,
      `${account}:${phase}`,
      gateId(phase),
      { is: 'new-node', since: [...since], watch, guard: of.guard },
      dependsOn,
    );
  const before = cni ? [node('new-node', of.since, false, [of.prove])] : [];
  const reports = part.detach
    .filter((one) => one.lost.length > 0)
    .map((one) => {
      const [id, role] = accountAndName(one);
      const at = `${id}/Role/${role}:${nameOf(one.policy)}`;
      const looks = {
        is: 'unused',
        since: [...of.since],
        account: id,
        roleArn: one.nodeRole,
        actions: [...one.lost],
      };
      return evidenceGate(proposal.id, at, `gate:${at}:unused`, looks, [of.prove]);
    });
  const ready = [of.prove, use.id, ...ids(before), ...ids(reports)];
  // One role after the other: each is watched before the next loses anything.
  const gone: StepDraft[] = [];
  for (const one of part.detach) {
    const before = gone.at(-1);
    const leaving: Leaving = {
      move: proposal.id,
      guard: of.guard,
      dependsOn: before === undefined ? ready : [...ready, before.id],
    };
    gone.push(...(handedOff(one) ? handoffSteps(leaving, one) : [detachStep(leaving, one)]));
  }
  const after = cni && gone.length > 0 ? [node('new-node-after', ids(gone), true, ids(gone))] : [];
  return [...before, ...reports, ...gone, ...after];
};

const addonStep = (estate: Estate, intent: NodeIntent, identity: Identity, dependsOn: readonly string[]): StepDraft => {
  const { cluster } = estate.inventory;
  const addon = intent.part.addon as NonNullable<NodeIntent['part']['addon']>;
  const to = intent.proposal.to as NonNullable<Intent['proposal']['to']>;
  const associations =
    identity.mechanism === 'pod-identity' ? [{ serviceAccount: to.serviceAccount, roleArn: identity.role }] : null;
  const role = identity.mechanism === 'irsa' ? identity.role : null;
  return {
    id: `update-addon:${cluster.accountId}/Addon/${addon.name}:${to.serviceAccount}`,
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
      ...(intent.part.controller.name === 'vpc-cni'
        ? { firstNode: { policies: [...intent.part.attached], serviceAccount: to.serviceAccount } }
        : {}),
    },
    before: {
      serviceAccountRoleArn: addon.role,
      associations: addon.associations.map((one) => ({ serviceAccount: one.serviceAccount, roleArn: one.role })),
    },
    after: { serviceAccountRoleArn: role, associations },
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
  const firstNode =
    part.controller.name === 'vpc-cni' ? { policies: [...part.attached], serviceAccount: to.serviceAccount } : null;
  const restarts = proposal.uses.map((use) => {
    const step = restartStep(of, use, [bind.id]);
    return firstNode === null ? step : { ...step, params: { ...step.params, firstNode } };
  });
  const proof = proveStep(of, [bind.id, ...ids(restarts)]);
  const prove = firstNode === null ? proof : { ...proof, params: { ...proof.params, firstNode: true } };
  const workloads = proposal.uses.map((use) => workloadKey(use.workload));
  const guard = { namespace: to.namespace, serviceAccount: to.serviceAccount, workloads, identity };
  const asked = useGate(proposal.id, { ...guard, roleAccount: role.account }, [prove.id]);
  const use = part.reused
    ? asked
    : { ...asked, params: { ...asked.params, evidence: { ...guard, roleAccount: role.account, dedicated: true } } };
  const retired =
    part.detach.length === 0 ? [] : [use, ...retireSteps(intent, use, { guard, since: [prove.id], prove: prove.id })];
  const detached = retired.filter((step) => ['detach-role-policy', 'delete-role-policy'].includes(step.kind));
  return [
    ...providers.map((step) => undoneAfter(step, [...ids(made), prove.id])),
    ...policy.map((step) => undoneAfter(step, [...ids(made), prove.id])),
    ...made.map((step) => undoneAfter(step, [prove.id])),
    undoneAfter(bind, ids(detached)),
    ...restarts.map((step) => undoneAfter(step, [bind.id])),
    undoneAfter(prove, [bind.id, ...ids(restarts), ...ids(detached)]),
    ...retired,
  ];
};
