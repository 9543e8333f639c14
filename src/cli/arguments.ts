import { InvalidArgumentError } from 'commander';
import { laneApis } from '../model/lane.js';

/** Readers of option values; what they refuse is a usage error (exit 64). */

export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export const whole = (value: string): number => {
  if (!/^\d+$/.test(value) || Number(value) < 1) throw new InvalidArgumentError('a whole number from 1 is wanted.');
  return Number(value);
};

/** `90s`, `10m`, `24h`, `7d`, `500ms`, `0s`: milliseconds. */
export const span = (value: string): number => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value.trim());
  if (match === null) throw new InvalidArgumentError('a time such as 90s, 10m, 24h or 0s is wanted.');
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'ms' | 's' | 'm' | 'h' | 'd'];
  return Number(match[1]) * unit;
};

/** `LANE=N`, gathered. */
export const rate = (
  value: string,
  before: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> => {
  const match = /^([a-z0-9]+)-(read|write)=(\d+(?:\.\d+)?)$/.exec(value);
  if (match === null || !laneApis.some((api) => api === match[1]) || Number(match[3]) <= 0) {
    throw new InvalidArgumentError(
      `LANE=N is wanted, as iam-write=2; lanes are ${laneApis.join(', ')}, each with -read or -write.`,
    );
  }
  return { ...before, [`${match[1]}-${match[2]}`]: Number(match[3]) };
};

/** `ACCOUNT=VALUE`, gathered. */
export const byAccount = (
  value: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> => {
  const match = /^(\d{12})=(.+)$/.exec(value);
  if (match === null) throw new InvalidArgumentError('ACCOUNT=VALUE is wanted, with an account of twelve digits.');
  return { ...before, [match[1] as string]: match[2] as string };
};

export const oneOf =
  <T extends string>(...allowed: readonly T[]) =>
  (value: string): T => {
    const found = allowed.find((each) => each === value);
    if (found === undefined) throw new InvalidArgumentError(`one of ${allowed.join(', ')} is wanted.`);
    return found;
  };

export const manyOf =
  <T extends string>(...allowed: readonly T[]) =>
  (value: string): readonly T[] =>
    value.split(',').map((each) => oneOf(...allowed)(each.trim()));
