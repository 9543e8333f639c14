import { isObject, type Json, type JsonObject } from '../../model/json.js';

/** IAM's policy language, read and decided here by rules of the sandbox's own (IAM User Guide, policy evaluation logic). */

export interface Statement {
  readonly sid: string | null;
  readonly effect: 'Allow' | 'Deny';
  /** Principals by kind (`AWS`, `Service`, `Federated`, `CanonicalUser`); `{ "*": ["*"] }` for anyone. */
  readonly principals: Readonly<Record<string, readonly string[]>> | null;
  readonly notPrincipals: boolean;
  readonly actions: readonly string[];
  readonly notActions: boolean;
  readonly resources: readonly string[];
  readonly notResources: boolean;
  readonly conditions: readonly {
    readonly operator: string;
    readonly key: string;
    readonly values: readonly string[];
  }[];
}

/** What a request carries, keys in lower case. */
export type Context = ReadonlyMap<string, readonly string[]>;

const listOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : value === undefined ? [] : [value]).map((each) =>
    typeof each === 'string' ? each : JSON.stringify(each),
  );

const principalsOf = (value: Json | undefined): Statement['principals'] => {
  if (value === undefined) return null;
  if (!isObject(value)) return { '*': listOf(value) };
  return Object.fromEntries(Object.entries(value).map(([kind, names]) => [kind, listOf(names)]));
};

const statementOf = (raw: JsonObject): Statement => ({
  sid: typeof raw['Sid'] === 'string' ? raw['Sid'] : null,
  effect: raw['Effect'] === 'Deny' ? 'Deny' : 'Allow',
  principals: principalsOf(raw['Principal'] ?? raw['NotPrincipal']),
  notPrincipals: raw['NotPrincipal'] !== undefined,
  actions: listOf(raw['Action'] ?? raw['NotAction']),
  notActions: raw['NotAction'] !== undefined,
  resources: listOf(raw['Resource'] ?? raw['NotResource'] ?? '*'),
  notResources: raw['NotResource'] !== undefined,
  conditions: Object.entries(isObject(raw['Condition']) ? raw['Condition'] : {}).flatMap(([operator, tests]) =>
    Object.entries(isObject(tests) ? tests : {}).map(([key, values]) => ({ operator, key, values: listOf(values) })),
  ),
});

const read = new Map<string, readonly Statement[] | null>();
const mostRead = 5_000;

/** The statements of a document; null where it is not a policy at all. Documents are asked about far more often than they change. */
export const statementsOf = (text: string): readonly Statement[] | null => {
  const known = read.get(text);
  if (known !== undefined) return known;
  if (read.size >= mostRead) read.clear();
  const found = parsedStatements(text);
  read.set(text, found);
  return found;
};

const parsedStatements = (text: string): readonly Statement[] | null => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(parsed)) return null;
  const raw = parsed['Statement'];
  const list = Array.isArray(raw) ? raw : raw === undefined ? [] : [raw];
  if (list.length === 0 || !list.every(isObject)) return null;
  if (!list.every((each) => each['Effect'] === 'Allow' || each['Effect'] === 'Deny')) return null;
  return list.map(statementOf);
};

/** `*` any run of characters, `?` any one; linear in time. */
export const wild = (pattern: string, text: string): boolean => {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (p < pattern.length && (pattern[p] === '?' || (pattern[p] !== '*' && pattern[p] === text[t]))) {
      p++;
      t++;
    } else if (p < pattern.length && pattern[p] === '*') {
      star = p++;
      mark = t;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
};

const filled = (value: string, context: Context): string =>
  value.replace(/\$\{([^}]*)\}/g, (whole, name: string) =>
    name === '*' || name === '?' || name === '$' ? name : (context.get(name.toLowerCase())?.[0] ?? whole),
  );

const compare: Readonly<Record<string, (want: string, have: string) => boolean>> = {
  StringEquals: (want, have) => want === have,
  StringEqualsIgnoreCase: (want, have) => want.toLowerCase() === have.toLowerCase(),
  StringLike: wild,
  ArnEquals: wild,
  ArnLike: wild,
  Bool: (want, have) => want.toLowerCase() === have.toLowerCase(),
  NumericEquals: (want, have) => Number(want) === Number(have),
  NumericLessThan: (want, have) => Number(have) < Number(want),
  NumericLessThanEquals: (want, have) => Number(have) <= Number(want),
  NumericGreaterThan: (want, have) => Number(have) > Number(want),
  NumericGreaterThanEquals: (want, have) => Number(have) >= Number(want),
  DateLessThan: (want, have) => Date.parse(have) < Date.parse(want),
  DateGreaterThan: (want, have) => Date.parse(have) > Date.parse(want),
};
const negated: Readonly<Record<string, string>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
  NumericNotEquals: 'NumericEquals',
};

const holds = (test: Statement['conditions'][number], context: Context): boolean => {
  const values = context.get(test.key.toLowerCase());
  const [, quantifier, rest] = /^(?:(ForAnyValue|ForAllValues):)?(.*)$/.exec(test.operator) ?? [];
  const ifExists = rest?.endsWith('IfExists') === true;
  const name = ifExists ? rest.slice(0, -'IfExists'.length) : (rest ?? '');
  if (name === 'Null') return test.values.some((want) => (want.toLowerCase() === 'true') === (values === undefined));
  const positive = negated[name];
  const meets = compare[positive ?? name];
  if (meets === undefined) return false;
  if (values === undefined || values.length === 0)
    return ifExists || quantifier === 'ForAllValues' || (positive !== undefined && quantifier !== 'ForAnyValue');
  const one = (have: string): boolean => {
    const found = test.values.some((want) => meets(filled(want, context), have));
    return positive === undefined ? found : !found;
  };
  return quantifier === 'ForAnyValue' ? values.some(one) : values.every(one);
};

export const conditionsHold = (statement: Statement, context: Context): boolean =>
  statement.conditions.every((test) => holds(test, context));

export const namesAction = (statement: Statement, action: string): boolean =>
  statement.actions.some((pattern) => wild(pattern.toLowerCase(), action.toLowerCase())) !== statement.notActions;

const namesResource = (statement: Statement, resource: string, context: Context): boolean =>
  statement.resources.some((pattern) => wild(filled(pattern, context), resource)) !== statement.notResources;

export type Decision = 'allow' | 'deny' | 'silent';

/** What identity policies say of one action; an explicit Deny beats every Allow. */
export const decide = (
  statements: readonly Statement[],
  action: string,
  resource: string,
  context: Context,
): Decision => {
  const hits = statements.filter(
    (each) => namesAction(each, action) && namesResource(each, resource, context) && conditionsHold(each, context),
  );
  return hits.some((each) => each.effect === 'Deny') ? 'deny' : hits.length > 0 ? 'allow' : 'silent';
};

/** Characters that count against a quota: white space outside does not (IAM User Guide, quotas). */
export const countedSize = (text: string): number => text.replace(/\s/g, '').length;
