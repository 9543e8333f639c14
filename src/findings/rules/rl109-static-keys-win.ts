import type { ContainerView } from '../../model/inventory.js';
import type { Rule } from '../rule.js';
import { candidates, sorted, titleOf, workloadSubject } from '../subjects.js';

const keys = new Set(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']);

const seen = (container: ContainerView): readonly string[] => [
  ...container.env.filter((name) => keys.has(name)).map((name) => `${container.name}: ${name}`),
  ...container.envFrom.flatMap((source) =>
    source.awsKeys.is === 'value'
      ? source.awsKeys.value
          .filter((name) => keys.has(name))
          .map((name) => `${container.name}: ${name} from ${source.kind} ${source.name}`)
      : [],
  ),
];

const possible = (container: ContainerView): readonly string[] =>
  container.envFrom
    .filter((source) => source.awsKeys.is !== 'value')
    .map((source) => `${container.name}: every key of ${source.kind} ${source.name}`);

export const staticKeysWin: Rule = {
  code: 'RL109',
  name: 'static-keys-win',
  severity: 'warn',
  acceptable: true,
  says: 'static keys in the container come before any role, or may, from a Secret that is not read',
  remedy: 'Remove the static keys from the workload once its role is in place, or leave it out of the migration.',
  explain: `Nearly every AWS SDK looks at \`AWS_ACCESS_KEY_ID\` and \`AWS_SECRET_ACCESS_KEY\` before it asks for any role. A container that has these variables uses the keys, whatever its annotation, its service account or its association say.

Here the pod template sets them, or takes all variables of a Secret or ConfigMap that may hold them. Rolelift never reads Secrets, so for those it can only say that they may.

Moving such a workload is harmless, but it does not change what it runs with: after the move it still uses the keys, and a proof by its variables would look fine while nobody uses the role.

Look for yourself: \`kubectl exec POD -- env | cut -d= -f1 | grep ^AWS_\` shows the names without the values, and \`aws sts get-caller-identity\` inside the pod shows a user instead of an assumed role. Remove the keys from the template or the Secret after the move, and delete them in IAM when nothing uses them.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const { containers } = use.workload.template;
      const certain = sorted(containers.flatMap(seen));
      const perhaps = sorted(containers.flatMap(possible));
      if (certain.length === 0 && perhaps.length === 0) return [];
      return [
        {
          subject: workloadSubject(use),
          message:
            certain.length > 0
              ? `${titleOf(use)} sets static AWS keys, which win over any role`
              : `${titleOf(use)} takes variables from a Secret or ConfigMap that may hold static AWS keys`,
          severity: certain.length > 0 ? ('warn' as const) : ('info' as const),
          evidence: { certain, possible: perhaps },
        },
      ];
    }),
};
