import type { Role } from '../model/inventory.js';
import { parseRoleArn } from '../model/resource.js';
import { allOf, type Verdict } from '../trust/conditions.js';
import { allows, denies, mayAssume, namesDirectly } from '../trust/evaluate.js';
import type { World } from './world.js';

export interface Assumption {
  readonly verdict: Verdict;
  readonly why: string;
  readonly code: 'RL103' | 'RL110' | null;
  /** Nothing but the trust policy grants it: enough for STS within an account, and not enough to count as held (H7). */
  readonly byTrustOnly?: true;
}

/** AWS managed policies, which never deny and of which only the broad ones allow sts:AssumeRole (AWS managed policy reference). */
const managed = /^arn:[a-z0-9-]+:iam::aws:policy\//;
const broad = /\/(?:AdministratorAccess|PowerUserAccess|IAMFullAccess)$/;

/** Documents of a role's identity policies; null for one that was not read and that may matter. */
const policyTextsOf = (role: Role, world: World, action = 'sts:AssumeRole'): readonly (string | null)[] => [
  ...Object.values(role.inline),
  ...role.attached.flatMap((arn) => {
    const text = world.policyText(arn);
    if (text !== null) return [text];
    return action.startsWith('sts:') && managed.test(arn) && !broad.test(arn) ? [] : [null];
  }),
];

/** Whether the role's own permissions, boundary included, let it call `action` on `resource`. */
export const roleAllows = (role: Role, world: World, action: string, resource: string): Verdict =>
  allows(policyTextsOf(role, world, action), action, resource, {
    ...(role.boundary === undefined ? {} : { boundary: world.policyText(role.boundary) }),
  });

/**
 * Whether a broker's principal really can assume a role (H7): it must be allowed `sts:AssumeRole` on it, and the role's trust
 * policy must admit it, with the external id and session name that the broker sends. `unknown` where anything needed was
 * not read. Offline, where no account was read, it is taken to be so.
 */
export const brokerMayAssume = (
  world: World,
  principal: string | null,
  target: string,
  request: { readonly externalId: string | null; readonly sessionName: string | null },
): Assumption =>
  world.once(`assume ${JSON.stringify([principal, target, request.externalId, request.sessionName])}`, () =>
    decide(world, principal, target, request),
  );

const decide = (
  world: World,
  principal: string | null,
  target: string,
  request: { readonly externalId: string | null; readonly sessionName: string | null },
): Assumption => {
  if (!parseRoleArn(target)) return { verdict: 'no', why: `${target} can never be a role`, code: 'RL103' };
  if (world.roleMissing(target)) return { verdict: 'no', why: `the role ${target} does not exist`, code: 'RL103' };
  const role = world.role(target);
  if (world.offline && !role) return { verdict: 'yes', why: 'taken to be so: no account was read', code: null };
  if (!role) return { verdict: 'unknown', why: `the role ${target} was not read`, code: 'RL110' };
  if (role.arn !== target)
    return { verdict: 'no', why: `the role is ${role.arn}; STS does not know ${target}`, code: 'RL103' };
  if (principal === null && world.offline)
    return { verdict: 'yes', why: 'taken to be so: who assumes roles for pods was not read', code: null };
  if (principal === null)
    return { verdict: 'unknown', why: 'it is not known which principal the broker assumes roles with', code: 'RL110' };
  const admitted = mayAssume(world.trust(role), {
    action: 'sts:AssumeRole',
    principalArn: principal,
    externalId: request.externalId,
    ...(request.sessionName === null ? {} : { sessionName: request.sessionName }),
  });
  if (admitted === 'no')
    return { verdict: 'no', why: `the trust policy of ${target} does not admit ${principal}`, code: 'RL110' };
  const own = world.role(principal);
  const allowed = own ? roleAllows(own, world, 'sts:AssumeRole', target) : world.offline ? 'yes' : 'unknown';
  if (own && allowed === 'no' && onlyTrustGrants(own, role, world))
    return {
      verdict: 'unknown',
      why: `${principal} has no sts:AssumeRole permission of its own on ${target}; only the trust policy names it`,
      code: 'RL110',
      byTrustOnly: true,
    };
  if (allowed === 'no')
    return { verdict: 'no', why: `${principal} is not allowed sts:AssumeRole on ${target}`, code: 'RL110' };
  const verdict = allOf([admitted, allowed]);
  if (verdict === 'yes') return { verdict, why: `${principal} may assume it`, code: null };
  return {
    verdict,
    why:
      admitted === 'unknown'
        ? `whether the trust policy of ${target} admits ${principal} cannot be told`
        : own
          ? `whether ${principal} is allowed sts:AssumeRole on ${target} cannot be told`
          : `the permissions of ${principal} were not read`,
    code: 'RL110',
  };
};

/**
 * Within one account a trust policy that names the principal itself is enough for STS (IAM User Guide, policy evaluation
 * within a single account), unless a Deny or the boundary stands against it. No broker is set up so on purpose, so it is
 * not counted as held.
 */
const onlyTrustGrants = (own: Role, target: Role, world: World): boolean =>
  own.account === target.account &&
  namesDirectly(world.trust(target), own.arn) &&
  denies(policyTextsOf(own, world), 'sts:AssumeRole', target.arn) !== 'yes' &&
  (own.boundary === undefined || allows([world.policyText(own.boundary)], 'sts:AssumeRole', target.arn) !== 'no');
