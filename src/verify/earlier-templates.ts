import type { Workload } from '../model/inventory.js';
import { type JsonObject, listAt, numberAt, objectAt, textAt, textsAt } from '../model/json.js';
import type { KubernetesReader } from '../model/ports.js';
import { marks } from '../model/words.js';

/** What a pod template was before our steps wrote it, as far as the cluster remembers. */
export interface EarlierTemplate {
  readonly serviceAccount: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const isOwnedBy = (object: JsonObject, uid: string): boolean =>
  listAt(object, 'metadata', 'ownerReferences').some((owner) => textAt(owner, 'uid') === uid);

const shown = (template: JsonObject): EarlierTemplate => ({
  serviceAccount:
    textAt(template, 'spec', 'serviceAccountName') || textAt(template, 'spec', 'serviceAccount') || 'default',
  annotations: textsAt(template, 'metadata', 'annotations'),
});

/**
 * The newest revision of a workload's template without a mark of that plan: ReplicaSets keep those of Deployments,
 * ControllerRevisions those of StatefulSets and DaemonSets (Kubernetes documentation, rollout history). Null where there is none.
 */
export const earlierTemplate = async (
  kubernetes: KubernetesReader,
  workload: Workload,
  planId: string,
): Promise<EarlierTemplate | null> => {
  const { kind, namespace } = workload.ref;
  const found: { readonly revision: number; readonly template: JsonObject }[] = [];
  const options = namespace === undefined ? {} : { namespace };
  if (kind === 'Deployment')
    for await (const set of kubernetes.list('apps/v1', 'ReplicaSet', options)) {
      if (!isOwnedBy(set, workload.uid)) continue;
      const revision = Number(textsAt(set, 'metadata', 'annotations')['deployment.kubernetes.io/revision'] ?? 0);
      found.push({ revision, template: objectAt(set, 'spec', 'template') });
    }
  else if (kind === 'StatefulSet' || kind === 'DaemonSet')
    for await (const one of kubernetes.list('apps/v1', 'ControllerRevision', options))
      if (isOwnedBy(one, workload.uid))
        found.push({ revision: numberAt(one, 'revision') ?? 0, template: objectAt(one, 'data', 'spec', 'template') });
  const before = found
    .filter(
      ({ template }) => !(textsAt(template, 'metadata', 'annotations')[marks.restart] ?? '').startsWith(`${planId}/`),
    )
    .sort((left, right) => right.revision - left.revision)[0];
  return before === undefined ? null : shown(before.template);
};
