import { z } from 'zod';
import { isAws, isDenied } from '../model/aws-error.js';
import { type JsonObject, listAt, textAt } from '../model/json.js';
import { isLive } from '../model/pod-state.js';
import { allows } from '../trust/evaluate.js';
import { everyPage, inlinePolicy } from './iam-policies.js';
import { guardParam, isNodeReady, stillOnNodeRoleAfterWait, troubleSince } from './node-role-watch.js';
import { accountParam } from './params.js';
import { createdAt } from './pods.js';
import { roleUse } from './role-policy.js';
import type { ReadCtx, Use } from './step.js';
import { orNull, stepError } from './step-errors.js';
import { workloadReads } from './workload-reads.js';

/** Evidence that the gates around a node role's policy look for themselves (H13). Each opens by --accept-unproven too. */

const newNode = z.strictObject({
  is: z.literal('new-node'),
  /** The node must be younger than these steps. */
  since: z.array(z.string()),
  /** True behind the detachment: then trouble on the nodes fails the gate, which brings the policy back. */
  watch: z.boolean(),
  guard: guardParam,
});
const unused = z.strictObject({
  is: z.literal('unused'),
  /** The newest of these steps is when the last use may have been. */
  since: z.array(z.string()),
  account: accountParam,
  roleArn: z.string(),
  /** Actions that the role loses and nothing else gives it. */
  actions: z.array(z.string()),
});
const withdrawn = z.strictObject({
  is: z.literal('withdrawn'),
  account: accountParam,
  role: z.string(),
  policy: z.strictObject({ kind: z.enum(['managed', 'inline']), name: z.string() }),
  actions: z.array(z.string()),
});
export const nodeEvidenceParam = z.discriminatedUnion('is', [newNode, unused, withdrawn]);
export type NodeEvidence = z.infer<typeof nodeEvidenceParam>;

export type Seen =
  | { readonly is: 'seen'; readonly output: JsonObject }
  | { readonly is: 'not-seen'; readonly reason: string };
const notSeen = (reason: string): Seen => ({ is: 'not-seen', reason });

export const nodeEvidenceReads = (evidence: NodeEvidence): readonly Use[] => {
  const list = (kind: string, namespace?: string): Use => ({
    api: 'kubernetes',
    verb: 'list',
    ref: { api: 'kubernetes', apiVersion: 'v1', kind, ...(namespace === undefined ? {} : { namespace }), name: '*' },
  });
  if (evidence.is === 'new-node')
    return [
      list('Node'),
      list('Pod'),
      list('Event', 'kube-system'),
      ...evidence.guard.workloads.flatMap((workload) => workloadReads(workload)),
    ];
  if (evidence.is === 'unused')
    return [
      roleUse(evidence.account, 'GenerateServiceLastAccessedDetails', { Arn: evidence.roleArn }),
      roleUse(evidence.account, 'GetServiceLastAccessedDetails', {}),
    ];
  return evidence.policy.kind === 'inline'
    ? [roleUse(evidence.account, 'GetRolePolicy', { RoleName: evidence.role, PolicyName: evidence.policy.name })]
    : [
        roleUse(evidence.account, 'ListAttachedRolePolicies', { RoleName: evidence.role }),
        roleUse(evidence.account, 'GetPolicy', { PolicyArn: evidence.policy.name }),
        roleUse(evidence.account, 'GetPolicyVersion', { PolicyArn: evidence.policy.name }),
      ];
};

/** Newest server time at which one of the steps was applied; null where one is not. */
const newestOf = (ctx: ReadCtx, steps: readonly string[]): number | null => {
  const times = steps.map((step) => ctx.appliedAt?.(step) ?? null);
  return times.length === 0 || times.includes(null) ? null : Math.max(...(times as number[]));
};

const lookAtNodes = async (ctx: ReadCtx, evidence: z.infer<typeof newNode>): Promise<Seen> => {
  const since = newestOf(ctx, evidence.since);
  if (since === null) return notSeen('what it waits for is not applied yet');
  const wrong = await stillOnNodeRoleAfterWait(ctx, evidence.guard);
  if (evidence.watch) {
    // Without the policy a pod that lives on the node role can do nothing.
    const bare = wrong[0] === undefined ? null : `${wrong[0].subject.name}: ${String(wrong[0].found)}`;
    const trouble = (await troubleSince(ctx, since - 1_000)) ?? bare;
    if (trouble !== null)
      throw stepError('RL873', 'nodes lost what they need since the policy left their role', {
        cause: trouble,
        remedy: 'The policy is put back. See that aws-node uses its own role on every node before you try again.',
      });
  }
  if (wrong.length > 0)
    return notSeen(`${wrong[0]?.subject.name} does not have the new role: ${String(wrong[0]?.found)}`);
  const young = new Set<string>();
  // Fargate and Auto Mode nodes do not run the CNI that this is about.
  for await (const node of ctx.kubernetes().list('v1', 'Node'))
    if (createdAt(node) > since && isNodeReady(node) && runsOwnCni(node))
      young.add(textAt(node, 'metadata', 'name') ?? '');
  if (young.size === 0) return notSeen('no node has joined and become Ready since');
  for await (const pod of ctx.kubernetes().list('v1', 'Pod')) {
    const node = textAt(pod, 'spec', 'nodeName') ?? '';
    const address = textAt(pod, 'status', 'podIP') ?? '';
    if (!young.has(node) || address === '' || address === textAt(pod, 'status', 'hostIP') || !isLive(pod)) continue;
    if ((pod.spec as JsonObject | undefined)?.hostNetwork === true) continue;
    return {
      is: 'seen',
      output: { node, pod: `${textAt(pod, 'metadata', 'namespace')}/${textAt(pod, 'metadata', 'name')}` },
    };
  }
  return notSeen(`${[...young].sort().join(', ')} joined since, and has given no pod an address yet`);
};

