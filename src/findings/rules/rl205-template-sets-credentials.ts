import type { PodView } from '../../model/inventory.js';
import type { Mechanism } from '../../model/words.js';
import type { Rule } from '../rule.js';
import { candidates, proposalOf, titleOf, towardsPodIdentity, workloadSubject } from '../subjects.js';

/** Variables that the webhook injects as a pair; one of them in `env` and it leaves out both (webhook, handler.go). */
const pairs: Readonly<Record<Mechanism, readonly string[]>> = {
  irsa: ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'],
  'pod-identity': ['AWS_CONTAINER_CREDENTIALS_FULL_URI', 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'],
};
const injectedVolumes = new Set(['aws-iam-token', 'aws-token', 'eks-pod-identity-token']);

/** The view is that of a pod that the webhook has been at: its variables are not the template's. */
const wasInjected = (view: PodView): boolean => view.volumes.some(({ name }) => injectedVolumes.has(name));

/** Injected variables that a template's containers set themselves, as `container: VARIABLE`. */
const presetVariables = (view: PodView, mechanism: Mechanism): readonly string[] => {
  // Web identity wins over container credentials in most SDKs, so that pair is in the way of both mechanisms.
  const names = mechanism === 'irsa' ? pairs.irsa : [...pairs.irsa, ...pairs['pod-identity']];
  return view.containers.flatMap((container) =>
    names.filter((name) => container.env.includes(name)).map((name) => `${container.name}: ${name}`),
  );
};

export const templateSetsCredentials: Rule = {
  code: 'RL205',
  name: 'template-sets-credentials',
  severity: 'block',
  acceptable: true,
  says: 'the pod template sets one of the injected variables itself: the webhook will leave the pair out',
  remedy: 'Remove the variables from the template (or from what renders it), and plan again.',
  explain: `The EKS webhook gives a container its role by two variables: for IRSA \`AWS_ROLE_ARN\` and \`AWS_WEB_IDENTITY_TOKEN_FILE\`, for Pod Identity \`AWS_CONTAINER_CREDENTIALS_FULL_URI\` and \`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\`. If the container sets one of a pair already, the webhook adds neither.

This template does. After the move the pod would keep what stands there: half a pair, or a role from an earlier attempt. The web identity pair is in the way of Pod Identity too, because most SDKs look at it first: such a migration looks done and is not.

Look for yourself: \`kubectl get KIND NAME -o yaml | grep -A1 AWS_\` on the owner, not on a pod (in a pod you see what the webhook has added).

Remove the variables from the template or from the chart that renders them, see that the workload still works with its broker, and plan again.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const { template, ref } = use.workload;
      if (wasInjected(template) && (ref.kind === 'Pod' || use.workload.templatePath === '')) return [];
      const mechanism =
        proposalOf(input, use)?.to?.mechanism ?? (towardsPodIdentity(input, use) ? 'pod-identity' : 'irsa');
      const preset = presetVariables(template, mechanism);
      if (preset.length === 0) return [];
      return [
        {
          subject: workloadSubject(use),
          message: `${titleOf(use)} sets ${preset.map((text) => text.split(': ')[1]).join(', ')} itself, so the webhook will not`,
          evidence: {
            variables: preset,
            values: Object.fromEntries(
              template.containers.flatMap((container) =>
                Object.entries(container.identityEnv)
                  .filter(([name]) => preset.includes(`${container.name}: ${name}`))
                  .map(([name, value]) => [`${container.name}: ${name}`, value]),
              ),
            ),
          },
        },
      ];
    }),
};
