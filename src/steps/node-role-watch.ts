import { type JsonObject, listAt, textAt } from '../model/json.js';
import { createdAt } from './pods.js';
import { roleUse } from './role-policy.js';
import type { Drift, ReadCtx, Use, WriteCtx } from './step.js';
import { hasCode, isGone, stepError } from './step-errors.js';
import { roleSubject } from './trust-write.js';

/** What is read to see who else lives on a node role (H13). */
export const nodeRoleReads = (account: string, role: string): readonly Use[] => [
  roleUse(account, 'ListInstanceProfilesForRole', { RoleName: role }),
  { api: 'aws', service: 'ec2', operation: 'DescribeInstances', account, input: {} },
];

/**
 * Instances that live on the role and do not belong to the plan's cluster (H13, RL402), by the tags that EKS and its node
 * groups set. The look at other Regions is the fresh planning's; this one catches what joined since in the cluster's own.
 */
export const strangersOn = async (ctx: ReadCtx, account: string, role: string): Promise<readonly Drift[]> => {
  const aws = ctx.aws(account);
  let profiles: JsonObject;
  try {
    profiles = await aws.call('iam', 'ListInstanceProfilesForRole', { RoleName: role });
  } catch (thrown) {
    if (isGone(thrown)) return [];
    throw thrown;
  }
  const arns = listAt(profiles, 'InstanceProfiles')
    .map((profile) => textAt(profile, 'Arn'))
    .filter((arn): arn is string => arn !== undefined);
  if (arns.length === 0) return [];
  const strangers: Drift[] = [];
  let token: string | undefined;
  for (let page = 0; page < 1000; page += 1) {
    const answer = await aws.call('ec2', 'DescribeInstances', {
      Filters: [
        { Name: 'iam-instance-profile.arn', Values: arns },
        { Name: 'instance-state-name', Values: ['pending', 'running'] },
      ],
      ...(token === undefined ? {} : { NextToken: token }),
    });
    for (const reservation of listAt(answer, 'Reservations'))
      for (const instance of listAt(reservation, 'Instances')) {
        const tags = new Map(
          listAt(instance, 'Tags').map((tag) => [textAt(tag, 'Key') ?? '', textAt(tag, 'Value') ?? '']),
        );
        const ours =
          tags.has(`kubernetes.io/cluster/${ctx.plan.clusterName}`) ||
          ['eks:cluster-name', 'aws:eks:cluster-name', 'alpha.eksctl.io/cluster-name'].some(
            (key) => tags.get(key) === ctx.plan.clusterName,
          );
        if (!ours)
          strangers.push({
            subject: roleSubject(account, role),
            field: 'instances',
            expected: `instances of cluster ${ctx.plan.clusterName} only`,
            found: textAt(instance, 'InstanceId') ?? '',
            by: null,
          });
      }
    token = textAt(answer, 'NextToken');
    if (token === undefined) break;
  }
  return strangers;
};

/** How long nodes are watched after a policy left their role; the full proof, a new node, is a gate of its own (H13). */
const watchMs = 60_000;

const ready = (node: JsonObject): boolean =>
  listAt(node, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
const readyNodes = async (ctx: ReadCtx): Promise<ReadonlySet<string>> => {
  const names = new Set<string>();
  for await (const node of ctx.kubernetes().list('v1', 'Node'))
    if (ready(node)) names.add(textAt(node, 'metadata', 'name') ?? '');
  return names;
};
export const nodeWatchReads: readonly Use[] = [
  { api: 'kubernetes', verb: 'list', ref: { api: 'kubernetes', apiVersion: 'v1', kind: 'Node', name: '*' } },
  {
    api: 'kubernetes',
    verb: 'list',
    ref: { api: 'kubernetes', apiVersion: 'v1', kind: 'Event', namespace: 'kube-system', name: '*' },
  },
];

/**
 * Takes something from a node role and watches: a node that stops being Ready, or an event MissingIAMPermissions (CNI,
 * pkg/awsutils), brings it back at once and fails with RL873.
 */
export const watched = async (
  ctx: WriteCtx,
  take: () => Promise<boolean>,
  giveBack: () => Promise<unknown>,
): Promise<boolean> => {
  const before = await readyNodes(ctx);
  const since = ctx.serverTime() ?? ctx.clock.now();
  if (!(await take())) return false;
  const trouble = async (): Promise<string | null> => {
    const now = await readyNodes(ctx);
    const present = new Set<string>();
    for await (const node of ctx.kubernetes().list('v1', 'Node')) present.add(textAt(node, 'metadata', 'name') ?? '');
    const lost = [...before].filter((name) => present.has(name) && !now.has(name));
    if (lost.length > 0) return `no longer Ready: ${lost.join(', ')}`;
    for await (const event of ctx.kubernetes().list('v1', 'Event', { namespace: 'kube-system' }))
      if (
        textAt(event, 'reason') === 'MissingIAMPermissions' &&
        (Date.parse(textAt(event, 'lastTimestamp') ?? textAt(event, 'eventTime') ?? '') || createdAt(event)) > since
      )
        return `event MissingIAMPermissions: ${textAt(event, 'message') ?? ''}`;
    return null;
  };
  try {
    const found = await ctx.until('watching the nodes after the policy left their role', watchMs, trouble);
    await giveBack();
    throw stepError('RL873', 'nodes lost what they need; the policy is back on their role', {
      cause: found,
      remedy: 'Find out which pods still live on the node role (`rolelift verify`), and move them first.',
    });
  } catch (thrown) {
    // Nothing seen for the whole time is what was hoped for.
    if (!hasCode(thrown, 'RL811')) throw thrown;
  }
  return true;
};
