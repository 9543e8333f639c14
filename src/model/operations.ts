import { type JsonObject, listAt, objectAt, textAt } from './json.js';
import type { LaneId } from './lane.js';
import { parseRoleArn } from './resource.js';

/**
 * One row per AWS operation that rolelift calls: the IAM action, the resources it touches, what else it needs, its lane, and how
 * it may be retried. Clients, permissions, doctor and the sandbox's authoriser read it; it stands nowhere else. Actions and
 * resource types are those of the service authorization reference.
 */
export interface Operation {
  readonly id: string;
  readonly lane: LaneId;
  readonly action: string;
  readonly write: boolean;
  /** Resource ARNs for an input; `['*']` where the action takes none. */
  resources(input: JsonObject, where: OperationPlace): readonly string[];
  /** No permission is asked for it (STS API Reference: GetCallerIdentity; calls that carry a token of their own). */
  readonly free: boolean;
  readonly alsoNeeds: readonly {
    readonly action: string;
    resources(input: JsonObject, where: OperationPlace): readonly string[];
    /** Only where it answers true; always where absent. */
    when?(input: JsonObject): boolean;
  }[];
  /**
   * `safe`: a repeat changes nothing. `with-token`: the request carries a client token that makes a repeat safe.
   * `observe-first`: an unclear answer goes back to the engine, which looks before it repeats.
   */
  readonly retry: 'safe' | 'with-token' | 'observe-first';
}
export interface OperationPlace {
  readonly partition: string;
  readonly account: string;
  readonly region: string;
  /** The whole ARN of a role that a call names only by its name: ARNs hold the path, inputs do not. */
  readonly roleArn?: (account: string, name: string) => string | undefined;
}

type Resources = Operation['resources'];
const any: Resources = () => ['*'];
const role: Resources = (input, at) => [roleArnFor(textAt(input, 'RoleName') ?? '*', at)];
const roleArnFor = (name: string, at: OperationPlace): string =>
  at.roleArn?.(at.account, name) ?? `arn:${at.partition}:iam::${at.account}:role/${name}`;
const rolePathed: Resources = (input, at) => {
  const path = textAt(input, 'Path') ?? '/';
  return [`arn:${at.partition}:iam::${at.account}:role${path}${textAt(input, 'RoleName') ?? '*'}`];
};
const policyArn: Resources = (input, at) => [
  textAt(input, 'PolicyArn') ??
    `arn:${at.partition}:iam::${at.account}:policy${textAt(input, 'Path') ?? '/'}${textAt(input, 'PolicyName') ?? '*'}`,
];
const provider: Resources = (input, at) => [
  textAt(input, 'OpenIDConnectProviderArn') ??
    `arn:${at.partition}:iam::${at.account}:oidc-provider/${(textAt(input, 'Url') ?? '*').replace(/^https:\/\//, '')}`,
];
const profile: Resources = (input, at) => [
  `arn:${at.partition}:iam::${at.account}:instance-profile/${textAt(input, 'InstanceProfileName') ?? '*'}`,
];
const eks = (kind: string, ...keys: readonly string[]): Resources => {
  return (input, at) => {
    const names = [
      textAt(input, 'clusterName') ?? textAt(input, 'name') ?? '*',
      ...keys.map((key) => textAt(input, key) ?? '*'),
    ];
    return [
      `arn:${at.partition}:eks:${at.region}:${at.account}:${kind}/${names.join('/')}${kind === 'cluster' ? '' : keys.length === 0 ? '/*' : kind === 'podidentityassociation' ? '' : '/*'}`,
    ];
  };
};
const cluster: Resources = (input, at) => [
  `arn:${at.partition}:eks:${at.region}:${at.account}:cluster/${textAt(input, 'clusterName') ?? textAt(input, 'name') ?? '*'}`,
];
const passRoles: Resources = (input) => {
  const found = [
    textAt(input, 'roleArn'),
    textAt(input, 'serviceAccountRoleArn'),
    ...listAt(input, 'podIdentityAssociations').map((entry) => textAt(entry, 'roleArn')),
  ].filter((arn): arn is string => arn !== undefined && parseRoleArn(arn) !== null);
  return [...new Set(found)].sort();
};
const passes = (input: JsonObject): boolean => passRoles(input, { partition: '', account: '', region: '' }).length > 0;
const passRole = { action: 'iam:PassRole', resources: passRoles, when: passes };
const tagged = (input: JsonObject): boolean =>
  listAt(input, 'Tags').length > 0 || Object.keys(objectAt(input, 'tags')).length > 0;

