import type { ConditionTest } from './document.js';
import { matchesArn, matchesWildcard } from './wildcard.js';

/** Three-valued answer: what cannot be told is said, not guessed. */
export type Verdict = 'yes' | 'no' | 'unknown';

/** `unknown` wins over `yes`, `no` over both. */
export const allOf = (verdicts: Iterable<Verdict>): Verdict => {
  let result: Verdict = 'yes';
  for (const verdict of verdicts) {
    if (verdict === 'no') return 'no';
    if (verdict === 'unknown') result = 'unknown';
  }
  return result;
};

/** `unknown` wins over `no`, `yes` over both. */
export const anyOf = (verdicts: Iterable<Verdict>): Verdict => {
  let result: Verdict = 'no';
  for (const verdict of verdicts) {
    if (verdict === 'yes') return 'yes';
    if (verdict === 'unknown') result = 'unknown';
  }
  return result;
};

export const not = (verdict: Verdict): Verdict => (verdict === 'yes' ? 'no' : verdict === 'no' ? 'yes' : 'unknown');

/** What is known of one condition key of a request: its values, none at all, or the several things that it may be. */
export type KeyState = { readonly is: 'values'; readonly values: readonly string[] } | { readonly is: 'absent' };
/** Every state that the key may have; empty: nothing is known about it. */
export type KeyStates = readonly KeyState[];

export const value = (...values: readonly string[]): KeyStates => [{ is: 'values', values }];
export const absent: KeyStates = [{ is: 'absent' }];

/** Looks a condition key up, in lower case. */
export type Lookup = (key: string) => KeyStates;

type Compare = (expected: string, actual: string) => Verdict;

const yes = (answer: boolean): Verdict => (answer ? 'yes' : 'no');
const number =
  (compare: (left: number, right: number) => boolean): Compare =>
  (expected, actual) => {
    const [right, left] = [Number(expected), Number(actual)];
    return Number.isNaN(right) || Number.isNaN(left) ? 'no' : yes(compare(left, right));
  };
const date =
  (compare: (left: number, right: number) => boolean): Compare =>
  (expected, actual) => {
    const [right, left] = [timeOf(expected), timeOf(actual)];
    return right === null || left === null ? 'unknown' : yes(compare(left, right));
  };
const timeOf = (text: string): number | null => {
  const found = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isNaN(found) ? null : found;
};

/** Operators of IAM (IAM User Guide, condition operators): how one value is compared, and whether the test is negated. */
const operators: ReadonlyMap<string, { readonly compare: Compare; readonly negated: boolean }> = new Map([
  ['stringequals', { compare: (e: string, a: string) => yes(e === a), negated: false }],
  ['stringnotequals', { compare: (e: string, a: string) => yes(e === a), negated: true }],
  [
    'stringequalsignorecase',
    { compare: (e: string, a: string) => yes(e.toLowerCase() === a.toLowerCase()), negated: false },
  ],
  [
    'stringnotequalsignorecase',
    { compare: (e: string, a: string) => yes(e.toLowerCase() === a.toLowerCase()), negated: true },
  ],
  ['stringlike', { compare: (e: string, a: string) => yes(matchesWildcard(e, a)), negated: false }],
  ['stringnotlike', { compare: (e: string, a: string) => yes(matchesWildcard(e, a)), negated: true }],
  ['arnequals', { compare: (e: string, a: string) => yes(matchesArn(e, a)), negated: false }],
  ['arnlike', { compare: (e: string, a: string) => yes(matchesArn(e, a)), negated: false }],
  ['arnnotequals', { compare: (e: string, a: string) => yes(matchesArn(e, a)), negated: true }],
  ['arnnotlike', { compare: (e: string, a: string) => yes(matchesArn(e, a)), negated: true }],
  ['bool', { compare: (e: string, a: string) => yes(e.toLowerCase() === a.toLowerCase()), negated: false }],
  ['numericequals', { compare: number((l, r) => l === r), negated: false }],
  ['numericnotequals', { compare: number((l, r) => l === r), negated: true }],
  ['numericlessthan', { compare: number((l, r) => l < r), negated: false }],
  ['numericlessthanequals', { compare: number((l, r) => l <= r), negated: false }],
  ['numericgreaterthan', { compare: number((l, r) => l > r), negated: false }],
  ['numericgreaterthanequals', { compare: number((l, r) => l >= r), negated: false }],
  ['dateequals', { compare: date((l, r) => l === r), negated: false }],
  ['datenotequals', { compare: date((l, r) => l === r), negated: true }],
  ['datelessthan', { compare: date((l, r) => l < r), negated: false }],
  ['datelessthanequals', { compare: date((l, r) => l <= r), negated: false }],
  ['dategreaterthan', { compare: date((l, r) => l > r), negated: false }],
  ['dategreaterthanequals', { compare: date((l, r) => l >= r), negated: false }],
  ['ipaddress', { compare: (e: string, a: string) => inRange(e, a), negated: false }],
  ['notipaddress', { compare: (e: string, a: string) => inRange(e, a), negated: true }],
]);

