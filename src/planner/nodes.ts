import { type Controller, controllerNamed, controllerOf } from '../findings/controllers.js';
import type { Estate, Proposal, WorkloadUse } from '../findings/rule.js';
import { atLeast } from '../findings/sdk-versions.js';
import { namespaceInScope } from '../findings/subjects.js';
import { byText } from '../model/canonical.js';
import type { Addon } from '../model/inventory.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import type { Mechanism } from '../model/words.js';
import { nodesWithoutAgent, podIdentityReason, sdkReason } from './mechanism.js';
import { iamName } from './names.js';
import { type NodePolicies, policiesFor } from './node-policies.js';
import { freeRoleName, roleArn, roleOf } from './roles.js';

/** A role for what runs on the node role today: its policies, and what leaves the node roles when it is proven. */
export interface NodePart extends NodePolicies {
  readonly controller: Controller;
  readonly addon: Addon | null;
  /** The role is there already and fits. */
  readonly reused: boolean;
}

/** A move off the node role, before it has steps. */
export interface NodeIntent {
  readonly proposal: Proposal;
  readonly part: NodePart;
  readonly bound: boolean;
}

/** The role name that EKS recommends, and looks for when another cluster gets the add-on (EKS User Guide, Amazon VPC CNI). */
const recommendedCniRole = 'AmazonEKSPodIdentityAmazonVPCCNIRole';
const mechanismFor = (
  estate: Estate,
  options: PlanOptions,
  controller: Controller,
  addon: Addon | null,
  uses: readonly WorkloadUse[],
): { readonly mechanism: Mechanism; readonly why: string } => {
  if (options.target === 'irsa') return { mechanism: 'irsa', why: 'IRSA, as asked for.' };
  if (options.target === 'pod-identity') return { mechanism: 'pod-identity', why: 'Pod Identity, as asked for.' };
  const since = controller.podIdentitySince;
  const tooOld = addon !== null && since !== null && atLeast(addon.version, since) === false;
  if (
    !tooOld &&
    sdkReason(uses, options) === null &&
    podIdentityReason(estate, uses) === null &&
    nodesWithoutAgent(estate).length === 0
  )
    return {
      mechanism: 'pod-identity',
      why: 'Pod Identity: its SDK is known to be new enough, and the agent runs on every node.',
    };
  return { mechanism: 'irsa', why: 'IRSA: nothing proves that Pod Identity would work for it here.' };
};

/** What runs with an account of a known add-on or controller and has the node role, or is bound while the node role keeps the policy. */
export const nodeIntents = (estate: Estate, options: PlanOptions): readonly NodeIntent[] => {
  if (!options.scope.includes('nodes')) return [];
  if (options.from.length > 0 && !options.from.includes('node-role')) return [];
  const intents: NodeIntent[] = [];
  for (const account of [...estate.usesOf.keys()].sort(byText)) {
    const uses = estate.usesOf.get(account) ?? [];
    const slash = account.indexOf('/');
    const [namespace, name] = [account.slice(0, slash), account.slice(slash + 1)];
    const first = uses[0];
    if (first === undefined || name === 'default' || uses.some((use) => use.wanted !== null)) continue;
    const controller = controllerOf(
      namespace,
      name,
      first.workload.template.containers.map((container) => container.image),
    );
    if (controller === undefined || !namespaceInScope(options, namespace)) continue;
    const addon = estate.inventory.addons.find((one) => controllerNamed(one.name)?.name === controller.name) ?? null;
    const byDefault = controller.name === 'vpc-cni' || addon !== null;
    if (!byDefault && !options.include.includes(controller.name)) continue;
    if (!uses.every((use) => use.broker === 'node-role')) continue;
    const policies = policiesFor(estate, controller, addon, name);
    if (policies === null) continue;
    const intent = intentOf(estate, options, { namespace, name, uses, controller, addon, policies });
    if (addon === null || !mixes(addon, intent)) intents.push(intent);
  }
  return oneRoleEach(intents);
};

