import { at, type JsonObject, listAt, textAt } from '../model/json.js';
import type { AwsReader } from '../model/ports.js';
import { parseTrust, sameTrust } from '../trust/document.js';
import type { WriteCtx } from './step.js';
import { orNull, settled, settledRemoval } from './step-errors.js';

/** Every page of an IAM list; IAM may return fewer than asked with IsTruncated: only the marker counts. */
export const everyPage = async (
  aws: AwsReader,
  operation: string,
  input: JsonObject,
  key: string,
): Promise<readonly JsonObject[] | null> => {
  const found: JsonObject[] = [];
  let marker: string | undefined;
  for (let page = 0; page < 1000; page += 1) {
    const answer = await orNull(
      aws.call('iam', operation, { ...input, ...(marker === undefined ? {} : { Marker: marker }) }),
    );
    if (answer === null) return null;
    found.push(...(listAt(answer, key) as readonly JsonObject[]));
    marker = textAt(answer, 'Marker');
    if (at(answer, 'IsTruncated') !== true || marker === undefined) break;
  }
  return found;
};

/** ARNs of the managed policies that hang on a role; null where the role is not there. */
export const attachedPolicies = async (aws: AwsReader, role: string): Promise<readonly string[] | null> =>
  (await everyPage(aws, 'ListAttachedRolePolicies', { RoleName: role }, 'AttachedPolicies'))?.map(
    (policy) => textAt(policy, 'PolicyArn') ?? '',
  ) ?? null;

/** An inline policy's document, decoded, byte for byte; null where it is not there. */
export const inlinePolicy = async (aws: AwsReader, role: string, policyName: string): Promise<string | null> => {
  const answer = await orNull(aws.call('iam', 'GetRolePolicy', { RoleName: role, PolicyName: policyName }));
  const text = textAt(answer, 'PolicyDocument');
  return text === undefined ? null : decodedPolicy(text);
};

export const decodedPolicy = (text: string): string => {
  const parsed = parseTrust(text);
  return parsed.is === 'document' ? parsed.text : text;
};

interface InlinePlace {
  readonly account: string;
  readonly role: string;
  readonly policyName: string;
}
const untilInline = (ctx: WriteCtx, place: InlinePlace, holds: (text: string | null) => boolean): Promise<true> =>
  ctx.until(`IAM does not show the inline policies of ${place.role} as they are yet`, 60_000, async () =>
    holds(await inlinePolicy(ctx.aws(place.account), place.role, place.policyName)) ? true : null,
  );

/** Writes an inline policy, and waits until IAM shows it. */
export const putInline = async (ctx: WriteCtx, place: InlinePlace, text: string): Promise<void> => {
  const aws = ctx.aws(place.account);
  const holds = (now: string | null): boolean => now !== null && sameTrust(now, text);
  await settled(
    () =>
      aws.call('iam', 'PutRolePolicy', { RoleName: place.role, PolicyName: place.policyName, PolicyDocument: text }),
    async () => holds(await inlinePolicy(aws, place.role, place.policyName)),
  );
  await untilInline(ctx, place, holds);
};

/** Deletes an inline policy; gone already is done. */
export const removeInline = async (ctx: WriteCtx, place: InlinePlace): Promise<void> => {
  const aws = ctx.aws(place.account);
  await settledRemoval(
    () => aws.call('iam', 'DeleteRolePolicy', { RoleName: place.role, PolicyName: place.policyName }),
    async () => (await inlinePolicy(aws, place.role, place.policyName)) === null,
  );
  await untilInline(ctx, place, (text) => text === null);
};
