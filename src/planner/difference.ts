import { byText, sameJson } from '../model/canonical.js';

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Path of the first place at which two JSON values differ, as `steps[3].params.name`; null where they are equal. */
export const firstDifference = (left: unknown, right: unknown, path = ''): string | null => {
  if (sameJson(left, right)) return null;
  if (Array.isArray(left) && Array.isArray(right)) {
    for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
      const found = firstDifference(left[index], right[index], `${path}[${index}]`);
      if (found !== null) return found;
    }
    return `${path}[${Math.min(left.length, right.length)}]`;
  }
  if (isPlain(left) && isPlain(right)) {
    for (const key of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort(byText)) {
      const found = firstDifference(
        Object.hasOwn(left, key) ? left[key] : undefined,
        Object.hasOwn(right, key) ? right[key] : undefined,
        path === '' ? key : `${path}.${key}`,
      );
      if (found !== null) return found;
    }
  }
  return path === '' ? 'the plan' : path;
};
