import { RoleliftError } from '../model/error.js';
import { type Plan, planDigest, planId, planSchema, sealPlan } from '../model/plan.js';
import { registry } from '../steps/registry.js';
import type { Registry } from '../steps/step.js';
import { firstDifference } from './difference.js';
import { optionsOf } from './options-schema.js';
import { invalid } from './plan-errors.js';
import { checkSafety } from './plan-safety.js';
import { checkSkips, checkStructure } from './plan-structure.js';

export { optionsOf } from './options-schema.js';

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${String(part)}`),
    '',
  );

/** Reads a plan's JSON: RL611 where its format is another version's, RL612 with the path of the first thing that is wrong. */
const parsePlan = (value: unknown): Plan => {
  const format =
    typeof value === 'object' && value !== null ? (value as { readonly format?: unknown }).format : undefined;
  if (format !== 'rolelift.plan/1')
    throw invalid(
      'RL611',
      'format',
      typeof format === 'string' && format.startsWith('rolelift.plan/')
        ? `is ${JSON.stringify(format.slice(0, 40))}; this version reads rolelift.plan/1`
        : 'is not that of a plan',
      'Use the version of rolelift that made it, or plan again.',
    );
  const read = planSchema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const unknownKeys = issue?.code === 'unrecognized_keys' ? `: ${issue.keys.join(', ')}` : '';
  throw invalid(
    'RL612',
    pathText(issue?.path ?? []) || 'the plan',
    `is not valid (${issue?.message ?? 'its shape'}${unknownKeys})`,
  );
};

export interface ValidateOptions {
  /** The same plan made anew from the plan directory's inventory: tells which path somebody edited. */
  readonly original?: Plan;
  /** Takes an edited plan and gives it a new digest, after every other check (`plan --reseal`). */
  readonly reseal?: boolean;
  readonly kinds?: Registry;
}

/**
 * Reads a plan that came from a file and is trusted in nothing: shape, digest (RL613, with the path that differs where that can be
 * known), step kinds and their parameters (RL610), references and order (RL614), names, accounts and ARNs that reach beyond the
 * plan (RL615), `skip` where none may be (RL616). With `reseal` the answer carries a new digest and id.
 */
export const validatePlan = (value: unknown, options: ValidateOptions = {}): Plan => {
  const plan = parsePlan(value);
  const kinds = options.kinds ?? registry;
  if (options.reseal !== true) checkDigest(plan, options.original, kinds);
  optionsOf(plan);
  checkSafety(plan);
  checkStructure(plan, kinds);
  checkSkips(plan, kinds);
  if (options.reseal !== true) return plan;
  const { id: _id, digest: _digest, ...body } = plan;
  return sealPlan(body);
};

const checkDigest = (plan: Plan, original: Plan | undefined, kinds: Registry): void => {
  const digest = planDigest(plan);
  if (digest === plan.digest) {
    if (planId(plan.cluster, digest) !== plan.id) throw invalid('RL613', 'id', 'was edited');
    return;
  }
  const remedy =
    'Undo the edit (only `skip` and `note` are free), or check it anew with `rolelift plan --reseal PLAN`, or plan again.';
  const path =
    original === undefined ? guessedEdit(plan, kinds) : firstDifference(withoutFree(original), withoutFree(plan));
  throw invalid('RL613', path ?? 'somewhere', 'was edited: the digest is not that of what stands there', remedy);
};

/** The plan without what a reviewer may write, and without what is made of the rest. */
const withoutFree = (plan: Plan): unknown => {
  const free = <T extends { readonly skip: boolean; readonly note: string }>({
    skip: _skip,
    note: _note,
    ...item
  }: T) => item;
  const { id: _id, digest: _digest, createdAt: _createdAt, ...body } = plan;
  return { ...body, moves: plan.moves.map(free), steps: plan.steps.map(free) };
};

/** Without the original: whatever does not agree with what the step's kind makes of the parameters, or breaks another rule. */
const guessedEdit = (plan: Plan, kinds: Registry): string | null => {
  try {
    checkSafety(plan);
    checkStructure(plan, kinds);
  } catch (thrown) {
    if (thrown instanceof RoleliftError) return /^plan\.json: (\S+)/.exec(thrown.data.message)?.[1] ?? null;
    throw thrown;
  }
  return null;
};

/** Takes an edited plan, checks all but its digest, and seals it anew (`plan --reseal`). Errors as `validatePlan`. */
export const resealPlan = (value: unknown): Plan => validatePlan(value, { reseal: true });
