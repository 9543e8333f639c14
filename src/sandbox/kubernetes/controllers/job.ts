import { listAt, numberAt, objectAt, textAt } from '../../../model/json.js';
import {
  controllerReference,
  isDeleting,
  type JsonObject,
  type KubeObject,
  nameOf,
  namespaceOf,
  objectKey,
  timeText,
} from '../object.js';
import type { State } from '../state.js';
import { ApiError } from '../status.js';
import { controllerContext, createObject, deleteObject } from '../writes.js';
import { nextRun } from './cron.js';
import { createPod, deletePod, ended, kindAt, podReady, pods, pointEvent, putStatus, syncTask } from './shared.js';

const jobs = 'batch/jobs';
const cronJobs = 'batch/cronjobs';

const finished = (job: KubeObject): boolean =>
  listAt(job, 'status', 'conditions').some(
    (one) => ['Complete', 'Failed'].includes(textAt(one, 'type') ?? '') && textAt(one, 'status') === 'True',
  );

/** Jobs (`pkg/controller/job`): pods until enough succeeded, or too many failed. */
export const syncJob = (state: State, job: KubeObject): void => {
  if (isDeleting(job) || finished(job)) return;
  const owned = state.store.ownedBy(pods, textAt(job, 'metadata', 'uid') ?? '');
  const phase = (wanted: string): number => owned.filter((pod) => textAt(pod, 'status', 'phase') === wanted).length;
  const succeeded = phase('Succeeded');
  const failed = phase('Failed');
  const active = owned.filter((pod) => !ended(pod) && !isDeleting(pod));
  const completions = numberAt(job, 'spec', 'completions') ?? 1;
  const parallelism = numberAt(job, 'spec', 'parallelism') ?? 1;
  const suspended = objectAt(job, 'spec')['suspend'] === true;
  const now = timeText(state.clock.now());
  const ending = (type: string, reason: string, message: string): readonly JsonObject[] => [
    { type, status: 'True', lastProbeTime: now, lastTransitionTime: now, reason, message },
  ];
  const base: JsonObject = {
    startTime: textAt(job, 'status', 'startTime') ?? now,
    ...(succeeded === 0 ? {} : { succeeded }),
    ...(failed === 0 ? {} : { failed }),
    uncountedTerminatedPods: {},
  };
  if (succeeded >= completions) {
    const conditions = ending('Complete', 'CompletionsReached', 'Reached expected number of succeeded pods');
    putStatus(state, jobs, objectKey(job), { ...base, ready: 0, terminating: 0, completionTime: now, conditions });
    pointEvent(state, job, 'Normal', 'Completed', 'Job completed');
    return;
  }
  if (failed > (numberAt(job, 'spec', 'backoffLimit') ?? 6)) {
    for (const pod of active) deletePod(state, job, pod);
    const conditions = ending('Failed', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit');
    putStatus(state, jobs, objectKey(job), { ...base, ready: 0, terminating: 0, conditions });
    return;
  }
  if (suspended) {
    for (const pod of active) deletePod(state, job, pod);
    const conditions = ending('Suspended', 'JobSuspended', 'Job suspended');
    const { startTime: _, ...rest } = base;
    putStatus(state, jobs, objectKey(job), {
      ...rest,
      ready: 0,
      terminating: 0,
      conditions: listAt(job, 'status', 'conditions').length > 0 ? listAt(job, 'status', 'conditions') : conditions,
    });
    return;
  }
  const wanted = Math.min(parallelism, completions - succeeded);
  for (let more = active.length; more < wanted; more += 1) {
    if (createPod(state, job)) continue;
    state.tasks.add(syncTask(jobs, objectKey(job)), 5_000);
    break;
  }
  const live = state.store
    .ownedBy(pods, textAt(job, 'metadata', 'uid') ?? '')
    .filter((pod) => !ended(pod) && !isDeleting(pod));
  putStatus(state, jobs, objectKey(job), {
    ...base,
    active: live.length,
    ready: live.filter(podReady).length,
    terminating: 0,
  });
};

/** CronJobs (`pkg/controller/cronjob`): a Job at each time of the schedule, unless suspended. Times are UTC. */
export const syncCronJob = (state: State, cronJob: KubeObject): void => {
  if (isDeleting(cronJob)) return;
  const key = objectKey(cronJob);
  const owned = state.store.ownedBy(jobs, textAt(cronJob, 'metadata', 'uid') ?? '');
  const active = owned.filter((job) => !finished(job));
  const now = state.clock.now();
  let last = textAt(cronJob, 'status', 'lastScheduleTime');
  if (objectAt(cronJob, 'spec')['suspend'] !== true) {
    const since = Date.parse(last ?? textAt(cronJob, 'metadata', 'creationTimestamp') ?? '') || now;
    const schedule = textAt(cronJob, 'spec', 'schedule') ?? '';
    // A long sleep brings one run, not all that were missed.
    let due = nextRun(schedule, since);
    for (let next = due; next !== null && next <= now; next = nextRun(schedule, next)) due = next;
    if (due !== null && due <= now) {
      const policy = textAt(cronJob, 'spec', 'concurrencyPolicy');
      if (policy === 'Replace') {
        for (const job of active)
          deleteObject(state, kindAt(state, jobs), job, { dryRun: false, propagation: 'Background' });
      }
      if (policy !== 'Forbid' || active.length === 0) run(state, cronJob, due);
      last = timeText(due);
      due = nextRun(schedule, due);
    }
    if (due !== null) state.tasks.add(syncTask(cronJobs, key), Math.max(due - now, 1));
  }
  trim(state, cronJob, 'Complete', numberAt(cronJob, 'spec', 'successfulJobsHistoryLimit') ?? 3);
  trim(state, cronJob, 'Failed', numberAt(cronJob, 'spec', 'failedJobsHistoryLimit') ?? 1);
  const left = state.store.ownedBy(jobs, textAt(cronJob, 'metadata', 'uid') ?? '');
  const done =
    left
      .map((job) => textAt(job, 'status', 'completionTime') ?? '')
      .sort()
      .at(-1) ?? '';
  const running = left.filter((job) => !finished(job));
  const status: JsonObject = {
    ...(running.length === 0
      ? {}
      : {
          active: running.map((job) => ({
            apiVersion: 'batch/v1',
            kind: 'Job',
            name: nameOf(job),
            namespace: namespaceOf(job),
            resourceVersion: textAt(job, 'metadata', 'resourceVersion') ?? '',
            uid: textAt(job, 'metadata', 'uid') ?? '',
          })),
        }),
    ...(last === undefined ? {} : { lastScheduleTime: last }),
    ...(done === ''
      ? textAt(cronJob, 'status', 'lastSuccessfulTime') === undefined
        ? {}
        : { lastSuccessfulTime: textAt(cronJob, 'status', 'lastSuccessfulTime') as string }
      : { lastSuccessfulTime: done }),
  };
  putStatus(state, cronJobs, key, status);
};
const run = (state: State, cronJob: KubeObject, due: number): void => {
  const template = objectAt(cronJob, 'spec', 'jobTemplate');
  const metadata: JsonObject = {
    ...objectAt(template, 'metadata'),
    name: `${nameOf(cronJob)}-${Math.floor(due / 60_000)}`,
    namespace: namespaceOf(cronJob),
    annotations: {
      ...objectAt(template, 'metadata', 'annotations'),
      'batch.kubernetes.io/cronjob-scheduled-timestamp': timeText(due),
    },
    ownerReferences: [controllerReference(cronJob)],
  };
  const body = { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: objectAt(template, 'spec') };
  try {
    const job = createObject(state, kindAt(state, jobs), body, controllerContext);
    pointEvent(state, cronJob, 'Normal', 'SuccessfulCreate', `Created job ${nameOf(job)}`);
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    pointEvent(state, cronJob, 'Warning', 'FailedCreate', `Error creating job: ${thrown.message}`);
  }
};
const trim = (state: State, cronJob: KubeObject, type: string, limit: number): void => {
  const old = state.store
    .ownedBy(jobs, textAt(cronJob, 'metadata', 'uid') ?? '')
    .filter((job) =>
      listAt(job, 'status', 'conditions').some(
        (one) => textAt(one, 'type') === type && textAt(one, 'status') === 'True',
      ),
    )
    .sort(
      (left, right) =>
        Date.parse(textAt(left, 'metadata', 'creationTimestamp') ?? '') -
        Date.parse(textAt(right, 'metadata', 'creationTimestamp') ?? ''),
    );
  for (const job of old.slice(0, Math.max(old.length - limit, 0))) {
    deleteObject(state, kindAt(state, jobs), job, { dryRun: false, propagation: 'Background' });
  }
};
