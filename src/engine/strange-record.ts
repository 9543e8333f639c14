import type { JournalState } from '../journal/fold.js';
import { sameJson } from '../model/canonical.js';
import { at, isObject, type Json, type JsonObject } from '../model/json.js';
import { pointerKeys } from '../model/json-pointer.js';
import type { Plan, Step } from '../model/plan.js';
import { parseRoleArn } from '../model/resource.js';
import { marks } from '../model/words.js';
import { plannedAt } from '../steps/object-fields.js';
import type { Registry } from '../steps/step.js';

/** Texts that are the ARN of a role, as a whole. */
const rolesIn = (value: unknown, found = new Set<string>(), depth = 0): ReadonlySet<string> => {
  if (typeof value === 'string') {
    if (parseRoleArn(value) !== null) found.add(value);
  } else if (depth < 12 && typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) rolesIn(inner, found, depth + 1);
  }
  return found;
};

/** ARNs of which the plan speaks for that step's move; for a shared step, everything that it speaks of. */
const rolesFor = (plan: Plan, step: Step): ReadonlySet<string> =>
  rolesIn([
    plan.moves.filter(({ id }) => step.move === null || id === step.move),
    plan.steps
      .filter(({ move }) => step.move === null || move === step.move)
      .map(({ params, before }) => [params, before]),
  ]);

/** What the plan says that a field holds before and after the step; null where it says nothing of that field. */
const plannedValues = (registry: Registry, plan: Plan, step: Step, pointer: string): readonly Json[] | null => {
  const kind = registry.get(step.kind);
  const keys = pointerKeys(pointer);
  const said = (['undo', 'apply'] as const)
    .flatMap((direction) => kind?.changes(step, direction, plan.id) ?? [])
    .flatMap((change) => (change.api === 'kubernetes' ? [at(change.body, ...keys)] : []));
  const found = [...said, plannedAt(step, pointer)].filter((value) => value !== undefined);
  return found.length === 0 ? null : found;
};

/** A name that the plan gives the step, as `from` and `to` of a service account: it may be spelled out or be the default. */
const namedBy = (step: Step): readonly Json[] =>
  Object.values(step.params).filter((value) => typeof value === 'string');

const isMark = (pointer: string): boolean => (pointerKeys(pointer).at(-1) ?? '').startsWith('rolelift.dev/');

/**
 * A field of a pre-image whose value the step cannot have found: a step begins only where each field is as planned or already as
 * wanted (else it had been refused as drifted). What was absent may be so for many reasons, and gives nothing to anybody.
 */
const strangeField = (registry: Registry, plan: Plan, step: Step, preimage: JsonObject): string | null => {
  const fields = at(preimage, 'fields');
  if (!isObject(fields)) return null;
  for (const [pointer, field] of Object.entries(fields)) {
    const value = at(field, 'value');
    if (at(field, 'present') !== true || value === undefined || isMark(pointer)) continue;
    const allowed = [...(plannedValues(registry, plan, step, pointer) ?? []), ...namedBy(step)];
    if (!allowed.some((one) => sameJson(one, value))) return `${JSON.stringify(value)} at ${pointer}`;
  }
  return null;
};

/**
 * What a journal may not hold: steps of no plan of ours, pre-images with a role that the plan never speaks of, or with a value that the
 * plan did not find there. An undo writes pre-images back, so whoever could forge one could give a role away, be it by its ARN, by a
 * name that a broker resolves, or by another service account. Null where nothing is strange.
 */
export const strangeRecord = (plan: Plan, registry: Registry, state: JournalState): string | null => {
  const byId = new Map((plan.steps as readonly Step[]).map((step) => [step.id, step]));
  for (const [id, now] of state.steps) {
    // A deleted broker is nothing that an undo writes back: whether its moves can go back is asked of the estate (H2).
    if (id.startsWith(marks.brokerDeletion)) continue;
    const step = byId.get(id);
    if (step === undefined) return `the plan has no step ${id}`;
    const preimage = 'preimage' in now ? now.preimage : null;
    if (preimage === null) continue;
    const place = `the pre-image of ${id} (line ${state.preimages.get(id)?.seq ?? '?'})`;
    const roles = rolesIn(preimage);
    // Documents are compared as documents by their steps; here are the values that stand alone.
    const known = roles.size === 0 ? roles : rolesFor(plan, step);
    for (const role of roles)
      if (!known.has(role)) return `${place} holds ${role}, which the plan does not know for it`;
    const strange = strangeField(registry, plan, step, preimage);
    if (strange !== null) return `${place} holds ${strange}, which is not what the plan found there`;
  }
  return null;
};
