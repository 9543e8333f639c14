import { byText, canonical } from '../model/canonical.js';
import { isObject, type JsonObject } from '../model/json.js';
import {
  canonicalDocument,
  canonicalStatement,
  listOf,
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

const valuesAt = (statement: Statement, operator: string, key: string): readonly string[] => {
  const tests = isObject(statement.Condition) ? statement.Condition[operator] : undefined;
  return isObject(tests) && Object.hasOwn(tests, key) ? listOf(tests[key]) : [];
};

const withValues = (statement: Statement, operator: string, key: string, values: readonly string[]): Statement => {
  const condition = statement.Condition as JsonObject;
  const tests = condition[operator] as JsonObject;
  const value = values.length === 1 ? (values[0] as string) : values;
  return { ...statement, Condition: { ...condition, [operator]: { ...tests, [key]: value } } };
};

/** The same but for the values of the one key that may be joined. */
const sameButList = (
  statement: Statement,
  ours: Statement,
): { readonly operator: string; readonly key: string } | null => {
  const key = joinableKey(ours);
  const other = joinableKey(statement);
  if (!key || !other || key.operator !== other.operator || key.key !== other.key) return null;
  const bare = (one: Statement): Statement => withValues(one, key.operator, key.key, ['']);
  return sameStatement(bare(statement), bare(ours)) ? key : null;
};

/** Whether a statement admits everything that ours does, by being equal or by holding ours in its list. */
export const holds = (statement: Statement, ours: Statement): boolean => {
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
  const there = document.statements.find((one) => holds(one, statement));
  if (there) {
    return { is: 'already', text: document.text, size: sizeOf(document.text), sid: textOrNull(there.Sid) };
  }
  const dead = unrestorable(document);
  if (dead.length > 0) return deadPrincipals(dead);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const own = alone(document, statement);
  const shared = together(document, statement);
  const order = joinableKey(statement)?.key.endsWith(':sub') === false ? [shared, own] : [own, shared];
  const possible = order.filter((one) => one !== null);
  const fitting = possible.find(({ size }) => size <= limit);
  return fitting ?? tooLarge((possible.at(-1) as Changed).size, limit);
};

type Changed = Extract<Addition, { readonly is: 'changed' }>;

const alone = (document: TrustDocument, statement: Statement): Changed => {
  const marked = withFreeSid(document, statement);
  const text = render(document, [...document.statements, marked]);
  return { is: 'changed', text, size: sizeOf(text), sid: marked.Sid as string, joined: false };
};

/** The statement's values put into the list of one that is ours; null where none is like it. */
const together = (document: TrustDocument, statement: Statement): Changed | null => {
  const place = document.statements.findIndex((one) => isOurs(one) && sameButList(one, statement) !== null);
  const host = document.statements[place];
  const key = host ? sameButList(host, statement) : null;
  if (!host || !key) return null;
  const values = [...valuesAt(host, key.operator, key.key), ...valuesAt(statement, key.operator, key.key)];
  const joined = withValues(host, key.operator, key.key, [...new Set(values)]);
  const text = render(
    document,
    document.statements.map((one, index) => (index === place ? joined : one)),
  );
  return { is: 'changed', text, size: sizeOf(text), sid: host.Sid as string, joined: true };
};

const tooLarge = (size: number, limit: number): Refusal => ({
  is: 'refused',
  reason: 'too-large',
  detail: `the trust policy would have ${size} characters without white space; the account allows ${limit}`,
  size,
  limit,
});

const deadPrincipals = (principals: readonly string[]): Refusal => ({
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

export interface RestoreRequest {
  /** Document before our change and after it, as recorded. */
  readonly before: string;
  readonly after: string;
  /** Document as it is now. */
  readonly live: string;
  readonly statement: Statement;
  /** Statements that other moves of ours may have put into the same document: they are no foreign edit. */
  readonly siblings?: readonly Statement[];
  /** Other recorded documents of this role; where the result equals one, its bytes are written. */
  readonly recorded?: readonly string[];
}

export type Restoration =
  /** Bytes of a recorded document. */
  | { readonly is: 'exact'; readonly text: string }
  /** Our entry removed from what others made of the document; `foreign` where someone else edited it. */
  | { readonly is: 'surgical'; readonly text: string; readonly foreign: boolean }
  /** Our entry is not there any more. */
  | { readonly is: 'gone'; readonly foreign: boolean }
  | {
      readonly is: 'refused';
      readonly reason: 'not-parseable' | 'last-statement' | 'not-restorable';
      readonly detail: string;
    };

/**
 * What to write so that our statement is undone: the recorded bytes where what is left equals a recorded document, and
 * only our entry taken out where somebody else changed it meanwhile (semantics of UpdateAssumeRolePolicy: it replaces the
 * whole document and knows no condition).
 */
export const restore = (request: RestoreRequest): Restoration => {
  const removal = removeStatement(request.live, request.statement);
  const foreign = editedByOthers(request);
  if (removal.is === 'absent') return { is: 'gone', foreign };
  if (removal.is === 'refused') return removal;
  const known = [request.before, ...(request.recorded ?? [])].find((text) => same(text, removal.text));
  if (known === undefined) return { is: 'surgical', text: removal.text, foreign };
  const dead = unrestorable(parseTrust(known));
  return dead.length > 0
    ? { is: 'refused', reason: 'not-restorable', detail: deadPrincipals(dead).detail }
    : { is: 'exact', text: decoded(known) };
};

const decoded = (text: string): string => {
  const document = parseTrust(text);
  return document.is === 'document' ? document.text : text;
};

const same = (left: string, right: string): boolean => {
  const [one, other] = [parseTrust(left), parseTrust(right)];
  return one.is === 'document' && other.is === 'document' && canonicalDocument(one) === canonicalDocument(other);
};

/** A statement of ours as one statement for each subject in its list; any other as it is. */
const apart = (statement: Statement): readonly Statement[] => {
  const key = isOurs(statement) ? joinableKey(statement) : null;
  return key
    ? valuesAt(statement, key.operator, key.key).map((value) => withValues(statement, key.operator, key.key, [value]))
    : [statement];
};

/** Whether live differs from what we wrote by more than statements of ours. */
const editedByOthers = (request: RestoreRequest): boolean => {
  const bare = (statement: Statement): string => canonicalStatement(statement, { sid: false });
  const mine = new Set([request.statement, ...(request.siblings ?? [])].flatMap(apart).map(bare));
  const strip = (text: string): string | null => {
    const document = parseTrust(text);
    if (document.is !== 'document') return null;
    const left = document.statements
      .flatMap(apart)
      .flatMap((one) => (isOurs(one) ? (mine.has(bare(one)) ? [] : [bare(one)]) : [canonicalStatement(one)]));
    const { Statement: _statement, ...rest } = document.json;
    return canonical([rest, left.sort(byText)]);
  };
  return strip(request.after) !== strip(request.live);
};
