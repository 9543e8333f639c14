import { z } from 'zod';
import type { Gate } from '../model/gate.js';
import { textAt } from '../model/json.js';
import { parseRoleArn } from '../model/resource.js';
import { stageSchema } from '../model/words.js';
import { lookFor, nodeEvidenceParam, nodeEvidenceReads } from './node-evidence.js';
import { accountParam, identityParam, parserOf, workloadParam } from './params.js';
import { configured, usedByCloudTrail, useRegions } from './proof.js';
import { roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type ReadCtx, type Use } from './step.js';
import { orNull } from './step-errors.js';
import { workloadReads } from './workload-reads.js';

const id = z.string();
const gateSchema = z.discriminatedUnion('kind', [
  z.strictObject({ id, kind: z.literal('approval'), stage: stageSchema }),
  z.strictObject({ id, kind: z.literal('canary'), moves: z.array(z.string()) }),
  z.strictObject({ id, kind: z.literal('soak'), after: z.string(), seconds: z.number() }),
  z.strictObject({ id, kind: z.literal('proof-of-use'), move: z.string() }),
  z.strictObject({ id, kind: z.literal('evidence'), move: z.string() }),
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
      /** The role is this account's alone, made for it: then its being used at all is a proof (GetRole, RoleLastUsed). */
      dedicated: z.boolean().optional(),
    })
    .optional(),
  /** What a gate `evidence` looks for in nodes, reports and policies. */
  looks: nodeEvidenceParam.optional(),
});
export type GateParams = z.infer<typeof schema>;
type Params = GateParams;
const kind = 'gate';
const paramsOf = (step: { readonly params: unknown }): Params => step.params as Params;

type Evidence = NonNullable<Params['evidence']>;
const nameOfRole = (evidence: Evidence): string => parseRoleArn(evidence.identity.role)?.name ?? '';
const dedicatedRead = (evidence: Evidence): Use =>
  roleUse(evidence.roleAccount, 'GetRole', { RoleName: nameOfRole(evidence) });

/** When a role was last used, as IAM tells it (up to some hours late); null where it never was. */
const lastUse = async (
  ctx: ReadCtx,
  evidence: Evidence,
): Promise<{ readonly at: number; readonly region: string } | null> => {
  const answer = await orNull(ctx.aws(evidence.roleAccount).call('iam', 'GetRole', { RoleName: nameOfRole(evidence) }));
  const when = Date.parse(textAt(answer, 'Role', 'RoleLastUsed', 'LastUsedDate') ?? '');
  return Number.isNaN(when) ? null : { at: when, region: textAt(answer, 'Role', 'RoleLastUsed', 'Region') ?? '' };
};

const titleOf = ({ gate: { kind: of }, looks }: Params): string => {
  if (looks === undefined) return `Gate: ${of}`;
  switch (looks.is) {
    case 'new-node':
      return `Gate: a node that joins after ${looks.watch ? 'the policy left' : 'the restart'} gives a pod an address`;
    case 'unused':
      return `Gate: the last-accessed report of ${parseRoleArn(looks.roleArn)?.name ?? looks.roleArn} shows nothing of what it loses`;
    case 'withdrawn':
      return `Gate: ${looks.policy.name} of role ${looks.role} no longer allows what the CNI needs`;
  }
};

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
    title: titleOf(paramsOf(step)),
    effect: 'none',
    undo: 'Nothing to undo.',
  }),
  changes: () => [],
  reads: (step, direction) => {
    if (direction === 'undo') return [];
    const { evidence, looks } = paramsOf(step);
    if (looks !== undefined) return nodeEvidenceReads(looks);
    if (evidence === undefined) return [];
    return [
      ...(evidence.dedicated === true ? [dedicatedRead(evidence)] : []),
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
    const { evidence, looks } = params;
    let reason = state.reason;
    if (looks !== undefined) {
      const seen = await lookFor(ctx, looks);
      if (seen.is === 'seen') return { is: 'done', output: seen.output };
      return { is: 'paused', gate: params.gate.id, reason: seen.reason, how: state.how, evidence: true };
    }
    // A token of ours that was exchanged would count as a use.
    const own = ctx.settings.proveToken && evidence?.identity.mechanism === 'irsa';
    if (params.gate.kind === 'proof-of-use' && evidence?.dedicated === true && !own) {
      const pods = await configured(ctx, evidence.workloads, evidence.identity, evidence.serviceAccount);
      const used = await lastUse(ctx, evidence);
      if (pods.wrong.length === 0 && pods.pods > 0 && used !== null && used.at > pods.newest)
        return { is: 'done', output: { at: new Date(used.at).toISOString(), region: used.region }, proof: 'used' };
    }
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
