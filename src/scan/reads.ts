import { listedKinds } from './custom-kinds.js';
import { objectKinds } from './objects.js';
import { templateKinds } from './workload-kinds.js';

/** Everything that a scan asks for: what `permissions` prints for scan, verify and report, and what `doctor` checks. No Secrets. */
export interface ScanReads {
  readonly aws: readonly { readonly operation: string }[];
  readonly kubernetes: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly verbs: readonly string[];
  }[];
  /** Paths that are no resources. */
  readonly paths: readonly string[];
}

const operations: readonly string[] = [
  'ec2:DescribeInstances',
  'ec2:DescribeLaunchTemplateVersions',
  'ec2:DescribeRegions',
  'ec2:DescribeVpcEndpoints',
  'eks:DescribeAccessEntry',
  'eks:DescribeAddon',
  'eks:DescribeAddonConfiguration',
  'eks:DescribeAddonVersions',
  'eks:DescribeCluster',
  'eks:DescribeFargateProfile',
  'eks:DescribeNodegroup',
  'eks:DescribePodIdentityAssociation',
  'eks:ListAccessEntries',
  'eks:ListAddons',
  'eks:ListClusters',
  'eks:ListFargateProfiles',
  'eks:ListNodegroups',
  'eks:ListPodIdentityAssociations',
  'iam:GetAccountSummary',
  'iam:GetInstanceProfile',
  'iam:GetOpenIDConnectProvider',
  'iam:GetPolicy',
  'iam:GetPolicyVersion',
  'iam:GetRole',
  'iam:GetRolePolicy',
  'iam:ListAttachedRolePolicies',
  'iam:ListInstanceProfilesForRole',
  'iam:ListOpenIDConnectProviders',
  'iam:ListRolePolicies',
  'sts:GetCallerIdentity',
];

const listed: readonly (readonly [string, string])[] = [
  ['v1', 'Namespace'],
  ['v1', 'Node'],
  ['v1', 'Pod'],
  ['v1', 'ServiceAccount'],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
  ['discovery.k8s.io/v1', 'EndpointSlice'],
  ...templateKinds.map(({ apiVersion, kind }) => [apiVersion, kind] as const),
  ...objectKinds,
  ...listedKinds.map(({ apiVersion, kind }) => [apiVersion, kind] as const),
];

export const scanReads: ScanReads = {
  aws: operations.map((operation) => ({ operation })),
  kubernetes: [
    ...listed.map(([apiVersion, kind]) => ({ apiVersion, kind, verbs: ['get', 'list'] })),
    { apiVersion: 'v1', kind: 'ConfigMap', verbs: ['get'] },
    { apiVersion: 'v1', kind: 'Endpoints', verbs: ['get'] },
    { apiVersion: 'v1', kind: 'Service', verbs: ['get'] },
  ],
  paths: ['/.well-known/openid-configuration', '/version'],
};
