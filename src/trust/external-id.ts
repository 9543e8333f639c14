import { isObject, type JsonObject, textAt } from '../model/json.js';
import { parseTrust, type Statement, sameStatement, sizeOf, type TrustDocument } from './document.js';
import { isOurs } from './statement.js';

const key = 'sts:ExternalId';

/**
 * A statement that lets a role chain, narrowed to the external id that EKS made for one association (EKS User Guide, target roles;
 * H15): `sts:AssumeRole` with the id in a statement of its own, and `sts:TagSession`, whose request need not carry it, beside it.
 */
const withExternalId = (statement: Statement, externalId: string): readonly [Statement, Statement] => {
  const condition = isObject(statement.Condition) ? statement.Condition : {};
  const tests = isObject(condition.StringEquals) ? condition.StringEquals : {};
  const sid = textAt(statement, 'Sid') ?? '';
  return [
    {
      ...statement,
      Sid: `${sid}X`,
      Action: 'sts:AssumeRole',
      Condition: { ...condition, StringEquals: { ...tests, [key]: externalId } },
    },
    { ...statement, Sid: `${sid}T`, Action: 'sts:TagSession' },
  ];
};

/** The same statement without its test of the external id; null where it tests none. */
const withoutExternalId = (statement: Statement): Statement | null => {
  const { Condition: condition, ...rest } = statement;
  const tests = isObject(condition) && isObject(condition.StringEquals) ? condition.StringEquals : {};
  if (!isObject(condition) || !Object.hasOwn(tests, key)) return null;
  const { [key]: _id, ...left } = tests;
  const { StringEquals: _tests, ...others } = condition;
  const kept: JsonObject = Object.keys(left).length > 0 ? { ...others, StringEquals: left } : others;
  return Object.keys(kept).length > 0 ? { ...rest, Condition: kept } : rest;
};

const isOpen = (one: Statement, statement: Statement): boolean => isOurs(one) && sameStatement(one, statement);
/** One of the two that `withExternalId` makes of the statement, whatever the id. */
const isNarrowed = (one: Statement, statement: Statement): boolean => {
  if (!isOurs(one)) return false;
  if (textAt(one, 'Sid')?.endsWith('T') === true && sameStatement(one, { ...statement, Action: 'sts:TagSession' }))
    return true;
  const bare = withoutExternalId(one);
  return bare !== null && sameStatement(bare, { ...statement, Action: 'sts:AssumeRole' });
};

export type Narrowing =
  | { readonly is: 'changed'; readonly text: string; readonly size: number }
  /** It is as wanted already, or what is to be changed is not there. */
  | { readonly is: 'absent' }
  | { readonly is: 'refused'; readonly detail: string };

const render = (document: TrustDocument, statements: readonly Statement[]): string =>
  JSON.stringify({ ...document.json, Statement: statements });

const edited = (
  text: string,
  matches: (one: Statement) => boolean,
  put: (first: Statement) => readonly Statement[],
): Narrowing => {
  const document = parseTrust(text);
  if (document.is !== 'document') return { is: 'refused', detail: document.reason };
  const first = document.statements.find(matches);
  if (first === undefined) return { is: 'absent' };
  const statements = document.statements.flatMap((one) => (one === first ? put(first) : matches(one) ? [] : [one]));
  const result = render(document, statements);
  return { is: 'changed', text: result, size: sizeOf(result) };
};

/** Puts the narrowed statements where ours stands; nobody else's is touched. */
export const narrow = (text: string, statement: Statement, externalId: string): Narrowing =>
  edited(
    text,
    (one) => isOpen(one, statement),
    (first) => withExternalId(first, externalId),
  );

/** Puts ours back where the narrowed ones stand, whatever the external id was: the association may be gone by then. */
export const widen = (text: string, statement: Statement): Narrowing =>
  edited(
    text,
    (one) => isNarrowed(one, statement),
    (first) => [{ ...statement, Sid: (textAt(first, 'Sid') ?? '').replace(/[XT]$/, '') }],
  );

/** Whether ours stands there open, narrowed to that id (any where none is given), or not at all. */
export const narrowness = (
  text: string,
  statement: Statement,
  externalId: string | null,
): 'open' | 'narrowed' | 'other-id' | 'absent' => {
  const document = parseTrust(text);
  if (document.is !== 'document') return 'absent';
  if (document.statements.some((one) => isOpen(one, statement))) return 'open';
  const found = document.statements.filter((one) => isNarrowed(one, statement));
  if (found.length === 0) return 'absent';
  const wanted = externalId === null ? null : withExternalId(statement, externalId)[0];
  return wanted === null || found.some((one) => sameStatement(one, wanted)) ? 'narrowed' : 'other-id';
};
