import { byText } from '../model/canonical.js';
import type { Inventory, Workload } from '../model/inventory.js';
import { type JsonObject, listAt, textAt, textsAt } from '../model/json.js';
import type { KubernetesReader } from '../model/ports.js';
import { marks } from '../model/words.js';
import { type EarlierTemplate, earlierTemplate } from './earlier-templates.js';

/** What cannot be told by reading the inventory alone. */
export interface MarkReads {
  /** Templates as they were before that plan's steps, by `Kind/namespace/name`. */
  readonly earlier: ReadonlyMap<string, EarlierTemplate>;
  /** Bindings that carry our mark: the step's plan and the parameters that its undo needs. */
  readonly bindings: readonly { readonly plan: string; readonly params: JsonObject }[];
}

/** `Kind/namespace/name` */
export const workloadKeyOf = (workload: Workload): string =>
  `${workload.ref.kind}/${workload.ref.namespace ?? ''}/${workload.ref.name}`;

const bindingsOf = async (kubernetes: KubernetesReader): Promise<MarkReads['bindings']> => {
  const found: { plan: string; params: JsonObject }[] = [];
  const ours = { labelSelector: `${marks.managedBy}=${marks.managedByValue}` };
  for (const kind of ['RoleBinding', 'ClusterRoleBinding'])
    for await (const object of kubernetes.list('rbac.authorization.k8s.io/v1', kind, ours)) {
      const plan = textsAt(object, 'metadata', 'annotations')[marks.plan];
      const subject = listAt(object, 'subjects').find((one) => textAt(one, 'kind') === 'ServiceAccount');
      const name = textAt(object, 'metadata', 'name');
      if (plan === undefined || subject === undefined || name === undefined) continue;
      found.push({
        plan,
        params: {
          binding: { kind, namespace: textAt(object, 'metadata', 'namespace') ?? null, name },
          of: { kind, name },
          roleRef: {
            apiGroup: textAt(object, 'roleRef', 'apiGroup') ?? '',
            kind: textAt(object, 'roleRef', 'kind') ?? '',
            name: textAt(object, 'roleRef', 'name') ?? '',
          },
          subject: { namespace: textAt(subject, 'namespace') ?? '', name: textAt(subject, 'name') ?? '' },
        },
      });
    }
  return found.sort((one, other) => byText(JSON.stringify(one), JSON.stringify(other)));
};

/** Reads what the inventory of a cluster does not hold of our marks. */
export const readMarks = async (kubernetes: KubernetesReader, inventory: Inventory): Promise<MarkReads> => {
  const earlier = new Map<string, EarlierTemplate>();
  for (const workload of inventory.workloads) {
    const mark = workload.template.annotations[marks.restart];
    if (mark === undefined || !mark.includes('/')) continue;
    const before = await earlierTemplate(kubernetes, workload, mark.slice(0, mark.indexOf('/')));
    if (before !== null) earlier.set(workloadKeyOf(workload), before);
  }
  return { earlier, bindings: await bindingsOf(kubernetes) };
};
