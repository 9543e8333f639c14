import { AwsFault, noSuchEntity } from './fault.js';
import {
  isoTime,
  may,
  mayTag,
  members,
  need,
  page,
  type QueryCall,
  type QueryOperations,
  tagList,
  tagsIn,
  without,
} from './iam-call.js';
import type { ProviderRecord } from './records.js';

/** IAM's operations on OIDC providers (IAM API Reference). */

const badUrl = (): AwsFault => new AwsFault('InvalidInput', 400, 'Invalid Open ID Connect Provider URL');

const find = (call: QueryCall, action: string, late: boolean): ProviderRecord => {
  const arn = need(call, 'OpenIDConnectProviderArn');
  may(call, action, arn);
  const provider = call.account.providers.get(arn, late ? call.lag : 0);
  if (!provider) throw noSuchEntity(`OpenIDConnect Provider not found for arn ${arn}`);
  return provider;
};
const store = (call: QueryCall, provider: ProviderRecord): void => call.account.providers.set(provider.arn, provider);

export const providerOperations: QueryOperations = {
  CreateOpenIDConnectProvider: (call) => {
    const given = need(call, 'Url');
    const asked = call.account.arn(`oidc-provider/${given.replace(/^https:\/\//, '')}`);
    may(call, 'iam:CreateOpenIDConnectProvider', asked);
    mayTag(call, 'iam:TagOpenIDConnectProvider', asked);
    let parsed: URL;
    try {
      parsed = new URL(given);
    } catch {
      throw badUrl();
    }
    if (parsed.protocol !== 'https:' || parsed.port !== '' || parsed.search !== '' || given.length > 255)
      throw badUrl();
    const url = given.slice('https://'.length).replace(/\/$/, '');
    const arn = call.account.arn(`oidc-provider/${url}`);
    if (call.account.providers.get(arn))
      throw new AwsFault('EntityAlreadyExists', 409, `Provider with url ${given} already exists.`);
    if (call.account.providers.entries().length >= 100)
      throw new AwsFault('LimitExceeded', 409, 'Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100');
    const provider: ProviderRecord = {
      arn,
      url,
      audiences: members(call, 'ClientIDList'),
      thumbprints: members(call, 'ThumbprintList'),
      tags: tagsIn(call),
      createdAt: call.world.now(),
    };
    store(call, provider);
    return { OpenIDConnectProviderArn: arn, Tags: tagList(provider.tags) };
  },

  GetOpenIDConnectProvider: (call) => {
    const provider = find(call, 'iam:GetOpenIDConnectProvider', true);
    return {
      Url: provider.url,
      ClientIDList: provider.audiences,
      ThumbprintList: provider.thumbprints,
      CreateDate: isoTime(provider.createdAt),
      Tags: tagList(provider.tags),
    };
  },

  ListOpenIDConnectProviders: (call) => {
    may(call, 'iam:ListOpenIDConnectProviders', '*');
    return { OpenIDConnectProviderList: call.account.providers.values(call.lag).map(({ arn }) => ({ Arn: arn })) };
  },

  DeleteOpenIDConnectProvider: (call) => {
    call.account.providers.delete(find(call, 'iam:DeleteOpenIDConnectProvider', false).arn);
    return {};
  },

  AddClientIDToOpenIDConnectProvider: (call) => {
    const provider = find(call, 'iam:AddClientIDToOpenIDConnectProvider', false);
    const audience = need(call, 'ClientID');
    if (provider.audiences.includes(audience)) return {};
    if (provider.audiences.length >= 100)
      throw new AwsFault('LimitExceeded', 409, 'Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100');
    store(call, { ...provider, audiences: [...provider.audiences, audience] });
    return {};
  },
  RemoveClientIDFromOpenIDConnectProvider: (call) => {
    const provider = find(call, 'iam:RemoveClientIDFromOpenIDConnectProvider', false);
    const audience = need(call, 'ClientID');
    store(call, { ...provider, audiences: provider.audiences.filter((each) => each !== audience) });
    return {};
  },

  TagOpenIDConnectProvider: (call) => {
    const provider = find(call, 'iam:TagOpenIDConnectProvider', false);
    store(call, { ...provider, tags: { ...provider.tags, ...tagsIn(call) } });
    return {};
  },
  UntagOpenIDConnectProvider: (call) => {
    const provider = find(call, 'iam:UntagOpenIDConnectProvider', false);
    store(call, { ...provider, tags: without(provider.tags, members(call, 'TagKeys')) });
    return {};
  },
  ListOpenIDConnectProviderTags: (call) => {
    const provider = find(call, 'iam:ListOpenIDConnectProviderTags', true);
    return page(call, Object.entries(provider.tags), 'Tags', ([Key, Value]) => ({ Key, Value }));
  },
};
