import { z } from 'zod';
import type { Gate } from '../model/gate.js';
import { stageSchema } from '../model/words.js';
import { accountParam, identityParam, parserOf, workloadParam } from './params.js';
import { configured, usedByCloudTrail, useRegions } from './proof.js';
import { defineStep, type Observation, type Outcome } from './step.js';
import { workloadReads } from './workload-reads.js';

const id = z.string();
const gateSchema = z.discriminatedUnion('kind', [
  z.strictObject({ id, kind: z.literal('approval'), stage: stageSchema }),
  z.strictObject({ id, kind: z.literal('canary'), moves: z.array(z.string()) }),
  z.strictObject({ id, kind: z.literal('soak'), after: z.string(), seconds: z.number() }),
  z.strictObject({ id, kind: z.literal('proof-of-use'), move: z.string() }),
  z.strictObject({ id, kind: z.literal('handoff'), step: z.string() }),
  z.strictObject({ id, kind: z.enum(['pause-file', 'credentials', 'confirmation']) }),
]);
const schema = z.strictObject({
  gate: gateSchema,
  /** What a gate `proof-of-use` may look for itself; without it only a person, or the engine, opens it. */
  evidence: z
    .strictObject({
      namespace: z.string(),
      serviceAccount: z.string(),
      workloads: z.array(workloadParam),
      identity: identityParam,
      roleAccount: accountParam,
    })
    .optional(),
});
export type GateParams = z.infer<typeof schema>;
type Params = GateParams;
const kind = 'gate';
const paramsOf = (step: { readonly params: unknown }): Params => step.params as Params;

/** A point at which the move waits until its condition holds: approval, soak, proof of use (H10), confirmation. */
export const gate = defineStep({
  kind,
  stages: ['prepare', 'cutover', 'retire'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  checks: true,
  parseParams: parserOf(kind, schema) as (params: unknown) => never,
  describe: (step) => ({
    title: `Gate: ${paramsOf(step).gate.kind}`,
    effect: 'none',
    undo: 'Nothing to undo.',
  }),
  changes: () => [],
  reads: (step) => {
    const { evidence } = paramsOf(step);
    if (evidence === undefined) return [];
    return [
      ...evidence.workloads.flatMap((workload) => workloadReads(workload)),
      ...(evidence.identity.mechanism === 'irsa'
        ? [
            {
              api: 'aws' as const,
              service: 'cloudtrail' as const,
              operation: 'LookupEvents',
              account: evidence.roleAccount,
              input: {},
            },
          ]
        : []),
    ];
  },
  locks: () => [],
  preconditions: async () => [],
  async observe(ctx, step): Promise<Observation> {
    const state = ctx.gate(paramsOf(step).gate as Gate);
    return { is: state.is === 'open' ? 'applied' : 'not-applied', saw: { gate: state.is } };
  },
  preimage: async () => ({}),

  async apply(ctx, step): Promise<Outcome> {
    const params = paramsOf(step);
    const state = ctx.gate(params.gate as Gate);
    if (state.is === 'open') return { is: 'done', output: { by: state.by } };
    const { evidence } = params;
    let reason = state.reason;
    if (params.gate.kind === 'proof-of-use' && evidence !== undefined && evidence.identity.mechanism === 'irsa') {
      const pods = await configured(ctx, evidence.workloads, evidence.identity, evidence.serviceAccount);
      if (pods.wrong.length === 0 && pods.pods > 0) {
        const use = await usedByCloudTrail(ctx.aws(evidence.roleAccount), {
          account: evidence.roleAccount,
          role: evidence.identity.role,
          namespace: evidence.namespace,
          serviceAccount: evidence.serviceAccount,
          since: pods.newest,
          regions: useRegions(ctx),
        });
        if (use.is === 'used')
          return { is: 'done', output: { at: use.at, session: use.session, region: use.region }, proof: 'used' };
        reason = use.is === 'not-readable' ? `${reason} (${use.because})` : reason;
      }
    }
    return { is: 'paused', gate: params.gate.id, reason, how: state.how };
  },

  undo: async () => ({ is: 'done', how: 'exact', note: '' }),
});