/** An add-on has either a role or associations, never both: with the agent there EKS ignores the role (EKS User Guide, eksctl). */
const mixes = (addon: Addon, { proposal }: NodeIntent): boolean =>
  proposal.to?.mechanism === 'pod-identity'
    ? addon.role !== null
    : addon.role !== null || addon.associations.length > 0;

/**
 * Under IRSA an add-on takes one role, for its first service account: where it has several, the others stay on the node role, which
 * therefore keeps its policies. Pod Identity serves each of them.
 */
const oneRoleEach = (intents: readonly NodeIntent[]): readonly NodeIntent[] => {
  const irsa = (intent: NodeIntent): boolean => intent.part.addon !== null && intent.proposal.to?.mechanism === 'irsa';
  const order = ({ part, proposal }: NodeIntent): number =>
    part.controller.serviceAccounts.indexOf(`${proposal.subject.namespace}/${proposal.subject.name}`);
  const byAddon = new Map<string, NodeIntent[]>();
  for (const intent of intents.filter(irsa)) {
    const name = intent.part.addon?.name ?? '';
    byAddon.set(name, [...(byAddon.get(name) ?? []), intent]);
  }
  return intents.flatMap((intent): readonly NodeIntent[] => {
    const group = irsa(intent) ? (byAddon.get(intent.part.addon?.name ?? '') ?? []) : [];
    if (group.length < 2) return [intent];
    const first = [...group].sort((left, right) => order(left) - order(right))[0];
    return intent === first ? [{ ...intent, part: { ...intent.part, detach: [] } }] : [];
  });
};

const intentOf = (
  estate: Estate,
  options: PlanOptions,
  of: {
    readonly namespace: string;
    readonly name: string;
    readonly uses: readonly WorkloadUse[];
    readonly controller: Controller;
    readonly addon: Addon | null;
    readonly policies: NodePolicies;
  },
): NodeIntent => {
  const { namespace, name, controller, addon } = of;
  const { cluster } = estate.inventory;
  const { mechanism, why } = mechanismFor(estate, options, controller, addon, of.uses);
  const recommended = roleArn(cluster.partition, cluster.accountId, '/', recommendedCniRole);
  const existing = controller.name === 'vpc-cni' ? roleOf(estate, recommended) : undefined;
  const reused =
    mechanism === 'pod-identity' &&
    existing !== undefined &&
    of.policies.attached.every((policy) => existing.attached.includes(policy));
  const role = reused
    ? recommended
    : roleArn(
        cluster.partition,
        cluster.accountId,
        '/',
        existing === undefined && controller.name === 'vpc-cni' && mechanism === 'pod-identity'
          ? recommendedCniRole
          : freeRoleName(estate, cluster.accountId, iamName(`${cluster.name}-${namespace}-${name}`)),
      );
  const sources = [...new Set(of.policies.detach.map((one) => one.nodeRole))];
  const today = [...new Set(of.uses.map((use) => use.role))];
  return {
    bound: false,
    part: { controller, addon, ...of.policies, reused },
    proposal: {
      id: `move:${namespace}/${name}`,
      subject: { namespace, name },
      uses: of.uses,
      from: {
        broker: 'node-role',
        role: today.length === 1 && sources.length === 1 ? (today[0] as string | null) : null,
      },
      to: { mechanism, role, associationRole: null, namespace, serviceAccount: name },
      split: false,
      newRole: !reused,
      why: `${controller.title} lives on the node role of every node today and gets a role of its own with ${[...of.policies.attached, ...of.policies.inline.map((one) => one.name)].map((one) => one.split('/').at(-1)).join(', ')}. ${why} Only when it is proven, and a new node has given a pod an address, does the policy leave ${sources.map((arn) => parseRoleArn(arn)?.name ?? arn).join(', ')}.`,
      delivery: 'live',
      owner: { tool: 'none', ref: addon === null ? '' : `EKS add-on ${addon.name}` },
    },
  };
};
