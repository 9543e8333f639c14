import type { JsonObject } from '../model/json.js';
import type { OperationPlace } from '../model/operations.js';
import type { Plan } from '../model/plan.js';
import { optionsOf } from '../planner/options-schema.js';
import { scanReads } from '../scan/reads.js';
import type { AwsUse } from './iam-policy.js';
import type { Right } from './rbac.js';

/** Where a call goes: account, and the Region where it is not the cluster's. */
export type Place = (account: string, region?: string) => OperationPlace;

/** Asked only to learn who else uses a node role (H13). */
const ofSharing: ReadonlySet<string> = new Set([
  'ec2:DescribeLaunchTemplateVersions',
  'ec2:DescribeRegions',
  'iam:ListInstanceProfilesForRole',
]);

/**
 * What a scan needs, of any cluster or of the one that a plan is for. Without `sharing` no other cluster and no other Region is looked
 * at.
 */
export const scanNeeds = (
  plan: Plan | null,
  accounts: readonly string[],
  place: Place,
  sharing: boolean,
): { readonly aws: readonly AwsUse[]; readonly rights: readonly Right[]; readonly paths: readonly string[] } => {
  const aws: AwsUse[] = [];
  const named: JsonObject = plan === null ? {} : { clusterName: plan.cluster.name, name: plan.cluster.name };
  for (const { operation, where } of scanReads.aws) {
    if (!sharing && ofSharing.has(operation)) continue;
    const [service, name] = operation.split(':') as [string, string];
    const add = (account: string, input: JsonObject, region?: string): void => {
      aws.push({ service, operation: name, input, place: place(account, region) });
    };
    // What EKS keeps of a cluster is asked for only where it is EKS's.
    const foreign =
      plan !== null && plan.cluster.kind !== 'eks' && (service === 'eks' || name === 'DescribeVpcEndpoints');
    if (where === 'cluster' && !foreign) add('', named);
    if (where === 'region') add('', {});
    if (where === 'everywhere' && sharing) add('', {}, '*');
    // Of its own cluster a scan asks the same, but for what a cluster that is not EKS's does not have.
    if (where === 'everywhere' && !sharing && !(foreign && /Nodegroup/.test(name))) add('', {});
    if (where !== 'accounts') continue;
    for (const account of accounts) {
      add(account, {});
      // Policies that AWS keeps for everybody.
      if (name.startsWith('GetPolicy'))
        add(account, { PolicyArn: `arn:${place(account).partition}:iam::aws:policy/*` });
    }
  }
  const management = plan === null ? null : optionsOf(plan).managementContext;
  // EKS runs the webhook beside the API server, where there is no Service to look at.
  const ownWebhook = plan === null || plan.cluster.kind !== 'eks';
  const rights: Right[] = [
    ...scanReads.kubernetes.filter(
      ({ kind }) => ownWebhook || !['EndpointSlice', 'Endpoints', 'Service'].includes(kind),
    ),
    ...scanReads.owners.map((owner) => ({ ...owner, verb: 'get' as const })),
    ...(management === null ? [] : scanReads.management.map((read) => ({ ...read, cluster: management }))),
  ];
  return { aws, rights, paths: scanReads.paths };
};
