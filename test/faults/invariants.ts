import { byText } from '../../src/model/canonical.js';
import { textAt } from '../../src/model/json.js';
import type { Plan } from '../../src/model/plan.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { Moment } from './stage.js';

/** Who owns a pod, so that it can be told apart from those before and after it: its labels' workload, by its service account and name. */
const familyOf = (sandbox: Sandbox, namespace: string, pod: string): string => {
  const object = sandbox.view.get('v1', 'Pod', namespace, pod);
  const labels = (object?.metadata as { labels?: Record<string, string> } | undefined)?.labels ?? {};
  const shown = Object.entries(labels).filter(
    ([key]) => !/hash|generation|statefulset\.kubernetes\.io|apps\.kubernetes\.io|controller-uid|job-name/.test(key),
  );
  return shown.length === 0
    ? `${namespace}/${pod}`
    : `${namespace}/${shown
        .sort(([a], [b]) => byText(a, b))
        .map(([key, value]) => `${key}=${value}`)
        .join(',')}`;
};

/** Roles that live pods get now, by family. */
const rolesOf = (sandbox: Sandbox): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>();
  for (const identity of sandbox.identities()) {
    const object = sandbox.view.get('v1', 'Pod', identity.namespace, identity.pod);
    if (textAt(object, 'status', 'phase') !== 'Running') continue;
    if (textAt(object, 'metadata', 'deletionTimestamp') !== undefined) continue;
    const family = familyOf(sandbox, identity.namespace, identity.pod);
    const roles = found.get(family) ?? new Set<string>();
    for (const { role } of identity.containers) roles.add(role ?? 'none');
    found.set(family, roles);
  }
  return found;
};

export interface Guard {
  /** What is wrong at this moment; empty where every invariant holds. */
  check(moment: Moment): readonly string[];
}

/**
 * The invariants that can be asked of a single moment. 1: each pod of a move gets `from` or `to` of its own move, every other what it
 * had. 2: no pod gains a role that it did not hold or was not moved to. 4: something is in flight in the journal whenever the world
 * is written (checked by the caller at each write). 3, 5 and 6 compare ends, and are checked there.
 */
export const guardOf = (plan: Plan, begin: Sandbox): Guard => {
  const before = rolesOf(begin);
  const moves = plan.moves.map((move) => ({
    to: move.to,
    from: move.from.role,
    families: new Set(
      begin
        .identities()
        .filter((identity) =>
          move.workloads.some(
            (workload) =>
              workload.namespace === identity.namespace &&
              (identity.pod === workload.name || identity.pod.startsWith(`${workload.name}-`)),
          ),
        )
        .map((identity) => familyOf(begin, identity.namespace, identity.pod)),
    ),
  }));
  const allowed = (family: string): ReadonlySet<string> => {
    const roles = new Set(before.get(family) ?? []);
    for (const move of moves) {
      if (!move.families.has(family)) continue;
      if (move.to !== null) roles.add(move.to.role);
      if (move.from !== null) roles.add(move.from);
    }
    return roles;
  };
  return {
    check({ sandbox }) {
      const wrong: string[] = [];
      for (const [family, roles] of rolesOf(sandbox)) {
        const may = allowed(family);
        if (may.size === 0) continue;
        for (const role of roles)
          if (!may.has(role)) wrong.push(`a pod of ${family} has ${role}, not one of ${[...may].join(', ')}`);
      }
      return wrong;
    },
  };
};

/** True where a write is announced: the journal holds a step that was begun (or whose undo was) and is not over. */
export const announced = (moment: Moment): boolean => {
  const open = new Set<string>();
  for (const event of moment.store.events)
    if (event.type === 'started' || event.type === 'undo-started') open.add(event.step);
    else if ('step' in event) open.delete(event.step);
  return open.size > 0;
};
