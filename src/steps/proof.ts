import { isAws, isDenied } from '../model/aws-error.js';
import { isObject, type Json, type JsonObject, listAt, numberAt, textAt, textsAt } from '../model/json.js';
import { isLive } from '../model/pod-state.js';
import type { AwsReader } from '../model/ports.js';
import { parseRoleArn, serviceAccountRef } from '../model/resource.js';
import { annotationKeys, marks } from '../model/words.js';
import { type IdentityParam, type WorkloadParam, workloadId, workloadRef } from './params.js';
import { createdAt, lacks, podName } from './pods.js';
import type { ReadCtx, StepCtx, Use, WriteCtx } from './step.js';
import { stepError } from './step-errors.js';
import { livePods } from './template-roll.js';

/** The proof of an identity in its levels: configured, exchangeable, used (H10, H12, H17). */

export interface ConfiguredAnswer {
  /** Live pods that were looked at. */
  readonly pods: number;
  /** Pods that are not right, with the reasons. */
  readonly wrong: readonly { readonly pod: string; readonly reasons: readonly string[] }[];
  /** Workloads without a pod that could prove it: CronJobs between runs or whose run began before, zero replicas (H25). */
  readonly without: readonly string[];
  /** Creation of the newest pod, milliseconds since 1970; 0 without pods. */
  readonly newest: number;
}

/** Whether every live pod of every workload has the identity in every container that should (H12: `configured`). */
export const configured = async (
  ctx: Pick<ReadCtx, 'kubernetes'>,
  workloads: readonly WorkloadParam[],
  identity: IdentityParam,
  account: string,
): Promise<ConfiguredAnswer> => {
  const wrong: { pod: string; reasons: readonly string[] }[] = [];
  const without: string[] = [];
  let pods = 0;
  let newest = 0;
  for (const workload of workloads) {
    const found = await podsToJudge(ctx as ReadCtx, workload);
    const bare = await nodesWithout(ctx, workload, found);
    if (bare > 0) wrong.push({ pod: workload.name, reasons: [`${bare} node(s) have no pod of it`] });
    const ofRun = isOfRun(workload);
    let proving = 0;
    for (const pod of found) {
      const reasons = lacks(pod, identity, account);
      // A run keeps what it began with, and what has ended says nothing of the next: neither is wrong, neither proves.
      if (reasons.length > 0 && ofRun) continue;
      proving += 1;
      pods += 1;
      newest = Math.max(newest, createdAt(pod));
      if (reasons.length > 0) wrong.push({ pod: podName(pod), reasons });
    }
    if (proving === 0) without.push(workloadId(workload));
  }
  return { pods, wrong, without, newest };
};

const isOfRun = ({ kind }: WorkloadParam): boolean => kind === 'CronJob' || kind === 'Job';

/** How many nodes lack the pod that a DaemonSet should have there; 0 for other kinds. */
const nodesWithout = async (
  ctx: Pick<ReadCtx, 'kubernetes'>,
  workload: WorkloadParam,
  pods: readonly JsonObject[],
): Promise<number> => {
  if (workload.kind !== 'DaemonSet') return 0;
  const desired = numberAt(await ctx.kubernetes().get(workloadRef(workload)), 'status', 'desiredNumberScheduled') ?? 0;
  return Math.max(0, desired - new Set(pods.map((pod) => textAt(pod, 'spec', 'nodeName') ?? podName(pod))).size);
};

/** Live pods; for CronJobs and Jobs without any, the youngest that has ended: a run since is a proof too (H25). */
const podsToJudge = async (ctx: ReadCtx, workload: WorkloadParam): Promise<readonly JsonObject[]> => {
  const live = await livePods(ctx, workload);
  if (live.length > 0 || !isOfRun(workload)) return live;
  const kubernetes = ctx.kubernetes();
  const { namespace } = workload;
  const owners = new Set<string>();
  for await (const job of kubernetes.list('batch/v1', 'Job', { namespace })) {
    const mine =
      workload.kind === 'Job'
        ? textAt(job, 'metadata', 'name') === workload.name
        : listAt(job, 'metadata', 'ownerReferences').some(
            (owner) => textAt(owner, 'kind') === 'CronJob' && textAt(owner, 'name') === workload.name,
          );
    if (mine) owners.add(textAt(job, 'metadata', 'uid') ?? '');
  }
  let youngest: JsonObject | null = null;
  for await (const pod of kubernetes.list('v1', 'Pod', { namespace })) {
    if (isLive(pod)) continue;
    if (!listAt(pod, 'metadata', 'ownerReferences').some((owner) => owners.has(textAt(owner, 'uid') ?? ''))) continue;
    if (youngest === null || createdAt(pod) > createdAt(youngest)) youngest = pod;
  }
  return youngest === null ? [] : [youngest];
};

const denyAll = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }],
});

/** Session name of our own STS calls: 2 to 64 of `[\w+=,.@-]` (STS API reference); `rolelift-` tells it from workloads (H10). */
export const sessionName = (run: string): string =>
  `${marks.sessionPrefix}${run.replace(/[^\w+=,.@-]/g, '-')}`.slice(0, 64);

/**
 * Exchanges a ten-minute token of the service account at STS for a session that may do nothing (H17). Token and credentials
 * live in memory for the length of the call; no error repeats them. Refusals that may be propagation are asked again for a
 * bounded time, then RL872.
 */
