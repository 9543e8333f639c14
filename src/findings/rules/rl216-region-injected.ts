import type { ContainerView } from '../../model/inventory.js';
import type { Rule } from '../rule.js';
import { candidates, titleOf, workloadSubject } from '../subjects.js';

const setsRegion = (container: ContainerView): boolean =>
  container.env.includes('AWS_REGION') || container.env.includes('AWS_DEFAULT_REGION');

/** Signs that the region may come from elsewhere: a profile, a configuration file, variables of a whole ConfigMap or Secret. */
const otherSources = (container: ContainerView): readonly string[] => [
  ...['AWS_PROFILE', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']
    .filter((name) => container.env.includes(name))
    .map((name) => `${container.name}: ${name}`),
  ...container.mounts
    .filter(({ path }) => /(^|\/)\.aws(\/|$)/.test(path))
    .map(({ path }) => `${container.name}: mounts ${path}`),
  ...container.envFrom.map(({ kind, name }) => `${container.name}: variables of ${kind} ${name}`),
];

export const regionInjected: Rule = {
  code: 'RL216',
  name: 'region-injected',
  severity: 'warn',
  acceptable: true,
  says: 'EKS will inject a region where the template sets none',
  remedy: 'Set AWS_REGION on the container to what it uses today.',
  explain: `On EKS the identity webhook adds \`AWS_REGION\` and \`AWS_DEFAULT_REGION\` (the cluster's region) to containers that set neither. A variable wins over the region of a profile or a configuration file.

So a workload whose profile names another region would suddenly look for its queues and tables in the cluster's region: nothing is denied, things are just not there. Where the container uses a profile, a file or variables from elsewhere, this is a warning; where nothing of that kind is seen, it is told for your information.

Look for yourself: \`kubectl exec POD -- env | grep -i region\`, and the \`region\` lines in the pod's \`~/.aws/config\`.

Set \`AWS_REGION\` in the template to the region that the workload really uses. Then the webhook adds none.`,
  find: (input) => {
    const { webhook, cluster } = input.estate.inventory;
    if (!webhook.injectsRegion) return [];
    return candidates(input).flatMap((use) => {
      const without = use.workload.template.containers.filter((container) => !setsRegion(container));
      if (without.length === 0) return [];
      const sources = without.flatMap(otherSources);
      return [
        {
          subject: workloadSubject(use),
          severity: sources.length > 0 ? ('warn' as const) : ('info' as const),
          message: `EKS will set the region of ${titleOf(use)} to ${cluster.region}${sources.length > 0 ? ', and it may take another one from elsewhere today' : ''}`,
          evidence: { region: cluster.region, containers: without.map(({ name }) => name), otherSources: sources },
        },
      ];
    });
  },
};
