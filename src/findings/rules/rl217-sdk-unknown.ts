import type { Rule } from '../rule.js';
import { trapsOf } from '../sdk-traps.js';
import { sdkVerdict } from '../sdk-versions.js';
import { candidates, sorted, titleOf, towardsPodIdentity, workloadSubject } from '../subjects.js';

export const sdkUnknown: Rule = {
  code: 'RL217',
  name: 'sdk-unknown',
  severity: 'block',
  acceptable: true,
  says: "Pod Identity was asked for and a container's SDK is not known to support it, or an SDK is known to be too old for IRSA",
  remedy: 'Find the SDK versions in the image and say them with --sdk-known NAMESPACE/NAME=SDK/VERSION, or use IRSA.',
  explain: `Pod Identity hands out credentials at an address (169.254.170.23) that AWS SDKs accept only since November 2023. An older SDK ignores the new variables, or fails on them: old versions of botocore raise an error instead of trying the next source. A workload with such an SDK loses its role on the first restart.

What SDK an image holds cannot be seen from outside. Images built in kiam's days often carry SDKs of 2019 to 2022, so nothing is assumed: unless the version is known for every container, the move to Pod Identity is blocked. IRSA works with SDKs since September 2019; where an SDK is known to be older even than that, a move to IRSA is blocked as well: it would go on asking the broker, and have the node role once the broker is gone.

Look for yourself: in the pod, \`pip show botocore\`, \`aws --version\`, \`npm ls @aws-sdk/client-sts\`, \`go version -m BINARY | grep aws-sdk-go\`, or the jar names. The minimum is in the EKS User Guide: botocore 1.34.41, Java v2 2.21.30, Go v1 1.47.11, JavaScript v3 3.458.0.

Say what you found: \`--sdk-known payments/api=botocore/1.34.50\`, or as an annotation of the template, \`rolelift.dev/sdk: botocore/1.34.50\`. Or use IRSA (\`--target irsa\`).`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const mechanism = towardsPodIdentity(input, use) ? 'pod-identity' : 'irsa';
      const { verdict, containers } = sdkVerdict(use, input.options, mechanism);
      // IRSA is taken to be known to whatever is not known to be older: its SDKs go back to 2019.
      if (verdict === 'supported' || (mechanism === 'irsa' && verdict === 'unknown')) return [];
      const doubtful = containers.filter((each) =>
        mechanism === 'irsa' ? each.verdict === 'too-old' : each.verdict !== 'supported',
      );
      return [
        {
          subject: workloadSubject(use),
          message: `${titleOf(use)}: ${doubtful.map(({ container, why }) => `${container}: ${why}`).join('; ') || 'it has no container'}`,
          evidence: {
            verdict,
            containers,
            check: sorted(doubtful.flatMap(({ sdk }) => trapsOf(mechanism, sdk))),
          },
        },
      ];
    }),
};
