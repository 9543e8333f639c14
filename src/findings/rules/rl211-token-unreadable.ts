import type { PodView } from '../../model/inventory.js';
import type { Rule } from '../rule.js';
import { candidates, titleOf, workloadSubject } from '../subjects.js';

const minorOf = (version: string): number | null => {
  const match = /^v?1\.(\d{1,3})/.exec(version);
  return match === null ? null : Number(match[1]);
};

/**
 * Why the containers' users may not be able to read a projected token; null where nothing speaks against it. All containers
 * with one user: the file is that user's; else fsGroup decides (Kubernetes, projected volumes). Before 1.19 fsGroup decided
 * alone (webhook README).
 */
const tokenObstacle = (view: PodView, kubernetesVersion: string): string | null => {
  if (view.fsGroup !== undefined) return null;
  const users = view.containers.map((container) => container.runAsUser ?? view.runAsUser);
  const named = new Set(users.filter((user) => user !== undefined && user !== 0));
  if (named.size === 0) return null;
  const minor = minorOf(kubernetesVersion);
  if (minor !== null && minor < 19) return 'before Kubernetes 1.19 a user other than root needs fsGroup';
  return new Set(users).size > 1
    ? 'its containers run as different users, and no fsGroup lets them share the file'
    : null;
};

export const tokenUnreadable: Rule = {
  code: 'RL211',
  name: 'token-unreadable',
  severity: 'warn',
  acceptable: true,
  says: 'the user and fsGroup could not read the token file',
  remedy: 'Set securityContext.fsGroup on the pod template, or one runAsUser for all containers.',
  explain: `Under IRSA and Pod Identity the container reads a token from a file. The kubelet gives that file to the containers' user if they all run as the same one; otherwise a common group (\`fsGroup\`) has to make it readable. Here the containers run as different users and there is no fsGroup.

A container that may not read its token gets no credentials: its SDK says "permission denied" or goes on to the next source, which is the node's role.

Look for yourself: \`kubectl get KIND NAME -o jsonpath='{.spec.template.spec.securityContext}{.spec.template.spec.containers[*].securityContext}'\`. After the move, \`ls -l /var/run/secrets/eks.amazonaws.com/serviceaccount/\` in the container shows the owner.

Set \`fsGroup\` (any number, 65534 is common) in the pod's securityContext before the move. It changes the group of other volumes too, which can take time on large ones.`,
  find: (input) =>
    candidates(input).flatMap((use) => {
      const { template } = use.workload;
      const obstacle = tokenObstacle(template, input.estate.inventory.cluster.kubernetesVersion);
      if (obstacle === null) return [];
      return [
        {
          subject: workloadSubject(use),
          message: `containers of ${titleOf(use)} may be unable to read their token: ${obstacle}`,
          evidence: {
            podUser: template.runAsUser ?? null,
            users: Object.fromEntries(template.containers.map(({ name, runAsUser }) => [name, runAsUser ?? null])),
          },
        },
      ];
    }),
};
