import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';

const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

export type Digest = `sha256:${string}`;

/** RFC 8785 text of a JSON value: equal values give equal bytes. */
export const canonical = (value: unknown): string => canonicalize(value) ?? 'null';

/** Digest of the canonical text, as `sha256:` and 64 hexadecimal digits. */
export const digestOf = (value: unknown): Digest =>
  `sha256:${createHash('sha256').update(canonical(value)).digest('hex')}`;

export const sameJson = (left: unknown, right: unknown): boolean => canonical(left) === canonical(right);

/** Order by Unicode code units: the same on every machine and locale. */
export const byText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
export const byKey =
  <T>(key: (item: T) => string) =>
  (left: T, right: T): number =>
    byText(key(left), key(right));
