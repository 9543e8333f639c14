import { parseTrust } from '../trust/document.js';
import { covers, isAllow, isDeny, policiesOf, resourcesOf, roleByArn, speaksOf } from './policy-documents.js';
import type { Estate } from './rule.js';
import { matchesGlob, sorted } from './subjects.js';

/** Further roles that a role may assume. */
export interface Chain {
  /** Resources of `sts:AssumeRole`, as the policies write them; patterns included. */
  readonly targets: readonly string[];
  /** Known roles that they mean. */
  readonly roles: readonly string[];
  /** Every target is one role whose trust is known and takes session tags. */
  readonly tagged: boolean;
  /** Policies that hold the statements. */
  readonly policies: readonly string[];
}

const takesTags = (estate: Estate, arn: string): boolean => {
  const role = roleByArn(estate.inventory, arn);
  if (role === undefined) return false;
  const document = parseTrust(role.trust);
  return (
    document.is === 'document' &&
    document.statements.some((statement) => isAllow(statement) && speaksOf(statement, 'sts:TagSession')) &&
    !document.statements.some((statement) => isDeny(statement) && speaksOf(statement, 'sts:TagSession'))
  );
};

/** Which further roles a role may assume by its own policies; null where it may assume none, or is not known. */
export const chainOf = (estate: Estate, arn: string): Chain | null => {
  const role = roleByArn(estate.inventory, arn);
  if (role === undefined) return null;
  const found = policiesOf(estate.inventory, role).flatMap((policy) =>
    policy.statements
      .filter((statement) => isAllow(statement) && speaksOf(statement, 'sts:AssumeRole'))
      .map((statement) => ({ policy: policy.name, statement })),
  );
  // A policy that allows everything also allows to assume; that is an administrator's, and still a chain.
  if (found.length === 0) return null;
  const targets = sorted(
    found.flatMap(({ statement }) => (statement.NotResource === undefined ? resourcesOf(statement) : ['*'])),
  );
  const roles = sorted(
    estate.inventory.roles
      .filter((each) => each.arn !== arn && found.some(({ statement }) => covers(statement, each.arn)))
      .map((each) => each.arn),
  );
  const plain = targets.every((target) => !/[*?]/.test(target));
  return {
    targets,
    roles,
    tagged:
      plain && targets.every((target) => roles.some((each) => matchesGlob(target, each)) && takesTags(estate, target)),
    policies: sorted(found.map(({ policy }) => policy)),
  };
};
