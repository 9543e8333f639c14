import { isObject, type JsonObject } from '../model/json.js';
import { oncePer } from '../model/once-per.js';
import {
  codePoints,
  listOf,
  meaningOf,
  parseTrust,
  type Statement,
  sameStatement,
  sizeOf,
  type TrustDocument,
} from './document.js';
import { unrestorable } from './lint.js';
import { isOurs, joinableKey, sidFor } from './statement.js';

export type { Statement, TrustDocument } from './document.js';
export { sizeOf } from './document.js';
export { statementFor, targetStatementFor } from './statement.js';

export interface Refusal {
  readonly is: 'refused';
  /** `too-large` is RL301, `not-restorable` RL307. */
  readonly reason: 'too-large' | 'not-parseable' | 'not-restorable';
  readonly detail: string;
  /** Characters that the document would have (too-large). */
  readonly size?: number;
  readonly limit?: number;
  /** Principal ids that IAM would not take back (not-restorable). */
  readonly principals?: readonly string[];
}

export type Addition =
  | {
      /** A statement says it already; nothing is to be written, and nothing of it is ours to undo. */
      readonly is: 'already';
      readonly text: string;
      readonly size: number;
      readonly sid: string | null;
    }
  | {
      readonly is: 'changed';
      readonly text: string;
      readonly size: number;
      readonly sid: string;
      /** Put into the list of a statement that was ours already. */
      readonly joined: boolean;
    }
  | Refusal;

export interface AddOptions {
  /** Non-white-space characters that the account allows (AssumeRolePolicySizeQuota); no limit where it is not given. */
  readonly limit?: number | null;
}

const render = (document: TrustDocument, statements: readonly Statement[]): string =>
  JSON.stringify({ ...document.json, Statement: statements });

/** Values that a statement compares a condition key with. */
export const valuesAt = (statement: Statement, operator: string, key: string): readonly string[] => {
  const tests = isObject(statement.Condition) ? statement.Condition[operator] : undefined;
  return isObject(tests) && Object.hasOwn(tests, key) ? listOf(tests[key]) : [];
};

/** The statement with other values for that condition key. */
export const withValues = (
  statement: Statement,
  operator: string,
  key: string,
  values: readonly string[],
): Statement => {
  const condition = statement.Condition as JsonObject;
  const tests = condition[operator] as JsonObject;
  const value = values.length === 1 ? (values[0] as string) : values;
  return { ...statement, Condition: { ...condition, [operator]: { ...tests, [key]: value } } };
};

/** The list of a statement that may be joined, and what the statement says without its values. */
interface Joinable {
  readonly operator: string;
  readonly key: string;
  readonly rest: string;
}

const joinableOf = oncePer((statement: Statement): Joinable | null => {
  const found = joinableKey(statement);
  return found === null ? null : { ...found, rest: meaningOf(withValues(statement, found.operator, found.key, [''])) };
});

/** The same but for the values of the one key that may be joined. */
const sameButList = (statement: Statement, ours: Statement): Joinable | null => {
  const [key, other] = [joinableOf(ours), joinableOf(statement)];
  if (!key || !other || key.operator !== other.operator || key.key !== other.key) return null;
  return key.rest === other.rest ? key : null;
};

/** Whether a statement admits everything that ours does, by being equal or by holding ours in its list. */
const holds = (statement: Statement, ours: Statement): boolean => {
  if (sameStatement(statement, ours)) return true;
  const key = sameButList(statement, ours);
  if (!key) return false;
  const values = new Set(valuesAt(statement, key.operator, key.key));
  return valuesAt(ours, key.operator, key.key).every((value) => values.has(value));
};

/** Whether a document says it already, in a statement of ours or of anybody. */
export const contains = (text: string, statement: Statement): boolean => {
  const document = parseTrust(text);
  return document.is === 'document' && document.statements.some((one) => holds(one, statement));
};

