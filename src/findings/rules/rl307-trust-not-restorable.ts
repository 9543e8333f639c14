import { parseTrust } from '../../trust/document.js';
import { unrestorable } from '../../trust/lint.js';
import { editedRoles } from '../edited-roles.js';
import type { FindingDraft, Rule } from '../rule.js';
import { roleSubject } from '../subjects.js';

export const trustNotRestorable: Rule = {
  code: 'RL307',
  name: 'trust-not-restorable',
  severity: 'block',
  acceptable: false,
  says: 'the trust policy holds the id of a deleted principal, or cannot be read: IAM would not take it back',
  remedy:
    "Let the role's owner remove the dead principal from the trust policy (or repair the document), then plan again.",
  explain: `IAM keeps a principal in a trust policy by an internal id and shows its ARN only while it exists. When the user or role is deleted, the bare id (\`AROA…\`, \`AIDA…\`) is left. IAM goes on serving such a document, but refuses to take it back: "Invalid principal in policy".

So no statement can be added to it as it stands, and after any change nobody could restore it, a rollback included. Rolelift does not decide for you whom to drop from a trust policy; this finding cannot be accepted.

Look for yourself: \`aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument\` shows the ids that the evidence lists.

Find out who the dead principal was (CloudTrail, DeleteRole or DeleteUser), remove it from the document, or name its successor, and plan again. A role of the same name made anew is another principal: the old id will never match it.`,
  find: (input) =>
    editedRoles(input).flatMap((role): FindingDraft[] => {
      const document = parseTrust(role.trust);
      const dead = unrestorable(document);
      if (dead.length === 0 && document.is === 'document') return [];
      return [
        {
          subject: roleSubject(role.arn),
          message:
            document.is === 'document'
              ? `the trust policy of ${role.arn} names ${dead.join(', ')}, the id of a principal that was deleted`
              : `the trust policy of ${role.arn} cannot be read: ${document.reason}`,
          evidence: { principals: dead, readable: document.is === 'document' },
        },
      ];
    }),
};
