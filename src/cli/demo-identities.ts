import { byText } from '../model/canonical.js';
import type { Inventory } from '../model/inventory.js';
import type { IdentityRow } from '../report/identities.js';
import type { Sandbox } from '../sandbox/sandbox.js';

/** Name of the workload that made a pod: the longest one of its namespace that the pod's name begins with. */
const workloadOf = (inventory: Inventory, namespace: string, pod: string): string => {
  const names = inventory.workloads
    .filter(({ ref }) => ref.namespace === namespace && (pod === ref.name || pod.startsWith(`${ref.name}-`)))
    .map(({ ref }) => ref.name)
    .sort((left, right) => right.length - left.length);
  return names[0] ?? pod;
};

/** Sources as the glossary of users calls them. */
const words: Readonly<Record<string, string>> = {
  'web-identity': 'irsa',
  'container-credentials': 'pod-identity',
};

/** Which role every container of the estate really gets, asked of the sandbox, which decides by its own rules. */
export const demoIdentities = (sandbox: Sandbox, inventory: Inventory): readonly IdentityRow[] => {
  const rows = new Map<string, IdentityRow>();
  for (const pod of sandbox.identities()) {
    const workload = `${pod.namespace}/${workloadOf(inventory, pod.namespace, pod.pod)}`;
    for (const { container, role, source } of pod.containers) {
      // Pods of one workload that differ show as a row each.
      const via = words[source] ?? source;
      rows.set(`${workload} ${container} ${role ?? ''} ${via}`, { workload, container, role, via });
    }
  }
  return [...rows.values()].sort((left, right) => byText(left.workload, right.workload));
};