/** Whether a document holds the statement under our own mark: what `removeStatement` would take away. */
export const containsOurs = (text: string, statement: Statement): boolean => {
  const document = parseTrust(text);
  return document.is === 'document' && document.statements.some((one) => isOurs(one) && holds(one, statement));
};

/**
 * Adds a statement to a trust policy as the smallest change: nothing where it is there already; a statement of its own
 * where that fits; else joined to a statement of ours that differs in its list of subjects only. For Pod Identity it is joined
 * first, so that there is one statement a namespace. What others wrote is never changed. Refuses what IAM would not take.
 */
export const addStatement = (text: string, statement: Statement, options: AddOptions = {}): Addition => {
  const document = parseTrust(text);
  if (document.is !== 'document') return { is: 'refused', reason: 'not-parseable', detail: document.reason };
  return addTo(document, statement, options).addition;
};

/**
 * The same for several statements, one after the other; the first refusal ends it and tells which statement it was. The size is
 * null where there was nothing to add.
 */
export const addStatements = (
  text: string,
  statements: readonly Statement[],
  options: AddOptions = {},
):
  | { readonly is: 'fits'; readonly text: string; readonly size: number | null }
  | (Refusal & { readonly index: number }) => {
  let size: number | null = null;
  const read = statements.length === 0 ? null : parseTrust(text);
  if (read === null) return { is: 'fits', text, size };
  if (read.is !== 'document') return { is: 'refused', reason: 'not-parseable', detail: read.reason, index: 0 };
  let document = read;
  for (const [index, statement] of statements.entries()) {
    const { addition, after } = addTo(document, statement, options);
    if (addition.is === 'refused') return { ...addition, index };
    size = addition.size;
    document = after;
  }
  return { is: 'fits', text: document.text, size };
};

const addTo = (
  document: TrustDocument,
  statement: Statement,
  options: AddOptions,
): { readonly addition: Addition; readonly after: TrustDocument } => {
  const there = document.statements.find((one) => holds(one, statement));
  if (there) {
    const size = sizeOf(document.text);
    return { addition: { is: 'already', text: document.text, size, sid: textOrNull(there.Sid) }, after: document };
  }
  const dead = unrestorable(document);
  if (dead.length > 0) return { addition: deadPrincipals(dead), after: document };
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const joinedFirst = joinableKey(statement)?.key.endsWith(':sub') === false;
  let size = 0;
  for (const way of joinedFirst ? [together, alone] : [alone, together]) {
    const made = way(document, statement);
    if (made === null) continue;
    if (made.addition.size <= limit) return made;
    size = made.addition.size;
  }
  return { addition: tooLarge(size, limit), after: document };
};

interface Changed {
  readonly addition: Extract<Addition, { readonly is: 'changed' }>;
  readonly after: TrustDocument;
}

/** The document with these statements, as it is read back once it is written. */
const changed = (
  document: TrustDocument,
  statements: readonly Statement[],
  how: { readonly sid: string; readonly joined: boolean },
): Changed => {
  const text = render(document, statements);
  return {
    // What is rendered has no white space between tokens.
    addition: { is: 'changed', text, size: codePoints(text), ...how },
    after: { is: 'document', text, json: { ...document.json, Statement: statements }, statements, single: false },
  };
};

const alone = (document: TrustDocument, statement: Statement): Changed => {
  const marked = withFreeSid(document, statement);
  return changed(document, [...document.statements, marked], { sid: marked.Sid as string, joined: false });
};

/** The statement's values put into the list of one that is ours; null where none is like it. */
const together = (document: TrustDocument, statement: Statement): Changed | null => {
  const place = document.statements.findIndex((one) => isOurs(one) && sameButList(one, statement) !== null);
  const host = document.statements[place];
  const key = host ? sameButList(host, statement) : null;
  if (!host || !key) return null;
  const values = [...valuesAt(host, key.operator, key.key), ...valuesAt(statement, key.operator, key.key)];
  const joined = withValues(host, key.operator, key.key, [...new Set(values)]);
  return changed(
    document,
    document.statements.map((one, index) => (index === place ? joined : one)),
    { sid: host.Sid as string, joined: true },
  );
};

