import { createHash } from 'node:crypto';

/** The first digits of a SHA-256: to make cut names distinct, always in the same way. */
export const shortHash = (text: string, digits = 8): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits);

/** Cuts to `limit` characters; a name that lost something carries a hash of the whole, so that two stay two. */
const cut = (name: string, of: string, limit: number, lost: boolean): string => {
  if (name.length <= limit && !lost) return name;
  const head = name.slice(0, limit - 9).replace(/[^A-Za-z0-9]+$/, '');
  return `${head === '' ? 'x' : head}-${shortHash(of)}`;
};

/** A DNS-1123 label (63 characters at most) made of any text (kubernetes.io, Object Names and IDs). */
export const labelName = (text: string): string => {
  const lower = text.toLowerCase();
  const plain = lower
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 300);
  return cut(plain, text, 63, plain === '');
};

/** A role or policy name (64 characters of `[\w+=,.@-]`, IAM API CreateRole) made of any text. */
export const iamName = (text: string, limit = 64): string => {
  const plain = text.replace(/[^\w+=,.@-]+/g, '-').slice(0, 400);
  return cut(plain, text, limit, plain === '');
};

/** The first of the candidates, or of them with a hash and then a number behind, that is not taken. */
export const freeName = (candidates: readonly string[], of: string, taken: (name: string) => boolean): string => {
  for (const candidate of candidates) if (!taken(candidate)) return candidate;
  const base = candidates[0] as string;
  for (let attempt = 0; ; attempt += 1) {
    const suffix = shortHash(attempt === 0 ? of : `${of}\n${attempt}`);
    const name = `${base.slice(0, 63 - 9).replace(/-+$/, '')}-${suffix}`;
    if (!taken(name)) return name;
  }
};
