import { at, type JsonObject, listAt, textAt } from '../model/json.js';
import type { AwsReader } from '../model/ports.js';
import type { Change, Use } from './step.js';
import { orNull, stepError } from './step-errors.js';

/** EKS Pod Identity associations as the API gives them: a list tells no role, so each is described (EKS API reference). */
export interface LiveAssociation {
  readonly id: string;
  readonly arn: string;
  readonly role: string;
  readonly targetRole: string | null;
  readonly externalId: string | null;
  readonly ownerArn: string | null;
  readonly sessionTags: boolean;
  readonly tags: JsonObject;
}

export const describeAssociation = async (
  aws: AwsReader,
  clusterName: string,
  associationId: string,
): Promise<LiveAssociation | null> => {
  const answer = await orNull(aws.call('eks', 'DescribePodIdentityAssociation', { clusterName, associationId }));
  const found = at(answer, 'association');
  if (found === undefined) return null;
  return {
    id: textAt(found, 'associationId') ?? associationId,
    arn: textAt(found, 'associationArn') ?? '',
    role: textAt(found, 'roleArn') ?? '',
    targetRole: textAt(found, 'targetRoleArn') ?? null,
    externalId: textAt(found, 'externalId') ?? null,
    ownerArn: textAt(found, 'ownerArn') ?? null,
    sessionTags: at(found, 'disableSessionTags') !== true,
    tags: (at(found, 'tags') ?? {}) as JsonObject,
  };
};

/** The one association of a service account in a cluster, or null. */
export const associationOf = async (
  aws: AwsReader,
  clusterName: string,
  namespace: string,
  serviceAccount: string,
): Promise<LiveAssociation | null> => {
  let token: string | undefined;
  for (let page = 0; page < 100; page += 1) {
    const answer = await aws.call('eks', 'ListPodIdentityAssociations', {
      clusterName,
      namespace,
      serviceAccount,
      ...(token === undefined ? {} : { nextToken: token }),
    });
    for (const summary of listAt(answer, 'associations')) {
      if (textAt(summary, 'namespace') !== namespace || textAt(summary, 'serviceAccount') !== serviceAccount) continue;
      const found = await describeAssociation(aws, clusterName, textAt(summary, 'associationId') ?? '');
      if (found !== null) return found;
    }
    token = textAt(answer, 'nextToken');
    if (token === undefined) return null;
  }
  throw stepError('RL825', `EKS lists associations of ${namespace}/${serviceAccount} without end`, {
    remedy: 'Run the same command again.',
  });
};

export const eksChange = (account: string, operation: string, input: JsonObject): Change => ({
  api: 'aws',
  service: 'eks',
  operation,
  account,
  input,
});
export const eksUse = (account: string, operation: string, input: JsonObject): Use => ({
  api: 'aws',
  service: 'eks',
  operation,
  account,
  input,
});
