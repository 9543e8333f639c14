import { RoleliftError } from '../model/error.js';
import { at, type JsonObject, numberAt, objectAt, textAt } from '../model/json.js';
import { pointerKeys, pointerTo } from '../model/json-pointer.js';
import { isLive, isReady, podTroubles } from '../model/pod-state.js';
import { type KubernetesRef, subjectOf, subjectTitle } from '../model/resource.js';
import { fieldAt } from './object-fields.js';
import { type WorkloadParam, workloadRef } from './params.js';
import { podName, podRef, podUid } from './pods.js';
import type { ReadCtx, StepCtx, WriteCtx } from './step.js';
import { hasCode, stepError } from './step-errors.js';

/**
 * How new pods of a workload come about when its template, or what admission gives them, has changed (Kubernetes
 * documentation of each kind):
 * `rolls`: its controller replaces them; `recreates`: only a deleted pod is made anew; `by-hand`: a person must act;
 * `later`: there is nothing to replace now, the next run or scale-up takes it.
 */
export type Manner =
  | { readonly is: 'rolls'; readonly watched: boolean }
  | { readonly is: 'recreates' }
  | { readonly is: 'by-hand'; readonly reason: string; readonly how: string }
  | { readonly is: 'later'; readonly note: string };

export const mannerOf = (object: JsonObject, workload: WorkloadParam): Manner => {
  const name = `${workload.kind.toLowerCase()}/${workload.name} -n ${workload.namespace}`;
  const zero = numberAt(object, 'spec', 'replicas') === 0;
  switch (workload.kind) {
    case 'Deployment':
      if (zero) return { is: 'later', note: 'scaled to zero: the next pod takes it' };
      return at(object, 'spec', 'paused') === true
        ? {
            is: 'by-hand',
            reason: 'the Deployment is paused: a changed template is stored, not rolled out',
            how: `kubectl rollout resume ${name}`,
          }
        : { is: 'rolls', watched: true };
    case 'StatefulSet': {
      if (zero) return { is: 'later', note: 'scaled to zero: the next pod takes it' };
      if (textAt(object, 'spec', 'updateStrategy', 'type') === 'OnDelete') return onDelete(name);
      const partition = numberAt(object, 'spec', 'updateStrategy', 'rollingUpdate', 'partition') ?? 0;
      return partition > 0
        ? {
            is: 'by-hand',
            reason: `partition ${partition}: pods below that ordinal are not replaced by the controller`,
            how: `kubectl delete pod -n ${workload.namespace} ${workload.name}-0 (and each further pod below ${partition}), one after another`,
          }
        : { is: 'rolls', watched: true };
    }
    case 'DaemonSet':
      return textAt(object, 'spec', 'updateStrategy', 'type') === 'OnDelete'
        ? onDelete(name)
        : { is: 'rolls', watched: true };
    case 'ReplicaSet':
    case 'ReplicationController':
      return zero ? { is: 'later', note: 'scaled to zero: the next pod takes it' } : { is: 'recreates' };
    case 'CronJob':
      return { is: 'later', note: 'the next run takes it' };
    case 'Job':
      return {
        is: 'by-hand',
        reason: 'a Job does not change its template: its pods stay as they are until it ends',
        how: `wait until ${name} has ended, or delete it and create it anew`,
      };
    case 'Pod':
      return {
        is: 'by-hand',
        reason: 'a bare pod is made anew by a person only',
        how: `delete pod/${workload.name} -n ${workload.namespace} and create it anew from its manifest`,
      };
    default:
      return workload.templatePath === ''
        ? {
            is: 'by-hand',
            reason: `how ${workload.kind} makes its pods is not known`,
            how: `let the controller of ${name} replace its pods`,
          }
        : { is: 'rolls', watched: false };
  }
};
const onDelete = (name: string): Manner => ({
  is: 'by-hand',
  reason: 'the update strategy is OnDelete: pods are replaced when a person deletes them',
  how: `delete the pods of ${name} one after another`,
});

/** Live pods of a workload. */
export const livePods = async (ctx: ReadCtx, workload: WorkloadParam): Promise<readonly JsonObject[]> => {
  const ref = workloadRef(workload);
  if (workload.kind === 'Pod') {
    const pod = await ctx.kubernetes().get(ref);
    return pod !== null && isLive(pod) ? [pod] : [];
  }
  return (await ctx.kubernetes().podsOf(ref)).filter(isLive);
};

