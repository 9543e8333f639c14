import { parseArn, parseRoleArn } from '../model/resource.js';
import { absent, allOf, anyOf, type KeyStates, type Lookup, not, passes, type Verdict, value } from './conditions.js';
import {
  conditionsOf,
  listOf,
  type ParseFailure,
  parseTrust,
  principalsOf,
  type Statement,
  type TrustDocument,
} from './document.js';
import { issuerHost } from './statement.js';
import { matchesWildcard } from './wildcard.js';

export type { Verdict } from './conditions.js';

/** Who asks STS for a role, how, and what is known of the request. */
export interface AssumeRequest {
  /** `sts:AssumeRole`, `sts:AssumeRoleWithWebIdentity`, `sts:TagSession` … */
  readonly action: string;
  /** The caller as an IAM role or user (its ARN, also of an assumed-role session). */
  readonly principalArn?: string;
  /** The caller as a token of this OIDC provider, with its claims (`sub`, `aud`, `amr` …). */
  readonly federated?: string;
  readonly claims?: Readonly<Record<string, string | readonly string[]>>;
  /** The caller as an AWS service, as `pods.eks.amazonaws.com`. */
  readonly service?: string;
  /** Null or absent: the request carries none. */
  readonly externalId?: string | null;
  readonly sessionName?: string;
  readonly sourceIdentity?: string | null;
  /** Session tags; absent: none are sent. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly sourceIp?: string;
  /** Further condition keys that are known: their values, or null for "not in the request". */
  readonly keys?: Readonly<Record<string, string | readonly string[] | null>>;
}

const actions = (statement: Statement, action: string): Verdict => {
  const wanted = action.toLowerCase();
  const list = (names: readonly string[]): boolean => names.some((name) => matchesWildcard(name.toLowerCase(), wanted));
  if (statement.Action !== undefined) return list(listOf(statement.Action)) ? 'yes' : 'no';
  if (statement.NotAction !== undefined) return list(listOf(statement.NotAction)) ? 'no' : 'yes';
  return 'unknown';
};

const conditions = (statement: Statement, lookup: Lookup): Verdict => {
  const tests = conditionsOf(statement.Condition);
  return tests === null ? 'unknown' : allOf(tests.map((test) => passes(test, lookup)));
};

/** ARN of the role of an assumed-role session, where it tells; anything else as it is. The path is not in it. */
const roleOfSession = (arn: string): { readonly account: string; readonly name: string } | null => {
  const parts = parseArn(arn);
  if (parts?.service !== 'sts' || !parts.resource.startsWith('assumed-role/')) return null;
  const name = parts.resource.split('/')[1];
  return name === undefined ? null : { account: parts.account, name };
};

const accountOf = (arn: string): string => parseArn(arn)?.account ?? '';

/** Whether a principal named under `AWS` is the caller. An account as principal means everybody whom that account lets. */
const isCaller = (name: string, caller: string): Verdict => {
  if (name === '*') return 'yes';
  if (name === caller) return 'yes';
  if (/^\d{12}$/.test(name)) return accountOf(caller) === name ? 'yes' : 'no';
  const root = /^arn:[a-z0-9-]+:iam::(\d{12}):root$/.exec(name);
  if (root) return accountOf(caller) === root[1] ? 'yes' : 'no';
  const session = roleOfSession(caller);
  const role = parseRoleArn(name);
  if (session && role) {
    if (session.account !== role.account || session.name !== role.name) return 'no';
    return role.path === '/' ? 'yes' : 'unknown';
  }
  const named = roleOfSession(name);
  const asked = parseRoleArn(caller);
  // A session as principal: the role is right, its session name is not known from a role's ARN.
  if (named && asked) return named.account === asked.account && named.name === asked.name ? 'unknown' : 'no';
  return 'no';
};

/** Everybody as principal surely means everybody in a Deny; whether an Allow means tokens and services too is not documented. */
const everybody = (aws: readonly string[], effect: unknown): Verdict =>
  aws.includes('*') ? (effect === 'Deny' ? 'yes' : 'unknown') : 'no';