/** Whether an IPv4 address lies in a range; other families are not decided here. */
const inRange = (range: string, address: string): Verdict => {
  const [base, bits = '32'] = range.split('/');
  const [left, right] = [ipv4(base ?? ''), ipv4(address)];
  if (left === null || right === null || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return 'unknown';
  const shift = 2 ** (32 - Number(bits));
  return yes(Math.floor(left / shift) === Math.floor(right / shift));
};
const ipv4 = (text: string): number | null => {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return null;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
};

/** Whether the request passes one test of a Condition. Operators that are not known give `unknown`. */
export const passes = (test: ConditionTest, lookup: Lookup): Verdict => {
  const states = lookup(test.key.toLowerCase());
  if (states.length === 0) return 'unknown';
  const verdicts = states.map((state) => passesIn(test, state, lookup));
  return verdicts.every((verdict) => verdict === verdicts[0]) ? (verdicts[0] as Verdict) : 'unknown';
};

const passesIn = (test: ConditionTest, state: KeyState, lookup: Lookup): Verdict => {
  const [qualifier, named] = /^(forallvalues|foranyvalue):(.+)$/.exec(test.operator.toLowerCase())?.slice(1) ?? [
    null,
    test.operator.toLowerCase(),
  ];
  const name = (named as string).replace(/ifexists$/, '');
  const ifExists = name !== named;
  if (name === 'null') {
    const wanted = test.values.map((one) => one.toLowerCase());
    return yes(wanted.includes(String(state.is === 'absent')));
  }
  const operator = operators.get(name);
  if (!operator) return 'unknown';
  if (state.is === 'absent' || state.values.length === 0) {
    if (ifExists || qualifier === 'forallvalues') return 'yes';
    if (qualifier === 'foranyvalue') return 'no';
    // A negated test of a key that the request does not have is met (IAM User Guide, negated matching).
    return yes(operator.negated);
  }
  const expected = test.values.map((one) => substituted(one, lookup));
  const one = (actual: string): Verdict => {
    const met = anyOf(expected.map((text) => (text === null ? 'unknown' : operator.compare(text, actual))));
    return operator.negated ? not(met) : met;
  };
  if (qualifier === 'forallvalues') return allOf(state.values.map(one));
  if (qualifier === 'foranyvalue') return anyOf(state.values.map(one));
  // Several values under an operator for one value: IAM's own examples never do it, so nothing is claimed.
  return state.values.length === 1 ? one(state.values[0] as string) : allOf(['unknown', anyOf(state.values.map(one))]);
};

/** A value with its policy variables filled in; null where one of them is not known. */
const substituted = (text: string, lookup: Lookup): string | null => {
  if (!text.includes('${')) return text;
  let known = true;
  const filled = text.replace(/\$\{([^}]*)\}/g, (_, inner: string) => {
    if (inner === '*' || inner === '?' || inner === '$') {
      known = false;
      return '';
    }
    const state = lookup(inner.trim().toLowerCase());
    const only = state.length === 1 ? state[0] : undefined;
    if (only?.is === 'values' && only.values.length === 1) return only.values[0] as string;
    known = false;
    return '';
  });
  return known ? filled : null;
};
