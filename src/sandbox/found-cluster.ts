import type { Json, JsonObject } from '../model/json.js';
import type { Account } from './aws/account.js';
import { catalogue } from './aws/addon-catalogue.js';
import type { AddonRecord, AssociationRecord, EksCluster } from './aws/records.js';
import { type AccountPart, roleArn, stableId } from './found-names.js';
import type { Scenario } from './scenario-schema.js';

/** A node group, as DescribeNodegroup tells it. */
export const nodegroup = (
  account: Account,
  part: AccountPart,
  cluster: string,
  group: Scenario['cluster']['nodegroups'][number],
  clusterArn: string,
): JsonObject => ({
  nodegroupName: group.name,
  nodegroupArn: clusterArn.replace(':cluster/', ':nodegroup/').concat(`/${group.name}/1`),
  clusterName: cluster,
  status: 'ACTIVE',
  capacityType: 'ON_DEMAND',
  instanceTypes: group.instanceTypes,
  amiType: 'AL2023_x86_64_STANDARD',
  nodeRole: roleArn(account, part, group.role),
  scalingConfig: { minSize: 1, maxSize: 10, desiredSize: 2 },
  ...(group.launchTemplate === undefined
    ? {}
    : { launchTemplate: { id: group.launchTemplate, name: group.launchTemplate, version: '1' } }),
});

/** The EKS side of the simulated cluster, as DescribeCluster and its neighbours tell it. */
export const eksCluster = (account: Account, part: AccountPart, scenario: Scenario): EksCluster => {
  const { cluster } = scenario;
  const at = Date.UTC(2024, 0, 1);
  const base = `arn:${cluster.partition}:eks:${cluster.region}:${cluster.account}`;
  const arn = `${base}:cluster/${cluster.name}`;
  const addons = cluster.addons.map((each): [string, AddonRecord] => [
    each.name,
    {
      name: each.name,
      arn: `${base}:addon/${cluster.name}/${each.name}/${stableId('', each.name, 8)}`,
      version: each.version ?? catalogue[each.name]?.versions[0] ?? 'v1.0.0-eksbuild.1',
      role: each.role === undefined ? null : roleArn(account, part, each.role),
      configurationValues: null,
      tags: {},
      createdAt: at,
      modifiedAt: at,
      busy: null,
      settlesAt: at,
      health: each.status === 'DEGRADED' ? [{ code: 'InsufficientNumberOfReplicas', message: 'degraded' }] : [],
    },
  ]);
  const owners = new Map(addons.map(([name, addon]) => [name, addon.arn]));
  const associations = cluster.associations.map((each): [string, AssociationRecord] => {
    const id = each.id ?? stableId('a-', `${each.namespace}/${each.serviceAccount}`, 17);
    return [
      `${each.namespace}/${each.serviceAccount}`,
      {
        id,
        arn: `${base}:podidentityassociation/${cluster.name}/${id}`,
        namespace: each.namespace,
        serviceAccount: each.serviceAccount,
        role: roleArn(account, part, each.role),
        targetRole: each.targetRole ?? null,
        externalId:
          each.externalId ??
          (each.targetRole === undefined ? null : `${cluster.region}/${cluster.account}/${cluster.name}/${id}`),
        disableSessionTags: each.disableSessionTags,
        policy: null,
        ownerArn: each.addon === undefined ? null : (owners.get(each.addon) ?? null),
        tags: each.tags,
        createdAt: at,
      },
    ];
  });
  const description: Record<string, Json> = {
    name: cluster.name,
    arn,
    createdAt: at / 1000,
    version: cluster.version,
    endpoint: 'https://sandbox.invalid',
    roleArn: account.arn('role/eks-cluster'),
    status: 'ACTIVE',
    platformVersion: cluster.platformVersion,
    resourcesVpcConfig: {
      vpcId: 'vpc-0sandbox',
      endpointPublicAccess: cluster.endpointPublicAccess,
      endpointPrivateAccess: true,
      subnetIds: [],
      securityGroupIds: [],
    },
    kubernetesNetworkConfig: { ipFamily: cluster.ipFamily, serviceIpv4Cidr: '10.100.0.0/16' },
    identity: { oidc: { issuer: cluster.issuer } },
    accessConfig: { authenticationMode: cluster.authenticationMode },
    certificateAuthority: { data: '' },
    tags: {},
    ...(cluster.autoMode ? { computeConfig: { enabled: true, nodePools: ['general-purpose', 'system'] } } : {}),
  };
  return {
    name: cluster.name,
    region: cluster.region,
    arn,
    description,
    nodegroups: cluster.nodegroups.map((group) => nodegroup(account, part, cluster.name, group, arn)),
    fargateProfiles: cluster.fargateProfiles.map((each) => ({
      fargateProfileName: each.name,
      clusterName: cluster.name,
      podExecutionRoleArn: roleArn(account, part, each.role),
      selectors: each.selectors,
      status: 'ACTIVE',
    })),
    accessEntries: cluster.accessEntries.map((each) => ({
      clusterName: cluster.name,
      principalArn: each.principalArn,
      type: each.type,
      kubernetesGroups: [],
      username: each.principalArn,
    })),
    addons: Object.fromEntries(addons),
    associations: Object.fromEntries(associations),
    updates: [],
  };
};