const row = (
  id: string,
  direction: 'read' | 'write',
  resources: Resources,
  retry: Operation['retry'] = 'safe',
  more: { readonly action?: string; readonly free?: true; readonly alsoNeeds?: Operation['alsoNeeds'] } = {},
): Operation => {
  const [service] = id.split(':') as [string];
  return {
    id,
    lane: `${service}-${direction}` as LaneId,
    action: more.action ?? id,
    write: direction === 'write',
    resources,
    free: more.free === true,
    alsoNeeds: more.alsoNeeds ?? [],
    retry,
  };
};

const rows: readonly Operation[] = [
  row('iam:GetRole', 'read', role),
  row('iam:ListRoles', 'read', any),
  row('iam:ListRoleTags', 'read', role),
  row('iam:ListAttachedRolePolicies', 'read', role),
  row('iam:ListRolePolicies', 'read', role),
  row('iam:GetRolePolicy', 'read', role),
  row('iam:GetPolicy', 'read', policyArn),
  row('iam:GetPolicyVersion', 'read', policyArn),
  row('iam:ListEntitiesForPolicy', 'read', policyArn),
  row('iam:GetInstanceProfile', 'read', profile),
  row('iam:ListInstanceProfilesForRole', 'read', role),
  row('iam:ListOpenIDConnectProviders', 'read', any),
  row('iam:GetOpenIDConnectProvider', 'read', provider),
  row('iam:GetAccountSummary', 'read', any),
  row('iam:GenerateServiceLastAccessedDetails', 'read', (input) => [textAt(input, 'Arn') ?? '*']),
  row('iam:GetServiceLastAccessedDetails', 'read', any),
  row('iam:SimulatePrincipalPolicy', 'read', (input) => [textAt(input, 'PolicySourceArn') ?? '*']),
  row('iam:CreateOpenIDConnectProvider', 'write', provider, 'observe-first', {
    alsoNeeds: [{ action: 'iam:TagOpenIDConnectProvider', resources: provider, when: tagged }],
  }),
  row('iam:AddClientIDToOpenIDConnectProvider', 'write', provider),
  row('iam:RemoveClientIDFromOpenIDConnectProvider', 'write', provider),
  row('iam:DeleteOpenIDConnectProvider', 'write', provider),
  row('iam:CreateRole', 'write', rolePathed, 'observe-first', {
    alsoNeeds: [{ action: 'iam:TagRole', resources: rolePathed, when: tagged }],
  }),
  row('iam:DeleteRole', 'write', role),
  row('iam:TagRole', 'write', role),
  row('iam:UntagRole', 'write', role),
  row('iam:UpdateAssumeRolePolicy', 'write', role, 'observe-first'),
  row('iam:AttachRolePolicy', 'write', role),
  row('iam:DetachRolePolicy', 'write', role),
  row('iam:PutRolePolicy', 'write', role),
  row('iam:DeleteRolePolicy', 'write', role),
  row('iam:CreatePolicy', 'write', policyArn, 'observe-first', {
    alsoNeeds: [{ action: 'iam:TagPolicy', resources: policyArn, when: tagged }],
  }),
  row('iam:DeletePolicy', 'write', policyArn),

  row('sts:GetCallerIdentity', 'read', any, 'safe', { free: true }),
  row('sts:AssumeRole', 'read', (input) => [textAt(input, 'RoleArn') ?? '*']),
  row('sts:AssumeRoleWithWebIdentity', 'read', (input) => [textAt(input, 'RoleArn') ?? '*'], 'safe', { free: true }),

  row('eks:DescribeCluster', 'read', cluster),
  row('eks:ListClusters', 'read', any),
  row('eks:ListNodegroups', 'read', cluster),
  row('eks:DescribeNodegroup', 'read', eks('nodegroup', 'nodegroupName')),
  row('eks:ListFargateProfiles', 'read', cluster),
  row('eks:DescribeFargateProfile', 'read', eks('fargateprofile', 'fargateProfileName')),
  row('eks:ListAddons', 'read', cluster),
  row('eks:DescribeAddon', 'read', eks('addon', 'addonName')),
  row('eks:DescribeAddonVersions', 'read', any),
  row('eks:DescribeAddonConfiguration', 'read', any),
  row('eks:DescribeUpdate', 'read', (input, at) =>
    textAt(input, 'addonName') === undefined
      ? cluster(input, at)
      : [...cluster(input, at), ...eks('addon', 'addonName')(input, at)],
  ),
  row('eks:ListPodIdentityAssociations', 'read', cluster),
  row('eks:DescribePodIdentityAssociation', 'read', eks('podidentityassociation', 'associationId')),
  row('eks:ListAccessEntries', 'read', cluster),
  row('eks:DescribeAccessEntry', 'read', (input, at) => [
    `arn:${at.partition}:eks:${at.region}:${at.account}:access-entry/${textAt(input, 'clusterName') ?? '*'}/*`,
  ]),
  row('eks:CreatePodIdentityAssociation', 'write', cluster, 'with-token', {
    alsoNeeds: [
      passRole,
      { action: 'iam:GetRole', resources: passRoles, when: passes },
      {
        action: 'eks:TagResource',
        resources: (input, at) => [
          `arn:${at.partition}:eks:${at.region}:${at.account}:podidentityassociation/${textAt(input, 'clusterName') ?? '*'}/*`,
        ],
        when: tagged,
      },
    ],
  }),
  row('eks:UpdatePodIdentityAssociation', 'write', eks('podidentityassociation', 'associationId'), 'with-token', {
    alsoNeeds: [passRole, { action: 'iam:GetRole', resources: passRoles, when: passes }],
  }),
  row('eks:DeletePodIdentityAssociation', 'write', eks('podidentityassociation', 'associationId')),
  row('eks:CreateAddon', 'write', cluster, 'with-token', {
    alsoNeeds: [
      passRole,
      {
        action: 'eks:TagResource',
        resources: (input, at) => eks('addon', 'addonName')(input, at),
        when: tagged,
      },
    ],
  }),
  row('eks:UpdateAddon', 'write', eks('addon', 'addonName'), 'with-token', {
    alsoNeeds: [
      passRole,
      {
        action: 'eks:CreatePodIdentityAssociation',
        resources: cluster,
        when: (input) => listAt(input, 'podIdentityAssociations').length > 0,
      },
    ],
  }),
  row('eks:DeleteAddon', 'write', eks('addon', 'addonName')),

  row('ec2:DescribeInstances', 'read', any),
  row('ec2:DescribeRegions', 'read', any),
  row('ec2:DescribeVpcEndpoints', 'read', any),
  row('ec2:DescribeIamInstanceProfileAssociations', 'read', any),
  row('ec2:DescribeLaunchTemplates', 'read', any),
  row('ec2:DescribeLaunchTemplateVersions', 'read', any),
  row('cloudtrail:LookupEvents', 'read', any),
];

export const operations: ReadonlyMap<string, Operation> = new Map(rows.map((operation) => [operation.id, operation]));

/** The row of an operation; a call that has none is a mistake of the program. */
export const operationOf = (service: string, name: string): Operation => {
  const found = operations.get(`${service}:${name}`);
  if (found === undefined) throw new Error(`no row in operations.ts for ${service}:${name}`);
  return found;
};
