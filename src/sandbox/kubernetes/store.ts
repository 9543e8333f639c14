import { byText } from '../../model/canonical.js';
import { frozen, type KubeObject, objectKey, ownersOf, withAt } from './object.js';

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** `<group>/<resource>`, as `apps/deployments`; the core group is empty: `/pods`. */
  readonly table: string;
  readonly object: KubeObject;
  readonly old: KubeObject | null;
  readonly version: number;
}

/** Objects of one resource. Shared between forks until one of them writes. */
class Table {
  constructor(
    readonly objects: Map<string, KubeObject> = new Map(),
    readonly owned: Map<string, readonly string[]> = new Map(),
    public keys: string[] = [],
    public sorted = true,
  ) {}
  copy(): Table {
    return new Table(new Map(this.objects), new Map(this.owned), [...this.keys], this.sorted);
  }
  orderedKeys(): readonly string[] {
    if (!this.sorted) this.keys.sort(byText);
    this.sorted = true;
    return this.keys;
  }
  set(key: string, object: KubeObject): KubeObject | null {
    const old = this.objects.get(key) ?? null;
    this.objects.set(key, object);
    if (old === null) {
      const last = this.keys.at(-1);
      if (last !== undefined && last > key) this.sorted = false;
      this.keys.push(key);
      for (const owner of ownersOf(object)) this.#own(owner.uid, key);
    } else if (old['metadata'] !== object['metadata']) {
      const before = ownersOf(old);
      const after = ownersOf(object);
      for (const { uid } of before) if (!after.some((owner) => owner.uid === uid)) this.#disown(uid, key);
      for (const { uid } of after) if (!before.some((owner) => owner.uid === uid)) this.#own(uid, key);
    }
    return old;
  }
  delete(key: string): KubeObject | null {
    const old = this.objects.get(key);
    if (old === undefined) return null;
    this.objects.delete(key);
    const at = this.sorted ? searchKey(this.keys, key) : this.keys.indexOf(key);
    this.keys.splice(at, 1);
    for (const owner of ownersOf(old)) this.#disown(owner.uid, key);
    return old;
  }
  #own(uid: string, key: string): void {
    this.owned.set(uid, [...(this.owned.get(uid) ?? []), key]);
  }
  #disown(uid: string, key: string): void {
    const left = (this.owned.get(uid) ?? []).filter((held) => held !== key);
    if (left.length === 0) this.owned.delete(uid);
    else this.owned.set(uid, left);
  }
}

/** Index of the first key that is not before this one. */
const searchKey = (keys: readonly string[], key: string): number => {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** How many events are kept for watches that begin at an older version. */
const keptEvents = 4096;

/** What etcd is to an API server: objects, one counter of versions, and the events since a while. */
export class Store {
  #tables = new Map<string, Table>();
  #shared = new Set<string>();
  #events: StoreEvent[] = [];
  #version: number;
  /** Events up to this version are forgotten. */
  #forgotten: number;
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  constructor(version = 1000) {
    this.#version = version;
    this.#forgotten = version;
  }
  get version(): number {
    return this.#version;
  }
  get forgottenUpTo(): number {
    return this.#forgotten;
  }
  get tables(): readonly string[] {
    return [...this.#tables.keys()].sort(byText);
  }
  get(table: string, key: string): KubeObject | null {
    return this.#tables.get(table)?.objects.get(key) ?? null;
  }
  size(table: string): number {
    return this.#tables.get(table)?.objects.size ?? 0;
  }
  /** Objects in the order of their keys; of one namespace, or all. */
  list(table: string, namespace?: string): readonly KubeObject[] {
    const held = this.#tables.get(table);
    if (held === undefined) return [];
    const keys = held.orderedKeys();
    const from = namespace === undefined ? 0 : searchKey(keys, `${namespace}/`);
    // '0' is the character behind '/': the first key that no longer begins with the namespace.
    const to = namespace === undefined ? keys.length : searchKey(keys, `${namespace}0`);
    const out: KubeObject[] = [];
    for (let at = from; at < to; at += 1) out.push(held.objects.get(keys[at] as string) as KubeObject);
    return out;
  }
  /** Objects of that table which name this uid among their owners. */
  ownedBy(table: string, uid: string): readonly KubeObject[] {
    const held = this.#tables.get(table);
    return (held?.owned.get(uid) ?? []).map((key) => held?.objects.get(key) as KubeObject);
  }
  /** Tables that hold anything which names this uid among its owners. */
  tablesOwnedBy(uid: string): readonly string[] {
    return this.tables.filter((table) => this.#tables.get(table)?.owned.has(uid));
  }
  /** Stores the object under a new version, which it carries. */
  put(table: string, object: KubeObject): KubeObject {
    const version = this.#next();
    const stored = frozen(withAt(object, ['metadata', 'resourceVersion'], String(version)));
    const old = this.#writable(table).set(objectKey(stored), stored);
    this.#tell({ type: old === null ? 'ADDED' : 'MODIFIED', table, object: stored, old, version });
    return stored;
  }
  remove(table: string, key: string): KubeObject | null {
    if (this.get(table, key) === null) return null;
    const old = this.#writable(table).delete(key);
    if (old === null) return null;
    const version = this.#next();
    const object = frozen(withAt(old, ['metadata', 'resourceVersion'], String(version)));
    this.#tell({ type: 'DELETED', table, object, old, version });
    return old;
  }
  /** Events of a table after a version, oldest first; null where some of them are forgotten. */
  since(table: string, version: number): readonly StoreEvent[] | null {
    if (version < this.#forgotten) return null;
    return this.#events.filter((event) => event.version > version && event.table === table);
  }
  /** Forgets all events so far, as a compaction does: watches from older versions end with 410. */
  compact(): void {
    this.#events = [];
    this.#forgotten = this.#version;
  }
  /** Called within each write; the answer ends it. */
  listen(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  /** A store with the same content and no listeners; neither sees the other's later writes. */
  fork(): Store {
    const fork = new Store(this.#version);
    fork.#tables = new Map(this.#tables);
    fork.#shared = new Set(this.#tables.keys());
    this.#shared = new Set(this.#tables.keys());
    fork.#events = [...this.#events];
    fork.#forgotten = this.#forgotten;
    return fork;
  }
  #next(): number {
    this.#version += 1;
    return this.#version;
  }
  #writable(name: string): Table {
    const held = this.#tables.get(name);
    if (held !== undefined && !this.#shared.has(name)) return held;
    const table = held === undefined ? new Table() : held.copy();
    this.#tables.set(name, table);
    this.#shared.delete(name);
    return table;
  }
  #tell(event: StoreEvent): void {
    this.#events.push(event);
    if (this.#events.length > 2 * keptEvents) {
      this.#events = this.#events.slice(-keptEvents);
      this.#forgotten = (this.#events[0] as StoreEvent).version - 1;
    }
    for (const listener of this.#listeners) listener(event);
  }
}
