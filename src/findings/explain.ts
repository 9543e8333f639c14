import { errorCodes } from './error-codes.js';
import { rules } from './registry.js';

/** What `rolelift explain CODE` tells. */
export interface Explanation {
  readonly code: string;
  readonly name: string;
  /** Null for errors: they have none. */
  readonly severity: 'block' | 'warn' | 'info' | null;
  /** False: `--accept` is refused. Null for errors. */
  readonly acceptable: boolean | null;
  readonly says: string;
  readonly explain: string;
  readonly remedy: string;
}

/** Every code that rolelift knows, findings first, in order. */
export const explanations: readonly Explanation[] = [
  ...rules.map(({ code, name, severity, acceptable, says, explain, remedy }) => ({
    code,
    name,
    severity,
    acceptable,
    says,
    explain,
    remedy,
  })),
  ...errorCodes.map((entry) => ({ ...entry, severity: null, acceptable: null })),
];

/** The explanation of a finding's or error's code, in any letter case; null where there is no such code. */
export const explanationOf = (code: string): Explanation | null => {
  const wanted = code.trim().toUpperCase();
  return explanations.find((entry) => entry.code === wanted) ?? null;
};