const amongPrincipals = (
  names: ReadonlyMap<string, readonly string[]>,
  request: AssumeRequest,
  effect: unknown,
): Verdict => {
  const aws = names.get('AWS') ?? [];
  if (request.principalArn !== undefined) {
    const caller = request.principalArn;
    return anyOf(aws.map((name) => isCaller(name, caller)));
  }
  if (request.federated !== undefined) {
    const provider = request.federated;
    const hit = (names.get('Federated') ?? []).some((name) => name === provider);
    return hit ? 'yes' : everybody(aws, effect);
  }
  if (request.service !== undefined) {
    const service = request.service;
    const hit = (names.get('Service') ?? []).some((name) => name === service || name === '*');
    return hit ? 'yes' : everybody(aws, effect);
  }
  return 'unknown';
};

const principals = (statement: Statement, request: AssumeRequest): Verdict => {
  if (statement.Principal !== undefined)
    return amongPrincipals(principalsOf(statement.Principal), request, statement.Effect);
  if (statement.NotPrincipal !== undefined)
    return not(amongPrincipals(principalsOf(statement.NotPrincipal), request, 'Deny'));
  return 'unknown';
};

/** What is known of a request's condition keys (IAM User Guide, global and STS condition context keys). */
const lookupFor = (request: AssumeRequest): Lookup => {
  const known = new Map<string, KeyStates>();
  const tags = request.tags ?? {};
  known.set('sts:externalid', request.externalId ? value(request.externalId) : absent);
  known.set('sts:sourceidentity', request.sourceIdentity ? value(request.sourceIdentity) : absent);
  known.set('aws:tagkeys', Object.keys(tags).length > 0 ? value(...Object.keys(tags)) : absent);
  known.set('aws:securetransport', value('true'));
  if (request.sessionName !== undefined) known.set('sts:rolesessionname', value(request.sessionName));
  if (request.sourceIp !== undefined) known.set('aws:sourceip', value(request.sourceIp));
  if (request.principalArn !== undefined) {
    const role = parseRoleArn(request.principalArn);
    if (parseArn(request.principalArn)?.service === 'iam') known.set('aws:principalarn', value(request.principalArn));
    known.set('aws:principalaccount', value(accountOf(request.principalArn)));
    if (role) known.set('aws:principaltype', value('AssumedRole'));
    // Role credentials never come from a person's second factor; whether the key is there at all differs.
    known.set('aws:multifactorauthpresent', role ? [{ is: 'absent' }, { is: 'values', values: ['false'] }] : []);
    known.set('aws:multifactorauthage', role ? absent : []);
    known.set('aws:principalisawsservice', value('false'));
    known.set('aws:viaawsservice', value('false'));
    known.set('aws:federatedprovider', role ? [] : absent);
  }
  if (request.federated !== undefined) {
    known.set('aws:federatedprovider', value(request.federated));
    for (const key of ['aws:principalarn', 'aws:principalaccount', 'aws:principalorgid', 'aws:userid', 'aws:username'])
      known.set(key, absent);
  }
  if (request.service !== undefined) known.set('aws:principalisawsservice', value('true'));
  for (const [key, found] of Object.entries(request.keys ?? {}))
    known.set(key.toLowerCase(), found === null ? absent : value(...(typeof found === 'string' ? [found] : found)));
  const provider = request.federated;
  const host = provider?.includes(':oidc-provider/')
    ? issuerHost(provider.slice(provider.indexOf(':oidc-provider/') + 15)).toLowerCase()
    : null;
  const requestTags = new Map(Object.entries(tags).map(([key, text]) => [`aws:requesttag/${key.toLowerCase()}`, text]));
  return (key) => {
    const found = known.get(key);
    if (found) return found;
    if (key.startsWith('aws:requesttag/')) {
      const tag = requestTags.get(key);
      return tag === undefined ? absent : value(tag);
    }
    if (host !== null) {
      if (key.startsWith(`${host}:`)) {
        const claim = key.slice(host.length + 1);
        const claims = Object.entries(request.claims ?? {}).find(([name]) => name.toLowerCase() === claim);
        if (claims) return value(...(typeof claims[1] === 'string' ? [claims[1]] : claims[1]));
        return claim === 'sub' || claim === 'aud' ? [] : absent;
      }
      // A key of another issuer is not in the request of this one.
      if (/:(?:sub|aud|amr|oaud|azp)$/.test(key)) return absent;
    } else if (/^[^:]+\/?.*:(?:sub|aud)$/.test(key) && !key.startsWith('aws:') && !key.startsWith('sts:'))
      return absent;
    return [];
  };
};

/**
 * Whether a trust policy lets this request assume the role: an Allow that is met and no Deny that is met. `unknown` where
 * it turns on something that is not known of the request. The caller's own permissions are another question: `allows`.
 */
