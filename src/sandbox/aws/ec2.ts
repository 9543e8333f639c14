import { AwsFault } from './fault.js';
import { may, type QueryCall, type QueryOperations } from './iam-call.js';
import type { Instance } from './records.js';
import type { XmlValue } from './xml.js';

/** EC2's reads, as far as nodes and their roles need them (EC2 API Reference). */

const numbered = (call: QueryCall, name: string): string[] => {
  const found: string[] = [];
  for (let index = 1; call.params.has(`${name}.${index}`); index++)
    found.push(call.params.get(`${name}.${index}`) as string);
  return found;
};
const filters = (call: QueryCall): { readonly name: string; readonly values: readonly string[] }[] => {
  const found: { name: string; values: string[] }[] = [];
  for (let index = 1; call.params.has(`Filter.${index}.Name`); index++)
    found.push({
      name: call.params.get(`Filter.${index}.Name`) as string,
      values: numbered(call, `Filter.${index}.Value`),
    });
  return found;
};

const profileOf = (call: QueryCall, each: Instance): XmlValue => {
  if (each.profile === null) return undefined;
  const profile = call.account.profiles.get(each.profile.toLowerCase());
  return {
    arn: profile?.arn ?? call.account.arn(`instance-profile/${each.profile}`),
    id: profile?.id ?? 'AIPAUNKNOWN',
  };
};

const instanceShown = (call: QueryCall, each: Instance): XmlValue => ({
  instanceId: each.id,
  imageId: 'ami-0123456789abcdef0',
  instanceState: { code: 16, name: 'running' },
  privateDnsName: each.privateDnsName,
  instanceType: 'm6i.large',
  launchTime: '2026-01-01T00:00:00.000Z',
  placement: { availabilityZone: `${each.region}a`, tenancy: 'default' },
  iamInstanceProfile: profileOf(call, each),
  tagSet: Object.entries(each.tags).map(([key, value]) => ({ key, value })),
  metadataOptions: {
    state: 'applied',
    httpTokens: each.tokensRequired ? 'required' : 'optional',
    httpPutResponseHopLimit: each.hopLimit,
    httpEndpoint: 'enabled',
  },
});

const selected = (call: QueryCall): Instance[] => {
  const ids = numbered(call, 'InstanceId');
  const here = call.account.instances.values().filter((each) => each.region === call.region);
  for (const id of ids)
    if (!here.some((each) => each.id === id))
      throw new AwsFault('InvalidInstanceID.NotFound', 400, `The instance ID '${id}' does not exist`);
  return here.filter(
    (each) =>
      (ids.length === 0 || ids.includes(each.id)) &&
      filters(call).every(({ name, values }) => {
        if (name === 'instance-id') return values.includes(each.id);
        if (name === 'iam-instance-profile.arn') {
          const profile = each.profile === null ? undefined : call.account.profiles.get(each.profile.toLowerCase());
          return profile !== undefined && values.includes(profile.arn);
        }
        if (name === 'private-dns-name') return values.includes(each.privateDnsName);
        if (name === 'instance-state-name') return values.includes('running');
        if (name.startsWith('tag:')) return values.includes(each.tags[name.slice(4)] ?? '');
        if (name === 'tag-key') return values.some((key) => Object.hasOwn(each.tags, key));
        throw new AwsFault('InvalidParameterValue', 400, `The filter '${name}' is invalid`);
      }),
  );
};

const paged = <T>(
  call: QueryCall,
  all: readonly T[],
): { readonly items: readonly T[]; readonly nextToken: XmlValue } => {
  const size = Math.max(Number(call.params.get('MaxResults') ?? 1000) || 1000, 1);
  const start = Number(call.params.get('NextToken') ?? 0) || 0;
  return {
    items: all.slice(start, start + size),
    nextToken: start + size < all.length ? String(start + size) : undefined,
  };
};

export const ec2Operations = (regions: () => readonly string[]): QueryOperations => ({
  DescribeInstances: (call) => {
    may(call, 'ec2:DescribeInstances', '*');
    const { items, nextToken } = paged(call, selected(call));
    return {
      reservationSet: items.map((each) => ({
        reservationId: `r-${each.id.slice(2)}`,
        ownerId: call.account.id,
        groupSet: [],
        instancesSet: [instanceShown(call, each)],
      })),
      nextToken,
    };
  },
  DescribeRegions: (call) => {
    may(call, 'ec2:DescribeRegions', '*');
    return {
      regionInfo: regions().map((name) => ({
        regionName: name,
        regionEndpoint: `ec2.${name}.amazonaws.com`,
        optInStatus: 'opt-in-not-required',
      })),
    };
  },
  DescribeIamInstanceProfileAssociations: (call) => {
    may(call, 'ec2:DescribeIamInstanceProfileAssociations', '*');
    const wanted = filters(call);
    const all = call.account.instances
      .values()
      .filter(
        (each) =>
          each.region === call.region &&
          each.profile !== null &&
          wanted.every(({ name, values }) => (name === 'instance-id' ? values.includes(each.id) : true)),
      );
    const { items, nextToken } = paged(call, all);
    return {
      iamInstanceProfileAssociationSet: items.map((each) => ({
        associationId: `iip-assoc-${each.id.slice(2)}`,
        instanceId: each.id,
        iamInstanceProfile: profileOf(call, each),
        state: 'associated',
      })),
      nextToken,
    };
  },
  DescribeVpcEndpoints: (call) => {
    may(call, 'ec2:DescribeVpcEndpoints', '*');
    return { vpcEndpointSet: [] };
  },
  DescribeLaunchTemplates: (call) => {
    may(call, 'ec2:DescribeLaunchTemplates', '*');
    const { items, nextToken } = paged(call, templatesOf(call));
    return {
      launchTemplates: items.map(([id, each]) => ({
        launchTemplateId: id,
        launchTemplateName: id,
        defaultVersionNumber: 1,
        latestVersionNumber: 1,
        tags: Object.entries(each.tags).map(([key, value]) => ({ key, value })),
      })),
      nextToken,
    };
  },
  DescribeLaunchTemplateVersions: (call) => {
    may(call, 'ec2:DescribeLaunchTemplateVersions', '*');
    const wanted = call.params.get('LaunchTemplateId') ?? call.params.get('LaunchTemplateName');
    return {
      launchTemplateVersionSet: templatesOf(call)
        .filter(([id]) => wanted === undefined || id === wanted)
        .map(([id, each]) => ({
          launchTemplateId: id,
          launchTemplateName: id,
          versionNumber: 1,
          defaultVersion: true,
          launchTemplateData: {
            iamInstanceProfile: profileOf(call, each) === undefined ? undefined : { name: each.profile ?? undefined },
            metadataOptions: {
              httpTokens: each.tokensRequired ? 'required' : 'optional',
              httpPutResponseHopLimit: each.hopLimit,
            },
          },
        })),
    };
  },
});

const templatesOf = (call: QueryCall): [string, Instance][] => {
  const found = new Map<string, Instance>();
  for (const each of call.account.instances.values())
    if (each.launchTemplate !== null && each.region === call.region) found.set(each.launchTemplate, each);
  return [...found];
};
