import { at, type Json, type JsonObject, listAt, textAt } from '../model/json.js';
import type { AwsReader } from '../model/ports.js';
import { describeAssociation } from './associations.js';
import type { ReadCtx } from './step.js';
import { orNull, stepError } from './step-errors.js';

export interface LiveAddon {
  readonly status: string;
  readonly version: string;
  readonly role: string | null;
  readonly associations: readonly { readonly serviceAccount: string; readonly roleArn: string }[];
  readonly tags: JsonObject;
  readonly issues: readonly Json[];
}

/** An EKS add-on with the roles of its associations, which DescribeAddon gives as ARNs only (EKS API reference). */
export const readAddon = async (aws: AwsReader, clusterName: string, addonName: string): Promise<LiveAddon | null> => {
  const answer = await orNull(aws.call('eks', 'DescribeAddon', { clusterName, addonName }));
  const addon = at(answer, 'addon');
  if (addon === undefined) return null;
  const associations: { serviceAccount: string; roleArn: string }[] = [];
  for (const arn of listAt(addon, 'podIdentityAssociations')) {
    const id = String(arn).split('/').at(-1) ?? '';
    const described = await orNull(
      aws.call('eks', 'DescribePodIdentityAssociation', { clusterName, associationId: id }),
    );
    const association = await describeAssociation(aws, clusterName, id);
    if (association !== null)
      associations.push({
        serviceAccount: textAt(described, 'association', 'serviceAccount') ?? '',
        roleArn: association.role,
      });
  }
  return {
    status: textAt(addon, 'status') ?? '',
    version: textAt(addon, 'addonVersion') ?? '',
    role: textAt(addon, 'serviceAccountRoleArn') ?? null,
    associations: associations.sort((left, right) => (left.serviceAccount < right.serviceAccount ? -1 : 1)),
    tags: (at(addon, 'tags') ?? {}) as JsonObject,
    issues: listAt(addon, 'health', 'issues'),
  };
};

const addonBoundMs = 20 * 60_000;

/** Polls an update to its end; RL829 with what EKS says where it fails. */
export const updateEnded = (
  ctx: ReadCtx,
  account: string,
  name: string,
  addonName: string,
  updateId: string,
): Promise<true> =>
  ctx.until(`EKS is updating the add-on ${addonName}`, addonBoundMs, async () => {
    // EKS may not know the update yet that it has just answered with.
    const answer = await orNull(ctx.aws(account).call('eks', 'DescribeUpdate', { name, updateId, addonName }));
    const status = textAt(answer, 'update', 'status');
    if (status === 'Successful') return true;
    if (status !== 'Failed' && status !== 'Cancelled') return null;
    throw stepError('RL829', `the update of add-on ${addonName} ended as ${status}`, {
      cause: listAt(answer, 'update', 'errors')
        .map((error) => `${textAt(error, 'errorCode')}: ${textAt(error, 'errorMessage')}`)
        .join('; '),
      remedy: 'Heal what EKS complains about, then run the same command again.',
    });
  });

/** Waits until the add-on is ACTIVE; the SDK's own waiter does not see UPDATE_FAILED. */
export const addonActive = (ctx: ReadCtx, account: string, cluster: string, addonName: string): Promise<LiveAddon> =>
  ctx.until(`the add-on ${addonName} is not ACTIVE yet`, addonBoundMs, async () => {
    const addon = await readAddon(ctx.aws(account), cluster, addonName);
    if (addon?.status === 'ACTIVE') return addon;
    if (addon !== null && ['CREATE_FAILED', 'UPDATE_FAILED', 'DELETE_FAILED', 'DEGRADED'].includes(addon.status))
      throw stepError('RL829', `the add-on ${addonName} is ${addon.status}`, {
        cause: JSON.stringify(addon.issues).slice(0, 500),
        remedy: 'Heal what EKS complains about, then run the same command again.',
      });
    return null;
  });
