import type { Rule } from '../rule.js';
import { tagKeyUses } from '../session-keys.js';
import { roleSubject, rolesInPlay, towardsPodIdentity } from '../subjects.js';

export const tagBasedPolicies: Rule = {
  code: 'RL215',
  name: 'tag-based-policies',
  severity: 'warn',
  acceptable: true,
  says: 'statements on principal tags may gain or lose under Pod Identity',
  remedy:
    'Compare the tags that the policies test with the six session tags of Pod Identity, or plan with session tags disabled.',
  explain: `Some policies decide by tags of the caller (\`aws:PrincipalTag/…\`). Pod Identity puts tags of its own on every session: \`eks-cluster-arn\`, \`eks-cluster-name\`, \`kubernetes-namespace\`, \`kubernetes-service-account\`, \`kubernetes-pod-name\`, \`kubernetes-pod-uid\`. A session tag wins over a tag of the role with the same key.

So a statement on such a tag may begin to match, or stop. The policies of this role hold statements of that kind; resource policies elsewhere may, and cannot be read from here.

Look for yourself: the evidence names the policies and the keys. Search bucket and key policies for \`PrincipalTag\`.

If the keys are none of the six, nothing changes. If they are, decide which value is meant, or plan with session tags disabled, or keep IRSA, which sets no tags.`,
  find: (input) =>
    [...rolesInPlay(input)].flatMap(([arn, uses]) => {
      if (input.options.disableSessionTags || !uses.some((use) => towardsPodIdentity(input, use))) return [];
      const found = tagKeyUses(input.estate, arn);
      if (found.length === 0) return [];
      return [
        {
          subject: roleSubject(arn),
          message: `policies of ${arn} decide by tags: ${found.map(({ where, keys }) => `${keys.join(', ')} in ${where}`).join('; ')}`,
          evidence: { policies: found },
        },
      ];
    }),
};
