import type { Estate } from '../findings/rule.js';
import type { Role } from '../model/inventory.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import type { Mechanism } from '../model/words.js';
import { iamName, shortHash } from './names.js';

export interface TargetRole {
  /** What the pod's code ends up as. */
  readonly role: string;
  /** The role of this account that chains to it: Pod Identity for a role in another account (H15). */
  readonly associationRole: string | null;
  readonly isNew: boolean;
}

/** Roles by ARN, built once an inventory. */
const rolesByArn = new WeakMap<Estate, ReadonlyMap<string, Role>>();
export const roleOf = (estate: Estate, arn: string): Role | undefined => {
  let known = rolesByArn.get(estate);
  if (known === undefined) {
    known = new Map(estate.inventory.roles.map((role) => [role.arn, role]));
    rolesByArn.set(estate, known);
  }
  return known.get(arn);
};

export const roleArn = (partition: string, account: string, path: string, name: string): string =>
  `arn:${partition}:iam::${account}:role${path}${name}`;

/** A role name that no role of the account has: IAM compares them ignoring case, whatever the path (CreateRole). */
export const freeRoleName = (estate: Estate, account: string, wanted: string): string => {
  const taken = new Set(
    estate.inventory.roles.filter((role) => role.account === account).map((role) => role.name.toLowerCase()),
  );
  let name = iamName(wanted);
  for (let attempt = 1; taken.has(name.toLowerCase()); attempt += 1)
    name = `${iamName(wanted, 55)}-${shortHash(`${wanted}\n${attempt}`)}`;
  return name;
};

/** The role that a service account shall have: today's own, or with `--role-mode new` one of the same policies for it alone. */
export const targetRole = (
  estate: Estate,
  options: PlanOptions,
  of: {
    readonly role: string;
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly mechanism: Mechanism;
  },
): TargetRole => {
  const { cluster } = estate.inventory;
  const today = parseRoleArn(of.role);
  if (today === null) return { role: of.role, associationRole: null, isNew: false };
  const isNew = options.roleMode === 'new';
  const role = isNew
    ? roleArn(
        today.partition,
        today.account,
        today.path,
        freeRoleName(
          estate,
          today.account,
          `${today.name}-${cluster.name === '' ? '' : `${cluster.name}-`}${of.namespace}.${of.serviceAccount}`,
        ),
      )
    : of.role;
  const foreign = of.mechanism === 'pod-identity' && cluster.accountId !== '' && today.account !== cluster.accountId;
  const associationRole = foreign
    ? roleArn(
        today.partition,
        cluster.accountId,
        '/',
        freeRoleName(
          estate,
          cluster.accountId,
          `rolelift-${cluster.name}-${of.namespace}.${of.serviceAccount}-${shortHash(of.role, 6)}`,
        ),
      )
    : null;
  return { role, associationRole, isNew };
};
