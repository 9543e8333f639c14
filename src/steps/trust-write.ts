import { type JsonObject, textAt } from '../model/json.js';
import type { AwsReader } from '../model/ports.js';
import { type Ref, type RefKey, refKey, type Subject } from '../model/resource.js';
import { parseTrust, sameTrust } from '../trust/document.js';
import type { Drift, ReadCtx, StepCtx, Use, WriteCtx } from './step.js';
import { hasCode, orNull, settled, stepError } from './step-errors.js';

/** Consecutive reads that must show our document before it counts as written (H20). */
const steady = 3;
const consistencyBoundMs = 120_000;

export const roleRef = (account: string, role: string): Ref => ({ api: 'iam', kind: 'Role', account, name: role });
export const roleKey = (account: string, role: string): RefKey => refKey(roleRef(account, role));
export const roleSubject = (account: string, role: string): Subject => ({ kind: 'Role', account, name: role });
export const getRole = (account: string, role: string): Use => ({
  api: 'aws',
  service: 'iam',
  operation: 'GetRole',
  account,
  input: { RoleName: role },
});

export interface LiveRole {
  readonly arn: string;
  readonly roleId: string;
  readonly path: string;
  /** The trust policy, decoded, byte for byte. */
  readonly trust: string;
  readonly raw: JsonObject;
}

/** A role as IAM tells it now; null where it is not there. */
export const readRole = async (aws: AwsReader, role: string): Promise<LiveRole | null> => {
  const answer = await orNull(aws.call('iam', 'GetRole', { RoleName: role }));
  const raw = answer?.Role as JsonObject | undefined;
  if (raw === undefined) return null;
  const text = textAt(raw, 'AssumeRolePolicyDocument') ?? '';
  const parsed = parseTrust(text);
  return {
    arn: textAt(raw, 'Arn') ?? '',
    roleId: textAt(raw, 'RoleId') ?? '',
    path: textAt(raw, 'Path') ?? '/',
    trust: parsed.is === 'document' ? parsed.text : text,
    raw,
  };
};

/** The role of that name is another one than the plan speaks of: somebody made it anew. */
export const anotherRole = (
  { account, role, roleArn }: { readonly account: string; readonly role: string; readonly roleArn: string },
  live: LiveRole | null,
): readonly Drift[] =>
  live === null || live.arn === roleArn
    ? []
    : [{ subject: roleSubject(account, role), field: 'Arn', expected: roleArn, found: live.arn, by: null }];

/** The trust policy that a step on one recorded before its write; null where it recorded none. */
export const recordedTrust = (preimage: JsonObject | null): string | null =>
  textAt(preimage, 'document', 'value') ?? null;

const note = (ctx: StepCtx, key: RefKey, text: string): void => {
  if (ctx.known === undefined) return;
  const list = ctx.known.get(key) ?? [];
  if (list.length === 0 || !sameTrust(list.at(-1) as string, text)) list.push(text);
  ctx.known.set(key, list);
};

/** Whether a read equals a version that we know to be older than the last one: an answer from a place that lags. */
const isStale = (versions: readonly string[], text: string): boolean =>
  versions.length > 1 &&
  !sameTrust(versions.at(-1) as string, text) &&
  versions.slice(0, -1).some((version) => sameTrust(version, text));

/**
 * The role as it is now and not as it was: an answer that equals a version older than the last known one is stale and waited
 * over; where it stays, somebody really went back to it, and it is believed.
 */
export const freshRole = async (
  ctx: ReadCtx,
  account: string,
  role: string,
  older: readonly string[] = [],
): Promise<LiveRole | null> => {
  const key = roleKey(account, role);
  const versions = [...older, ...(ctx.known?.get(key) ?? [])];
  let last: LiveRole | null = null;
  try {
    return await ctx
      .until(`IAM still answers with an older trust policy of ${role}`, 30_000, async () => {
        last = await readRole(ctx.aws(account), role);
        return last !== null && isStale(versions, last.trust) ? null : { role: last };
      })
      .then((found) => found.role);
  } catch (thrown) {
    if (hasCode(thrown, 'RL811')) return last;
    throw thrown;
  }
};

export type TrustDecision =
  | { readonly is: 'write'; readonly text: string }
  /** Nothing to write. */
  | { readonly is: 'leave' };

/**
 * Read, decide, write, and read until our document stands on several consecutive reads (H20: IAM has no conditional write).
 * `holds` tells whether what was wanted is in a document; where somebody wrote over it inside the window, it is decided
 * anew from what they wrote, a bounded number of times. Answers the document before and after.
 */
export const editTrust = async (
  ctx: WriteCtx,
  account: string,
  role: string,
  decide: (live: LiveRole) => TrustDecision,
  holds: (text: string) => boolean,
  older: readonly string[] = [],
): Promise<{ readonly before: string; readonly after: string; readonly wrote: boolean } | null> => {
  const aws = ctx.aws(account);
  const key = roleKey(account, role);
  for (let attempt = 1; ; attempt += 1) {
    const live = await freshRole(ctx, account, role, older);
    if (live === null) return null;
    const decision = decide(live);
    note(ctx, key, live.trust);
    if (decision.is === 'leave') return { before: live.trust, after: live.trust, wrote: false };
    const { text } = decision;
    await settled(
      () => aws.call('iam', 'UpdateAssumeRolePolicy', { RoleName: role, PolicyDocument: text }),
      async () => sameTrust((await readRole(aws, role))?.trust ?? '', text),
    );
    note(ctx, key, text);
    const settledOn = await steadyRead(ctx, account, role, text, live.trust);
    if (settledOn === null) return null;
    if (sameTrust(settledOn, text) || holds(settledOn)) {
      note(ctx, key, settledOn);
      return { before: live.trust, after: settledOn, wrote: true };
    }
    if (attempt >= 4)
      throw stepError('RL874', `the trust policy of role ${role} is written by others again and again`, {
        subject: roleSubject(account, role),
        remedy: 'Find out what else writes it (Terraform, a controller, another run), then run the same command again.',
      });
  }
};

/** The document that several consecutive reads agree on and that is not the one before our write. */
const steadyRead = async (
  ctx: WriteCtx,
  account: string,
  role: string,
  ours: string,
  before: string,
): Promise<string | null> => {
  let agreed = 0;
  let last: string | null = null;
  let missing = 0;
  try {
    const found = await ctx.until(
      `the trust policy of ${role} is not the same on every read yet`,
      consistencyBoundMs,
      async () => {
        const live = await readRole(ctx.aws(account), role);
        if (live === null) {
          missing += 1;
          return missing >= steady ? { text: null } : null;
        }
        missing = 0;
        agreed = last !== null && sameTrust(last, live.trust) ? agreed + 1 : 1;
        last = live.trust;
        // The old document may only be a place that lags: it is not taken for an answer before the bound.
        if (sameTrust(live.trust, before) && !sameTrust(before, ours)) return null;
        return agreed >= steady ? { text: live.trust } : null;
      },
    );
    return found.text;
  } catch (thrown) {
    if (hasCode(thrown, 'RL811') && last !== null && sameTrust(last, before)) return before;
    throw thrown;
  }
};