export const mayAssume = (document: TrustDocument | ParseFailure, request: AssumeRequest): Verdict => {
  if (document.is !== 'document') return 'unknown';
  const lookup = lookupFor(request);
  const applies = (statement: Statement): Verdict =>
    allOf([principals(statement, request), actions(statement, request.action), conditions(statement, lookup)]);
  return decide(document.statements, applies);
};

const decide = (statements: readonly Statement[], applies: (statement: Statement) => Verdict): Verdict => {
  const [allowed, denied, odd]: [Verdict[], Verdict[], Verdict[]] = [[], [], []];
  for (const statement of statements) {
    const verdict = applies(statement);
    (statement.Effect === 'Allow' ? allowed : statement.Effect === 'Deny' ? denied : odd).push(verdict);
  }
  const strange: Verdict = anyOf(odd) === 'no' ? 'no' : 'unknown';
  return allOf([anyOf(allowed), not(anyOf(denied)), not(strange)]);
};

export interface AllowsOptions {
  /** Text of the permissions boundary, null where there is one that could not be read. */
  readonly boundary?: string | null;
  /** Known condition keys of the request: values, or null for "not in the request". */
  readonly keys?: Readonly<Record<string, string | readonly string[] | null>>;
}

/**
 * Whether identity policies (texts; null for one that could not be read) allow an action on a resource: Deny wins, the
 * boundary must allow too (IAM User Guide, policy evaluation logic). Service control policies are not visible here.
 */
export const allows = (
  policies: readonly (string | null)[],
  action: string,
  resource: string,
  options: AllowsOptions = {},
): Verdict => {
  const known = new Map(
    Object.entries(options.keys ?? {}).map(([key, found]): [string, KeyStates] => [
      key.toLowerCase(),
      found === null ? absent : value(...(typeof found === 'string' ? [found] : found)),
    ]),
  );
  const lookup: Lookup = (key) => known.get(key) ?? [];
  const own = evaluated(policies, action, resource, lookup);
  if (options.boundary === undefined) return own;
  return allOf([own, evaluated([options.boundary], action, resource, lookup)]);
};

/** Whether a Deny in these identity policies (texts; null for one that could not be read) hits an action on a resource. */
export const denies = (
  policies: readonly (string | null)[],
  action: string,
  resource: string,
  options: Pick<AllowsOptions, 'keys'> = {},
): Verdict =>
  // With everything else allowed, only a Deny is left to say no.
  not(
    allows(
      [...policies, JSON.stringify({ Statement: { Effect: 'Allow', Action: '*', Resource: '*' } })],
      action,
      resource,
      options,
    ),
  );

/** Whether an Allow of a trust policy names this very principal, and not its account or everybody. */
export const namesDirectly = (document: TrustDocument | ParseFailure, principalArn: string): boolean =>
  document.is === 'document' &&
  document.statements.some(
    (statement) =>
      statement.Effect === 'Allow' && (principalsOf(statement.Principal).get('AWS') ?? []).includes(principalArn),
  );

const evaluated = (texts: readonly (string | null)[], action: string, resource: string, lookup: Lookup): Verdict => {
  const statements: Statement[] = [];
  let unread = false;
  for (const text of texts) {
    const document = text === null ? null : parseTrust(text);
    if (document?.is === 'document') statements.push(...document.statements);
    else unread = true;
  }
  const verdict = decide(statements, (statement) =>
    allOf([actions(statement, action), resources(statement, resource), conditions(statement, lookup)]),
  );
  if (!unread) return verdict;
  // What was not read may allow, and may deny; only a Deny that was read stands whatever the rest says.
  const denied = anyOf(
    statements
      .filter((statement) => statement.Effect === 'Deny')
      .map((statement) =>
        allOf([actions(statement, action), resources(statement, resource), conditions(statement, lookup)]),
      ),
  );
  return denied === 'yes' ? 'no' : 'unknown';
};

const resources = (statement: Statement, resource: string): Verdict => {
  const list = (patterns: readonly string[]): Verdict =>
    anyOf(
      patterns.map((pattern) =>
        pattern.includes('${') ? 'unknown' : matchesWildcard(pattern, resource) ? 'yes' : 'no',
      ),
    );
  if (statement.Resource !== undefined) return list(listOf(statement.Resource));
  if (statement.NotResource !== undefined) return not(list(listOf(statement.NotResource)));
  return 'unknown';
};
