import { z } from 'zod';
import { isAws } from '../model/aws-error.js';
import { sameJson } from '../model/canonical.js';
import { at, type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { refKey } from '../model/resource.js';
import { addonActive, type LiveAddon, readAddon, updateEnded } from './addons.js';
import { probeChanges, probeReads, removeProbe } from './address-probe.js';
import { eksChange, eksUse } from './associations.js';
import { firstNodeParam, oneNodeFirst } from './first-node.js';
import { unnamedPlan } from './our-marks.js';
import { accountParam, identityParam, parserOf, workloadParam, workloadRef } from './params.js';
import { carries } from './pods.js';
import { proveRole, roleProofReads } from './role-proof.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome, type WriteCtx } from './step.js';
import { hasCode, stepError } from './step-errors.js';
import { livePods, mannerOf, waitForRollout } from './template-roll.js';
import { workloadReads } from './workload-reads.js';

const schema = z.strictObject({
  cluster: z.string(),
  account: accountParam,
  addon: z.string(),
  /** The version that stays: it is resent, never raised. */
  version: z.string().nullable(),
  serviceAccountRoleArn: z.string().nullable(),
  /** Only those that this step sets; the add-on's others are resent as they are found. */
  associations: z.array(z.strictObject({ serviceAccount: z.string(), roleArn: z.string() })).nullable(),
  workloads: z.array(workloadParam),
  identity: identityParam,
  /** The CNI's: the role is proven before EKS restarts anything, and the first restarted node asked for an address (H8). */
  firstNode: firstNodeParam.optional(),
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

/** The add-on's configuration with one account's associations replaced; those of its other accounts stay as they are. */
const withOwn = (live: Config, own: Config['associations'], accounts: ReadonlySet<string>): Config['associations'] =>
  sorted([...live.associations.filter((one) => !accounts.has(one.serviceAccount)), ...own]);
const ownAccounts = ({ params }: AddonStep): ReadonlySet<string> =>
  new Set((params.associations ?? []).map((one) => one.serviceAccount));
/** What the step wants, on top of what the add-on has: either its role, or its own associations. */
const wanted = (step: AddonStep, live: Config): Config => ({
  role: step.params.serviceAccountRoleArn ?? live.role,
  associations: withOwn(live, step.params.associations ?? [], ownAccounts(step)),
});
const sameConfig = (left: Config, right: Config): boolean =>
  left.role === right.role && sameJson(left.associations, right.associations);
/** What was before, of this step's own part only. */
const restored = (step: AddonStep, live: Config, before: Config): Config => {
  const accounts = ownAccounts(step);
  return {
    role: step.params.serviceAccountRoleArn === null ? live.role : before.role,
    associations: withOwn(
      live,
      before.associations.filter((one) => accounts.has(one.serviceAccount)),
      accounts,
    ),
  };
};

/** The part that the step itself writes: others' associations are not its business. */
const ownPart = (step: AddonStep, config: Config): Config => ({
  role: step.params.serviceAccountRoleArn === null ? null : config.role,
  associations: config.associations.filter((one) => ownAccounts(step).has(one.serviceAccount)),
});
/** The configuration as planning saw it; null where the plan does not tell. */
const planned = (step: AddonStep): Config | null =>
  at(step.before, 'associations') === undefined ? null : recorded({ addon: { value: step.before } });

/** Everything present is resent: what UpdateAddon is not told it may drop; conflicts are preserved (K12 of the semantics). */
const input = ({ params }: AddonStep, config: Config, version: string | null): JsonObject => ({
  clusterName: params.cluster,
  addonName: params.addon,
  ...(version === null ? {} : { addonVersion: version }),
  ...(config.role === null ? {} : { serviceAccountRoleArn: config.role }),
  podIdentityAssociations: config.associations.map((one) => ({ ...one })),
  resolveConflicts: 'PRESERVE',
});

/** How long IAM may take until EKS knows a role that was just made. Milliseconds. */
const youngRoleMs = 120_000;

const update = async (
  ctx: WriteCtx,
  step: AddonStep,
  config: Config,
  version: string | null,
  token: string,
): Promise<void> => {
  const { account, cluster, addon } = step.params;
  const aws = ctx.aws(account);
  const began = ctx.clock.monotonic();
  const updateId = await ctx.until(`another update of add-on ${addon} is under way`, 600_000, async () => {
    try {
      const answer = await aws.call('eks', 'UpdateAddon', {
        ...input(step, config, version),
        clientRequestToken: token,
      });
      return textAt(answer, 'update', 'id') ?? '';
    } catch (thrown) {
      if (isAws(thrown, 'ResourceInUse')) return null;
      // A role made seconds ago is unknown to EKS for a while.
      const tooYoung =
        isAws(thrown, 'InvalidParameter') &&
        /role/i.test(`${thrown.data.message} ${thrown.data.cause}`) &&
        ctx.clock.monotonic() - began < youngRoleMs;
      if (tooYoung) return null;
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
    undo: 'Gives the add-on back exactly the role and associations that it had.',
  }),
  changes: (step, direction, planId = unnamedPlan) => {
    const seen = at(step.before, 'associations');
    const before: Config = {
      role: textAt(step.before, 'serviceAccountRoleArn') ?? null,
      associations: Array.isArray(seen) ? (seen as unknown as Config['associations']) : [],
    };
    const { account, version, firstNode } = step.params;
    return [
      eksChange(account, 'UpdateAddon', input(step, direction === 'apply' ? wanted(step, before) : before, version)),
      ...(firstNode !== undefined && direction === 'apply' ? probeChanges(planId, step.id) : []),
    ];
  },
  reads: ({ params: { account, cluster, addon, workloads, identity, firstNode } }) => [
    ...(firstNode === undefined ? [] : [...roleProofReads({ identity }), ...probeReads()]),
    eksUse(account, 'DescribeAddon', { clusterName: cluster, addonName: addon }),
    eksUse(account, 'DescribeUpdate', { name: cluster, addonName: addon }),
    eksUse(account, 'DescribePodIdentityAssociation', { clusterName: cluster }),
    ...workloads.flatMap((workload) => workloadReads(workload)),
  ],
  locks: ({ params }) => [
    refKey({ api: 'eks', kind: 'Addon', account: params.account, name: `${params.cluster}/${params.addon}` }),
  ],
  async preconditions(ctx, step) {
    const { account, cluster, addon } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    const before = planned(step);
    if (live === null || before === null) return [];
    const found = ownPart(step, configOf(live));
    const fits = [before, wanted(step, configOf(live))].some((one) => sameConfig(ownPart(step, one), found));
    const told = ({ role, associations }: Config): JsonObject => ({
      serviceAccountRoleArn: role,
      podIdentityAssociations: associations.map((one) => ({ ...one })),
    });
    return fits
      ? []
      : [
          {
            subject: { kind: 'Addon', account, name: `${cluster}/${addon}` },
            field: 'role and associations',
            expected: told(ownPart(step, before)),
            found: told(found),
            by: null,
          },
        ];
  },

  async observe(ctx, step): Promise<Observation> {
    const { account, cluster, addon } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    if (live === null) return { is: 'gone', what: { api: 'eks', kind: 'Addon', account, name: `${cluster}/${addon}` } };
    const saw: JsonObject = {
      serviceAccountRoleArn: live.role,
      associations: live.associations.map((one) => ({ ...one })),
      status: live.status,
    };
    // The pods are the business of the restart and of the proof behind it.
    if (!sameConfig(configOf(live), wanted(step, configOf(live)))) return { is: 'not-applied', saw };
    return { is: live.status === 'ACTIVE' ? 'applied' : 'in-progress', saw };
  },
  // What others gave the add-on is not put back by our undo, and roles that the plan does not know have no place in its journal.
  async preimage(ctx, step): Promise<JsonObject> {
    const { account, cluster, addon } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    if (live === null) return { addon: { present: false } };
    const { role, associations } = ownPart(step, configOf(live));
    return {
      addon: {
        present: true,
        value: {
          version: live.version,
          serviceAccountRoleArn: role,
          associations: associations.map((one) => ({ ...one })),
        },
      },
    };
  },
  async apply(ctx, step): Promise<Outcome> {
    const { account, cluster, addon, identity, firstNode, workloads } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    if (live === null) throw stepError('RL825', `the add-on ${addon} is not there`, { remedy: 'Make the plan again.' });
    const config = configOf(live);
    const [workload] = workloads;
    const of =
      firstNode === undefined || workload === undefined
        ? null
        : { step: step.id, move: step.move ?? '', workload, identity, account: accountName(step) };
    if (!sameConfig(config, wanted(step, config))) {
      if (of !== null && firstNode !== undefined)
        await proveRole(ctx, {
          identity,
          namespace: of.workload.namespace,
          serviceAccount: of.account,
          policies: firstNode.policies,
        });
      await update(ctx, step, wanted(step, config), live.version, ctx.token);
    } else await addonActive(ctx, account, cluster, addon);
    const held = await followRestart(ctx, step, of);
    return held ?? { is: 'done', output: { version: live.version } };
  },
  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { account, cluster, addon } = step.params;
    const live = await readAddon(ctx.aws(account), cluster, addon);
    if (live === null) return { is: 'done', how: 'gone', note: 'the add-on is not there any more' };
    const now = configOf(live);
    // The step begins only where its part is as the plan saw it: a record that says otherwise is not ours.
    const before = planned(step) ?? recorded(record.preimage);
    if (before === null || sameConfig(before, wanted(step, before)))
      return { is: 'done', how: 'kept', note: 'the add-on had this role before' };
    const target = restored(step, now, before);
    if (sameConfig(now, target)) return { is: 'done', how: 'exact', note: '' };
    if (!sameConfig(now, wanted(step, now)))
      return {
        is: 'done',
        how: 'surgical',
        note: 'somebody else gave the add-on another role meanwhile: left as it is',
      };
    await update(ctx, step, target, live.version, `${ctx.token.slice(0, 60)}-u`);
    await followRestart(ctx, step, null);
    return { is: 'done', how: 'exact', note: '' };
  },
});

const accountName = ({ params }: AddonStep): string =>
  params.associations?.[0]?.serviceAccount ?? params.firstNode?.serviceAccount ?? '';

/**
 * EKS restarts an add-on's pods when its associations change (EKS User Guide): the rollout is followed to its end, beginning with the
 * first node where that matters. For a role ARN it may not, and then the restart step does it.
 */
const followRestart = async (
  ctx: WriteCtx,
  step: AddonStep,
  of: Parameters<typeof oneNodeFirst>[1] | null,
): Promise<(Outcome & { readonly is: 'paused' }) | null> => {
  if (step.params.identity.mechanism !== 'pod-identity') return null;
  for (const workload of step.params.workloads) {
    const object = await ctx.kubernetes().get(workloadRef(workload));
    if (object === null) continue;
    if (of !== null) {
      const begun = await ctx
        .until('EKS has restarted no pod of the add-on yet', 60_000, async () =>
          (await livePods(ctx, workload)).some((pod) => carries(pod, of.identity)) ? true : null,
        )
        .catch((thrown) => {
          if (hasCode(thrown, 'RL811')) return false;
          throw thrown;
        });
      const held = begun ? await oneNodeFirst(ctx, of) : null;
      if (held !== null) return held;
      await removeProbe(ctx);
    }
    const manner = mannerOf(object, workload);
    const current = await ctx.kubernetes().get(workloadRef(workload));
    if (current !== null && manner.is === 'rolls' && manner.watched) await waitForRollout(ctx, workload, current);
  }
  return null;
};

const recorded = (preimage: JsonObject | null): Config | null => {
  const value = at(preimage, 'addon', 'value');
  if (value === undefined || value === null) return null;
  const associations = listAt(value, 'associations').map((one: Json) => ({
    serviceAccount: textAt(one, 'serviceAccount') ?? '',
    roleArn: textAt(one, 'roleArn') ?? '',
  }));
  return { role: textAt(value, 'serviceAccountRoleArn') ?? null, associations: sorted(associations) };
};
