import { byText } from '../model/canonical.js';
import type { Step } from '../model/plan.js';

/** In the order in which a plan has them, with what each undo waits for (H1). */
export const ordered = (steps: readonly Step[]): readonly Step[] => {
  const rank = [
    'create-oidc-provider',
    // An account whose statement is gone can still be told to be ours, a statement whose account is gone cannot: so it goes last.
    'create-service-account',
    'copy-rbac-subject',
    'add-trust-statement',
    'annotate-service-account',
    'create-pod-identity-association',
    'set-workload-service-account',
    'restart-workload',
    'prove-identity',
    'remove-pod-annotation',
  ];
  const sorted = [...steps].sort(
    (one, other) => rank.indexOf(one.kind) - rank.indexOf(other.kind) || byText(one.id, other.id),
  );
  const ids = (move: string | null, ...kinds: readonly string[]): readonly string[] =>
    sorted.filter((step) => (move === null || step.move === move) && kinds.includes(step.kind)).map(({ id }) => id);
  const oldWay = ['remove-pod-annotation', 'set-workload-service-account'];
  const bind = ['annotate-service-account', 'create-pod-identity-association'];
  const waits: Readonly<Record<string, readonly string[]>> = {
    'set-workload-service-account': ['remove-pod-annotation'],
    'annotate-service-account': oldWay,
    'create-pod-identity-association': oldWay,
    'restart-workload': [...oldWay, ...bind],
    'prove-identity': [...oldWay, ...bind, 'restart-workload'],
    'add-trust-statement': ['prove-identity', ...bind],
    'copy-rbac-subject': ['prove-identity', ...oldWay],
    'create-service-account': ['copy-rbac-subject', 'prove-identity', 'add-trust-statement', ...bind, ...oldWay],
  };
  return sorted.map((step) => ({
    ...step,
    undoDependsOn:
      step.kind === 'create-oidc-provider'
        ? ids(null, 'add-trust-statement')
        : ids(step.move, ...(waits[step.kind] ?? [])),
  }));
};
