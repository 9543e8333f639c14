import { z } from 'zod';
import { isAws } from '../model/aws-error.js';
import { sameJson } from '../model/canonical.js';
import { at, type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { refKey } from '../model/resource.js';
import { addonActive, type LiveAddon, readAddon, updateEnded } from './addons.js';
import { eksChange, eksUse } from './associations.js';
import { accountParam, identityParam, parserOf, workloadParam, workloadRef } from './params.js';
import { carries, lacks } from './pods.js';
import { podDeletion } from './restart-workload.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome, type WriteCtx } from './step.js';
import { stepError } from './step-errors.js';
import { finishRoll, livePods, madeAnew, replacePods } from './template-roll.js';
import { workloadReads } from './workload-reads.js';

const schema = z.strictObject({
  cluster: z.string(),
  account: accountParam,
  addon: z.string(),
  /** The version that stays: it is resent, never raised. */
  version: z.string().nullable(),
  serviceAccountRoleArn: z.string().nullable(),
  associations: z.array(z.strictObject({ serviceAccount: z.string(), roleArn: z.string() })).nullable(),
  workloads: z.array(workloadParam),
  identity: identityParam,
});
export type UpdateAddonParams = z.infer<typeof schema>;
type AddonStep = Step<UpdateAddonParams>;
const kind = 'update-addon';

interface Config {
  readonly role: string | null;
  readonly associations: readonly { readonly serviceAccount: string; readonly roleArn: string }[];
}
const sorted = (list: Config['associations']): Config['associations'] =>
  [...list].sort((left, right) => (left.serviceAccount < right.serviceAccount ? -1 : 1));
const configOf = (addon: LiveAddon): Config => ({ role: addon.role, associations: sorted(addon.associations) });
const wanted = ({ params }: AddonStep): Config => ({
  role: params.serviceAccountRoleArn,
  associations: sorted(params.associations ?? []),
});
const sameConfig = (left: Config, right: Config): boolean =>
  left.role === right.role && sameJson(left.associations, right.associations);

/** Everything present is resent: what UpdateAddon is not told it may drop; conflicts are preserved (K12 of the semantics). */
const input = ({ params }: AddonStep, config: Config, version: string | null): JsonObject => ({
  clusterName: params.cluster,
  addonName: params.addon,
  ...(version === null ? {} : { addonVersion: version }),
  ...(config.role === null ? {} : { serviceAccountRoleArn: config.role }),
  podIdentityAssociations: config.associations.map((one) => ({ ...one })),
  resolveConflicts: 'PRESERVE',
});

const update = async (
  ctx: WriteCtx,
  step: AddonStep,
  config: Config,
  version: string | null,
  token: string,
): Promise<void> => {
  const { account, cluster, addon } = step.params;
  const aws = ctx.aws(account);
  const updateId = await ctx.until(`another update of add-on ${addon} is under way`, 600_000, async () => {
    try {
      const answer = await aws.call('eks', 'UpdateAddon', {
        ...input(step, config, version),
        clientRequestToken: token,
      });
      return textAt(answer, 'update', 'id') ?? '';
    } catch (thrown) {
      if (isAws(thrown, 'ResourceInUse')) return null;
      const now = await readAddon(aws, cluster, addon).catch(() => null);
      if (now !== null && sameConfig(configOf(now), config)) return '';
      throw thrown;
    }
  });
  if (updateId !== '') await updateEnded(ctx, account, cluster, addon, updateId);
  await addonActive(ctx, account, cluster, addon);
};

/**
 * Gives an EKS add-on its role or its associations through the add-on itself, which owns them (EKS: UpdateAddon,
 * DescribeUpdate polled to its end, then ACTIVE, then its pods).
 */
export const updateAddon = defineStep<UpdateAddonParams>({
  kind,
  stages: ['cutover'],
  skippable: false,
  undoWithMove: false,
  rollout: true,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Give add-on ${params.addon} of cluster ${params.cluster} its own role`,
    effect: 'disruptive',
    undo: 'Gives the add-on back exactly the role and associations that it had, and replaces its pods.',
  }),
  changes: (step, direction) => {
    const seen = at(step.before, 'associations');
    const before: Config = {
      role: textAt(step.before, 'serviceAccountRoleArn') ?? null,
      associations: Array.isArray(seen) ? (seen as unknown as Config['associations']) : [],
    };
    return [
      eksChange(
        step.params.account,
        'UpdateAddon',
        input(step, direction === 'apply' ? wanted(step) : before, step.params.version),
      ),
      ...step.params.workloads.slice(0, 1).map((workload) => podDeletion(workload)),
    ];
  },
  reads: ({ params: { account, cluster, addon, workloads } }) => [
    eksUse(account, 'DescribeAddon', { clusterName: cluster, addonName: addon }),
    eksUse(account, 'DescribeUpdate', { name: cluster, addonName: addon }),
    eksUse(account, 'DescribePodIdentityAssociation', { clusterName: cluster }),
    ...workloads.flatMap((workload) => workloadReads(workload)),
  ],
  locks: ({ params }) => [
    refKey({ api: 'eks', kind: 'Addon', account: params.account, name: `${params.cluster}/${params.addon}` }),
  ],
  preconditions: async () => [],

  async observe(ctx, step): Promise<Observation> {
    const { account, cluster, addon, workloads, identity } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    if (live === null) return { is: 'gone', what: { api: 'eks', kind: 'Addon', account, name: `${cluster}/${addon}` } };
    const saw: JsonObject = {
      serviceAccountRoleArn: live.role,
      associations: live.associations.map((one) => ({ ...one })),
      status: live.status,
    };
    if (!sameConfig(configOf(live), wanted(step))) return { is: 'not-applied', saw };
    if (live.status !== 'ACTIVE') return { is: 'in-progress', saw };
    for (const workload of workloads)
      if ((await livePods(ctx, workload)).some((pod) => lacks(pod, identity).length > 0))
        return { is: 'in-progress', saw };
    return { is: 'applied', saw };
  },
  async preimage(ctx, { params }): Promise<JsonObject> {
    const live = await readAddon(ctx.aws(params.account), params.cluster, params.addon);
    if (live === null) return { addon: { present: false } };
    return {
      addon: {
        present: true,
        value: {
          version: live.version,
          serviceAccountRoleArn: live.role,
          associations: live.associations.map((one) => ({ ...one })),
        },
      },
    };
  },
  async apply(ctx, step): Promise<Outcome> {
    const { account, cluster, addon, workloads, identity } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    if (live === null) throw stepError('RL825', `the add-on ${addon} is not there`, { remedy: 'Make the plan again.' });
    if (!sameConfig(configOf(live), wanted(step))) await update(ctx, step, wanted(step), live.version, ctx.token);
    else await addonActive(ctx, account, cluster, addon);
    for (const workload of workloads) {
      const object = await ctx.kubernetes().get(workloadRef(workload));
      if (object === null) continue;
      // EKS restarts pods for associations; for a role ARN it may not, so what is left is replaced here.
      const rolled = await finishRoll(ctx, workload, object, (pod) => lacks(pod, identity), {
        why: `pods of ${workload.namespace}/${workload.name} do not have the new identity yet`,
        rolling: true,
      });
      if (rolled.is === 'paused')
        return { is: 'paused', gate: `restart:${step.id}`, reason: rolled.reason, how: rolled.how };
    }
    return { is: 'done', output: { version: live.version } };
  },
  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { account, cluster, addon, workloads, identity } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    if (live === null) return { is: 'done', how: 'gone', note: 'the add-on is not there any more' };
    const before = recorded(record.preimage) ?? recorded({ addon: { value: step.before } });
    if (before === null || sameConfig(before, wanted(step)))
      return { is: 'done', how: 'kept', note: 'the add-on had this role before' };
    let how: 'exact' | 'surgical' = 'exact';
    if (sameConfig(configOf(live), wanted(step)))
      await update(ctx, step, before, live.version, `${ctx.token.slice(0, 60)}-u`);
    else if (!sameConfig(configOf(live), before)) how = 'surgical';
    if (how === 'surgical')
      return { is: 'done', how, note: 'somebody else gave the add-on another role meanwhile: left as it is' };
    for (const workload of workloads) {
      if ((await ctx.kubernetes().get(workloadRef(workload))) === null || !madeAnew(workload)) continue;
      await replacePods(
        ctx,
        workload,
        (pod) => carries(pod, identity),
        `pods of add-on ${addon} still carry the new identity`,
      );
    }
    return { is: 'done', how, note: '' };
  },
});

const recorded = (preimage: JsonObject | null): Config | null => {
  const value = at(preimage, 'addon', 'value');
  if (value === undefined || value === null) return null;
  const associations = listAt(value, 'associations').map((one: Json) => ({
    serviceAccount: textAt(one, 'serviceAccount') ?? '',
    roleArn: textAt(one, 'roleArn') ?? '',
  }));
  return { role: textAt(value, 'serviceAccountRoleArn') ?? null, associations: sorted(associations) };
};
