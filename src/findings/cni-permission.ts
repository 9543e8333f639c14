import type { Inventory, Role } from '../model/inventory.js';
import { listOf, type Statement } from '../trust/document.js';
import { awsManagedName } from './controllers.js';
import { isAllow, policiesOf, speaksOf } from './policy-documents.js';
import { matchesGlob } from './subjects.js';

/** Actions that make a policy the CNI's: without one of these a node gives no pod an address (amazon-vpc-cni-k8s docs/iam-policy.md). */
const needed = {
  ipv4: ['ec2:AssignPrivateIpAddresses', 'ec2:CreateNetworkInterface', 'ec2:AttachNetworkInterface'],
  ipv6: ['ec2:AssignIpv6Addresses'],
} as const;

/** Everything that the CNI's documented policies hold, IPv4 and IPv6, old and new. */
export const cniActions: readonly string[] = [
  'ec2:AssignIpv6Addresses',
  'ec2:AssignPrivateIpAddresses',
  'ec2:AttachNetworkInterface',
  'ec2:CreateNetworkInterface',
  'ec2:CreateTags',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeInstanceTypes',
  'ec2:DescribeInstances',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSecurityGroups',
  'ec2:DescribeSubnets',
  'ec2:DescribeTags',
  'ec2:DetachNetworkInterface',
  'ec2:ModifyNetworkInterfaceAttribute',
  'ec2:UnassignIpv6Addresses',
  'ec2:UnassignPrivateIpAddresses',
];

const lower = new Set(cniActions.map((action) => action.toLowerCase()));

const isCniAction = (pattern: string): boolean => {
  const text = pattern.toLowerCase();
  // A pattern belongs to the CNI only where it cannot mean anything else that a policy might be meant for.
  return lower.has(text);
};

/** A policy of a role that carries the CNI's permission. */
export interface CniPolicy {
  readonly kind: 'managed' | 'inline';
  /** ARN of a managed policy, name of an inline one. */
  readonly name: string;
  readonly family: 'ipv4' | 'ipv6' | 'both';
  /** AWS's own, a copy, or an inline policy. */
  readonly managedBy: 'aws' | 'customer' | 'inline';
  /** What it allows beyond the CNI's actions: then it is not detached but edited (RL407). */
  readonly more: readonly string[];
  /** Indexes of the statements that carry the permission. */
  readonly statements: readonly number[];
}

const familyOf = (statements: readonly Statement[]): CniPolicy['family'] | null => {
  const allows = (action: string): boolean =>
    statements.some(
      (statement) => isAllow(statement) && statement.NotAction === undefined && speaksOf(statement, action),
    );
  const ipv4 = needed.ipv4.every(allows);
  const ipv6 = needed.ipv6.every(allows);
  return ipv4 && ipv6 ? 'both' : ipv4 ? 'ipv4' : ipv6 ? 'ipv6' : null;
};

/** Actions that only a CNI policy is written for; `ec2:*` is a broader grant, which also carries it. */
const carries = (statement: Statement): boolean =>
  isAllow(statement) && [...needed.ipv4, ...needed.ipv6].some((action) => speaksOf(statement, action));

const byName: Readonly<Record<string, CniPolicy['family']>> = {
  AmazonEKS_CNI_Policy: 'ipv4',
};

/**
 * Policies of a role that allow what the CNI needs, recognised by what they allow, not by their name only: AWS's managed policy,
 * a copy of it, an inline policy, IPv4 and IPv6. An unreadable policy with AWS's own name counts by its name.
 */
export const cniPoliciesOf = (inventory: Inventory, role: Role): readonly CniPolicy[] =>
  policiesOf(inventory, role).flatMap((policy): CniPolicy[] => {
    if (policy.kind === 'boundary') return [];
    const managed = awsManagedName(policy.name);
    const managedBy =
      policy.kind === 'inline' ? ('inline' as const) : managed === null ? ('customer' as const) : ('aws' as const);
    if (!policy.readable) {
      const family = managed !== null && Object.hasOwn(byName, managed) ? byName[managed] : undefined;
      return family === undefined
        ? []
        : [{ kind: policy.kind, name: policy.name, family, managedBy, more: [], statements: [] }];
    }
    const family = familyOf(policy.statements);
    if (family === null) return [];
    const more = policy.statements.flatMap((statement) => {
      if (!isAllow(statement)) return statement.Effect === 'Deny' ? ['a Deny statement'] : [];
      if (statement.NotAction !== undefined) return ['everything but what NotAction names'];
      return listOf(statement.Action).filter((action) => !isCniAction(action));
    });
    return [
      {
        kind: policy.kind,
        name: policy.name,
        family,
        managedBy,
        more: [...new Set(more)].sort(),
        statements: policy.statements.flatMap((statement, index) => (carries(statement) ? [index] : [])),
      },
    ];
  });

/** Actions of the live managed policy that another document does not allow; to see that a copy has fallen behind. */
export const missingActions = (live: readonly Statement[], copy: readonly Statement[]): readonly string[] =>
  [...new Set(live.filter(isAllow).flatMap((statement) => listOf(statement.Action)))]
    .filter(
      (action) =>
        !copy.some(
          (statement) =>
            isAllow(statement) &&
            listOf(statement.Action).some((pattern) => matchesGlob(pattern.toLowerCase(), action.toLowerCase())),
        ),
    )
    .sort();