const tooLarge = (size: number, limit: number): Refusal => ({
  is: 'refused',
  reason: 'too-large',
  detail: `the trust policy would have ${size} characters without white space; the account allows ${limit}`,
  size,
  limit,
});

/** RL307: IAM refuses a document with ids of deleted principals. */
export const deadPrincipals = (principals: readonly string[]): Refusal => ({
  is: 'refused',
  reason: 'not-restorable',
  detail: `it names principals that were deleted (${principals.join(', ')}): IAM takes no document that holds them`,
  principals,
});

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Ours with its Sid; another one of ours where a statement that says something else has it already. */
const withFreeSid = (document: TrustDocument, statement: Statement): Statement => {
  const taken = new Set(document.statements.map((one) => textOrNull(one.Sid) ?? ''));
  const wanted = textOrNull(statement.Sid);
  return wanted !== null && !taken.has(wanted) ? statement : { ...statement, Sid: sidFor(statement, taken) };
};

export type Removal =
  | { readonly is: 'changed'; readonly text: string; readonly size: number }
  /** No statement of ours says it. */
  | { readonly is: 'absent'; readonly text: string; readonly size: number }
  /** It was the only statement: IAM keeps no trust policy without one. */
  | {
      readonly is: 'refused';
      readonly reason: 'not-parseable' | 'last-statement' | 'not-restorable';
      readonly detail: string;
    };

export interface RemoveOptions {
  /** Removes a statement that says it whatever its Sid, for statements of the broker that a person wants gone. */
  readonly anySid?: boolean;
}

/**
 * Removes exactly our statement, and nothing beside it: the whole statement, or our value from a list that it was joined
 * to. Statements without our mark stay, even where they say the same.
 */
export const removeStatement = (text: string, statement: Statement, options: RemoveOptions = {}): Removal => {
  const document = parseTrust(text);
  if (document.is !== 'document') return { is: 'refused', reason: 'not-parseable', detail: document.reason };
  const ours = (one: Statement): boolean => options.anySid === true || isOurs(one);
  const exact = document.statements.findIndex((one) => ours(one) && sameStatement(one, statement, { sid: true }));
  const equal = exact >= 0 ? exact : document.statements.findIndex((one) => ours(one) && sameStatement(one, statement));
  if (equal >= 0) return without(document, equal);
  const place = options.anySid ? -1 : document.statements.findIndex((one) => isOurs(one) && holds(one, statement));
  const host = document.statements[place];
  const key = host ? sameButList(host, statement) : null;
  if (!host || !key) return { is: 'absent', text: document.text, size: sizeOf(document.text) };
  const gone = new Set(valuesAt(statement, key.operator, key.key));
  const left = valuesAt(host, key.operator, key.key).filter((value) => !gone.has(value));
  if (left.length === 0) return without(document, place);
  return written(
    document,
    document.statements.map((one, index) => (index === place ? withValues(one, key.operator, key.key, left) : one)),
  );
};

const without = (document: TrustDocument, place: number): Removal => {
  const left = document.statements.filter((_, index) => index !== place);
  if (left.length > 0) return written(document, left);
  return {
    is: 'refused',
    reason: 'last-statement',
    detail: 'it is the only statement: IAM keeps no trust policy without one',
  };
};

const written = (document: TrustDocument, statements: readonly Statement[]): Removal => {
  const text = render(document, statements);
  const dead = unrestorable(parseTrust(text));
  if (dead.length > 0) return { is: 'refused', reason: 'not-restorable', detail: deadPrincipals(dead).detail };
  return { is: 'changed', text, size: sizeOf(text) };
};
