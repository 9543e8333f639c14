import { byKey } from '../model/canonical.js';
import type { Addon, Association, Inventory } from '../model/inventory.js';
import { at, isObject, type Json, type JsonObject, listAt, objectAt, textAt, textsAt } from '../model/json.js';
import type { SafeAws } from './aws-calls.js';
import type { Gaps } from './gaps.js';

/** What EKS tells of one cluster; every list sorted. */
export interface EksPart {
  readonly cluster: JsonObject;
  readonly addons: readonly Addon[];
  /** False where add-ons could not be listed. */
  readonly addonsKnown: boolean;
  readonly associations: readonly Association[];
  readonly fargateProfiles: Inventory['fargateProfiles'];
  readonly nodegroups: readonly { readonly name: string; readonly role: string }[];
  readonly accessEntries: readonly { readonly principal: string; readonly type: string }[];
  readonly autoModeRole: string | null;
}

const names = (list: readonly Json[] | null): readonly string[] =>
  (list ?? []).flatMap((name) => (typeof name === 'string' ? [name] : [])).sort();

/** Reads one EKS cluster with all that belongs to it; what is refused becomes a gap. */
export const readEks = async (aws: SafeAws, cluster: JsonObject, gaps: Gaps): Promise<EksPart> => {
  const clusterName = textAt(cluster, 'name') ?? '';
  const version = textAt(cluster, 'version') ?? '';
  const area = (what: string): string => `eks:${clusterName}:${what}`;
  const [associations, addonNames, nodegroupNames, profileNames] = await Promise.all([
    readAssociations(aws, clusterName, area('associations')),
    aws.all('eks', 'ListAddons', { clusterName }, 'addons', {
      area: area('addons'),
      hides: ['which add-ons there are, and with which roles'],
    }),
    aws.all('eks', 'ListNodegroups', { clusterName }, 'nodegroups', {
      area: area('nodegroups'),
      hides: ['node roles'],
    }),
    aws.all('eks', 'ListFargateProfiles', { clusterName }, 'fargateProfileNames', {
      area: area('fargate-profiles'),
      hides: ['which pods run on Fargate'],
    }),
  ]);
  const addons = await Promise.all(
    names(addonNames).map((addonName) => readAddon(aws, clusterName, addonName, version, associations, area('addons'))),
  );
  const nodegroups = await Promise.all(
    names(nodegroupNames).map(async (name) => {
      const answer = await aws.ask(
        'eks',
        'DescribeNodegroup',
        { clusterName, nodegroupName: name },
        { area: area('nodegroups') },
      );
      return { name, role: answer.is === 'value' ? (textAt(answer.value, 'nodegroup', 'nodeRole') ?? '') : '' };
    }),
  );
  const fargateProfiles = await Promise.all(
    names(profileNames).map(async (name) => {
      const answer = await aws.ask(
        'eks',
        'DescribeFargateProfile',
        { clusterName, fargateProfileName: name },
        { area: area('fargate-profiles') },
      );
      const profile = answer.is === 'value' ? objectAt(answer.value, 'fargateProfile') : {};
      return {
        name,
        role: textAt(profile, 'podExecutionRoleArn') ?? '',
        selectors: listAt(profile, 'selectors').map((selector) => ({
          namespace: textAt(selector, 'namespace') ?? '',
          labels: textsAt(selector, 'labels'),
        })),
      };
    }),
  );
  const mode = textAt(cluster, 'accessConfig', 'authenticationMode');
  const accessEntries = mode === 'CONFIG_MAP' ? [] : await readAccessEntries(aws, clusterName, area('access-entries'));
  if (clusterName === '') gaps.add('eks', 'the cluster has no name');
  return {
    cluster,
    addons: addons.filter((addon) => addon !== null),
    addonsKnown: addonNames !== null,
    associations,
    fargateProfiles,
    nodegroups: nodegroups.filter(({ role }) => role !== ''),
    accessEntries,
    autoModeRole: textAt(cluster, 'computeConfig', 'nodeRoleArn') ?? null,
  };
};

/**
 * Interface endpoints of AWS services in the cluster's VPC, by the last part of their names (`sts`, `eks-auth`), asked only where
 * the API server is private: then pods may have no other way out (H12). Null where it was not asked or could not be read.
 */
export const readEndpoints = async (aws: SafeAws, cluster: JsonObject): Promise<readonly string[] | null> => {
  const vpc = textAt(cluster, 'resourcesVpcConfig', 'vpcId');
  if (vpc === undefined || at(cluster, 'resourcesVpcConfig', 'endpointPublicAccess') !== false) return null;
  const found = await aws.all(
    'ec2',
    'DescribeVpcEndpoints',
    { Filters: [{ Name: 'vpc-id', Values: [vpc] }] },
    'VpcEndpoints',
    {
      area: `ec2:${aws.account}:vpc-endpoints`,
      hides: ['whether pods can reach STS and the Pod Identity service inside the VPC'],
    },
  );
  if (found === null) return null;
  const services = found.map((endpoint) => (textAt(endpoint, 'ServiceName') ?? '').split('.').at(-1) ?? '');
  return [...new Set(services)].filter((name) => name !== '').sort();
};

