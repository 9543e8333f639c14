import { type JsonObject, listAt, textAt } from '../model/json.js';
import type { Stage } from '../model/words.js';
import type { PodIdentity } from '../sandbox/brokers/pod-identity.js';
import type { Got } from './beginning.js';
import type { Subject } from './estate-subjects.js';
import type { IdentityModel } from './model.js';

export type Phase = Stage | 'rollback';

/**
 * What the containers of a pod get that they may not: its own of the two roles of its move, or what they had, and nothing else.
 * `before`: what its containers had at the beginning, null where nobody knows; `which`: the pod, in words.
 */
export const changes = (
  subject: Subject,
  of: {
    readonly before: Got | null;
    readonly identity: PodIdentity;
    readonly phase: Phase;
    readonly which: string;
  },
): readonly string[] => {
  const { before, identity, phase, which } = of;
  if (before === null) return [];
  const wrong: string[] = [];
  const { move } = subject;
  const others = new Set([...before.values()].map(({ role }) => role));
  const to = move?.to != null && phase !== 'prepare' ? [move.to.role, move.to.associationRole] : [];
  // Where nothing may change, the same role from another source is a change: the new way is in force too early (H6).
  const mayChange = to.length > 0;
  for (const { container, role, source, error } of identity.containers) {
    const had = before.get(container) ?? { role: null, source: 'none' };
    if (role === had.role && (mayChange || source === had.source || role === null)) continue;
    if (role !== null && to.includes(role)) continue;
    if (!before.has(container) && others.has(role)) continue;
    const why = error === null ? '' : ` (${error})`;
    const kept = `${said([had.role])} from ${had.source}`;
    const may =
      move === null
        ? `it is no part of any move and had ${kept}`
        : phase === 'prepare'
          ? `nothing that runs may change in prepare, and it had ${kept}`
          : `it may have ${said([had.role, move.to?.role ?? null])}`;
    wrong.push(`${subject.title}: ${which}, container ${container}, gets ${said([role])} from ${source}${why}: ${may}`);
  }
  return wrong;
};

/** How the identity model contradicts the sandbox, in words; null where it does not. What it does not claim to know is not held against it. */
export const disagreement = (
  subject: Subject,
  of: {
    readonly answer: ReturnType<IdentityModel['answer']>;
    readonly pod: JsonObject;
    readonly identity: PodIdentity;
    readonly which: string;
  },
): string | null => {
  const { answer, pod, identity, which } = of;
  if (answer.certainty !== 'known') return null;
  const normal = new Set(listAt(pod, 'spec', 'containers').map((each) => textAt(each, 'name') ?? ''));
  const roles = new Set(
    identity.containers.flatMap(({ container, role }) => (normal.has(container) && role !== null ? [role] : [])),
  );
  if (roles.size > 1) return null;
  const real = [...roles][0] ?? null;
  const claimed = answer.wins?.assumable === 'no' ? null : answer.role;
  if (real === claimed) return null;
  const why = identity.containers.find(({ error }) => error !== null)?.error ?? '';
  return `${subject.title}: ${which} gets ${said([real])} on the twin${why === '' ? '' : ` (${why})`}, and the identity model says ${said([claimed])} (${answer.reason})`;
};

/** Roles in words. */
export const said = (roles: readonly (string | null)[]): string =>
  [...new Set(roles)].map((role) => role ?? 'no role').join(' or ') || 'no role';
