import type { Registry, StepKind } from './step.js';

/** Every step kind; one line each. */
const kinds: readonly StepKind[] = [];

export const registry: Registry = new Map(kinds.map((kind) => [kind.kind, kind]));
