import { byKey } from '../model/canonical.js';
import type { Binding, Inventory, ServiceAccount, Workload } from '../model/inventory.js';
import { at, type JsonObject, listAt, textAt, textsAt } from '../model/json.js';
import { refKey, serviceAccountRef } from '../model/resource.js';
import { ownersOf } from './owners.js';
import { keptAnnotations } from './redact.js';
import type { ObjectSource } from './source.js';
import { refOf } from './workload-kinds.js';

export type Namespaces = Inventory['namespaces'];

/** Namespaces with everything that brokers read there: their annotations. */
export const readNamespaces = async (source: ObjectSource): Promise<Namespaces> => {
  const found: Namespaces[number][] = [];
  for await (const object of source.list('v1', 'Namespace', ['what namespaces permit (kiam, kube2iam)'])) {
    found.push({
      name: textAt(object, 'metadata', 'name') ?? '',
      uid: textAt(object, 'metadata', 'uid') ?? '',
      annotations: keptAnnotations(textsAt(object, 'metadata', 'annotations')),
      labels: textsAt(object, 'metadata', 'labels'),
    });
  }
  return found.sort(byKey(({ name }) => name));
};

const serviceAccountOf = (object: JsonObject): ServiceAccount => {
  const automount = at(object, 'automountServiceAccountToken');
  const namesIn = (field: string): string[] =>
    listAt(object, field).flatMap((entry) => {
      const name = textAt(entry, 'name');
      return name === undefined ? [] : [name];
    });
  return {
    ref: serviceAccountRef(
      textAt(object, 'metadata', 'namespace') ?? 'default',
      textAt(object, 'metadata', 'name') ?? '',
    ),
    uid: textAt(object, 'metadata', 'uid') ?? '',
    exists: true,
    annotations: keptAnnotations(textsAt(object, 'metadata', 'annotations')),
    labels: textsAt(object, 'metadata', 'labels'),
    imagePullSecrets: namesIn('imagePullSecrets'),
    secrets: namesIn('secrets'),
    automount: typeof automount === 'boolean' ? { is: 'value', value: automount } : { is: 'absent' },
    owners: ownersOf(object),
  };
};

/** Service accounts; those that workloads name and that were not seen are added as assumed (offline) or absent (live). */
export const readServiceAccounts = async (
  source: ObjectSource,
  workloads: readonly Workload[],
  readable: () => boolean,
): Promise<readonly ServiceAccount[]> => {
  const found = new Map<string, ServiceAccount>();
  for await (const object of source.list('v1', 'ServiceAccount', ['annotations of service accounts'])) {
    const account = serviceAccountOf(object);
    found.set(refKey(account.ref), account);
  }
  for (const { template } of workloads) {
    const ref = serviceAccountRef(template.namespace, template.serviceAccount);
    if (found.has(refKey(ref))) continue;
    found.set(refKey(ref), {
      ref,
      uid: '',
      exists: source.live && readable() ? false : 'assumed',
      annotations: {},
      labels: {},
      imagePullSecrets: [],
      secrets: [],
      automount: { is: 'absent' },
      owners: [],
    });
  }
  return [...found.values()].sort(byKey(({ ref }) => refKey(ref)));
};

/** RoleBindings and ClusterRoleBindings, their subjects as they stand: accounts, users and groups. */
export const readBindings = async (source: ObjectSource): Promise<readonly Binding[]> => {
  const found: Binding[] = [];
  for (const kind of ['RoleBinding', 'ClusterRoleBinding']) {
    for await (const object of source.list('rbac.authorization.k8s.io/v1', kind, [
      'which rights service accounts have in the cluster',
    ])) {
      found.push({
        ref: refOf({ ...object, apiVersion: 'rbac.authorization.k8s.io/v1' }),
        roleRef: {
          apiGroup: textAt(object, 'roleRef', 'apiGroup') ?? 'rbac.authorization.k8s.io',
          kind: textAt(object, 'roleRef', 'kind') ?? '',
          name: textAt(object, 'roleRef', 'name') ?? '',
        },
        subjects: listAt(object, 'subjects').map((subject) => {
          const apiGroup = textAt(subject, 'apiGroup');
          const namespace = textAt(subject, 'namespace');
          return {
            kind: textAt(subject, 'kind') ?? '',
            ...(apiGroup === undefined ? {} : { apiGroup }),
            ...(namespace === undefined ? {} : { namespace }),
            name: textAt(subject, 'name') ?? '',
          };
        }),
      });
    }
  }
  return found.sort(byKey(({ ref }) => refKey(ref)));
};
