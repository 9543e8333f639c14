import { byText } from '../model/canonical.js';
import {
  conditionsOf,
  listOf,
  type ParseFailure,
  principalsOf,
  type Statement,
  type TrustDocument,
} from './document.js';

type Read = TrustDocument | ParseFailure;
const statementsOf = (document: Read): readonly Statement[] => (document.is === 'document' ? document.statements : []);

/** Unique ids of principals (IAM User Guide, identifiers): users, roles, groups, service ids. */
const principalId = /^(?:AIDA|AROA|AGPA|ANPA|AIPA|APKA|ASCA)[A-Z0-9]{12,}$/;

/**
 * Ids of deleted principals in a document (RL307). IAM shows a principal's ARN while it exists and its bare id afterwards,
 * and refuses every document that holds such an id (IAM User Guide, principal element).
 */
export const unrestorable = (document: Read): readonly string[] => {
  const found = new Set<string>();
  for (const statement of statementsOf(document))
    for (const element of [statement.Principal, statement.NotPrincipal])
      for (const name of principalsOf(element).get('AWS') ?? []) if (principalId.test(name)) found.add(name);
  return [...found].sort(byText);
};

export type WideShape =
  | 'no-subject'
  | 'no-audience'
  | 'subject-wildcard'
  | 'audience-wildcard'
  | 'literal-wildcard'
  | 'any-principal'
  | 'issuer-mismatch'
  | 'negated-subject';

export interface Wide {
  readonly index: number;
  readonly sid: string | null;
  readonly shape: WideShape;
  readonly detail: string;
}

/**
 * Statements that let in more than they look like (RL302): no `sub` (every service account of the cluster), no `aud`, a
 * wildcard in either, `*` under StringEquals (literal: it lets nobody in, and people widen it next), everybody as principal.
 */
export const tooWide = (document: Read): readonly Wide[] =>
  statementsOf(document).flatMap((statement, index) => {
    if (statement.Effect !== 'Allow') return [];
    const sid = typeof statement.Sid === 'string' ? statement.Sid : null;
    return shapesOf(statement).map(([shape, detail]) => ({ index, sid, shape, detail }));
  });

const shapesOf = (statement: Statement): readonly (readonly [WideShape, string])[] => {
  const found: [WideShape, string][] = [];
  const principals = principalsOf(statement.Principal);
  const conditions = conditionsOf(statement.Condition) ?? [];
  if ((principals.get('AWS') ?? []).includes('*') && conditions.length === 0)
    found.push(['any-principal', 'everybody is the principal, and no condition narrows it']);
  for (const provider of principals.get('Federated') ?? []) {
    const marker = provider.indexOf(':oidc-provider/');
    if (marker < 0) continue;
    const host = provider.slice(marker + ':oidc-provider/'.length);
    found.push(...claimShapes(statement, host, 'sub'), ...claimShapes(statement, host, 'aud'));
    const other = conditions.find((test) => {
      const claim = /^(.+):(?:sub|aud)$/.exec(test.key);
      return claim !== null && claim[1]?.toLowerCase() !== host.toLowerCase();
    });
    if (other) found.push(['issuer-mismatch', `it tests ${other.key}, but trusts the provider ${host}`]);
  }
  return found;
};

const claimShapes = (statement: Statement, host: string, claim: 'sub' | 'aud'): [WideShape, string][] => {
  const key = `${host}:${claim}`.toLowerCase();
  const tests = (conditionsOf(statement.Condition) ?? []).filter((test) => test.key.toLowerCase() === key);
  const subject = claim === 'sub';
  if (tests.length === 0)
    return [
      subject
        ? ['no-subject', 'no condition on sub: every service account of that cluster may assume the role']
        : ['no-audience', 'no condition on aud: tokens made for others are taken too'],
    ];
  const found: [WideShape, string][] = [];
  let positive = false;
  for (const test of tests) {
    const operator = test.operator.toLowerCase();
    const negated = operator.includes('not');
    const weak = operator.endsWith('ifexists') || operator.startsWith('forallvalues:');
    positive ||= !negated && !weak && operator !== 'null';
    for (const value of test.values) {
      if (!/[*?]/.test(value)) continue;
      if (operator.includes('like') && !negated) {
        found.push([
          subject ? 'subject-wildcard' : 'audience-wildcard',
          `${claim} is compared with ${value}: whatever matches it may assume the role`,
        ]);
      } else if (operator.includes('equals') && !negated) {
        found.push([
          'literal-wildcard',
          `${claim} is compared with ${value} under ${test.operator}, where * is a plain character`,
        ]);
      }
    }
  }
  if (!positive && subject)
    found.push(['negated-subject', 'sub is tested only by a negation or where it is present: nearly everybody passes']);
  return found;
};

/** Condition keys whose value changes when a session comes to be in another way (H16, RL107). */
const sessionKeys: readonly string[] = [
  'sts:externalid',
  'sts:rolesessionname',
  'sts:sourceidentity',
  'aws:userid',
  'aws:federatedprovider',
  'aws:sourceidentity',
  'ec2:sourceinstancearn',
  'aws:ec2instancesourcevpc',
  'aws:ec2instancesourceprivateipv4',
  'aws:ec2instancesourceprivateipv6',
  'ec2:roledelivery',
];

/** Session-dependent keys that a document tests, in the spelling of the document, sorted. Principal tags are not among them. */
export const sessionDependentKeys = (document: Read): readonly string[] =>
  keysWhere(document, (key) => sessionKeys.includes(key) || key.startsWith('aws:ec2instancesource'));

/** Keys on principal, request and transitive tags, for RL215. */
export const tagKeys = (document: Read): readonly string[] =>
  keysWhere(
    document,
    (key) =>
      key.startsWith('aws:principaltag/') || key.startsWith('aws:requesttag/') || key === 'sts:transitivetagkeys',
  );

const keysWhere = (document: Read, wanted: (key: string) => boolean): readonly string[] => {
  const found = new Set<string>();
  for (const statement of statementsOf(document)) {
    for (const test of conditionsOf(statement.Condition) ?? []) if (wanted(test.key.toLowerCase())) found.add(test.key);
    for (const resource of [...listOf(statement.Resource), ...listOf(statement.NotResource)])
      for (const match of resource.matchAll(/\$\{([^},]+)(?:,[^}]*)?\}/g)) {
        const key = (match[1] as string).trim();
        if (wanted(key.toLowerCase())) found.add(key);
      }
  }
  return [...found].sort(byText);
};

/** Whom a statement names. */
export interface Trusted {
  readonly type: string;
  readonly name: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly index: number;
  /** The statement has a Condition. */
  readonly conditional: boolean;
  /** Named by NotPrincipal: everybody else is meant. */
  readonly inverted: boolean;
}

/** Everybody that a trust policy names, statement by statement. */
export const whoTrusts = (document: Read): readonly Trusted[] =>
  statementsOf(document).flatMap((statement, index) =>
    (['Principal', 'NotPrincipal'] as const).flatMap((element) =>
      [...principalsOf(statement[element])].flatMap(([type, names]) =>
        names.map((name) => ({
          type,
          name,
          effect: statement.Effect === 'Deny' ? ('Deny' as const) : ('Allow' as const),
          actions: listOf(statement.Action),
          index,
          conditional: statement.Condition !== undefined,
          inverted: element === 'NotPrincipal',
        })),
      ),
    ),
  );