const readAssociations = async (aws: SafeAws, clusterName: string, area: string): Promise<readonly Association[]> => {
  const hides = ['which service accounts have a Pod Identity association'];
  const listed = await aws.all('eks', 'ListPodIdentityAssociations', { clusterName }, 'associations', { area, hides });
  const described = await Promise.all(
    (listed ?? []).map(async (summary): Promise<Association | null> => {
      const associationId = textAt(summary, 'associationId') ?? '';
      // The list names no role: each association is described.
      const answer = await aws.ask(
        'eks',
        'DescribePodIdentityAssociation',
        { clusterName, associationId },
        { area, hides },
      );
      if (answer.is !== 'value') return null;
      const found = objectAt(answer.value, 'association');
      const optional = (field: string): string | undefined => textAt(found, field) || undefined;
      const targetRole = optional('targetRoleArn');
      const externalId = optional('externalId');
      const ownerArn = optional('ownerArn');
      return {
        id: associationId,
        arn: textAt(found, 'associationArn') ?? '',
        namespace: textAt(found, 'namespace') ?? '',
        serviceAccount: textAt(found, 'serviceAccount') ?? '',
        role: textAt(found, 'roleArn') ?? '',
        ...(targetRole === undefined ? {} : { targetRole }),
        ...(externalId === undefined ? {} : { externalId }),
        ...(ownerArn === undefined ? {} : { ownerArn }),
        sessionTags: at(found, 'disableSessionTags') !== true,
        tags: textsAt(found, 'tags'),
      };
    }),
  );
  return described
    .filter((association) => association !== null)
    .sort(byKey((association) => `${association.namespace}/${association.serviceAccount}/${association.id}`));
};

const readAddon = async (
  aws: SafeAws,
  clusterName: string,
  addonName: string,
  kubernetesVersion: string,
  associations: readonly Association[],
  area: string,
): Promise<Addon | null> => {
  const answer = await aws.ask('eks', 'DescribeAddon', { clusterName, addonName }, { area });
  if (answer.is !== 'value') return null;
  const addon = objectAt(answer.value, 'addon');
  const version = textAt(addon, 'addonVersion') ?? '';
  const owned = new Set(
    listAt(addon, 'podIdentityAssociations').filter((arn): arn is string => typeof arn === 'string'),
  );
  const [versions, configuration] = await Promise.all([
    aws.all(
      'eks',
      'DescribeAddonVersions',
      { addonName, ...(kubernetesVersion === '' ? {} : { kubernetesVersion }) },
      'addons',
      { area: 'eks:addon-versions', hides: ['which add-ons need permissions'] },
    ),
    aws.ask(
      'eks',
      'DescribeAddonConfiguration',
      { addonName, addonVersion: version },
      { area: 'eks:addon-configuration', hides: ['which policies are recommended for add-ons'] },
    ),
  ]);
  const about = (versions ?? []).find((entry) => textAt(entry, 'addonName') === addonName);
  const ofVersion = listAt(about, 'addonVersions').find((entry) => textAt(entry, 'addonVersion') === version);
  const requires = at(ofVersion, 'requiresIamPermissions');
  return {
    name: addonName,
    version,
    status: textAt(addon, 'status') ?? '',
    role: textAt(addon, 'serviceAccountRoleArn') ?? null,
    associations: associations
      .filter(({ arn }) => owned.has(arn))
      .map(({ arn, serviceAccount, role }) => ({ arn, serviceAccount, role })),
    requiresIam: typeof requires === 'boolean' ? requires : null,
    namespace:
      textAt(addon, 'namespaceConfig', 'namespace') ??
      textAt(addon, 'namespace') ??
      textAt(about, 'defaultNamespace') ??
      null,
    podIdentityConfiguration:
      configuration.is === 'value'
        ? listAt(configuration.value, 'podIdentityConfiguration')
            .filter(isObject)
            .map((entry) => ({
              serviceAccount: textAt(entry, 'serviceAccount') ?? '',
              policies: listAt(entry, 'recommendedManagedPolicies').filter(
                (arn): arn is string => typeof arn === 'string',
              ),
            }))
            .sort(byKey(({ serviceAccount }) => serviceAccount))
        : null,
  };
};

const readAccessEntries = async (
  aws: SafeAws,
  clusterName: string,
  area: string,
): Promise<EksPart['accessEntries']> => {
  // Clusters in ConfigMap mode answer InvalidRequest: they have none.
  const about = { area, hides: ['node roles that only access entries name'], none: ['InvalidRequest'] };
  const principals = names(await aws.all('eks', 'ListAccessEntries', { clusterName }, 'accessEntries', about));
  return Promise.all(
    principals.map(async (principal) => {
      const answer = await aws.ask('eks', 'DescribeAccessEntry', { clusterName, principalArn: principal }, about);
      return { principal, type: answer.is === 'value' ? (textAt(answer.value, 'accessEntry', 'type') ?? '') : '' };
    }),
  );
};
