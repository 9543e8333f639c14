import { z } from 'zod';
import { at, type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import { identityParam, workloadParam } from './params.js';
import { createdAt } from './pods.js';
import { configured } from './proof.js';
import { roleUse } from './role-policy.js';
import type { Drift, ReadCtx, Use, WriteCtx } from './step.js';
import { hasCode, isGone, stepError } from './step-errors.js';
import { roleSubject } from './trust-write.js';
import { workloadReads } from './workload-reads.js';

/**
 * Instances that live on the role and do not belong to the plan's cluster (H13, RL402), by the tags that EKS and its node
 * groups set. The look at other Regions is the fresh planning's; this one catches what joined since in the cluster's own.
 */
const strangersOn = async (ctx: ReadCtx, account: string, role: string): Promise<readonly Drift[]> => {
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

/** Who must not need the policy any more: looked at just before it goes, and while nodes are watched. */
export const guardParam = z.strictObject({
  namespace: z.string(),
  serviceAccount: z.string(),
  workloads: z.array(workloadParam),
  identity: identityParam,
});
export type GuardParam = z.infer<typeof guardParam>;

/** Pods that would live on the node role and fail without the policy: a node that joined since, a pod admission passed by. */
const stillOnNodeRole = async (ctx: ReadCtx, guard: GuardParam | undefined): Promise<readonly Drift[]> => {
  if (guard === undefined) return [];
  const { wrong } = await configured(ctx, guard.workloads, guard.identity, guard.serviceAccount);
  return wrong.map(({ pod, reasons }) => ({
    subject: { kind: 'Pod', namespace: guard.namespace, name: pod },
    field: 'identity',
    expected: guard.identity.role,
    found: reasons.join('; '),
    by: null,
  }));
};

/** The same, asked for a while: a node that is just joining has its pod in a moment. */
export const stillOnNodeRoleAfterWait = async (
  ctx: ReadCtx,
  guard: GuardParam | undefined,
): Promise<readonly Drift[]> => {
  let found: readonly Drift[] = [];
  try {
    await ctx.until('pods still live on the node role', 90_000, async () => {
      found = await stillOnNodeRole(ctx, guard);
      return found.length === 0 ? true : null;
    });
  } catch (thrown) {
    if (!hasCode(thrown, 'RL811')) throw thrown;
  }
  return found;
};

/** A policy that is to leave a node role, by whose it is and who must not need it. */
export interface Taken {
  readonly account: string;
  readonly role: string;
  readonly guard?: GuardParam | undefined;
}

/** What is read to take a policy from a node role: who else lives on it, who still needs it, and how nodes fare without it (H13). */
export const takingReads = ({ account, role, guard }: Taken): readonly Use[] => [
  { ...roleUse(account, 'ListInstanceProfilesForRole', { RoleName: role }), only: 'run' },
  { api: 'aws', service: 'ec2', operation: 'DescribeInstances', account, input: {} },
  { api: 'kubernetes', verb: 'list', ref: { api: 'kubernetes', apiVersion: 'v1', kind: 'Node', name: '*' } },
  {
    api: 'kubernetes',
    verb: 'list',
    ref: { api: 'kubernetes', apiVersion: 'v1', kind: 'Event', namespace: 'kube-system', name: '*' },
    only: 'run',
  },
  ...(guard === undefined ? [] : guard.workloads.flatMap((workload) => workloadReads(workload))),
];

/** Who still needs a policy that is to leave its node role; nothing may be taken while anybody does (H13). */
export const stillNeeded = async (ctx: ReadCtx, { account, role, guard }: Taken): Promise<readonly Drift[]> => [
  ...(await strangersOn(ctx, account, role)),
  ...(await stillOnNodeRoleAfterWait(ctx, guard)),
];

const readyOf = (node: JsonObject): Json | undefined =>
  listAt(node, 'status', 'conditions').find((condition) => textAt(condition, 'type') === 'Ready');
export const isNodeReady = (node: JsonObject): boolean => textAt(readyOf(node), 'status') === 'True';

/** How long a young node may take until its network works; kubelet and CNI need a minute or two. Milliseconds. */
const youngMs = 5 * 60_000;

/**
 * What shows that nodes lost what they need, since a server time: a node that was Ready and is not, a young one whose network does
 * not come up, an event MissingIAMPermissions (CNI, pkg/awsutils). Null where nothing does.
 */
export const troubleSince = async (ctx: ReadCtx, since: number): Promise<string | null> => {
  const now = ctx.serverTime() ?? ctx.clock.now();
  for await (const node of ctx.kubernetes().list('v1', 'Node')) {
    const ready = readyOf(node);
    if (textAt(ready, 'status') === 'True') continue;
    // Nodes that are on their way out end NotReady whatever their role holds.
    if (at(node, 'spec', 'unschedulable') === true || textAt(node, 'metadata', 'deletionTimestamp') !== undefined)
      continue;
    const name = textAt(node, 'metadata', 'name') ?? '';
    const changed = Date.parse(textAt(ready, 'lastTransitionTime') ?? '') || 0;
    const born = createdAt(node);
    if (born <= since && changed > since) return `no longer Ready: ${name}`;
    const network = /network|cni/i.test(`${textAt(ready, 'reason') ?? ''} ${textAt(ready, 'message') ?? ''}`);
    if (born > since && network && now - born > youngMs)
      return `not Ready since it joined: ${name}: ${textAt(ready, 'message')}`;
  }
  for await (const event of ctx.kubernetes().list('v1', 'Event', { namespace: 'kube-system' }))
    if (
      textAt(event, 'reason') === 'MissingIAMPermissions' &&
      (Date.parse(textAt(event, 'lastTimestamp') ?? textAt(event, 'eventTime') ?? '') || createdAt(event)) > since
    )
      return `event MissingIAMPermissions: ${textAt(event, 'message') ?? ''}`;
  return null;
};

const lost = (found: string) =>
  stepError('RL873', 'nodes lost what they need; the policy is back on their role', {
    cause: found,
    remedy: 'Find out which pods still live on the node role (`rolelift verify`), and move them first.',
  });

/**
 * Takes something from a node role and watches: a node that stops being Ready, an event MissingIAMPermissions, or a pod that lives on
 * the node role after all, brings it back at once and fails with RL873.
 */
export const watched = async (
  ctx: WriteCtx,
  take: () => Promise<boolean>,
  giveBack: () => Promise<unknown>,
  guard: GuardParam | undefined,
): Promise<boolean> => {
  // Server times come to the second: what happens within the same one still counts.
  const since = (ctx.serverTime() ?? ctx.clock.now()) - 1;
  if (!(await take())) return false;
  const trouble = async (): Promise<string | null> => {
    const found = await troubleSince(ctx, since);
    if (found !== null) return found;
    // A pod that is being replaced is not wrong: only what stays so for two looks is.
    const [first] = await stillOnNodeRole(ctx, guard);
    const again = first === undefined ? undefined : doubted;
    doubted = first === undefined ? null : first.subject.name;
    return again !== undefined && again !== null && again === doubted && first !== undefined
      ? `${first.subject.name} lives on the node role: ${String(first.found)}`
      : null;
  };
  let doubted: string | null = null;
  try {
    const found = await ctx.until('watching the nodes after the policy left their role', watchMs, trouble);
    await giveBack();
    throw lost(found);
  } catch (thrown) {
    // Nothing seen for the whole time is what was hoped for.
    if (!hasCode(thrown, 'RL811')) throw thrown;
  }
  return true;
};