const runsOwnCni = (node: JsonObject): boolean =>
  !['fargate', 'auto', 'hybrid'].includes(textAt(node, 'metadata', 'labels', 'eks.amazonaws.com/compute-type') ?? '');

/** The last-accessed report may be this late (IAM User Guide, last accessed information). Milliseconds. */
const reportLagMs = 4 * 3600_000;

const lookAtReport = async (ctx: ReadCtx, evidence: z.infer<typeof unused>): Promise<Seen> => {
  const since = newestOf(ctx, evidence.since);
  if (since === null) return notSeen('the restart is not applied yet');
  const now = ctx.serverTime() ?? ctx.clock.now();
  if (now < since + reportLagMs)
    return notSeen(
      `the last-accessed report of ${evidence.roleArn} may be four hours late: it tells nothing before ${new Date(since + reportLagMs).toISOString()}`,
    );
  const aws = ctx.aws(evidence.account);
  try {
    const job = await aws.call('iam', 'GenerateServiceLastAccessedDetails', {
      Arn: evidence.roleArn,
      Granularity: 'ACTION_LEVEL',
    });
    const JobId = textAt(job, 'JobId') ?? '';
    const used: string[] = [];
    let marker: string | undefined;
    for (let page = 0; page < 200; page += 1) {
      const report = await ctx.until('IAM is writing the last-accessed report', 300_000, async () => {
        const answer = await aws.call('iam', 'GetServiceLastAccessedDetails', {
          JobId,
          ...(marker === undefined ? {} : { Marker: marker }),
        });
        return textAt(answer, 'JobStatus') === 'IN_PROGRESS' ? null : answer;
      });
      if (textAt(report, 'JobStatus') !== 'COMPLETED') return notSeen('IAM could not write the last-accessed report');
      for (const service of listAt(report, 'ServicesLastAccessed'))
        for (const action of listAt(service, 'TrackedActionsLastAccessed')) {
          const name = `${textAt(service, 'ServiceNamespace')}:${textAt(action, 'ActionName')}`;
          const when = textAt(action, 'LastAccessedTime') ?? '';
          if (Date.parse(when) > since && evidence.actions.some((one) => one.toLowerCase() === name.toLowerCase()))
            used.push(`${name} at ${when}`);
        }
      marker = textAt(report, 'Marker');
      if (marker === undefined) break;
    }
    if (used.length > 0)
      return notSeen(`${evidence.roleArn} still uses what it shall lose: ${used.sort().slice(0, 5).join(', ')}`);
    return { is: 'seen', output: { report: JobId, role: evidence.roleArn } };
  } catch (thrown) {
    if (!isAws(thrown) || !(isDenied(thrown.errorName) || thrown.status === 403)) throw thrown;
    return notSeen(`the last-accessed report of ${evidence.roleArn} cannot be read (${thrown.errorName})`);
  }
};

/** The live document of a policy; null where it is gone, or hangs there no more. */
const policyText = async (
  ctx: ReadCtx,
  { account, role, policy }: z.infer<typeof withdrawn>,
): Promise<string | null> => {
  const aws = ctx.aws(account);
  if (policy.kind === 'inline') return inlinePolicy(aws, role, policy.name);
  const attached = await everyPage(aws, 'ListAttachedRolePolicies', { RoleName: role }, 'AttachedPolicies');
  if (!attached?.some((one) => textAt(one, 'PolicyArn') === policy.name)) return null;
  const found = await orNull(aws.call('iam', 'GetPolicy', { PolicyArn: policy.name }));
  const VersionId = textAt(found, 'Policy', 'DefaultVersionId');
  if (VersionId === undefined) return null;
  const version = await aws.call('iam', 'GetPolicyVersion', { PolicyArn: policy.name, VersionId });
  const text = textAt(version, 'PolicyVersion', 'Document') ?? '';
  return text.startsWith('%') ? decodeURIComponent(text) : text;
};

const lookAtPolicy = async (ctx: ReadCtx, evidence: z.infer<typeof withdrawn>): Promise<Seen> => {
  const text = await policyText(ctx, evidence);
  if (text === null) return { is: 'seen', output: { policy: evidence.policy.name, is: 'gone' } };
  const left = evidence.actions.filter((action) => allows([text], action, '*') !== 'no');
  return left.length === 0
    ? { is: 'seen', output: { policy: evidence.policy.name, is: 'edited' } }
    : notSeen(
        `the policy ${evidence.policy.name} of role ${evidence.role} still allows ${left.slice(0, 4).join(', ')}`,
      );
};

/** Looks once; rejects with RL873 where nodes are in trouble behind a detachment. */
export const lookFor = (ctx: ReadCtx, evidence: NodeEvidence): Promise<Seen> => {
  switch (evidence.is) {
    case 'new-node':
      return lookAtNodes(ctx, evidence);
    case 'unused':
      return lookAtReport(ctx, evidence);
    case 'withdrawn':
      return lookAtPolicy(ctx, evidence);
  }
};
