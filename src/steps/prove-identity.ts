import { z } from 'zod';
import type { JsonObject } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { refKey, serviceAccountRef, subjectTitle } from '../model/resource.js';
import { brokerSchema } from '../model/words.js';
import { probeChanges, probeReads, removeProbe } from './address-probe.js';
import { previewChange } from './admission-preview.js';
import { unnamedPlan } from './our-marks.js';
import { accountParam, identityParam, parserOf, workloadParam, workloadRef } from './params.js';
import { carries } from './pods.js';
import { type ConfiguredAnswer, configured, exchange, proofReads } from './proof.js';
import { podDeletion, shedIdentity } from './restart-workload.js';
import { type Change, defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { hasCode, stepError } from './step-errors.js';
import { livePods } from './template-roll.js';
import { workloadReads } from './workload-reads.js';

const schema = z.strictObject({
  namespace: z.string(),
  serviceAccount: z.string(),
  workloads: z.array(workloadParam),
  identity: identityParam,
  roleAccount: accountParam,
  previous: z.strictObject({ broker: brokerSchema, role: z.string().nullable() }),
  /** A restart that began with one node: what its probe may have left behind is taken away. */
  firstNode: z.boolean().optional(),
});
export type ProveIdentityParams = z.infer<typeof schema>;
type ProveStep = Step<ProveIdentityParams>;
const kind = 'prove-identity';

const leftovers = ({ firstNode }: ProveIdentityParams, planId: string): readonly Change[] =>
  firstNode === true
    ? probeChanges(planId, '').filter((change) => change.api === 'kubernetes' && change.verb === 'delete')
    : [];

const sawOf = (answer: ConfiguredAnswer): JsonObject => ({
  pods: answer.pods,
  newest: answer.newest,
  wrong: answer.wrong.map(({ pod, reasons }) => ({ pod, reasons: [...reasons] })),
  without: [...answer.without],
});

/**
 * Looks at every live pod of a move: does each container have the new identity, and with `--prove token`, does STS accept it
 * (H12, H17)? Its undo proves the opposite: no live pod carries the new identity any more (H1.5).
 */
export const proveIdentity = defineStep<ProveIdentityParams>({
  kind,
  stages: ['cutover'],
  skippable: false,
  undoWithMove: true,
  rollout: false,
  checks: true,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Prove the identity of ${params.namespace}/${params.serviceAccount}`,
    effect: 'none',
    undo: 'Proves that no pod carries the new identity any more.',
  }),
  changes: ({ params }, direction, planId = unnamedPlan) =>
    direction === 'apply'
      ? leftovers(params, planId)
      : [
          previewChange(params.namespace),
          ...params.workloads.slice(0, 1).map((workload) => podDeletion(workload)),
          ...leftovers(params, planId),
        ],
  reads: ({ params }, direction) => [
    ...(params.firstNode === true ? probeReads() : []),
    // The undo asks admission again, for which the account and its users are looked at; a proof looks at pods.
    ...params.workloads.flatMap((workload) =>
      direction === 'apply'
        ? workloadReads(workload)
        : workloadReads(workload, { namespace: params.namespace, name: params.serviceAccount }),
    ),
    ...(direction === 'undo' ? [] : proofReads(params, true)),
    ...params.workloads
      .filter((workload) => ['CronJob', 'Job'].includes(workload.kind))
      .map(({ namespace }) => ({
        api: 'kubernetes' as const,
        verb: 'list' as const,
        ref: { api: 'kubernetes' as const, apiVersion: 'batch/v1', kind: 'Job', namespace, name: '*' },
      })),
  ],
  locks: ({ params }) => [`proof:${refKey(serviceAccountRef(params.namespace, params.serviceAccount))}`],
  preconditions: async () => [],

  async observe(ctx, { params }): Promise<Observation> {
    const answer = await configured(ctx, params.workloads, params.identity, params.serviceAccount);
    const proven = answer.wrong.length === 0 && answer.without.length === 0;
    return { is: proven ? 'applied' : 'not-applied', saw: sawOf(answer) };
  },
  preimage: async () => ({}),

  async apply(ctx, step): Promise<Outcome> {
    const { params } = step;
    if (params.firstNode === true) await removeProbe(ctx);
    let answer: ConfiguredAnswer | null = null;
    try {
      await ctx.until(
        `not every pod of ${params.namespace}/${params.serviceAccount} is right yet`,
        90_000,
        async () => {
          answer = await configured(ctx, params.workloads, params.identity, params.serviceAccount);
          return answer.wrong.length === 0 ? true : null;
        },
      );
    } catch (thrown) {
      if (!hasCode(thrown, 'RL811')) throw thrown;
    }
    const found = answer as ConfiguredAnswer | null;
    const [first] = found?.wrong ?? [];
    if (found === null || first !== undefined)
      throw stepError('RL830', `a pod of ${params.namespace}/${params.serviceAccount} does not have the new identity`, {
        subject: { kind: 'ServiceAccount', namespace: params.namespace, name: params.serviceAccount },
        cause: first === undefined ? 'no answer' : `${first.pod}: ${first.reasons.join('; ')}`,
        remedy: 'Find out why it was admitted without; delete the pod and run the same command again, or roll back.',
      });
    if (found.without.length > 0) {
      const gate = ctx.gate({ id: firstRunGate(step), kind: 'confirmation' });
      if (gate.is === 'closed')
        return {
          is: 'paused',
          gate: firstRunGate(step),
          reason: `waiting-for-first-run: ${found.without.join(', ')} has no pod that could prove anything`,
          how: gate.how || 'let it run once, then run the same command again',
        };
      return { is: 'done', output: { ...sawOf(found), acceptedBy: gate.by } };
    }
    const token = ctx.settings.proveToken && params.identity.mechanism === 'irsa';
    if (token)
      await exchange(ctx, { namespace: params.namespace, name: params.serviceAccount, role: params.identity.role });
    return { is: 'done', output: sawOf(found), proof: token ? 'exchangeable' : 'configured' };
  },

  async undo(ctx, step): Promise<UndoOutcome> {
    const { params } = step;
    const account = { namespace: params.namespace, name: params.serviceAccount };
    if (params.firstNode === true) await removeProbe(ctx);
    let note = '';
    for (const workload of params.workloads) {
      const object = await ctx.kubernetes().get(workloadRef(workload));
      if (object === null) continue;
      const shed = await shedIdentity(
        ctx,
        { id: step.id, params: { workload, account } },
        'exact',
        object,
        false,
        params.identity,
      );
      if (shed.is === 'paused') return shed;
      if (shed.note !== '') note = shed.note;
      const left = (await livePods(ctx, workload)).filter((pod) => carries(pod, params.identity));
      if (left.length > 0)
        throw stepError('RL871', `pods of ${subjectTitle(workload)} still carry the new identity`, {
          remedy: 'Delete them, then run the rollback again.',
        });
    }
    return { is: 'done', how: 'exact', note };
  },
});

const firstRunGate = (step: Pick<ProveStep, 'move' | 'id'>): string => `first-run:${step.move ?? step.id}`;
