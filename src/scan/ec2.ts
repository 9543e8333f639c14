import type { ClusterNode } from '../model/inventory.js';
import { type Json, listAt, numberAt, textAt } from '../model/json.js';
import { parseArn } from '../model/resource.js';
import type { SafeAws } from './aws-calls.js';

/** Instances asked for in one call. */
const batch = 200;

interface InstanceFacts {
  readonly profile: string | null;
  readonly hopLimit: number | null;
  readonly tokensRequired: boolean | null;
}

const instancesIn = (reservations: readonly Json[] | null): readonly Json[] =>
  (reservations ?? []).flatMap((reservation) => listAt(reservation, 'Instances'));

/** Name of an instance profile out of its ARN: the part behind the last `/`. */
export const profileName = (arn: string): string => {
  const resource = parseArn(arn)?.resource ?? arn;
  return resource.slice(resource.lastIndexOf('/') + 1);
};

/** Role ARN of each instance profile, asked once each. An instance profile holds at most one role. */
export const createProfiles = (aws: SafeAws): ((name: string) => Promise<string | null>) => {
  const asked = new Map<string, Promise<string | null>>();
  return (name) => {
    const known =
      asked.get(name) ??
      aws
        .ask(
          'iam',
          'GetInstanceProfile',
          { InstanceProfileName: name },
          {
            area: `iam:${aws.account}:instance-profile/${name}`,
            hides: ['node roles'],
          },
        )
        .then((answer) =>
          answer.is === 'value' ? (textAt(listAt(answer.value, 'InstanceProfile', 'Roles')[0], 'Arn') ?? null) : null,
        );
    asked.set(name, known);
    return known;
  };
};

/**
 * Completes nodes with what EC2 knows: instance profile, its role, and how far the metadata service can be reached. Where EC2 may
 * not be asked, the node group's role stands in.
 */
export const withInstances = async (
  aws: SafeAws,
  nodes: readonly ClusterNode[],
  roleOfProfile: (name: string) => Promise<string | null>,
  nodegroupRoles: ReadonlyMap<string, string>,
  autoModeRole: string | null,
): Promise<readonly ClusterNode[]> => {
  const ids = [...new Set(nodes.flatMap((node) => (node.instanceId === null ? [] : [node.instanceId])))].sort();
  const facts = new Map<string, InstanceFacts>();
  for (let start = 0; start < ids.length; start += batch) {
    const part = ids.slice(start, start + batch);
    const about = {
      area: `ec2:${aws.account}:instances`,
      hides: ['node roles', 'whether pods reach the metadata service'],
    };
    // A filter, not InstanceIds: one instance that is gone must not fail the others.
    const found = await aws.all(
      'ec2',
      'DescribeInstances',
      { Filters: [{ Name: 'instance-id', Values: part }] },
      'Reservations',
      about,
    );
    if (found === null) break;
    for (const instance of instancesIn(found))
      facts.set(textAt(instance, 'InstanceId') ?? '', {
        profile: textAt(instance, 'IamInstanceProfile', 'Arn') ?? null,
        hopLimit: numberAt(instance, 'MetadataOptions', 'HttpPutResponseHopLimit') ?? null,
        tokensRequired:
          textAt(instance, 'MetadataOptions', 'HttpTokens') === undefined
            ? null
            : textAt(instance, 'MetadataOptions', 'HttpTokens') === 'required',
      });
  }
  return Promise.all(
    nodes.map(async (node): Promise<ClusterNode> => {
      const known = node.instanceId === null ? undefined : facts.get(node.instanceId);
      const profile = known?.profile == null ? null : profileName(known.profile);
      const byProfile = profile === null ? null : await roleOfProfile(profile);
      const fallback =
        (node.nodegroup === null ? undefined : nodegroupRoles.get(node.nodegroup)) ??
        (node.compute === 'auto' ? autoModeRole : null);
      return {
        ...node,
        instanceProfile: profile,
        role: byProfile ?? fallback ?? null,
        ...(known?.hopLimit == null ? {} : { hopLimit: known.hopLimit }),
        ...(known?.tokensRequired == null ? {} : { imdsTokensRequired: known.tokensRequired }),
      };
    }),
  );
};
