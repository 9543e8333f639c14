import type { Role } from '../model/inventory.js';
import { roleByArn } from './policy-documents.js';
import type { RuleInput } from './rule.js';
import { rolesInPlay } from './subjects.js';
import { widened } from './trust-plans.js';

/** Roles whose trust policy would be written: those that proposals keep, or where there are none yet, all that are asked for. */
export const editedRoles = (input: RuleInput): readonly Role[] =>
  input.proposals.length > 0
    ? widened(input).map(({ role }) => role)
    : [...rolesInPlay(input).keys()].flatMap((arn) => roleByArn(input.estate.inventory, arn) ?? []);
