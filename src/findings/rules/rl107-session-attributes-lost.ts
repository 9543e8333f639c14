import { annotationKeys } from '../../model/words.js';
import type { Rule } from '../rule.js';
import { sessionKeyUses } from '../session-keys.js';
import { candidates, roleOf, titleOf, workloadSubject } from '../subjects.js';

export const sessionAttributesLost: Rule = {
  code: 'RL107',
  name: 'session-attributes-lost',
  severity: 'warn',
  acceptable: true,
  says: 'session-name or external-id have no equivalent, or a policy tests a key that depends on how the session came to be',
  remedy:
    'Search the named policies, and those of other systems, for the session name, user id or external id, and widen them before the move.',
  explain: `A session of a role has a name and other attributes besides the role. kiam names it \`kiam-…\` (the pod can choose the rest by \`iam.amazonaws.com/session-name\`) and can pass an external id. IRSA lets the SDK choose the session name, Pod Identity builds one of cluster and pod, and neither passes an external id.

Some policies test such attributes: \`sts:ExternalId\`, \`sts:RoleSessionName\`, \`aws:userid\`, \`aws:FederatedProvider\`, \`aws:SourceIdentity\`, \`ec2:SourceInstanceARN\` and the like. Resource policies can name the session itself, as in \`assumed-role/NAME/kiam-kiam\`. After the move they no longer match, and the workload is denied something that it could do before.

Rolelift has read the role's own trust and policies; the evidence names what it found there. It cannot see bucket policies, key policies, and those of other accounts.

Look for yourself: search those for the session name and for \`aws:userid\`. Widen them so that they match old and new sessions, then move, then narrow them again. A trust statement that asks for an external id can stay: Rolelift adds its own beside it.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const { annotations } = use.workload.template;
      const role = roleOf(use);
      const externalKeys = new Set([
        annotationKeys.brokerExternalId as string,
        ...input.estate.inventory.brokers.flatMap(({ flags }) => flags['iam-external-id'] ?? []),
      ]);
      const lost = [
        ...(Object.hasOwn(annotations, annotationKeys.kiamSessionName)
          ? [{ annotation: annotationKeys.kiamSessionName, value: annotations[annotationKeys.kiamSessionName] }]
          : []),
        ...[...externalKeys]
          .sort()
          .filter((key) => Object.hasOwn(annotations, key))
          // An external id is a shared secret to some: its value is not repeated.
          .map((annotation) => ({ annotation, value: null })),
      ];
      const tested = role === null ? [] : sessionKeyUses(input.estate, role);
      if (lost.length === 0 && tested.length === 0) return [];
      const what = [
        ...lost.map(({ annotation }) => annotation),
        ...tested.map(({ where, keys }) => `${keys.join(', ')} in ${where}`),
      ];
      return [
        {
          subject: workloadSubject(use),
          message: `${titleOf(use)} depends on what a new session does not have: ${what.join('; ')}`,
          evidence: { role, annotations: lost, policies: tested },
        },
      ];
    }),
};
