import { isObject, type JsonObject, listAt, textAt } from '../../src/model/json.js';
import type { Needs } from '../../src/permissions/needs.js';
import type { UsedRight } from '../../src/sandbox/rights.js';

/** One thing that `permissions` grants, as small as it can be taken away alone. */
export type Grant =
  | { readonly api: 'aws'; readonly account: string; readonly action: string; readonly resource: string }
  | {
      readonly api: 'kubernetes';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly namespace: string | null;
      readonly name: string | null;
    }
  | { readonly api: 'path'; readonly path: string };

const texts = (value: unknown, key: string): readonly string[] =>
  listAt(value, key).filter((each): each is string => typeof each === 'string');

const ofPolicy = (account: string, policy: JsonObject): readonly Grant[] =>
  listAt(policy, 'Statement').flatMap((statement) =>
    texts(statement, 'Action').flatMap((action) =>
      texts(statement, 'Resource').map((resource): Grant => ({ api: 'aws', account, action, resource })),
    ),
  );

const ofRole = (role: JsonObject): readonly Grant[] =>
  listAt(role, 'rules').flatMap((rule): readonly Grant[] => [
    ...texts(rule, 'nonResourceURLs').map((path): Grant => ({ api: 'path', path })),
    ...texts(rule, 'apiGroups').flatMap((group) =>
      texts(rule, 'resources').flatMap((resource) =>
        texts(rule, 'verbs').flatMap((verb) =>
          (texts(rule, 'resourceNames').length === 0 ? [null] : texts(rule, 'resourceNames')).map(
            (name): Grant => ({
              api: 'kubernetes',
              verb,
              group,
              resource,
              namespace: textAt(role, 'metadata', 'namespace') ?? null,
              name,
            }),
          ),
        ),
      ),
    ),
  ]);

export const grantsOf = (needs: Needs, home: string): readonly Grant[] => [
  ...ofPolicy(home, needs.iam),
  ...Object.entries(needs.accounts ?? {}).flatMap(([account, policy]) => ofPolicy(account, policy)),
  ...[...needs.rbac, ...Object.values(needs.clusters ?? {}).flat()]
    .filter((object) => isObject(object) && /Role$/.test(textAt(object, 'kind') ?? ''))
    .flatMap(ofRole),
];

const like = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );

/** Whether a call that was made is one that this grant allows. */
export const covers = (grant: Grant, used: UsedRight): boolean => {
  if (grant.api === 'aws')
    return (
      used.api === 'aws' &&
      used.account === grant.account &&
      used.action === grant.action &&
      like(grant.resource).test(used.resource)
    );
  if (grant.api === 'path') return used.api === 'path' && used.path === grant.path;
  return (
    used.api === 'kubernetes' &&
    used.verb === grant.verb &&
    used.group === grant.group &&
    (used.subresource === '' ? used.resource : `${used.resource}/${used.subresource}`) === grant.resource &&
    (grant.namespace === null || grant.namespace === used.namespace) &&
    (grant.name === null || grant.name === used.name)
  );
};

export const grantText = (grant: Grant): string =>
  grant.api === 'aws'
    ? `${grant.account} ${grant.action} ${grant.resource}`
    : grant.api === 'path'
      ? `get ${grant.path}`
      : `${grant.verb} ${grant.resource}${grant.group === '' ? '' : `.${grant.group}`}${grant.namespace === null ? '' : ` in ${grant.namespace}`}${grant.name === null ? '' : ` ${grant.name}`}`;

export const usedText = (used: UsedRight): string =>
  used.api === 'aws'
    ? `${used.account} ${used.action} ${used.resource}`
    : used.api === 'path'
      ? `${used.verb} ${used.path}`
      : `${used.verb} ${used.resource}${used.subresource === '' ? '' : `/${used.subresource}`}.${used.group} in ${used.namespace} ${used.name}`;
