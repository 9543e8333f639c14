import { z } from 'zod';
import { at, type JsonObject, listAt, numberAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { kubernetesRef, refKey } from '../model/resource.js';
import { addonActive, readAddon } from './addons.js';
import { eksChange, eksUse } from './associations.js';
import { fieldOf } from './object-fields.js';
import { isTaggedBy, tagMap, unnamedPlan } from './our-marks.js';
import { parserOf } from './params.js';
import { defineStep, type Observation, type Outcome, type UndoOutcome } from './step.js';
import { isGone } from './step-errors.js';

const schema = z.strictObject({ cluster: z.string(), version: z.string().nullable() });
export type InstallPodIdentityAgentParams = z.infer<typeof schema>;
type AgentStep = Step<InstallPodIdentityAgentParams>;
const kind = 'install-pod-identity-agent';
const addonName = 'eks-pod-identity-agent';
const daemonSet = kubernetesRef('apps/v1', 'DaemonSet', 'kube-system', addonName);

/** The cluster's own account, which the step's target names. */
const accountOf = ({ target }: Pick<AgentStep, 'target'>): string => ('account' in target ? target.account : '');
const input = ({ id, params }: AgentStep, planId: string): JsonObject => ({
  clusterName: params.cluster,
  addonName,
  ...(params.version === null ? {} : { addonVersion: params.version }),
  resolveConflicts: 'NONE',
  tags: tagMap(planId, id),
});

/** Installs the Pod Identity agent as an EKS add-on, and waits until it runs on every node that it is meant for. */
export const installPodIdentityAgent = defineStep<InstallPodIdentityAgentParams>({
  kind,
  stages: ['prepare'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Install the Pod Identity agent in cluster ${params.cluster}`,
    effect: 'additive',
    undo: 'Removes the add-on, unless some association needs it by then.',
  }),
  changes: (step, direction, planId = unnamedPlan) => [
    direction === 'apply'
      ? eksChange(accountOf(step), 'CreateAddon', input(step, planId))
      : eksChange(accountOf(step), 'DeleteAddon', { clusterName: step.params.cluster, addonName }),
  ],
  reads: (step) => [
    eksUse(accountOf(step), 'DescribeAddon', { clusterName: step.params.cluster, addonName }),
    eksUse(accountOf(step), 'ListPodIdentityAssociations', { clusterName: step.params.cluster }),
    { api: 'kubernetes', verb: 'get', ref: daemonSet },
  ],
  locks: (step) => [
    refKey({ api: 'eks', kind: 'Addon', account: accountOf(step), name: `${step.params.cluster}/${addonName}` }),
  ],
  preconditions: async () => [],

  async observe(ctx, step): Promise<Observation> {
    const addon = await readAddon(ctx.aws(accountOf(step)), step.params.cluster, addonName);
    if (addon === null) return { is: 'not-applied', saw: { addon: { present: false } } };
    const saw: JsonObject = { addon: { present: true, value: addon.status } };
    return { is: addon.status === 'ACTIVE' ? 'applied' : 'in-progress', saw };
  },
  async preimage(ctx, step): Promise<JsonObject> {
    const addon = await readAddon(ctx.aws(accountOf(step)), step.params.cluster, addonName);
    return { addon: fieldOf(addon?.version) };
  },
  async apply(ctx, step): Promise<Outcome> {
    const account = accountOf(step);
    const { cluster } = step.params;
    const aws = ctx.aws(account);
    if ((await readAddon(aws, cluster, addonName)) === null)
      try {
        await aws.call('eks', 'CreateAddon', { ...input(step, ctx.plan.id), clientRequestToken: ctx.token });
      } catch (thrown) {
        if ((await readAddon(aws, cluster, addonName).catch(() => null)) === null) throw thrown;
      }
    const addon = await addonActive(ctx, account, cluster, addonName);
    await ctx.until('the Pod Identity agent does not run on every node yet', 600_000, async () => {
      const object = await ctx.kubernetes().get(daemonSet);
      const desired = numberAt(object, 'status', 'desiredNumberScheduled') ?? 0;
      return object !== null && (numberAt(object, 'status', 'numberReady') ?? 0) >= desired ? true : null;
    });
    return { is: 'done', output: { version: addon.version } };
  },
  async undo(ctx, step, record): Promise<UndoOutcome> {
    const account = accountOf(step);
    const { cluster } = step.params;
    const aws = ctx.aws(account);
    const addon = await readAddon(aws, cluster, addonName);
    if (addon === null) return { is: 'done', how: 'gone', note: 'the add-on is not there any more' };
    if (at(record.preimage, 'addon', 'present') === true || !isTaggedBy(addon.tags, ctx.plan.id))
      return { is: 'done', how: 'kept', note: 'the add-on is not ours' };
    const list = await aws.call('eks', 'ListPodIdentityAssociations', { clusterName: cluster });
    if (listAt(list, 'associations').length > 0)
      return { is: 'done', how: 'kept', note: 'associations of others need the agent' };
    // An interrupted undo has asked for it already.
    if (addon.status !== 'DELETING')
      try {
        await aws.call('eks', 'DeleteAddon', { clusterName: cluster, addonName });
      } catch (thrown) {
        if (!isGone(thrown)) throw thrown;
      }
    await ctx.until('EKS is removing the Pod Identity agent', 600_000, async () =>
      (await readAddon(aws, cluster, addonName)) === null ? true : null,
    );
    return { is: 'done', how: 'exact', note: '' };
  },
});
