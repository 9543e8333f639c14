import { byKey } from '../model/canonical.js';
import { RoleliftError, textOf } from '../model/error.js';
import type { Gap } from '../model/inventory.js';

/** What could not be read: collected while a scan goes on, told once per area, sorted at the end. */
export interface Gaps {
  add(area: string, reason: string, hides?: readonly string[]): void;
  /** The same for something thrown. */
  failed(area: string, thrown: unknown, hides?: readonly string[]): void;
  list(): readonly Gap[];
}

/** At most this many gaps of one scan are told one by one: hostile input could make any number. */
const most = 2000;

export const createGaps = (): Gaps => {
  const found = new Map<string, { area: string; reason: string; hides: Set<string> }>();
  let dropped = 0;
  const add: Gaps['add'] = (area, reason, hides = []) => {
    const key = `${area}\n${reason}`;
    const known = found.get(key);
    if (known !== undefined) {
      for (const hidden of hides) known.hides.add(hidden);
      return;
    }
    if (found.size >= most) {
      dropped += 1;
      return;
    }
    found.set(key, { area, reason: oneLine(reason), hides: new Set(hides) });
  };
  return {
    add,
    failed: (area, thrown, hides) => add(area, reasonOf(thrown), hides),
    list: () => {
      const all: Gap[] = [...found.values()].map(({ area, reason, hides }) => ({
        area,
        reason,
        hides: [...hides].sort(),
      }));
      if (dropped > 0)
        all.push({ area: 'scan', reason: `${dropped} further gaps are not listed one by one`, hides: [] });
      return all.sort(byKey((gap) => `${gap.area}\u0000${gap.reason}`));
    },
  };
};

const oneLine = (text: string): string => {
  const flat = text.replace(/\s+/g, ' ').trim();
  return flat.length > 500 ? `${flat.slice(0, 500)}…` : flat;
};

/** One line about a refused or failed read. */
export const reasonOf = (thrown: unknown): string => {
  if (thrown instanceof RoleliftError) {
    const { code, message, cause } = thrown.data;
    return cause === '' || cause === message ? `${code} ${message}` : `${code} ${message}: ${cause}`;
  }
  const name = errorNameOf(thrown);
  return name === '' ? textOf(thrown) : `${name}: ${textOf(thrown)}`;
};

/** Canonical AWS error code of what a client rejected with; empty where it is none. */
const errorNameOf = (thrown: unknown): string => {
  if (typeof thrown !== 'object' || thrown === null || !('errorName' in thrown)) return '';
  const name = (thrown as { errorName: unknown }).errorName;
  return typeof name === 'string' ? name : '';
};

/** True for every way in which AWS says that something is not there. */
export const isAbsent = (thrown: unknown): boolean => {
  const name = errorNameOf(thrown).replace(/Exception$/, '');
  return name === 'NoSuchEntity' || name === 'ResourceNotFound' || name === 'NotFound';
};

/** The code of a RoleliftError; empty for anything else. */
export const codeOf = (thrown: unknown): string => (thrown instanceof RoleliftError ? thrown.data.code : '');
