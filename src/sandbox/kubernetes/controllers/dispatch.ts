import { textAt } from '../../../model/json.js';
import { budgetTable, reconcileBudget } from '../disruption.js';
import { controllerOf, isDeleting, nameOf, namespaceOf, objectKey, ownersOf, uidOf } from '../object.js';
import type { State } from '../state.js';
import type { StoreEvent } from '../store.js';
import { accountKey, noteAccount } from '../webhook.js';
import { syncDaemonSet } from './daemon-set.js';
import { syncDeployment } from './deployment.js';
import { collect, collectOwned, finalize, syncNamespace } from './garbage.js';
import { syncCronJob, syncJob } from './job.js';
import { endPod, killPod, schedulePod, startPod, syncNode } from './kubelet.js';
import { syncReplicas } from './replica-set.js';
import { milliseconds, pods, switchOf, syncTask } from './shared.js';
import { syncStatefulSet } from './stateful-set.js';

/** Which controller looks at what, after which event. */

const controlled: Readonly<Record<string, string>> = {
  ReplicaSet: 'apps/replicasets',
  ReplicationController: '/replicationcontrollers',
  StatefulSet: 'apps/statefulsets',
  DaemonSet: 'apps/daemonsets',
  Deployment: 'apps/deployments',
  Job: 'batch/jobs',
  CronJob: 'batch/cronjobs',
};
const tables = new Set(Object.values(controlled));

/** Called within every write to the store. */
export const noticed = (state: State, event: StoreEvent): void => {
  const { table, object, old, type } = event;
  const soon = state.timings.controllerMs;
  const key = objectKey(object);
  if (table === '/events') return;
  if (table === '/serviceaccounts') noteAccount(state, accountKey(object), type === 'DELETED' ? null : object);
  if (tables.has(table) && type !== 'DELETED') state.tasks.add(syncTask(table, key), soon);
  for (const one of old === null ? [object] : [object, old]) {
    const owner = controllerOf(one);
    const ownerTable =
      owner === undefined || !Object.hasOwn(controlled, owner.kind) ? undefined : controlled[owner.kind];
    if (owner !== undefined && ownerTable !== undefined) {
      state.tasks.add(syncTask(ownerTable, `${namespaceOf(one)}/${owner.name}`), soon);
    }
  }
  if (type === 'ADDED' && ownersOf(object).length > 0) state.tasks.add(`absent|${table}|${key}`, soon);
  if (type === 'DELETED') state.tasks.add(`owned|${uidOf(object)}`, soon);
  else if (isDeleting(object) && table !== '/namespaces') state.tasks.add(`final|${table}|${key}`, soon);
  if (table === pods) podNoticed(state, event, key);
  if (table === budgetTable) state.tasks.add(`budgets|${namespaceOf(object)}`, soon);
  if (table === '/namespaces' && type !== 'DELETED') state.tasks.add(`namespace|${nameOf(object)}`, 0);
  if (table === '/nodes') {
    if (type === 'ADDED') state.tasks.add(`node|${nameOf(object)}`, state.timings.readyMs);
    state.tasks.add('nodes', soon);
  }
};
const podNoticed = (state: State, { object, old, type }: StoreEvent, key: string): void => {
  const before = old === null ? '' : (textAt(old, 'spec', 'nodeName') ?? '');
  const now = type === 'DELETED' ? '' : (textAt(object, 'spec', 'nodeName') ?? '');
  if (before !== now) {
    if (before !== '') state.nodeLoad.set(before, (state.nodeLoad.get(before) ?? 1) - 1);
    if (now !== '') state.nodeLoad.set(now, (state.nodeLoad.get(now) ?? 0) + 1);
  }
  if (type === 'ADDED' && textAt(object, 'status', 'phase') !== 'Running') {
    state.tasks.add(`schedule|${key}`, state.timings.controllerMs);
  }
  if (type !== 'DELETED' && isDeleting(object)) {
    state.tasks.add(`kill|${key}`, milliseconds(switchOf(object, 'terminate-after-ms'), state.timings.terminateMs));
  }
  if (state.store.size(budgetTable) > 0) state.tasks.add(`budgets|${namespaceOf(object)}`, state.timings.controllerMs);
  const owner = controllerOf(object);
  if (owner?.kind === 'DaemonSet' && owner.name === 'aws-node' && now !== '') {
    state.tasks.add(`node|${now}`, state.timings.controllerMs);
  }
};

/** Does what a task says. */
export const work = (state: State, task: string): void => {
  const [what = '', first = '', ...rest] = task.split('|');
  const second = rest.join('|');
  switch (what) {
    case 'sync':
      sync(state, first, second);
      return;
    case 'schedule':
      schedulePod(state, first);
      return;
    case 'start':
      startPod(state, first);
      return;
    case 'end':
      endPod(state, first);
      return;
    case 'kill':
      killPod(state, first);
      return;
    case 'absent':
      collect(state, first, second);
      return;
    case 'owned':
      collectOwned(state, first);
      return;
    case 'final':
      finalize(state, first, second);
      return;
    case 'namespace':
      syncNamespace(state, first);
      return;
    case 'node':
      syncNode(state, first);
      return;
    case 'nodes':
      nodesChanged(state);
      return;
    case 'budgets':
      for (const budget of state.store.list(budgetTable, first)) reconcileBudget(state, budget);
      return;
    default:
  }
};
const nodesChanged = (state: State): void => {
  for (const set of state.store.list('apps/daemonsets')) sync(state, 'apps/daemonsets', objectKey(set));
  const names = new Set(state.store.list('/nodes').map(nameOf));
  for (const pod of state.store.list(pods)) {
    const node = textAt(pod, 'spec', 'nodeName') ?? '';
    if (node === '') state.tasks.add(`schedule|${objectKey(pod)}`, state.timings.controllerMs);
    // Pods of a node that is gone go with it (pod garbage collector).
    else if (!names.has(node)) state.store.remove(pods, objectKey(pod));
  }
};
const sync = (state: State, table: string, key: string): void => {
  const object = state.store.get(table, key);
  if (object === null) return;
  switch (table) {
    case 'apps/deployments':
      syncDeployment(state, object);
      return;
    case 'apps/replicasets':
    case '/replicationcontrollers':
      syncReplicas(state, table, object);
      return;
    case 'apps/statefulsets':
      syncStatefulSet(state, object);
      return;
    case 'apps/daemonsets':
      syncDaemonSet(state, object);
      return;
    case 'batch/jobs':
      syncJob(state, object);
      return;
    case 'batch/cronjobs':
      syncCronJob(state, object);
      return;
    default:
  }
};
