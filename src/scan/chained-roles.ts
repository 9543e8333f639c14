import { byText } from '../model/canonical.js';
import type { Policy, Role } from '../model/inventory.js';
import { parseRoleArn } from '../model/resource.js';
import { listOf, parseTrust } from '../trust/document.js';

/**
 * Roles that these roles may go on to, as their policies name them in full: their trust policies say whether session tags may
 * travel there (H16). Patterns name nobody, and are not followed; nor are the roles that a role is chained to in turn.
 */
export const chainedRoles = (roles: readonly Role[], policies: readonly Policy[]): readonly string[] => {
  const texts = new Map(policies.map((policy) => [policy.arn, policy.document]));
  const known = new Set(roles.map(({ arn }) => arn));
  const found = new Set<string>();
  for (const role of roles)
    for (const text of [...Object.values(role.inline), ...role.attached.map((arn) => texts.get(arn) ?? '')]) {
      // Most policies are about other services: no need to parse these.
      if (!/sts:/i.test(text)) continue;
      const document = parseTrust(text);
      if (document.is === 'not-parseable') continue;
      for (const statement of document.statements) {
        if (statement.Effect !== 'Allow') continue;
        if (!listOf(statement.Action).some((action) => /^sts:(?:\*|assumerole|assume\*)$/i.test(action))) continue;
        for (const arn of listOf(statement.Resource))
          if (!/[*?]/.test(arn) && parseRoleArn(arn) !== null && !known.has(arn)) found.add(arn);
      }
    }
  return [...found].sort(byText);
};
