import { createHash } from 'node:crypto';
import { type JsonObject, listAt, textAt } from '../model/json.js';
import { isLive } from '../model/pod-state.js';
import { type KubernetesRef, kubernetesRef } from '../model/resource.js';
import { createdMetadata, isCreatedBy } from './our-marks.js';
import { podUid } from './pods.js';
import type { Change, ReadCtx, StepCtx, Use, WriteCtx } from './step.js';
import { hasCode } from './step-errors.js';

/**
 * Whether a node can give a new pod an address: the one thing for which the CNI's role is there. A pod's sandbox gets its address
 * before any image is pulled, so a node without a way to a registry answers too.
 */
export type AddressAnswer =
  | { readonly is: 'given'; readonly address: string }
  | { readonly is: 'not-given'; readonly because: string }
  /** The cluster takes no such pod there: nothing is known. */
  | { readonly is: 'not-askable'; readonly because: string };

const namespace = 'kube-system';
/** How long a new pod may wait for its address; the kubelet tries anew every few seconds. Milliseconds. */
const addressBoundMs = 120_000;

/** One name for all probes of a plan, so that whatever was left behind is found again. */
const probeName = (planId: string): string =>
  `rolelift-probe-${createHash('sha256').update(planId).digest('hex').slice(0, 10)}`;
const probeRef = (planId: string): KubernetesRef => kubernetesRef('v1', 'Pod', namespace, probeName(planId));

/** A pod on exactly that node, without token, without any label of a workload (H12), fit for the restricted Pod Security level. */
const probePod = (planId: string, stepId: string, node: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: probeName(planId), namespace, ...createdMetadata(planId, stepId) },
  spec: {
    // Past the scheduler: the question is about this node, whatever its taints say.
    nodeName: node,
    tolerations: [{ operator: 'Exists' }],
    restartPolicy: 'Never',
    activeDeadlineSeconds: 600,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'probe',
        image: 'registry.k8s.io/pause:3.9',
        resources: { requests: { cpu: '1m', memory: '4Mi' } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});

/** The probe's writes as data. */
export const probeChanges = (planId: string, stepId: string): readonly Change[] => [
  {
    api: 'kubernetes',
    verb: 'create',
    ref: probeRef(planId),
    body: probePod(planId, stepId, '*'),
    rollout: false,
    maybe: true,
  },
  { api: 'kubernetes', verb: 'delete', ref: probeRef(planId), body: null, rollout: false, maybe: true },
];
export const probeReads = (): readonly Use[] => [
  { api: 'kubernetes', verb: 'get', ref: kubernetesRef('v1', 'Pod', namespace, '*') },
];

/** Takes away what an earlier, interrupted run left. */
export const removeProbe = async (ctx: WriteCtx): Promise<void> => {
  const ref = probeRef(ctx.plan.id);
  const left = await ctx.kubernetes().get(ref);
  if (left === null || !isCreatedBy(left, ctx.plan.id)) return;
  await ctx.kubernetes().remove(ref, podUid(left));
  await ctx.until('the probe pod of an earlier run is still there', 60_000, async () => {
    const now = await ctx.kubernetes().get(ref);
    return now === null || podUid(now) !== podUid(left) ? true : null;
  });
};

/** The probe that an interrupted run left on that very node, still good for an answer. */
const leftOn = async (ctx: ReadCtx, node: string): Promise<boolean> => {
  const left = await ctx.kubernetes().get(probeRef(ctx.plan.id));
  return isCreatedBy(left, ctx.plan.id) && isLive(left as JsonObject) && textAt(left, 'spec', 'nodeName') === node;
};

/**
 * Puts a pod on a node and waits for its address. The pod stays where one was given, until `removeProbe`: whoever asked takes it
 * away once the answer is no longer needed.
 */
export const askForAddress = async (ctx: WriteCtx, stepId: string, node: string): Promise<AddressAnswer> => {
  const ref = probeRef(ctx.plan.id);
  if (!(await leftOn(ctx, node))) {
    await removeProbe(ctx);
    try {
      await ctx.kubernetes().create(ref, probePod(ctx.plan.id, stepId, node));
    } catch (thrown) {
      if (!hasCode(thrown, 'RL703', 'RL734')) throw thrown;
      return { is: 'not-askable', because: thrown.data.cause || thrown.data.message };
    }
  }
  const answer = await waitForAddress(ctx, ref, node);
  if (answer.is !== 'given') await removeProbe(ctx);
  return answer;
};

const waitForAddress = async (ctx: ReadCtx & StepCtx, ref: KubernetesRef, node: string): Promise<AddressAnswer> => {
  let last: JsonObject | null = null;
  try {
    return await ctx.until<AddressAnswer>(
      `node ${node} has given the probe pod no address yet`,
      addressBoundMs,
      async () => {
        last = await ctx.kubernetes().get(ref);
        if (last === null) return { is: 'not-askable', because: 'the probe pod was taken away by somebody else' };
        const address = textAt(last, 'status', 'podIP');
        if (address !== undefined && address !== '') return { is: 'given', address };
        // The kubelet itself refused it (no room, no CPU): that says nothing about addresses.
        if (textAt(last, 'status', 'phase') === 'Failed')
          return {
            is: 'not-askable',
            because: textAt(last, 'status', 'reason') ?? 'the kubelet refused the probe pod',
          };
        return null;
      },
    );
  } catch (thrown) {
    if (!hasCode(thrown, 'RL811')) throw thrown;
    const waiting = textAt(listAt(last, 'status', 'containerStatuses')[0], 'state', 'waiting', 'reason');
    return { is: 'not-given', because: `no address after ${addressBoundMs / 1000} s (${waiting ?? 'Pending'})` };
  }
};
