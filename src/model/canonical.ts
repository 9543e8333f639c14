import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';

const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

export type Digest = `sha256:${string}`;

/** Keys that JavaScript lists first, as numbers, whatever the order in which they were set; and the one that sets no property. */
const unplaceable = /^(?:0|[1-9]\d{0,9}|__proto__)$/;
const isUnplaceable = (key: string): boolean => {
  const first = key.charCodeAt(0);
  return (first < 58 || first === 95) && unplaceable.test(key);
};

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/**
 * The same value with the keys of every object in the order of RFC 8785, so that JSON.stringify, many times quicker than any
 * writer of our own, gives the canonical text. What is in order already is not copied. Null where JavaScript cannot hold that order.
 */
const inOrder = (value: object): object | null => {
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') return null;
  return Array.isArray(value) ? itemsInOrder(value) : keysInOrder(value as Readonly<Record<string, unknown>>);
};

const itemsInOrder = (items: readonly unknown[]): readonly unknown[] | null => {
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (!isObject(item)) {
      if (typeof item === 'number' && !Number.isFinite(item)) return null;
      continue;
    }
    const ordered = inOrder(item);
    if (ordered === null) return null;
    if (ordered === item) continue;
    copy ??= [...items];
    copy[index] = ordered;
  }
  return copy ?? items;
};

const keysInOrder = (value: Readonly<Record<string, unknown>>): object | null => {
  const keys = Object.keys(value);
  let copy: Record<string, unknown> | undefined;
  for (let index = 1; index < keys.length; index += 1)
    if ((keys[index - 1] as string) > (keys[index] as string)) {
      keys.sort();
      copy = {};
      break;
    }
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index] as string;
    const inner = value[key];
    let ordered = inner;
    if (isObject(inner)) {
      ordered = inOrder(inner);
      if (ordered === null) return null;
      if (ordered !== inner && copy === undefined) {
        if (keys.some(isUnplaceable)) return null;
        copy = {};
        for (const before of keys.slice(0, index)) copy[before] = value[before];
      }
    } else if (typeof inner === 'number' && !Number.isFinite(inner)) return null;
    if (copy === undefined) continue;
    if (isUnplaceable(key)) return null;
    copy[key] = ordered;
  }
  return copy ?? value;
};

/** RFC 8785 text of a JSON value: equal values give equal bytes. */
export const canonical = (value: unknown): string => {
  const ordered = isObject(value) ? inOrder(value) : null;
  return (ordered === null ? canonicalize(value) : JSON.stringify(ordered)) ?? 'null';
};

/** The canonical text in pieces, one for each item of a list: that of a large estate as one string costs many times its size in copies. */
const write = (value: unknown, put: (piece: string) => void, depth = 2): void => {
  if (depth === 0 || !isObject(value) || typeof (value as { readonly toJSON?: unknown }).toJSON === 'function')
    put(canonical(value));
  else if (Array.isArray(value)) {
    put('[');
    for (let index = 0; index < value.length; index += 1) {
      if (index > 0) put(',');
      write(value[index] ?? null, put, depth - 1);
    }
    put(']');
  } else {
    let separator = '{';
    for (const key of Object.keys(value).sort()) {
      const inner = (value as Readonly<Record<string, unknown>>)[key];
      if (inner === undefined || typeof inner === 'symbol') continue;
      put(`${separator}${JSON.stringify(key)}:`);
      write(inner, put, depth - 1);
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
