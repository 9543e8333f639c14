import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';

const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

export type Digest = `sha256:${string}`;

/** RFC 8785 text of a JSON value: equal values give equal bytes. */
export const canonical = (value: unknown): string => canonicalize(value) ?? 'null';

/** The canonical text in pieces: that of a large estate as one string costs many times its size in copies. */
const write = (value: unknown, put: (piece: string) => void): void => {
  const plain = typeof value !== 'object' || value === null;
  if (plain || typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') put(canonical(value));
  else if (Array.isArray(value)) {
    put('[');
    for (let index = 0; index < value.length; index += 1) {
      if (index > 0) put(',');
      write(value[index] ?? null, put);
    }
    put(']');
  } else {
    let separator = '{';
    for (const key of Object.keys(value).sort()) {
      const inner = (value as Readonly<Record<string, unknown>>)[key];
      if (inner === undefined || typeof inner === 'symbol') continue;
      put(`${separator}${JSON.stringify(key)}:`);
      write(inner, put);
      separator = ',';
    }
    put(separator === '{' ? '{}' : '}');
  }
};

/** Digest of the canonical text, as `sha256:` and 64 hexadecimal digits. */
export const digestOf = (value: unknown): Digest => {
  const hash = createHash('sha256');
  let pieces: string[] = [];
  let size = 0;
  write(value, (piece) => {
    pieces.push(piece);
    size += piece.length;
    if (size < 65_536) return;
    hash.update(pieces.join(''));
    pieces = [];
    size = 0;
  });
  return `sha256:${hash.update(pieces.join('')).digest('hex')}`;
};

export const sameJson = (left: unknown, right: unknown): boolean => canonical(left) === canonical(right);

/** Order by Unicode code units: the same on every machine and locale. */
export const byText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
export const byKey =
  <T>(key: (item: T) => string) =>
  (left: T, right: T): number =>
    byText(key(left), key(right));
