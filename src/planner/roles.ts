import type { Estate } from '../findings/rule.js';
import type { Role } from '../model/inventory.js';
import { oncePer } from '../model/once-per.js';
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

const rolesByArn = oncePer(
  ({ inventory }: Estate): ReadonlyMap<string, Role> => new Map(inventory.roles.map((role) => [role.arn, role])),
);
export const roleOf = (estate: Estate, arn: string): Role | undefined => rolesByArn(estate).get(arn);

/** Names of each account's roles, in lower case. */
const roleNames = oncePer(({ inventory }: Estate): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>();
  for (const { account, name } of inventory.roles)
    found.set(account, (found.get(account) ?? new Set()).add(name.toLowerCase()));
  return found;
});

export const roleArn = (partition: string, account: string, path: string, name: string): string =>
  `arn:${partition}:iam::${account}:role${path}${name}`;

/** A role name that no role of the account has: IAM compares them ignoring case, whatever the path (CreateRole). */
export const freeRoleName = (estate: Estate, account: string, wanted: string): string => {
  const taken = roleNames(estate).get(account) ?? new Set();
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