/** Runs something with a deadline on the monotonic clock; its signal is aborted at the deadline or with the run. */
const withDeadline = async <T>(
  ctx: StepCtx,
  ms: number,
  late: () => RoleliftError,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const own = new AbortController();
  const timer = new AbortController();
  const stop = (): void => own.abort(ctx.signal.reason);
  if (ctx.signal.aborted) stop();
  ctx.signal.addEventListener('abort', stop, { once: true });
  ctx.clock.sleep(ms, timer.signal).then(
    () => own.abort(late()),
    () => undefined,
  );
  try {
    return await act(own.signal);
  } finally {
    timer.abort();
    ctx.signal.removeEventListener('abort', stop);
  }
};

const lateFor = (ref: KubernetesRef, ms: number): RoleliftError =>
  new RoleliftError({
    code: 'RL811',
    message: `the rollout of ${subjectTitle(subjectOf(ref))} was not over after ${Math.round(ms / 1000)} s`,
    subject: subjectOf(ref),
    remedy: `See kubectl -n ${ref.namespace ?? ''} describe ${ref.kind.toLowerCase()} ${ref.name} and the logs of its pods; give more time with --rollout-timeout.`,
    fault: 'remote',
  });

/** How long a rollout goes on unsaid, and how often its pods are looked at then, milliseconds. */
const lookEveryMs = 30_000;

/** Tells, while a rollout takes long, which pods are not ready, and why. */
const tellTroubles = async (ctx: ReadCtx, workload: WorkloadParam, signal: AbortSignal): Promise<void> => {
  for (;;) {
    await ctx.clock.sleep(lookEveryMs, signal);
    const troubles = podTroubles(await livePods(ctx, workload));
    if (signal.aborted) return;
    ctx.waits?.(troubles === '' ? 'its rollout' : `its rollout: ${troubles}`);
  }
};

/**
 * Waits until the controller has rolled out the template as it stands (rules of `kubectl rollout status`). Rejects with RL811 or
 * RL821 and with why pods are not ready.
 */
export const waitForRollout = async (ctx: ReadCtx, workload: WorkloadParam, object: JsonObject): Promise<void> => {
  const ref = workloadRef(workload);
  const generation = numberAt(object, 'metadata', 'generation') ?? 0;
  const bound = ctx.settings.rolloutTimeoutMs;
  const over = new AbortController();
  // What is told on the way is never a reason to fail.
  void tellTroubles(ctx, workload, AbortSignal.any([over.signal, ctx.signal])).catch(() => undefined);
  try {
    await withDeadline(
      ctx,
      bound,
      () => lateFor(ref, bound),
      (signal) => ctx.kubernetes().rolledOut(ref, generation, signal),
    );
  } catch (thrown) {
    if (!hasCode(thrown, 'RL811')) throw thrown;
    const { data } = lateFor(ref, bound);
    throw new RoleliftError({ ...data, cause: podTroubles(await livePods(ctx, workload).catch(() => [])) });
  } finally {
    over.abort();
  }
};

/**
 * Waits for a rollout that an interrupted attempt of ours may have left under way: deleting pods beside it would take more of them
 * at once than the strategy allows. A rollout that does not get ready is no reason to stop: the pods are looked at all the same.
 */
export const letRollEnd = async (ctx: ReadCtx, workload: WorkloadParam, object: JsonObject): Promise<void> => {
  try {
    await waitForRollout(ctx, workload, object);
  } catch (thrown) {
    if (!hasCode(thrown, 'RL811', 'RL821')) throw thrown;
  }
};

/** How often a pod that came up wrong is replaced before that is an error (K17 of the semantics: cache gap). */
const rounds = 4;

/**
 * Deletes live pods that are wrong, some at a time, and waits for ready ones in their place, until none is left. Only for
 * pods that a controller makes anew. Answers those that stay wrong after a bounded number of rounds.
 */
export const replacePods = async (
  ctx: WriteCtx,
  workload: WorkloadParam,
  wrong: (pod: JsonObject) => boolean,
  why: string,
): Promise<readonly JsonObject[]> => {
  const kubernetes = ctx.kubernetes();
  for (let round = 0; round < rounds; round += 1) {
    const pods = await livePods(ctx, workload);
    const bad = pods.filter(wrong);
    if (bad.length === 0) return [];
    // What runs on every node is replaced on few at a time: nodes may depend on it.
    const share = Math.max(1, Math.floor(pods.length / (workload.kind === 'DaemonSet' ? 10 : 4)));
    // Those that do not work go first; what was not Ready before is not waited for after.
    bad.sort((left, right) => Number(isReady(left)) - Number(isReady(right)));
    for (let start = 0; start < bad.length; start += share) {
      const batch = bad.slice(start, start + share);
      const taken = new Set(batch.map(podUid));
      const others = (await livePods(ctx, workload)).filter((pod) => isReady(pod) && !taken.has(podUid(pod)));
      // One that its controller replaces at the same moment is not counted twice.
      const wanted = Math.min(pods.length, others.length + batch.length);
      for (const pod of batch) await kubernetes.remove(podRef(pod), podUid(pod));
      await ctx.until(why, ctx.settings.rolloutTimeoutMs, async () => {
        const object = await kubernetes.get(workloadRef(workload));
        if (object === null) return true;
        const desired = numberAt(object, 'spec', 'replicas') ?? wanted;
        const live = await livePods(ctx, workload);
        if (live.some((pod) => taken.has(podUid(pod)))) return null;
        return live.filter(isReady).length >= Math.min(desired, wanted) ? true : null;
      });
    }
  }
  return (await livePods(ctx, workload)).filter(wrong);
};

