import type { Inventory, PodView } from '../model/inventory.js';
import type { Json, JsonObject } from '../model/json.js';
import { unrecordedDaemons } from './twin-daemons.js';
import { keyOf, metadataOf } from './twin-names.js';
import { customPods, workloadObject } from './twin-workloads.js';

/** Kubernetes objects of a twin: the few fields that an inventory keeps, put back into the shape of the API. */

const built = new Set(['Namespace', 'ServiceAccount', 'RoleBinding', 'ClusterRoleBinding', 'Node', 'Pod']);

/** All objects of an inventory, in no particular order. `assumed` gets what was made up. */
export const twinObjects = (inventory: Inventory, assumed: string[]): JsonObject[] => {
  const known = new Set(inventory.workloads.map((each) => keyOf(each.ref)));
  const objects: JsonObject[] = inventory.namespaces.map((each) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: each.name,
      ...(each.uid === '' ? {} : { uid: each.uid }),
      annotations: each.annotations,
      labels: each.labels,
    },
  }));
  for (const account of inventory.serviceAccounts) {
    if (account.exists === false) continue;
    objects.push({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: metadataOf(account.ref, {
        annotations: account.annotations,
        labels: account.labels,
      }),
      ...(account.imagePullSecrets.length === 0
        ? {}
        : { imagePullSecrets: account.imagePullSecrets.map((name) => ({ name })) }),
      ...(account.secrets.length === 0 ? {} : { secrets: account.secrets.map((name) => ({ name })) }),
      ...(account.automount.is === 'value' ? { automountServiceAccountToken: account.automount.value } : {}),
    });
  }
  for (const binding of inventory.bindings)
    objects.push({
      apiVersion: binding.ref.apiVersion,
      kind: binding.ref.kind,
      metadata: metadataOf(binding.ref),
      roleRef: binding.roleRef,
      subjects: binding.subjects as unknown as Json,
    });
  for (const workload of inventory.workloads) {
    const installs = inventory.brokers.filter((broker) => keyOf(broker.ref) === keyOf(workload.ref));
    objects.push(workloadObject(workload, installs));
    if (workload.custom) objects.push(...customPods(workload));
    else if (workload.pods.some((pod) => changed(pod.view, workload.template)))
      assumed.push(`pods of ${workload.ref.kind} ${keyOf(workload.ref)} as its present template makes them`);
  }
  objects.push(...unrecordedDaemons(inventory, assumed));
  for (const { ref, raw } of inventory.objects)
    if (!built.has(ref.kind) && !known.has(keyOf(ref))) objects.push(raw as JsonObject);
  return objects;
};

const changed = (pod: PodView, template: PodView): boolean =>
  pod.serviceAccount !== template.serviceAccount ||
  Object.entries(template.annotations).some(([key, value]) => pod.annotations[key] !== value);
