import { z } from 'zod';
import { at, type JsonObject, listAt, textAt } from '../model/json.js';
import type { Step } from '../model/plan.js';
import { refKey } from '../model/resource.js';
import { parseTrust, principalsOf } from '../trust/document.js';
import { providerArnFor } from '../trust/statement.js';
import { madeInIam } from './iam-objects.js';
import { fieldOf, plannedAt } from './object-fields.js';
import { isTaggedBy, tagList, unnamedPlan } from './our-marks.js';
import { accountParam, parserOf } from './params.js';
import { roleChange, roleUse } from './role-policy.js';
import { defineStep, type Observation, type Outcome, type ReadCtx, type UndoOutcome } from './step.js';
import { hasCode, isGone, orNull, settled, stepError } from './step-errors.js';

const schema = z.strictObject({
  account: accountParam,
  issuer: z.string().regex(/^https:\/\/[^?#]+$/),
  audiences: z.array(z.string()).min(1),
});
export type CreateOidcProviderParams = z.infer<typeof schema>;
type ProviderStep = Step<CreateOidcProviderParams>;
const kind = 'create-oidc-provider';

const target = ({ account, issuer }: CreateOidcProviderParams) =>
  ({ api: 'iam', kind: 'OIDCProvider', account, name: issuer.replace(/^https:\/\//, '') }) as const;
const arnFor = (partition: string, params: CreateOidcProviderParams): string =>
  providerArnFor(partition, params.account, params.issuer);

/** As a change spells it where the partition is not at hand: the target's name tells it all the same. */
const partitionOf = (step: ProviderStep): string =>
  step.params.issuer.endsWith('.cn') || /\.amazonaws\.com\.cn(\/|$)/.test(step.params.issuer)
    ? 'aws-cn'
    : /\.us-gov-[a-z]+-\d\./.test(step.params.issuer)
      ? 'aws-us-gov'
      : 'aws';

/** What planning saw of the provider: its audiences, or null where there was none. */
const plannedAudiences = (step: ProviderStep): readonly string[] | null => {
  if (at(step.before, 'exists') === false) return null;
  const seen = plannedAt(step, '/ClientIDList') ?? at(step.before, 'audiences');
  return Array.isArray(seen) ? seen.filter((one): one is string => typeof one === 'string') : null;
};

const createInput = (step: ProviderStep, planId: string): JsonObject => ({
  Url: step.params.issuer,
  ClientIDList: [...step.params.audiences],
  Tags: tagList(planId, step.id),
});

const read = async (ctx: ReadCtx, params: CreateOidcProviderParams) => {
  const answer = await orNull(
    ctx
      .aws(params.account)
      .call('iam', 'GetOpenIDConnectProvider', { OpenIDConnectProviderArn: arnFor(ctx.plan.partition, params) }),
  );
  if (answer === null) return null;
  const audiences = listAt(answer, 'ClientIDList').filter((one): one is string => typeof one === 'string');
  return { audiences, tags: at(answer, 'Tags') ?? [] };
};

/**
 * Makes IAM know the cluster's issuer, or completes a provider that lacks the audience; it is never made anew (IAM:
 * CreateOpenIDConnectProvider, AddClientIDToOpenIDConnectProvider; the thumbprint is left to IAM's own CA library).
 */
export const createOidcProvider = defineStep<CreateOidcProviderParams>({
  kind,
  stages: ['prepare'],
  skippable: false,
  undoWithMove: false,
  rollout: false,
  parseParams: parserOf(kind, schema),
  describe: ({ params }) => ({
    title: `Make account ${params.account} know the issuer ${params.issuer}`,
    effect: 'additive',
    undo: 'Deletes the provider, unless some trust policy still names it; takes added audiences away.',
  }),
  changes(step, direction, planId = unnamedPlan) {
    const { params } = step;
    const planned = plannedAudiences(step);
    const arn = { OpenIDConnectProviderArn: arnFor(partitionOf(step), params) };
    if (planned === null)
      return direction === 'apply'
        ? [roleChange(params.account, 'CreateOpenIDConnectProvider', createInput(step, planId))]
        : [roleChange(params.account, 'DeleteOpenIDConnectProvider', arn)];
    const operation =
      direction === 'apply' ? 'AddClientIDToOpenIDConnectProvider' : 'RemoveClientIDFromOpenIDConnectProvider';
    return params.audiences
      .filter((audience) => !planned.includes(audience))
      .map((ClientID) => roleChange(params.account, operation, { ...arn, ClientID }));
  },
  reads: (step, direction) => [
    roleUse(step.params.account, 'GetOpenIDConnectProvider', {
      OpenIDConnectProviderArn: arnFor(partitionOf(step), step.params),
    }),
    // Whether some trust policy still names the provider is asked before it is deleted (H3).
    ...(direction === 'apply' ? [] : [roleUse(step.params.account, 'ListRoles', {})]),
  ],
  locks: ({ params }) => [refKey(target(params))],
  preconditions: async () => [],

  async observe(ctx, { params }): Promise<Observation> {
    const provider = await read(ctx, params);
    if (provider === null) return { is: 'not-applied', saw: { provider: { present: false } } };
    const complete = params.audiences.every((audience) => provider.audiences.includes(audience));
    return { is: complete ? 'applied' : 'not-applied', saw: { audiences: provider.audiences } };
  },

  async preimage(ctx, { params }): Promise<JsonObject> {
    const provider = await read(ctx, params);
    return { audiences: fieldOf(provider?.audiences) };
  },

  async apply(ctx, step): Promise<Outcome> {
    const { params } = step;
    const aws = ctx.aws(params.account);
    const arn = arnFor(ctx.plan.partition, params);
    const complete = async (): Promise<boolean> => {
      const now = await read(ctx, params);
      return now !== null && params.audiences.every((audience) => now.audiences.includes(audience));
    };
    const provider = await madeInIam(
      ctx,
      { what: `the provider for ${params.issuer}`, read: () => read(ctx, params) },
      () => aws.call('iam', 'CreateOpenIDConnectProvider', createInput(step, ctx.plan.id)),
    );
    for (const ClientID of params.audiences.filter((audience) => !provider.audiences.includes(audience)))
      await settled(
        () => aws.call('iam', 'AddClientIDToOpenIDConnectProvider', { OpenIDConnectProviderArn: arn, ClientID }),
        complete,
      );
    await ctx.until(`IAM does not show every audience of ${params.issuer} yet`, 60_000, async () =>
      (await complete()) ? true : null,
    );
    return { is: 'done', output: { arn } };
  },

  async undo(ctx, step, record): Promise<UndoOutcome> {
    const { params } = step;
    const aws = ctx.aws(params.account);
    const arn = arnFor(ctx.plan.partition, params);
    const provider = await read(ctx, params);
    if (provider === null) return { is: 'done', how: 'gone', note: 'the provider is not there any more' };
    const before = recordedAudiences(record.preimage) ?? plannedAudiences(step);
    const ours = isTaggedBy(provider.tags, ctx.plan.id);
    const created = ours && (before === null || recordedAbsent(record.preimage));
    const added = before === null ? [] : params.audiences.filter((one) => !before.includes(one));
    const removable = added.filter((one) => provider.audiences.includes(one));
    if (!created && removable.length === 0)
      return ours || before !== null
        ? { is: 'done', how: 'exact', note: '' }
        : { is: 'done', how: 'kept', note: 'the provider does not carry our mark' };
    const users = await trustingRoles(ctx, params.account, arn);
    if (users.length > 0)
      return {
        is: 'done',
        how: 'kept',
        note: `still named by the trust policies of ${users.slice(0, 5).join(', ')}${users.length > 5 ? ' and others' : ''}`,
      };
    if (created) {
      const foreign = provider.audiences.filter((one) => !params.audiences.includes(one));
      if (foreign.length > 0)
        return { is: 'done', how: 'kept', note: `others added audiences to it: ${foreign.join(', ')}` };
      await settled(
        () => aws.call('iam', 'DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn: arn }),
        async () => (await read(ctx, params)) === null,
      );
      await ctx.until(`IAM still shows the provider for ${params.issuer}`, 60_000, async () =>
        (await read(ctx, params)) === null ? true : null,
      );
      return { is: 'done', how: 'exact', note: '' };
    }
    for (const ClientID of removable)
      try {
        await aws.call('iam', 'RemoveClientIDFromOpenIDConnectProvider', { OpenIDConnectProviderArn: arn, ClientID });
      } catch (thrown) {
        if (!isGone(thrown)) throw thrown;
      }
    await ctx.until(`IAM still shows the added audiences of ${params.issuer}`, 60_000, async () => {
      const now = await read(ctx, params);
      return now === null || removable.every((one) => !now.audiences.includes(one)) ? true : null;
    });
    return { is: 'done', how: 'exact', note: '' };
  },
});

const recordedAbsent = (preimage: JsonObject | null): boolean => at(preimage, 'audiences', 'present') === false;
const recordedAudiences = (preimage: JsonObject | null): readonly string[] | null =>
  at(preimage, 'audiences', 'present') === true
    ? listAt(preimage, 'audiences', 'value').filter((one): one is string => typeof one === 'string')
    : null;

/** Roles whose trust policy names the provider. Our own statements that were just removed may still show for seconds. */
const trustingRoles = async (ctx: ReadCtx, account: string, arn: string): Promise<readonly string[]> => {
  let found: readonly string[] = [];
  try {
    await ctx.until('IAM still shows trust policies that name the provider', 20_000, async () => {
      found = await rolesNaming(ctx, account, arn);
      return found.length === 0 ? true : null;
    });
  } catch (thrown) {
    if (!hasCode(thrown, 'RL811')) throw thrown;
  }
  return found;
};
const rolesNaming = async (ctx: ReadCtx, account: string, arn: string): Promise<readonly string[]> => {
  const found: string[] = [];
  let marker: string | undefined;
  for (let page = 0; page < 1000; page += 1) {
    const answer = await ctx
      .aws(account)
      .call('iam', 'ListRoles', { MaxItems: 1000, ...(marker === undefined ? {} : { Marker: marker }) });
    for (const role of listAt(answer, 'Roles')) {
      const text = textAt(role, 'AssumeRolePolicyDocument') ?? '';
      const document = parseTrust(text);
      const named =
        document.is === 'document'
          ? document.statements.some((one) => (principalsOf(one.Principal).get('Federated') ?? []).includes(arn))
          : text.includes(arn) || text.includes(encodeURIComponent(arn));
      if (named) found.push(textAt(role, 'RoleName') ?? '');
    }
    if (at(answer, 'IsTruncated') !== true) return found;
    marker = textAt(answer, 'Marker');
    if (marker === undefined)
      throw stepError('RL825', 'IAM cut a list of roles short without saying where it goes on', {
        remedy: 'Run the same command again.',
      });
  }
  return found;
};
