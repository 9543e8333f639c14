import { customKinds, listedKinds } from './custom-kinds.js';
import { awsClusterVersions } from './giantswarm.js';
import { objectKinds } from './objects.js';
import { templateKinds } from './workload-kinds.js';

/** Everything that a scan asks for: what `permissions` prints for scan, verify and report, and what `doctor` checks. No Secrets. */
export interface ScanReads {
  readonly aws: readonly {
    readonly operation: string;
    /**
     * `cluster`: of this very cluster, by its name. `region`: of any cluster in its Region, to find it. `everywhere`: of any cluster in any Region of the account, to learn who else
     * uses a node role (H13). `accounts`: in every account that a role is in.
     */
    readonly where: 'cluster' | 'region' | 'everywhere' | 'accounts';
  }[];
  readonly kubernetes: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly verb: 'get' | 'list';
    readonly namespace?: string;
    readonly name?: string;
  }[];
  /** Asked for only where pods belong to such a custom resource. */
  readonly owners: readonly { readonly apiVersion: string; readonly kind: string }[];
  /** On a Giant Swarm management cluster (`--management-context`). */
  readonly management: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly verb: 'get' | 'list';
  }[];
  /** Paths that are no resources. */
  readonly paths: readonly string[];
}

const operations: Readonly<Record<ScanReads['aws'][number]['where'], readonly string[]>> = {
  cluster: [
    'ec2:DescribeVpcEndpoints',
    'eks:DescribeAccessEntry',
    'eks:DescribeAddon',
    'eks:DescribeAddonConfiguration',
    'eks:DescribeAddonVersions',
    'eks:DescribeFargateProfile',
    'eks:DescribePodIdentityAssociation',
    'eks:ListAccessEntries',
    'eks:ListAddons',
    'eks:ListFargateProfiles',
    'eks:ListPodIdentityAssociations',
    'iam:GetInstanceProfile',
    'iam:ListInstanceProfilesForRole',
  ],
  region: ['eks:DescribeCluster'],
  everywhere: [
    'ec2:DescribeInstances',
    'ec2:DescribeLaunchTemplateVersions',
    'ec2:DescribeRegions',
    'eks:DescribeNodegroup',
    'eks:ListClusters',
    'eks:ListNodegroups',
  ],
  accounts: [
    'iam:GetAccountSummary',
    'iam:GetOpenIDConnectProvider',
    'iam:GetPolicy',
    'iam:GetPolicyVersion',
    'iam:GetRole',
    'iam:GetRolePolicy',
    'iam:ListAttachedRolePolicies',
    'iam:ListOpenIDConnectProviders',
    'iam:ListRolePolicies',
    'sts:GetCallerIdentity',
  ],
};

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
  aws: (['cluster', 'region', 'everywhere', 'accounts'] as const).flatMap((where) =>
    operations[where].map((operation) => ({ operation, where })),
  ),
  kubernetes: [
    ...listed.map(([apiVersion, kind]) => ({ apiVersion, kind, verb: 'list' as const })),
    { apiVersion: 'v1', kind: 'Namespace', verb: 'get', name: 'kube-system' },
    // ConfigMaps that containers take variables from, whichever those are: only the names of their keys are kept.
    { apiVersion: 'v1', kind: 'ConfigMap', verb: 'get' },
    // Of a webhook that the cluster's owner runs.
    { apiVersion: 'v1', kind: 'Endpoints', verb: 'get' },
    { apiVersion: 'v1', kind: 'Service', verb: 'get' },
  ],
  owners: customKinds.flatMap(({ group, versions, kind }) =>
    versions.map((version) => ({ apiVersion: `${group}/${version}`, kind })),
  ),
  management: [
    ...awsClusterVersions.map((apiVersion) => ({ apiVersion, kind: 'AWSCluster', verb: 'list' as const })),
    { apiVersion: 'v1', kind: 'ConfigMap', verb: 'get' },
  ],
  paths: ['/.well-known/openid-configuration', '/version'],
};
