import { RE2JS } from 're2js';

/** A compiled Go RE2 expression, or why it is none. */
export type Pattern =
  | { readonly is: 'pattern'; finds(text: string): boolean }
  | { readonly is: 'invalid'; readonly reason: string };

const compiled = new Map<string, Pattern>();

/**
 * Compiles an expression as Go's regexp package would: RE2 syntax, matching in linear time. Look-around and
 * back-references are errors, as they are for the brokers. Longer ones than an annotation may be are refused.
 */
export const goPattern = (expression: string): Pattern => {
  const known = compiled.get(expression);
  if (known) return known;
  const result = compile(expression);
  // A bound on memory, not on meaning: a scan sees few distinct expressions.
  if (compiled.size > 5_000) compiled.clear();
  compiled.set(expression, result);
  return result;
};

/** Size beyond which an expression is not tried: Go would take it, a reviewer could not. */
const longest = 10_000;

const compile = (expression: string): Pattern => {
  if (expression.length > longest) return { is: 'invalid', reason: `longer than ${longest} characters` };
  try {
    const pattern = RE2JS.compile(expression);
    return { is: 'pattern', finds: (text) => pattern.matcher(text).find() };
  } catch (thrown) {
    return { is: 'invalid', reason: thrown instanceof Error ? thrown.message : 'not valid RE2' };
  }
};
