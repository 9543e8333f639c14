import { listAt } from '../../../model/json.js';
import { findKind, findResource, kindsOf, tableOf } from '../kinds.js';
import { isDeleting, keyOf, namespaceOf, ownersOf, uidOf, withAt } from '../object.js';
import type { State } from '../state.js';
import { controllerContext, createObject, deleteObject } from '../writes.js';
import { kindAt } from './shared.js';

/** What owners leave behind (`pkg/controller/garbagecollector`), and what namespaces bring and take along. */

const ownerExists = (state: State, namespace: string, owner: ReturnType<typeof ownersOf>[number]): boolean => {
  const kind = findKind(state.store, owner.apiVersion, owner.kind);
  if (kind === undefined) return true;
  const found = state.store.get(tableOf(kind), keyOf(kind.namespaced ? namespace : undefined, owner.name));
  return found !== null && uidOf(found) === owner.uid;
};
/** Removes an object whose every owner is gone. */
export const collect = (state: State, table: string, key: string): void => {
  const object = state.store.get(table, key);
  if (object === null || isDeleting(object)) return;
  const owners = ownersOf(object);
  if (owners.length === 0 || owners.some((owner) => ownerExists(state, namespaceOf(object), owner))) return;
  deleteObject(state, kindAt(state, table), object, { dryRun: false });
};
/** After an owner went. */
export const collectOwned = (state: State, uid: string): void => {
  for (const table of state.store.tablesOwnedBy(uid)) {
    for (const object of state.store.ownedBy(table, uid))
      collect(state, table, keyOf(namespaceOf(object), String((object['metadata'] as { name?: string }).name)));
  }
};
/** What an object with one of the collector's finalizers waits for. */
export const finalize = (state: State, table: string, key: string): void => {
  const object = state.store.get(table, key);
  if (object === null || !isDeleting(object)) return;
  const finalizers = listAt(object, 'metadata', 'finalizers').filter((one) => typeof one === 'string');
  const uid = uidOf(object);
  let left = finalizers;
  if (finalizers.includes('orphan')) {
    for (const owned of state.store.tablesOwnedBy(uid)) {
      for (const dependent of state.store.ownedBy(owned, uid)) {
        const others = listAt(dependent, 'metadata', 'ownerReferences').filter(
          (reference) => (reference as { uid?: string }).uid !== uid,
        );
        state.store.put(
          owned,
          withAt(dependent, ['metadata', 'ownerReferences'], others.length === 0 ? undefined : others),
        );
      }
    }
    left = left.filter((one) => one !== 'orphan');
  }
  if (finalizers.includes('foregroundDeletion')) {
    let waiting = false;
    for (const owned of state.store.tablesOwnedBy(uid)) {
      for (const dependent of state.store.ownedBy(owned, uid)) {
        waiting = true;
        if (!isDeleting(dependent))
          deleteObject(state, kindAt(state, owned), dependent, { dryRun: false, propagation: 'Foreground' });
      }
    }
    if (waiting) state.tasks.add(`final|${table}|${key}`, Math.max(state.timings.terminateMs, 1));
    else left = left.filter((one) => one !== 'foregroundDeletion');
  }
  if (left.length === finalizers.length) return;
  if (left.length === 0) state.store.remove(table, key);
  else state.store.put(table, withAt(object, ['metadata', 'finalizers'], left));
};

/** A namespace has a default service account and the cluster's CA; one that ends takes everything in it along. */
export const syncNamespace = (state: State, name: string): void => {
  const namespace = state.store.get('/namespaces', name);
  if (namespace === null) return;
  if (!isDeleting(namespace)) {
    seedNamespace(state, name);
    return;
  }
  let waiting = false;
  for (const kind of kindsOf(state.store)) {
    if (!kind.namespaced || kind.verbs.length === 1 || kind.group === 'events.k8s.io') continue;
    for (const object of state.store.list(tableOf(kind), name)) {
      waiting = true;
      if (!isDeleting(object)) deleteObject(state, kind, object, { dryRun: false });
    }
  }
  if (waiting) state.tasks.add(`namespace|${name}`, Math.max(state.timings.terminateMs, 1));
  else state.store.remove('/namespaces', name);
};
export const seedNamespace = (state: State, name: string): void => {
  const accounts = findResource(state.store, '', 'serviceaccounts');
  if (accounts !== undefined && state.store.get('/serviceaccounts', `${name}/default`) === null) {
    const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } };
    createObject(state, accounts, body, controllerContext);
  }
  const maps = findResource(state.store, '', 'configmaps');
  if (maps !== undefined && state.store.get('/configmaps', `${name}/kube-root-ca.crt`) === null) {
    const metadata = { name: 'kube-root-ca.crt', namespace: name };
    createObject(
      state,
      maps,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': '' } },
      controllerContext,
    );
  }
};
