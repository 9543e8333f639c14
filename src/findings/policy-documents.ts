import type { Inventory, Role } from '../model/inventory.js';
import { oncePer } from '../model/once-per.js';
import { listOf, type ParseFailure, parseTrust, type Statement, type TrustDocument } from '../trust/document.js';
import { matchesGlob } from './subjects.js';

/** A policy of a role: where it stands, and its statements; `readable` false where its text could not be read or parsed. */
export interface RolePolicy {
  readonly kind: 'managed' | 'inline' | 'boundary';
  /** ARN of a managed policy, name of an inline one. */
  readonly name: string;
  readonly readable: boolean;
  readonly document: TrustDocument | ParseFailure;
  readonly statements: readonly Statement[];
}

const notRead: ParseFailure = { is: 'not-parseable', reason: 'it was not read' };

const readPolicy = (kind: RolePolicy['kind'], name: string, text: string | undefined): RolePolicy => {
  const document = text === undefined ? notRead : parseTrust(text);
  return document.is === 'not-parseable'
    ? { kind, name, readable: false, document, statements: [] }
    : { kind, name, readable: true, document, statements: document.statements };
};

const policiesByArn = oncePer(
  (policies: Inventory['policies']): ReadonlyMap<string, Inventory['policies'][number]> =>
    new Map([...policies].reverse().map((policy) => [policy.arn, policy])),
);

/** Policies as they were read, by role: several rules look at each, and a text is parsed once. */
const policiesByRole = oncePer((inventory: Inventory) =>
  oncePer((role: Role): readonly RolePolicy[] => [
    ...role.attached.map((arn) => readPolicy('managed', arn, policiesByArn(inventory.policies).get(arn)?.document)),
    ...Object.entries(role.inline).map(([name, text]) => readPolicy('inline', name, text)),
  ]),
);

/** Managed and inline policies of a role; the boundary is none of them, it grants nothing. */
export const policiesOf = (inventory: Inventory, role: Role): readonly RolePolicy[] => policiesByRole(inventory)(role);

/** The role's permission boundary; null where it has none. */
export const boundaryOf = (inventory: Inventory, role: Role): RolePolicy | null =>
  role.boundary === undefined
    ? null
    : readPolicy('boundary', role.boundary, policiesByArn(inventory.policies).get(role.boundary)?.document);

// The first of two with one ARN counts.
const rolesByArn = oncePer(
  (roles: Inventory['roles']): ReadonlyMap<string, Role> =>
    new Map([...roles].reverse().map((role) => [role.arn, role])),
);

export const roleByArn = (inventory: Inventory, arn: string): Role | undefined => rolesByArn(inventory.roles).get(arn);

const names = (patterns: readonly string[], action: string): boolean =>
  patterns.some((pattern) => matchesGlob(pattern.toLowerCase(), action.toLowerCase()));

/** Whether a statement's Action or NotAction speaks of this action (IAM: case does not count, `*` and `?` are wild). */
export const speaksOf = (statement: Statement, action: string): boolean =>
  statement.NotAction === undefined
    ? names(listOf(statement.Action), action)
    : !names(listOf(statement.NotAction), action);

/** Whether it speaks of that resource; a statement of a trust policy has none and speaks of its role. */
export const covers = (statement: Statement, resource: string): boolean =>
  statement.NotResource === undefined
    ? statement.Resource === undefined || listOf(statement.Resource).some((pattern) => matchesGlob(pattern, resource))
    : !listOf(statement.NotResource).some((pattern) => matchesGlob(pattern, resource));

export const isAllow = (statement: Statement): boolean => statement.Effect === 'Allow';
export const isDeny = (statement: Statement): boolean => statement.Effect === 'Deny';

export const actionsOf = (statement: Statement): readonly string[] => listOf(statement.Action);
export const resourcesOf = (statement: Statement): readonly string[] => listOf(statement.Resource);
