import { cniActions, cniPoliciesOf, missingActions } from '../findings/cni-permission.js';
import { awsManagedName, type Controller } from '../findings/controllers.js';
import { actionsOf, isAllow, policiesOf, type RolePolicy, roleByArn, speaksOf } from '../findings/policy-documents.js';
import type { Estate } from '../findings/rule.js';
import { byText } from '../model/canonical.js';
import type { Addon, Policy, Role } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import { parseTrust } from '../trust/document.js';
import { iamName } from './names.js';
import { inlinePolicies } from './role-steps.js';

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

/** The policies of a role for what runs on the node role today, and those that leave the node roles when it is proven. */
export interface NodePolicies {
  readonly attached: readonly string[];
  readonly inline: readonly { readonly name: string; readonly document: JsonObject }[];
  /** A customer-managed policy to be made first. */
  readonly create: { readonly name: string; readonly document: JsonObject; readonly description: string } | null;
  readonly detach: readonly Detachment[];
}

const ipv6PolicyName = 'AmazonEKS_CNI_IPv6_Policy';

/** The documented IPv6 policy in the cluster's partition (EKS User Guide, cni-iam-role; amazon-vpc-cni-k8s docs/iam-policy.md). */
const ipv6Policy = (partition: string): JsonObject => ({
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

/** Whether a policy that is there allows all that a wanted one does. */
const fits = (there: Policy | undefined, wanted: JsonObject): boolean => {
  const [copy, live] = [parseTrust(there?.document ?? ''), parseTrust(JSON.stringify(wanted))];
  return (
    copy.is === 'document' && live.is === 'document' && missingActions(live.statements, copy.statements).length === 0
  );
};

/** The policies that the new role gets: what EKS names for the add-on, else the table's, else those found on the node roles. */
export const policiesFor = (
  estate: Estate,
  controller: Controller,
  addon: Addon | null,
  account: string,
): NodePolicies | null => {
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