/** Whether the kind has a controller that makes a deleted pod anew with today's admission. */
export const madeAnew = (workload: WorkloadParam): boolean =>
  !['Pod', 'Job', 'CronJob'].includes(workload.kind) && !(workload.templatePath === '' && workload.kind !== 'Pod');

/** Template of a workload as `{ metadata, spec }`; the pod itself for a bare Pod. */
export const templateOf = (object: JsonObject, workload: WorkloadParam): JsonObject => {
  const field = fieldAt(object, workload.templatePath);
  return workload.templatePath === '' ? object : field.present ? objectAt({ it: field.value }, 'it') : {};
};
export const insideTemplate = (workload: WorkloadParam, ...keys: readonly string[]): string =>
  pointerTo(...pointerKeys(workload.templatePath), ...keys);

export type Rolled =
  | { readonly is: 'done'; readonly pods: number; readonly recreated: boolean; readonly note: string }
  | { readonly is: 'paused'; readonly reason: string; readonly how: string };

/**
 * Brings a workload to where every live pod is right: waits for the rollout of the template as it stands, then replaces the
 * pods that are wrong all the same (admitted in the webhook's cache gap, or made by a controller that does not roll).
 */
export const finishRoll = async (
  ctx: WriteCtx,
  workload: WorkloadParam,
  object: JsonObject,
  wrong: (pod: JsonObject) => readonly string[],
  options: { readonly why: string; readonly rolling: boolean; readonly force?: boolean },
): Promise<Rolled> => {
  const manner = mannerOf(object, workload);
  const isWrong = (pod: JsonObject): boolean => wrong(pod).length > 0;
  const watched = manner.is === 'rolls' && manner.watched;
  if (watched && options.rolling) await waitForRollout(ctx, workload, object);
  let live = await livePods(ctx, workload);
  if (watched && !options.rolling && live.some(isWrong)) {
    await letRollEnd(ctx, workload, object);
    live = await livePods(ctx, workload);
  }
  if (manner.is === 'rolls' && !manner.watched) {
    // A custom controller has no rollout status that is known: its pods tell.
    live = await ctx.until(options.why, ctx.settings.rolloutTimeoutMs, async () => {
      const now = await livePods(ctx, workload);
      return now.length > 0 && now.every((pod) => isReady(pod) && !isWrong(pod)) ? now : null;
    });
  }
  const bad = live.filter(isWrong);
  if (bad.length === 0)
    return { is: 'done', pods: live.length, recreated: false, note: manner.is === 'later' ? manner.note : '' };
  const forced = options.force === true && madeAnew(workload);
  if (manner.is === 'by-hand' && !forced) return { is: 'paused', reason: manner.reason, how: manner.how };
  if (manner.is === 'later' && workload.kind === 'CronJob' && options.force === true)
    return {
      is: 'paused',
      reason: `${bad.length} pod(s) of a run that is under way: ${bad.map(podName).join(', ')}`,
      how: 'wait until the run has ended',
    };
  if (manner.is === 'later')
    return { is: 'done', pods: live.length, recreated: false, note: `${manner.note}; running pods end by themselves` };
  const left = await replacePods(ctx, workload, isWrong, options.why);
  const [first] = left;
  if (first !== undefined)
    throw stepError('RL823', `pods of ${subjectTitle(subjectOf(workloadRef(workload)))} stay wrong`, {
      subject: subjectOf(workloadRef(workload)),
      cause: `${podName(first)}: ${wrong(first).join('; ')}`,
      remedy: 'Look at the webhook and at the service account, then run the same command again.',
    });
  return {
    is: 'done',
    pods: (await livePods(ctx, workload)).length,
    recreated: true,
    note: 'some pods were made anew',
  };
};
