import type { Rule } from '../rule.js';
import { candidates, titleOf, workloadSubject } from '../subjects.js';

export const customOwner: Rule = {
  code: 'RL208',
  name: 'custom-owner',
  severity: 'warn',
  acceptable: true,
  says: 'pods are templated by a custom resource; its path to the service account is named where known',
  remedy:
    'Change the custom resource at the named path, or where its operator documents it; Rolelift patches no object that an operator rewrites.',
  explain: `The pods of this workload are not made from a Deployment or the like, but by an operator that reads a custom resource (an Argo Rollout, a Strimzi Kafka, a Spark application, and so on). Whatever is changed below that resource the operator puts back.

So the service account, the annotations and the restart are changed in the custom resource. For well-known kinds Rolelift knows where in it they stand, and says so in the evidence; for others the operator's documentation has to tell.

Some operators, as Strimzi, name the service account themselves and let nobody choose. There the existing account is bound and a split is not possible.

Look for yourself: \`kubectl get KIND NAME -o yaml\`, and follow \`metadata.ownerReferences\` of a pod upwards. Where no path is known, make the change by hand and let \`rolelift apply\` wait for it.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const { custom, templatePath, serviceAccountPath, ref } = use.workload;
      if (!custom) return [];
      return [
        {
          subject: workloadSubject(use),
          message:
            serviceAccountPath === null
              ? `${titleOf(use)} is a custom resource (${ref.apiVersion}), and where its service account stands is not known`
              : `${titleOf(use)} is a custom resource (${ref.apiVersion}); its service account stands at ${serviceAccountPath}`,
          evidence: { apiVersion: ref.apiVersion, templatePath, serviceAccountPath },
        },
      ];
    }),
};
