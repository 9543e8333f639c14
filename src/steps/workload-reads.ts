import { kubernetesRef, serviceAccountRef } from '../model/resource.js';
import { type WorkloadParam, workloadRef } from './params.js';
import { accountUserReads } from './pods.js';
import type { Use } from './step.js';

/** What is read to watch a workload's rollout and to find its pods through ReplicaSets and Jobs. */
export const workloadReads = (
  workload: WorkloadParam,
  account?: { readonly namespace: string; readonly name: string },
): readonly Use[] => {
  const own = workloadRef(workload);
  const all = { ...own, name: '*' };
  const list = (apiVersion: string, kind: string): Use => ({
    api: 'kubernetes',
    verb: 'list',
    ref: kubernetesRef(apiVersion, kind, workload.namespace, '*'),
  });
  // What stands between a workload and its pods has names that nobody knows beforehand.
  const get = (apiVersion: string, kind: string): Use => ({
    api: 'kubernetes',
    verb: 'get',
    ref: kubernetesRef(apiVersion, kind, workload.namespace, '*'),
  });
  const between =
    workload.kind === 'Deployment'
      ? [list('apps/v1', 'ReplicaSet'), get('apps/v1', 'ReplicaSet')]
      : workload.kind === 'CronJob'
        ? [list('batch/v1', 'Job'), get('batch/v1', 'Job')]
        : [];
  return [
    { api: 'kubernetes', verb: 'get', ref: own },
    { api: 'kubernetes', verb: 'list', ref: all },
    { api: 'kubernetes', verb: 'watch', ref: all, only: 'run' },
    ...between,
    list('v1', 'Pod'),
    ...(account === undefined
      ? []
      : [
          { api: 'kubernetes' as const, verb: 'get' as const, ref: serviceAccountRef(account.namespace, account.name) },
          ...accountUserReads(account.namespace),
        ]),
  ];
};
