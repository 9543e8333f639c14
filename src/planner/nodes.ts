import { cniActions, cniPoliciesOf, missingActions } from '../findings/cni-permission.js';
import { awsManagedName, type Controller, controllerNamed, controllerOf } from '../findings/controllers.js';
import { actionsOf, isAllow, policiesOf, type RolePolicy, roleByArn, speaksOf } from '../findings/policy-documents.js';
import type { Estate, Proposal, WorkloadUse } from '../findings/rule.js';
import { atLeast } from '../findings/sdk-versions.js';
import { namespaceInScope } from '../findings/subjects.js';
import { byText } from '../model/canonical.js';
import type { Addon, Policy, Role } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import type { Mechanism } from '../model/words.js';
import { parseTrust } from '../trust/document.js';
import { nodesWithoutAgent, podIdentityReason, sdkReason } from './mechanism.js';
import { iamName } from './names.js';
import { inlinePolicies } from './role-steps.js';
import { freeRoleName, roleArn, roleOf } from './roles.js';

/** One policy that leaves a node role, last of all. */
export interface Detachment {
  readonly nodeRole: string;
  readonly kind: 'managed' | 'inline';
  /** ARN of a managed policy, name of an inline one. */
  readonly policy: string;
  /** Of an inline policy, so that it can be put back. */
  readonly document: JsonObject | null;
  /** What it allows besides: then a person edits it (RL407). */
  readonly more: readonly string[];
  /** The controller's actions that it allows. */
  readonly actions: readonly string[];
  /** Those of them that nothing else on that role allows: a report must not show them in use any more (H13). */
  readonly lost: readonly string[];
}

/** A role for what runs on the node role today: its policies, and what leaves the node roles when it is proven. */
export interface NodePart {
  readonly controller: Controller;
  readonly addon: Addon | null;
  readonly attached: readonly string[];
  readonly inline: readonly { readonly name: string; readonly document: JsonObject }[];
  /** A customer-managed policy to be made first. */
  readonly create: { readonly name: string; readonly document: JsonObject; readonly description: string } | null;
  readonly detach: readonly Detachment[];
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
export const recommendedCniRole = 'AmazonEKSPodIdentityAmazonVPCCNIRole';
const ipv6PolicyName = 'AmazonEKS_CNI_IPv6_Policy';

/** The documented IPv6 policy in the cluster's partition (EKS User Guide, cni-iam-role; amazon-vpc-cni-k8s docs/iam-policy.md). */
export const ipv6Policy = (partition: string): JsonObject => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: [
        'ec2:AssignIpv6Addresses',
        'ec2:DescribeInstances',
        'ec2:DescribeTags',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeInstanceTypes',
      ],
      Resource: '*',
    },
    { Effect: 'Allow', Action: ['ec2:CreateTags'], Resource: [`arn:${partition}:ec2:*:*:network-interface/*`] },
  ],
});

/** Node roles in use whose nodes the user runs: not Fargate's, not Auto Mode's. */
const nodeRolesOf = (estate: Estate): readonly Role[] =>
  estate.inventory.nodeRoles
    .filter((one) => one.inUse && one.sources.some(({ kind }) => kind !== 'fargate-profile' && kind !== 'auto-mode'))
    .flatMap((one) => roleByArn(estate.inventory, one.arn) ?? [])
    .sort((left, right) => byText(left.arn, right.arn));

const documentOf = (role: Role, name: string): JsonObject | null =>
  inlinePolicies(role.inline)?.find((policy) => policy.name === name)?.document ?? null;

/** What kubelet's own policy allows of the CNI's actions, where its document was not read (AWS managed policy reference). */
const kubelets: readonly string[] = [
  'ec2:DescribeInstances',
  'ec2:DescribeInstanceTypes',
  'ec2:DescribeSecurityGroups',
  'ec2:DescribeSubnets',
];

const allowedBy = (policy: RolePolicy, action: string): boolean =>
  policy.readable
    ? policy.statements.some((statement) => isAllow(statement) && speaksOf(statement, action))
    : awsManagedName(policy.name)?.startsWith('AmazonEKSWorkerNode') === true && kubelets.includes(action);

/** Policies that leave a role, each with what of the controller's it allows and what the role loses by it. */
const leaving = (
  estate: Estate,
  role: Role,
  gone: readonly { readonly policy: RolePolicy; readonly more: readonly string[] }[],
  candidates: readonly string[],
): readonly Detachment[] => {
  const names = new Set(gone.map(({ policy }) => policy.name));
  const stays = policiesOf(estate.inventory, role).filter((policy) => !names.has(policy.name));
  return gone.map(({ policy, more }) => {
    const named = policy.readable ? policy.statements.filter(isAllow).flatMap(actionsOf) : candidates;
    const actions = [
      ...new Set(
        more.length === 0
          ? [...named, ...candidates].filter((action) => !policy.readable || allowedBy(policy, action))
          : candidates.filter((action) => allowedBy(policy, action)),
      ),
    ]
      .filter((action) => !action.includes('*'))
      .sort(byText);
    return {
      nodeRole: role.arn,
      kind: policy.kind === 'inline' ? 'inline' : 'managed',
      policy: policy.name,
      document: policy.kind === 'inline' ? documentOf(role, policy.name) : null,
      more,
      actions,
      lost: actions.filter((action) => !stays.some((one) => allowedBy(one, action))),
    };
  });
};