export const exchange = async (
  ctx: WriteCtx,
  who: { readonly namespace: string; readonly name: string; readonly role: string; readonly audience?: string },
): Promise<void> => {
  const account = parseRoleArn(who.role)?.account ?? ctx.plan.accountId;
  const object = await ctx.kubernetes().get(serviceAccountRef(who.namespace, who.name));
  const audience =
    who.audience ?? textsAt(object, 'metadata', 'annotations')[annotationKeys.irsaAudience] ?? 'sts.amazonaws.com';
  let last = '';
  const failed = (cause: string) =>
    stepError('RL872', `STS does not accept the token of ${who.namespace}/${who.name} for ${who.role}`, {
      subject: { kind: 'ServiceAccount', namespace: who.namespace, name: who.name },
      cause,
      remedy: 'Look at the trust policy of the role and at the OIDC provider (audience, issuer) in its account.',
    });
  try {
    await ctx.until(`STS does not accept the token of ${who.namespace}/${who.name} yet`, 120_000, async () => {
      const token = await ctx.kubernetes().token(serviceAccountRef(who.namespace, who.name), audience, 600);
      try {
        await ctx.aws(account).call('sts', 'AssumeRoleWithWebIdentity', {
          RoleArn: who.role,
          RoleSessionName: sessionName(ctx.run),
          WebIdentityToken: token,
          DurationSeconds: 900,
          Policy: denyAll,
        });
        return true;
      } catch (thrown) {
        if (!isAws(thrown)) throw failed('the call did not come through');
        last = thrown.errorName;
        if (!['AccessDenied', 'InvalidIdentityToken', 'IDPCommunicationError'].includes(thrown.errorName))
          throw failed(thrown.errorName);
        return null;
      }
    });
  } catch (thrown) {
    if (last === '' || (thrown as { data?: { code?: string } }).data?.code === 'RL872') throw thrown;
    throw failed(last);
  }
};

export type UseAnswer =
  | { readonly is: 'used'; readonly at: string; readonly session: string; readonly region: string }
  | { readonly is: 'not-seen' }
  | { readonly is: 'not-readable'; readonly because: string };

export interface UseQuestion {
  /** The role's account, where the call is recorded. */
  readonly account: string;
  readonly role: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Milliseconds since 1970: only what is newer than the last new pod counts. */
  readonly since: number;
  /** Regions to look in: those of the pods' STS endpoints. */
  readonly regions: readonly string[];
}

/** At most so many pages of 50 events a Region. */
const pages = 20;

/**
 * Whether CloudTrail shows that a pod with this service account assumed the role since then: AssumeRoleWithWebIdentity by that
 * very subject, without an error, and under no session name of ours (H10). Events come minutes late; not seen is not unused.
 */
export const usedByCloudTrail = async (aws: AwsReader, question: UseQuestion): Promise<UseAnswer> => {
  const subject = `system:serviceaccount:${question.namespace}:${question.serviceAccount}`;
  for (const region of [...new Set(question.regions)]) {
    let token: string | undefined;
    for (let page = 0; page < pages; page += 1) {
      let answer: JsonObject;
      try {
        answer = await aws.call(
          'cloudtrail',
          'LookupEvents',
          {
            LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'AssumeRoleWithWebIdentity' }],
            StartTime: new Date(question.since).toISOString(),
            ...(token === undefined ? {} : { NextToken: token }),
          },
          { region },
        );
      } catch (thrown) {
        if (isAws(thrown) && (isDenied(thrown.errorName) || thrown.status === 403))
          return { is: 'not-readable', because: `CloudTrail in ${region}: ${thrown.errorName}` };
        throw thrown;
      }
      for (const event of listAt(answer, 'Events')) {
        const seen = useIn(event, question, subject);
        if (seen !== null) return { is: 'used', ...seen, region };
      }
      token = textAt(answer, 'NextToken');
      if (token === undefined) break;
    }
  }
  return { is: 'not-seen' };
};

const useIn = (
  event: Json,
  question: UseQuestion,
  subject: string,
): { readonly at: string; readonly session: string } | null => {
  let record: unknown;
  try {
    record = JSON.parse(textAt(event, 'CloudTrailEvent') ?? '');
  } catch {
    return null;
  }
  if (!isObject(record) || textAt(record, 'errorCode') !== undefined) return null;
  if (textAt(record, 'eventName') !== 'AssumeRoleWithWebIdentity') return null;
  const when = textAt(record, 'eventTime') ?? textAt(event, 'EventTime') ?? '';
  const session = textAt(record, 'requestParameters', 'roleSessionName') ?? '';
  const user = textAt(record, 'userIdentity', 'userName') ?? '';
  const principal = textAt(record, 'userIdentity', 'principalId') ?? '';
  const same = user === subject || (user === '' && principal.endsWith(`:${subject}`));
  if (!same || textAt(record, 'requestParameters', 'roleArn') !== question.role) return null;
  if (session.startsWith(marks.sessionPrefix) || !(Date.parse(when) > question.since)) return null;
  return { at: when, session };
};

/** Reads of the two active proofs, for permissions. */
export const proofReads = (
  params: { readonly namespace: string; readonly serviceAccount: string; readonly identity: IdentityParam },
  token: boolean,
): readonly Use[] =>
  token && params.identity.mechanism === 'irsa'
    ? [
        {
          api: 'kubernetes',
          verb: 'get',
          ref: serviceAccountRef(params.namespace, params.serviceAccount),
          only: 'prove-token',
        },
        {
          api: 'kubernetes',
          verb: 'create',
          ref: serviceAccountRef(params.namespace, params.serviceAccount),
          subresource: 'token',
          only: 'prove-token',
        },
      ]
    : [];

/** Regions in which a use may be recorded: the cluster's, and the one of the global STS endpoint (semantics of STS endpoints). */
export const useRegions = (ctx: StepCtx): readonly string[] =>
  ctx.plan.partition === 'aws' ? [ctx.plan.region, 'us-east-1'] : [ctx.plan.region];
