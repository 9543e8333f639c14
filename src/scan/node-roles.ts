import { byKey } from '../model/canonical.js';
import type { ClusterNode, NodeRole } from '../model/inventory.js';
import { type JsonObject, textAt } from '../model/json.js';
import { parseRoleArn } from '../model/resource.js';
import { nodeRolesOfAwsAuth } from './aws-auth.js';
import type { SafeAws } from './aws-calls.js';
import type { EksPart } from './eks.js';
import type { Gaps } from './gaps.js';
import type { KeptObject } from './objects.js';
import { lookElsewhere, profilesOf, type SharingOf } from './sharing.js';

type Source = NodeRole['sources'][number];

export interface NodeRoleInput {
  readonly nodes: readonly ClusterNode[];
  readonly objects: readonly KeptObject[];
  readonly eks: EksPart | null;
  readonly cluster: string;
  readonly partition: string;
  readonly accountId: string;
}

/** Account types of access entries that nodes join with (EKS API, DescribeAccessEntry). */
const nodeEntries = new Set(['EC2_LINUX', 'EC2_WINDOWS', 'EC2', 'FARGATE_LINUX', 'HYBRID_LINUX', 'HYPERPOD_LINUX']);

/** The part of node roles that needs no AWS at all: what instances, node groups, Karpenter, aws-auth and access entries name. */
const nodeRoleSources = async (
  input: NodeRoleInput,
  aws: SafeAws | null,
  roleOfProfile: (name: string) => Promise<string | null>,
  gaps: Gaps,
): Promise<ReadonlyMap<string, readonly Source[]>> => {
  const found = new Map<string, Map<string, Source>>();
  const add = (arn: string | null | undefined, kind: Source['kind'], name: string): void => {
    if (arn === null || arn === undefined || arn === '') return;
    const sources = found.get(arn) ?? new Map<string, Source>();
    sources.set(`${kind}/${name}`, { kind, name });
    found.set(arn, sources);
  };
  // Auto Mode's nodes bring their own networking: their role is not one of those that the CNI lives on.
  for (const node of input.nodes)
    if (node.compute === 'auto') add(node.role, 'auto-mode', input.cluster);
    else if (node.role !== null) add(node.role, 'instance', node.instanceProfile ?? node.nodegroup ?? '');
  for (const { name, role } of input.eks?.nodegroups ?? []) add(role, 'nodegroup', name);
  for (const { name, role } of input.eks?.fargateProfiles ?? []) add(role, 'fargate-profile', name);
  add(input.eks?.autoModeRole, 'auto-mode', input.cluster);
  for (const { ref, raw } of input.objects) {
    const role = karpenterRole(raw);
    const profile = karpenterProfile(raw);
    const label = `${ref.kind} ${ref.name}`;
    if (role !== null) add(await roleArn(role, input, aws), 'karpenter', label);
    else if (profile !== null) add(await roleOfProfile(profile), 'karpenter', label);
  }
  // aws-auth and access entries name roles of people too, and stale ones: only names that nothing else told are added.
  const byName = new Map([...found.keys()].map((arn) => [nameOf(arn), arn]));
  const awsAuth = input.objects.find(({ ref }) => ref.kind === 'ConfigMap' && ref.name === 'aws-auth');
  for (const mapped of awsAuth === undefined ? [] : nodeRolesOfAwsAuth(awsAuth.raw, gaps))
    add(byName.get(mapped.name.toLowerCase()) ?? (await roleArn(mapped.arn, input, aws)), 'aws-auth', mapped.arn);
  for (const { principal, type } of input.eks?.accessEntries ?? [])
    if (nodeEntries.has(type)) add(byName.get(nameOf(principal)) ?? principal, 'access-entry', type);
  return new Map(
    [...found.entries()]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([arn, sources]) => [arn, [...sources.values()].sort(byKey(({ kind, name }) => `${kind}/${name}`))]),
  );
};

const nameOf = (arn: string): string => (parseRoleArn(arn)?.name ?? arn.slice(arn.lastIndexOf('/') + 1)).toLowerCase();

/** A name, or an ARN whose path may be missing, as the real ARN: IAM is asked by name. */
const roleArn = async (text: string, input: NodeRoleInput, aws: SafeAws | null): Promise<string | null> => {
  const name = text.slice(text.lastIndexOf('/') + 1);
  const account = parseRoleArn(text)?.account ?? input.accountId;
  if (aws !== null && account === aws.account) {
    const answer = await aws.ask(
      'iam',
      'GetRole',
      { RoleName: name },
      { area: `iam:${aws.account}:role/${name}`, hides: ['node roles'] },
    );
    if (answer.is === 'value') return textAt(answer.value, 'Role', 'Arn') ?? null;
    if (answer.is === 'absent') return null;
  }
  if (text.startsWith('arn:')) return text;
  return account === '' ? null : `arn:${input.partition}:iam::${account}:role/${text.replace(/^\//, '')}`;
};

const karpenterRole = (raw: JsonObject): string | null =>
  textAt(raw, 'kind') === 'EC2NodeClass' ? (textAt(raw, 'spec', 'role') ?? null) : null;

const karpenterProfile = (raw: JsonObject): string | null => {
  switch (textAt(raw, 'kind')) {
    case 'EC2NodeClass':
      return textAt(raw, 'spec', 'instanceProfile') ?? textAt(raw, 'status', 'instanceProfile') ?? null;
    case 'AWSNodeTemplate':
      return textAt(raw, 'spec', 'instanceProfile') ?? null;
    case 'ConfigMap':
      return textAt(raw, 'data', 'aws.defaultInstanceProfile') || null;
    default:
      return null;
  }
};

const unknown: SharingOf = { sharedWith: [], sharingKnown: false };

/** Node roles with who else uses them. Without AWS, or without `sharing`, sharing cannot be ruled out. */
export const readNodeRoles = async (
  input: NodeRoleInput,
  aws: SafeAws | null,
  roleOfProfile: (name: string) => Promise<string | null>,
  gaps: Gaps,
  sharing: boolean,
): Promise<readonly NodeRole[]> => {
  const sources = await nodeRoleSources(input, aws, roleOfProfile, gaps);
  const running = new Set(input.nodes.flatMap((node) => (node.role === null ? [] : [node.role])));
  const own = new Set(input.nodes.flatMap((node) => (node.instanceId === null ? [] : [node.instanceId])));
  const elsewhere = aws !== null && sharing && sources.size > 0 ? await lookElsewhere(aws, input.cluster, own) : null;
  return Promise.all(
    [...sources.entries()].map(async ([arn, from]): Promise<NodeRole> => {
      const here = aws !== null && parseRoleArn(arn)?.account === aws.account;
      const shared =
        elsewhere === null || aws === null || !here ? unknown : elsewhere.of(arn, await profilesOf(aws, arn));
      return { arn, sources: from, inUse: running.has(arn), ...shared };
    }),
  );
};
