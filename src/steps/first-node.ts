import { z } from 'zod';
import { type JsonObject, numberAt, textAt } from '../model/json.js';
import { isReady } from '../model/pod-state.js';
import { askForAddress } from './address-probe.js';
import { type IdentityParam, type WorkloadParam, workloadId, workloadRef } from './params.js';
import { lacks, podName, podRef, podUid } from './pods.js';
import type { Outcome, ReadCtx, WriteCtx } from './step.js';
import { hasCode, stepError } from './step-errors.js';
import { livePods } from './template-roll.js';

/** What makes a rollout one that begins with a single node: the CNI's (H8). */
export const firstNodeParam = z.strictObject({
  /** Managed policies that must hang on the new role before any pod gets it. */
  policies: z.array(z.string()),
  serviceAccount: z.string(),
});

interface FirstNode {
  readonly step: string;
  readonly move: string;
  readonly workload: WorkloadParam;
  readonly identity: IdentityParam;
  readonly account: string;
}

const nodeOf = (pod: JsonObject): string => textAt(pod, 'spec', 'nodeName') ?? '';

const isRight = (pod: JsonObject, of: FirstNode): boolean =>
  isReady(pod) && lacks(pod, of.identity, of.account).length === 0;

/** How often the first pod is made anew where admission passed it by (K17 of the semantics: the webhook's cache gap). */
const rounds = 4;

const failed = (of: FirstNode, node: string, cause: string) =>
  stepError('RL875', `node ${node}, the first with the new role, does not work with it`, {
    subject: { kind: of.workload.kind, namespace: of.workload.namespace, name: of.workload.name },
    cause,
    remedy: 'Look at the logs of its pod and at the role; the other nodes were left as they are.',
  });

/** The pod that took a deleted one's place on its node, once it is Ready; its wrongs in `reasons` where it came up without. */
const successor = async (ctx: ReadCtx, of: FirstNode, gone: JsonObject): Promise<JsonObject> => {
  const node = nodeOf(gone);
  let last: JsonObject | null = null;
  try {
    return await ctx.until(
      `${of.workload.name} is not Ready on node ${node} yet`,
      ctx.settings.rolloutTimeoutMs,
      async () => {
        const here = (await livePods(ctx, of.workload)).filter(
          (pod) => nodeOf(pod) === node && podUid(pod) !== podUid(gone),
        );
        last = here[0] ?? null;
        return last !== null && isReady(last) ? last : null;
      },
    );
  } catch (thrown) {
    if (!hasCode(thrown, 'RL811')) throw thrown;
    throw failed(of, node, last === null ? 'no pod took its place' : `${podName(last)} does not become Ready`);
  }
};

/** Waits for a node whose pod was just taken (by an earlier run, or by EKS) to have one again, so that no second one is touched. */
const whole = async (ctx: ReadCtx, of: FirstNode): Promise<void> => {
  try {
    await ctx.until(`${of.workload.name} is not Ready on every node`, 120_000, async () => {
      const desired = numberAt(
        await ctx.kubernetes().get(workloadRef(of.workload)),
        'status',
        'desiredNumberScheduled',
      );
      const pods = await livePods(ctx, of.workload);
      return pods.every(isReady) && pods.length >= (desired ?? pods.length) ? true : null;
    });
  } catch (thrown) {
    // A node that is broken for reasons of its own does not hold the others back for ever.
    if (!hasCode(thrown, 'RL811')) throw thrown;
  }
};

/** One pod with the new identity: one that is there already, or the first in the order of nodes, made anew. */
const firstRight = async (ctx: WriteCtx, of: FirstNode): Promise<JsonObject | null> => {
  await whole(ctx, of);
  const pods = [...(await livePods(ctx, of.workload))].sort((left, right) => (nodeOf(left) < nodeOf(right) ? -1 : 1));
  const there = pods.find((pod) => isRight(pod, of));
  if (there !== undefined) return there;
  // A node whose pod came up with the new identity and is not Ready is the first one, of an earlier run.
  const begun = pods.find((pod) => lacks(pod, of.identity, of.account).length === 0);
  let pod = begun ?? pods.find(isReady) ?? pods[0];
  if (pod === undefined) return null;
  if (begun !== undefined) {
    const node = nodeOf(begun);
    return ctx
      .until(`${podName(begun)} is not Ready yet`, ctx.settings.rolloutTimeoutMs, async () => {
        const now = (await livePods(ctx, of.workload)).find((one) => nodeOf(one) === node);
        return now !== undefined && isReady(now) ? now : null;
      })
      .catch((thrown) => {
        throw hasCode(thrown, 'RL811') ? failed(of, node, `${podName(begun)} does not become Ready`) : thrown;
      });
  }
  for (let round = 0; round < rounds; round += 1) {
    await ctx.kubernetes().remove(podRef(pod), podUid(pod));
    pod = await successor(ctx, of, pod);
    if (isRight(pod, of)) return pod;
  }
  throw stepError(
    'RL823',
    `the pod of ${workloadId(of.workload)} on node ${nodeOf(pod)} stays without the new identity`,
    {
      cause: `${podName(pod)}: ${lacks(pod, of.identity, of.account).join('; ')}`,
      remedy: 'Look at the webhook and at the service account, then run the same command again; one node was touched.',
    },
  );
};

/**
 * Replaces one node's pod, and goes on only when it is Ready with the new identity and that node has given a new pod an address
 * (H8). Null: go on, and take the probe away (`removeProbe`). Where the cluster takes no probe pod, a person says whether to.
 */
export const oneNodeFirst = async (
  ctx: WriteCtx,
  of: FirstNode,
): Promise<(Outcome & { readonly is: 'paused' }) | null> => {
  const pod = await firstRight(ctx, of);
  if (pod === null) return null;
  const node = nodeOf(pod);
  const answer = await askForAddress(ctx, of.step, node);
  if (answer.is === 'given') return null;
  if (answer.is === 'not-given') throw failed(of, node, answer.because);
  const id = `first-node:${of.step}`;
  const gate = ctx.gate({ id, kind: 'evidence', move: of.move });
  if (gate.is === 'open') return null;
  return {
    is: 'paused',
    gate: id,
    reason: `whether node ${node} gives new pods addresses could not be asked: ${answer.because}`,
    how: `see that a new pod on node ${node} gets an address, then: ${gate.how}`,
    evidence: true,
  };
};