const cniDetachments = (estate: Estate): readonly Detachment[] =>
  nodeRolesOf(estate).flatMap((role) => {
    const more = new Map(cniPoliciesOf(estate.inventory, role).map((policy) => [policy.name, policy.more]));
    const gone = policiesOf(estate.inventory, role).flatMap((policy) => {
      const found = more.get(policy.name);
      return found === undefined ? [] : [{ policy, more: found }];
    });
    return leaving(estate, role, gone, cniActions);
  });

/** Policies on the node roles that were put there for a controller: its managed ones, or those that speak of its own actions. */
const controllerDetachments = (
  estate: Estate,
  controller: Controller,
  managed: readonly string[],
): readonly Detachment[] =>
  nodeRolesOf(estate).flatMap((role) => {
    const gone = policiesOf(estate.inventory, role).filter((policy) => {
      if (policy.kind === 'boundary') return false;
      if (managed.includes(policy.name)) return true;
      return (
        managed.length === 0 &&
        policy.readable &&
        controller.actions.some((action) =>
          policy.statements.some(
            (statement) => isAllow(statement) && actionsOf(statement).includes(action) && speaksOf(statement, action),
          ),
        )
      );
    });
    return leaving(
      estate,
      role,
      gone.map((policy) => ({ policy, more: [] })),
      controller.actions,
    );
  });

const policyArn = (partition: string, name: string): string =>
  name.startsWith('arn:') ? name : `arn:${partition}:iam::aws:policy/${name}`;

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

/** Whether a policy that is there allows all that a wanted one does. */
const fits = (there: Policy | undefined, wanted: JsonObject): boolean => {
  const [copy, live] = [parseTrust(there?.document ?? ''), parseTrust(JSON.stringify(wanted))];
  return (
    copy.is === 'document' && live.is === 'document' && missingActions(live.statements, copy.statements).length === 0
  );
};

/** The policies that the new role gets: what EKS names for the add-on, else the table's, else those found on the node roles. */
const policiesFor = (
  estate: Estate,
  controller: Controller,
  addon: Addon | null,
  account: string,
): Pick<NodePart, 'attached' | 'inline' | 'create' | 'detach'> | null => {
  const { partition, accountId, ipFamily } = estate.inventory.cluster;
  if (controller.name === 'vpc-cni') {
    const detach = cniDetachments(estate);
    if (detach.length === 0) return null;
    if (ipFamily === 'ipv4')
      return { attached: [policyArn(partition, 'AmazonEKS_CNI_Policy')], inline: [], create: null, detach };
    const document = ipv6Policy(partition);
    const known = (name: string) =>
      estate.inventory.policies.find((policy) => policy.arn === `arn:${partition}:iam::${accountId}:policy/${name}`);
    // One of that name that allows less is somebody's: ours gets another name.
    const name =
      known(ipv6PolicyName) === undefined || fits(known(ipv6PolicyName), document)
        ? ipv6PolicyName
        : iamName(`${estate.inventory.cluster.name}-${ipv6PolicyName}`);
    const arn = `arn:${partition}:iam::${accountId}:policy/${name}`;
    const present = estate.inventory.policies.some((policy) => policy.arn === arn);
    return {
      attached: [arn],
      inline: [],
      create: present
        ? null
        : {
            name,
            document,
            description: 'What aws-node needs on an IPv6 cluster',
          },
      detach,
    };
  }
  // What EKS names for that very account; one role for a whole add-on gets all of them.
  const named = addon?.podIdentityConfiguration ?? [];
  const own = named.filter((one) => one.serviceAccount === account);
  const recommended = (own.length > 0 ? own : named).flatMap((one) => one.policies);
  const managed = [
    ...new Set(
      (recommended.length > 0 ? recommended : controller.managedPolicies).map((name) => policyArn(partition, name)),
    ),
  ].sort(byText);
  const detach = controllerDetachments(estate, controller, managed);
  if (managed.length > 0) return detach.length === 0 ? null : { attached: managed, inline: [], create: null, detach };
  const inline = new Map(
    detach.flatMap((one) =>
      one.kind === 'inline' && one.document !== null ? [[one.policy, one.document] as const] : [],
    ),
  );
  const attached = [...new Set(detach.filter((one) => one.kind === 'managed').map((one) => one.policy))].sort(byText);
  if (inline.size === 0 && attached.length === 0) return null;
  return { attached, inline: [...inline].map(([name, document]) => ({ name, document })), create: null, detach };
};

/** What runs with an account of a known add-on or controller and has the node role, or is bound while the node role keeps the policy. */
export const nodeIntents = (estate: Estate, options: PlanOptions): readonly NodeIntent[] => {
  if (!options.scope.includes('nodes')) return [];
  if (options.from.length > 0 && !options.from.includes('node-role')) return [];
  const nodeRoles = nodeRolesOf(estate);
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
    const intent = intentOf(estate, options, { namespace, name, uses, controller, addon, policies, nodeRoles });
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
    readonly policies: Pick<NodePart, 'attached' | 'inline' | 'create' | 'detach'>;
    readonly nodeRoles: readonly Role[];
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
