import pLimit from 'p-limit';
import { byKey, byText } from '../model/canonical.js';
import type { NodeRole } from '../model/inventory.js';
import { type Json, listAt, textAt } from '../model/json.js';
import { parseRoleArn } from '../model/resource.js';
import type { SafeAws } from './aws-calls.js';
import { profileName } from './ec2.js';

/** Regions looked at together. */
const together = 8;

export interface SharingOf {
  readonly sharedWith: NodeRole['sharedWith'];
  readonly sharingKnown: boolean;
}

/** What other Regions and clusters hold, read once for all node roles. */
export interface Elsewhere {
  /** For a role and the instance profiles that hold it. */
  of(role: string, profiles: readonly string[] | null): SharingOf;
}

const tagsOf = (raw: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(listAt(raw, 'Tags').map((tag) => [textAt(tag, 'Key') ?? '', textAt(tag, 'Value') ?? '']));

/** The cluster that an instance says it belongs to, by the tags that EKS, eksctl, kOps and Karpenter set. */
const clusterOf = (tags: Readonly<Record<string, string>>): string | null =>
  tags['eks:cluster-name'] ??
  tags['aws:eks:cluster-name'] ??
  tags['eks:eks-cluster-name'] ??
  Object.keys(tags)
    .find((key) => key.startsWith('kubernetes.io/cluster/'))
    ?.slice('kubernetes.io/cluster/'.length) ??
  null;

/**
 * Looks at every enabled Region for other users of node roles: instances, launch templates, node groups and Fargate profiles of
 * other clusters (H13). IAM is global: a Region that cannot be read leaves the question open.
 */
export const lookElsewhere = async (
  aws: SafeAws,
  cluster: string,
  ownInstances: ReadonlySet<string>,
): Promise<Elsewhere> => {
  const area = `sharing:${aws.account}`;
  const hides = ['whether the node roles are used outside this cluster'];
  const regions = await aws.ask('ec2', 'DescribeRegions', {}, { area, hides });
  let known = regions.is === 'value';
  const names =
    regions.is === 'value'
      ? listAt(regions.value, 'Regions')
          .map((region) => textAt(region, 'RegionName') ?? '')
          .filter((name) => name !== '')
          .sort(byText)
      : [aws.region];
  const uses: { role: string | null; profile: string | null; kind: string; name: string; region: string }[] = [];
  const all = async (
    region: string,
    service: 'ec2' | 'eks',
    operation: string,
    input: Parameters<SafeAws['all']>[2],
    field: string,
  ): Promise<readonly Json[]> => {
    const found = await aws.all(service, operation, input, field, { area: `${area}:${region}`, hides, region });
    if (found === null) known = false;
    return found ?? [];
  };
  const lookAt = async (region: string): Promise<void> => {
    const [reservations, templates, clusters] = await Promise.all([
      all(
        region,
        'ec2',
        'DescribeInstances',
        { Filters: [{ Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] }] },
        'Reservations',
      ),
      all(
        region,
        'ec2',
        'DescribeLaunchTemplateVersions',
        { Versions: ['$Latest', '$Default'] },
        'LaunchTemplateVersions',
      ),
      all(region, 'eks', 'ListClusters', {}, 'clusters'),
    ]);
    for (const instance of reservations.flatMap((reservation) => listAt(reservation, 'Instances'))) {
      const id = textAt(instance, 'InstanceId') ?? '';
      const profile = textAt(instance, 'IamInstanceProfile', 'Arn');
      if (profile === undefined || ownInstances.has(id)) continue;
      const belongs = clusterOf(tagsOf(instance));
      if (belongs === cluster && region === aws.region) continue;
      uses.push({
        role: null,
        profile: profileName(profile),
        kind: belongs === null ? 'Instance' : 'ClusterInstance',
        name: belongs === null ? id : `${belongs}/${id}`,
        region,
      });
    }
    for (const template of templates) {
      const data = textAt(template, 'LaunchTemplateData', 'IamInstanceProfile', 'Arn');
      const name = textAt(template, 'LaunchTemplateData', 'IamInstanceProfile', 'Name');
      if (data === undefined && name === undefined) continue;
      const tagged = listAt(template, 'LaunchTemplateData', 'TagSpecifications').map(tagsOf);
      if (region === aws.region && tagged.some((tags) => clusterOf(tags) === cluster)) continue;
      uses.push({
        role: null,
        profile: name ?? profileName(data as string),
        kind: 'LaunchTemplate',
        name: textAt(template, 'LaunchTemplateName') ?? textAt(template, 'LaunchTemplateId') ?? '',
        region,
      });
    }
    for (const other of clusters) {
      if (typeof other !== 'string' || (other === cluster && region === aws.region)) continue;
      for (const nodegroupName of await all(region, 'eks', 'ListNodegroups', { clusterName: other }, 'nodegroups')) {
        const answer = await aws.ask(
          'eks',
          'DescribeNodegroup',
          { clusterName: other, nodegroupName },
          { area: `${area}:${region}`, hides, region },
        );
        if (answer.is === 'refused') known = false;
        if (answer.is === 'value')
          uses.push({
            role: textAt(answer.value, 'nodegroup', 'nodeRole') ?? null,
            profile: null,
            kind: 'Nodegroup',
            name: `${other}/${nodegroupName}`,
            region,
          });
      }
    }
  };
  const limit = pLimit(together);
  await Promise.all(names.map((region) => limit(() => lookAt(region))));
  return {
    of: (role, profiles) => {
      const held = new Set(profiles ?? []);
      const sharedWith = uses
        .filter((use) => (use.role !== null ? sameRole(use.role, role) : use.profile !== null && held.has(use.profile)))
        .map(({ kind, name, region }) => ({ kind, name, region }));
      const once = [...new Map(sharedWith.map((use) => [`${use.region}/${use.kind}/${use.name}`, use])).values()];
      return {
        sharedWith: once.sort(byKey((use) => `${use.region}/${use.kind}/${use.name}`)),
        sharingKnown: known && profiles !== null,
      };
    },
  };
};

/** Role names are unique in an account whatever their path and case. */
const sameRole = (left: string, right: string): boolean => {
  const [one, other] = [parseRoleArn(left), parseRoleArn(right)];
  return (
    one !== null &&
    other !== null &&
    one.account === other.account &&
    one.name.toLowerCase() === other.name.toLowerCase()
  );
};

/** Instance profiles that hold a role; null where they could not be read. */
export const profilesOf = async (aws: SafeAws, role: string): Promise<readonly string[] | null> => {
  const name = parseRoleArn(role)?.name;
  if (name === undefined) return null;
  const found = await aws.all('iam', 'ListInstanceProfilesForRole', { RoleName: name }, 'InstanceProfiles', {
    area: `iam:${aws.account}:instance-profiles`,
    hides: ['whether the node roles are used outside this cluster'],
  });
  return found === null ? null : found.map((profile) => textAt(profile, 'InstanceProfileName') ?? '').sort(byText);
};
