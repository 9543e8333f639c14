import { createHash } from 'node:crypto';
import { byText, canonical } from '../model/canonical.js';
import { isObject, type Json, type JsonObject } from '../model/json.js';
import { oncePer } from '../model/once-per.js';
import { duplicateKey, minified } from './json-text.js';

/** One statement of a trust policy or an identity policy, as it stands in the document. */
export type Statement = JsonObject;

/** A policy document, with the exact text that it was read from. */
export interface TrustDocument {
  readonly is: 'document';
  /** Decoded text, byte for byte as IAM keeps it. */
  readonly text: string;
  readonly json: JsonObject;
  readonly statements: readonly Statement[];
  /** `Statement` was one object and not a list. */
  readonly single: boolean;
}

export interface ParseFailure {
  readonly is: 'not-parseable';
  readonly reason: string;
}

/** Longest document that IAM takes over its API (PolicyDocument, IAM service model). */
const longest = 131_072;

/**
 * Reads a policy document as IAM returns it: `Statement` an object or a list, strings or lists, URL-encoded (RFC 3986) or
 * not. It is decoded only when it is no JSON as it stands. Two equal keys in one object are refused, because which of them
 * holds is not known.
 */
export const parseTrust = (text: string): TrustDocument | ParseFailure => {
  if (text.length > longest * 3) return failure('longer than any policy that IAM takes');
  const plain = jsonOf(text);
  if (plain !== undefined) return documentOf(text, plain);
  if (!/%[0-9a-fA-F]{2}/.test(text)) return failure('not JSON');
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    return failure('neither JSON nor URL-encoded JSON');
  }
  const json = jsonOf(decoded);
  return json === undefined ? failure('neither JSON nor URL-encoded JSON') : documentOf(decoded, json);
};

const failure = (reason: string): ParseFailure => ({ is: 'not-parseable', reason });

const jsonOf = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
};

const documentOf = (text: string, json: Json): TrustDocument | ParseFailure => {
  if (!isObject(json)) return failure('not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== null) return failure(`the key ${JSON.stringify(twice.slice(0, 80))} stands twice or is reserved`);
  const found = Object.hasOwn(json, 'Statement') ? json.Statement : undefined;
  const list = Array.isArray(found) ? found : isObject(found) ? [found] : null;
  if (list === null) return failure('it has no Statement');
  if (!list.every(isObject)) return failure('a statement is not an object');
  return { is: 'document', text, json, statements: list as readonly Statement[], single: !Array.isArray(found) };
};

/** A value that may be one or several: `"a"` and `["a"]` mean the same. Numbers and booleans become text. */
export const listOf = (value: Json | undefined): readonly string[] => {
  if (value === undefined || value === null) return [];
  const items: readonly Json[] = Array.isArray(value) ? value : [value as Json];
  return items.map((item) => (typeof item === 'string' ? item : (JSON.stringify(item) ?? '')));
};

const setOf = (value: Json | undefined): readonly string[] => [...new Set(listOf(value))].sort(byText);

/** Principals by type (`AWS`, `Service`, `Federated`, `CanonicalUser`); `"*"` is `AWS: *`. */
export const principalsOf = (value: Json | undefined): ReadonlyMap<string, readonly string[]> => {
  if (value === undefined) return new Map();
  if (!isObject(value)) return new Map([['AWS', setOf(value)]]);
  return new Map(Object.entries(value).map(([type, names]) => [type, setOf(names)]));
};

/** One test of a statement's Condition. */
export interface ConditionTest {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** Every test in a Condition; null where it does not have the form that IAM knows. */
export const conditionsOf = (value: Json | undefined): readonly ConditionTest[] | null => {
  if (value === undefined) return [];
  if (!isObject(value)) return null;
  const tests: ConditionTest[] = [];
  for (const [operator, keys] of Object.entries(value)) {
    if (!isObject(keys)) return null;
    for (const [key, values] of Object.entries(keys)) tests.push({ operator, key, values: setOf(values) });
  }
  return tests;
};

/**
 * A statement in the one form that all its spellings share: one-element lists and single values alike, lists sorted
 * (IAM keeps no order), actions in lower case. With `sid: false` the Sid does not count.
 */
export const canonicalStatement = (statement: Statement, options: { readonly sid?: boolean } = {}): string => {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(statement)) {
    switch (key) {
      case 'Sid':
        if (options.sid !== false) plain[key] = value;
        break;
      case 'Action':
      case 'NotAction':
        plain[key] = [...new Set(listOf(value).map((action) => action.toLowerCase()))].sort(byText);
        break;
      case 'Resource':
      case 'NotResource':
        plain[key] = setOf(value);
        break;
      case 'Principal':
      case 'NotPrincipal':
        plain[key] = Object.fromEntries(principalsOf(value));
        break;
      case 'Condition':
        plain[key] = canonicalCondition(value);
        break;
      default:
        plain[key] = value;
    }
  }
  return canonical(plain);
};

const canonicalCondition = (value: Json | undefined): unknown => {
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([operator, keys]) => [
      operator,
      isObject(keys) ? Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, setOf(values)])) : keys,
    ]),
  );
};

/** What a statement says, its Sid apart, in one form. Kept with the statement: one is compared with every other of its document. */
export const meaningOf = oncePer((statement: Statement): string => canonicalStatement(statement, { sid: false }));

/** Whether two statements say the same; the Sid counts only where asked. */
export const sameStatement = (left: Statement, right: Statement, options: { readonly sid?: boolean } = {}): boolean =>
  options.sid === true ? canonicalStatement(left) === canonicalStatement(right) : meaningOf(left) === meaningOf(right);

/** A whole document in one form; the order of statements does not count (IAM does not promise to keep it). */
export const canonicalDocument = (document: TrustDocument): string => {
  const { Statement: _statement, ...rest } = document.json;
  return canonical({ ...rest, Statement: document.statements.map((one) => canonicalStatement(one)).sort(byText) });
};

/** Whether two texts are the same policy; texts that do not parse are the same only when they are equal. */
export const sameTrust = (left: string, right: string): boolean => {
  if (left === right) return true;
  const [one, other] = [parseTrust(left), parseTrust(right)];
  return one.is === 'document' && other.is === 'document' && canonicalDocument(one) === canonicalDocument(other);
};

/**
 * Characters that count for the quota: all but white space between JSON tokens (IAM User Guide, quotas). White space
 * inside strings is counted, which errs on the side that refuses.
 */
export const sizeOf = (text: string): number => {
  const document = parseTrust(text);
  return codePoints(minified(document.is === 'document' ? document.text : text));
};

/** Characters of a text as IAM counts them: two code units of a surrogate pair are one. */
export const codePoints = (text: string): number =>
  text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);

/** Letters and digits of a digest, for names that must be the same on every run. */
export const shortHash = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);
