import type { Rule } from '../rule.js';

export const notReadable: Rule = {
  code: 'RL501',
  name: 'not-readable',
  severity: 'warn',
  acceptable: true,
  says: 'part of the estate could not be read; what that hides',
  remedy:
    'Grant the missing read permission (rolelift permissions --for scan prints it) and scan again, or go on knowing what stays hidden.',
  explain: `Rolelift could not read part of the cluster, of an account, or of the files that it was given. It goes on with what it could read, and says what may be hidden by the rest: a gap in the inventory is never taken for "there is nothing".

Where a safe decision needs what is missing, the moves that depend on it are blocked by findings of their own; this finding tells where the gap is.

Look for yourself: the reason in the evidence is what the server or the file answered. \`rolelift doctor\` checks the permissions one by one, and \`rolelift permissions --for scan\` prints the least policy and RBAC that a full scan needs.

Grant what is missing, name credentials for another account by --account-profile or --account-role, or repair the file, and scan again.`,
  find: ({ estate }) =>
    estate.inventory.gaps.map((gap) => ({
      subject: { kind: 'Gap', name: gap.area },
      message: `${gap.area} could not be read: ${gap.reason}`,
      evidence: { area: gap.area, reason: gap.reason, hides: gap.hides },
    })),
};
