import { numberAt, objectAt, textAt } from '../../../model/json.js';
import { scaled } from '../disruption.js';
import {
  controllerReference,
  isDeleting,
  type JsonObject,
  type KubeObject,
  nameOf,
  namespaceOf,
  objectKey,
  same,
  withAt,
} from '../object.js';
import type { State } from '../state.js';
import { ApiError } from '../status.js';
import { controllerContext, createObject } from '../writes.js';
import {
  condition,
  conditionOf,
  ended,
  kindAt,
  pods,
  pointEvent,
  putSpec,
  putStatus,
  syncTask,
  templateHash,
  templateOf,
  withoutLabel,
} from './shared.js';

/** Deployments (`pkg/controller/deployment`): ReplicaSets per template, rolled by surge and unavailability. */

const table = 'apps/deployments';
const sets = 'apps/replicasets';
const hashLabel = 'pod-template-hash';
const revisionKey = 'deployment.kubernetes.io/revision';

const replicasOf = (object: KubeObject): number => numberAt(object, 'spec', 'replicas') ?? 1;
const statusOf = (object: KubeObject, field: string): number => numberAt(object, 'status', field) ?? 0;
const revisionOf = (object: KubeObject): number =>
  Number(textAt(object, 'metadata', 'annotations', revisionKey) ?? '0');
const sum = (objects: readonly KubeObject[], read: (object: KubeObject) => number): number =>
  objects.reduce((total, object) => total + read(object), 0);

const setsOf = (state: State, deployment: KubeObject): readonly KubeObject[] =>
  state.store.ownedBy(sets, textAt(deployment, 'metadata', 'uid') ?? '').filter((set) => !isDeleting(set));

const isNew = (deployment: KubeObject, set: KubeObject): boolean =>
  same(withoutLabel(templateOf(set), hashLabel), withoutLabel(templateOf(deployment), hashLabel));

const bounds = (deployment: KubeObject): { readonly surge: number; readonly unavailable: number } => {
  const rolling = objectAt(deployment, 'spec', 'strategy', 'rollingUpdate');
  const replicas = replicasOf(deployment);
  const surge = scaled(rolling['maxSurge'] ?? '25%', replicas, true);
  const unavailable = scaled(rolling['maxUnavailable'] ?? '25%', replicas, false);
  // Both zero would stand still for ever (deploymentutil.ResolveFenceposts).
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
};

const scale = (state: State, deployment: KubeObject, set: KubeObject, replicas: number): KubeObject => {
  if (replicasOf(set) === replicas) return set;
  const way = replicas > replicasOf(set) ? 'up' : 'down';
  const changed = putSpec(state, sets, set, ['spec', 'replicas'], replicas);
  pointEvent(
    state,
    deployment,
    'Normal',
    'ScalingReplicaSet',
    `Scaled ${way} replica set ${nameOf(set)} from ${replicasOf(set)} to ${replicas}`,
  );
  return changed;
};

const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionKey,
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
]);

/** The ReplicaSet of the present template; made where it is not there, `replicas` at first. */
const newSetOf = (
  state: State,
  deployment: KubeObject,
  all: readonly KubeObject[],
  replicas: number,
): KubeObject | null => {
  const highest = Math.max(0, ...all.filter((set) => !isNew(deployment, set)).map(revisionOf));
  const found = all.find((set) => isNew(deployment, set));
  if (found !== undefined) {
    if (revisionOf(found) > highest) return noteRevision(state, deployment, found);
    const renewed = state.store.put(sets, withAt(found, ['metadata', 'annotations', revisionKey], String(highest + 1)));
    return noteRevision(state, deployment, renewed);
  }
  const template = templateOf(deployment);
  const hash = templateHash(template);
  const labels = { ...objectAt(template, 'metadata', 'labels'), [hashLabel]: hash };
  const selector = objectAt(deployment, 'spec', 'selector');
  const { surge } = bounds(deployment);
  const copied = Object.entries(objectAt(deployment, 'metadata', 'annotations')).filter(([key]) => !notCopied.has(key));
  const body: JsonObject = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${nameOf(deployment)}-${hash}`,
      namespace: namespaceOf(deployment),
      labels,
      annotations: {
        ...Object.fromEntries(copied),
        'deployment.kubernetes.io/desired-replicas': String(replicasOf(deployment)),
        'deployment.kubernetes.io/max-replicas': String(replicasOf(deployment) + surge),
        [revisionKey]: String(highest + 1),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(numberAt(deployment, 'spec', 'minReadySeconds') === undefined
        ? {}
        : { minReadySeconds: numberAt(deployment, 'spec', 'minReadySeconds') as number }),
      selector: withAt(selector, ['matchLabels', hashLabel], hash),
      template: withAt(template, ['metadata', 'labels'], labels),
    },
  };
  try {
    const made = createObject(state, kindAt(state, sets), body, controllerContext);
    pointEvent(
      state,
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled up replica set ${nameOf(made)} from 0 to ${replicas}`,
    );
    return noteRevision(state, deployment, made);
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    pointEvent(state, deployment, 'Warning', 'ReplicaSetCreateError', thrown.message);
    state.tasks.add(syncTask(table, objectKey(deployment)), 5_000);
    return null;
  }
};
/** The Deployment carries the revision of its newest ReplicaSet; writing that does not count as a change of its spec. */
const noteRevision = (state: State, deployment: KubeObject, set: KubeObject): KubeObject => {
  const held = state.store.get(table, objectKey(deployment));
  const revision = textAt(set, 'metadata', 'annotations', revisionKey) ?? '1';
  if (held !== null && textAt(held, 'metadata', 'annotations', revisionKey) !== revision) {
    state.store.put(table, withAt(held, ['metadata', 'annotations', revisionKey], revision));
  }
  return set;
};

const rolling = (state: State, deployment: KubeObject): void => {
  const all = setsOf(state, deployment);
  const { surge, unavailable } = bounds(deployment);
  const replicas = replicasOf(deployment);
  const held = all.find((set) => isNew(deployment, set));
  const others = sum(
    all.filter((set) => set !== held),
    replicasOf,
  );
  const room = Math.max(replicas + surge - others, 0);
  let fresh = newSetOf(state, deployment, all, Math.min(replicas, room));
  if (fresh === null) return;
  if (held !== undefined) {
    const now = replicasOf(fresh);
    if (now > replicas) fresh = scale(state, deployment, fresh, replicas);
    else if (now < replicas) {
      const spare = replicas + surge - sum(setsOf(state, deployment), replicasOf);
      if (spare > 0) fresh = scale(state, deployment, fresh, Math.min(now + spare, replicas));
    }
  }
  let old = setsOf(state, deployment).filter(
    (set) => nameOf(set) !== nameOf(fresh as KubeObject) && replicasOf(set) > 0,
  );
  if (old.length === 0) return;
  const minimum = replicas - unavailable;
  const freshMissing = replicasOf(fresh) - statusOf(fresh, 'availableReplicas');
  let spare = sum(old, replicasOf) + replicasOf(fresh) - minimum - freshMissing;
  if (spare <= 0) return;
  // First what is not available anyway, then what is, as far as enough stays available.
  old = old.map((set) => {
    const sick = replicasOf(set) - statusOf(set, 'availableReplicas');
    const fewer = Math.min(sick, spare);
    if (fewer <= 0) return set;
    spare -= fewer;
    return scale(state, deployment, set, replicasOf(set) - fewer);
  });
  let dispensable =
    sum(old, (set) => statusOf(set, 'availableReplicas')) + statusOf(fresh, 'availableReplicas') - minimum;
  for (const set of old) {
    if (dispensable <= 0) break;
    const fewer = Math.min(replicasOf(set), dispensable);
    dispensable -= fewer;
    scale(state, deployment, set, replicasOf(set) - fewer);
  }
};

const recreate = (state: State, deployment: KubeObject): void => {
  const all = setsOf(state, deployment);
  const old = all.filter((set) => !isNew(deployment, set));
  for (const set of old) scale(state, deployment, set, 0);
  const left = old.some((set) =>
    state.store.ownedBy(pods, textAt(set, 'metadata', 'uid') ?? '').some((pod) => !ended(pod)),
  );
  if (left) {
    // Pods that are still ending do not show in the ReplicaSet's status: look again.
    state.tasks.add(syncTask(table, objectKey(deployment)), state.timings.terminateMs + 2 * state.timings.controllerMs);
    return;
  }
  const fresh = newSetOf(state, deployment, all, replicasOf(deployment));
  if (fresh !== null) scale(state, deployment, fresh, replicasOf(deployment));
};

const cleanUp = (state: State, deployment: KubeObject): void => {
  const limit = numberAt(deployment, 'spec', 'revisionHistoryLimit') ?? 10;
  const idle = setsOf(state, deployment)
    .filter((set) => !isNew(deployment, set) && replicasOf(set) === 0 && statusOf(set, 'replicas') === 0)
    .sort((left, right) => revisionOf(left) - revisionOf(right));
  for (const set of idle.slice(0, Math.max(idle.length - limit, 0))) state.store.remove(sets, objectKey(set));
};

const writeStatus = (state: State, deployment: KubeObject): void => {
  const all = setsOf(state, deployment);
  const fresh = all.find((set) => isNew(deployment, set));
  const replicas = sum(all, (set) => statusOf(set, 'replicas'));
  const updated = fresh === undefined ? 0 : statusOf(fresh, 'replicas');
  const ready = sum(all, (set) => statusOf(set, 'readyReplicas'));
  const available = sum(all, (set) => statusOf(set, 'availableReplicas'));
  const wanted = replicasOf(deployment);
  const missing = Math.max(sum(all, replicasOf) - available, 0);
  const { unavailable } = bounds(deployment);
  const minimum = textAt(deployment, 'spec', 'strategy', 'type') === 'Recreate' ? wanted : wanted - unavailable;
  const enough = available >= minimum;
  const held = state.store.get(table, objectKey(deployment)) ?? deployment;
  const availability = condition(state, conditionOf(held, 'Available'), {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
  });
  const counts: JsonObject = {
    ...(replicas === 0 ? {} : { replicas }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(available === 0 ? {} : { availableReplicas: available }),
    ...(missing === 0 ? {} : { unavailableReplicas: missing }),
  };
  const progressing = progressOf(state, deployment, held, fresh, {
    complete: updated === wanted && replicas === wanted && available === wanted,
    moved:
      updated > statusOf(held, 'updatedReplicas') ||
      replicas - updated < statusOf(held, 'replicas') - statusOf(held, 'updatedReplicas') ||
      ready > statusOf(held, 'readyReplicas') ||
      available > statusOf(held, 'availableReplicas'),
  });
  putStatus(state, table, objectKey(deployment), {
    observedGeneration: numberAt(deployment, 'metadata', 'generation') ?? 1,
    ...counts,
    conditions: [availability, progressing],
  });
};

const progressOf = (
  state: State,
  deployment: KubeObject,
  held: KubeObject,
  fresh: KubeObject | undefined,
  now: { readonly complete: boolean; readonly moved: boolean },
): JsonObject => {
  const before = conditionOf(held, 'Progressing');
  const set = fresh === undefined ? '' : nameOf(fresh);
  const make = (status: string, reason: string, message: string): JsonObject =>
    condition(state, before, { type: 'Progressing', status, reason, message });
  if (objectAt(deployment, 'spec')['paused'] === true)
    return make('Unknown', 'DeploymentPaused', 'Deployment is paused');
  if (before?.['reason'] === 'DeploymentPaused') return make('Unknown', 'DeploymentResumed', 'Deployment is resumed');
  if (now.complete) return make('True', 'NewReplicaSetAvailable', `ReplicaSet "${set}" has successfully progressed.`);
  const deadline = (numberAt(deployment, 'spec', 'progressDeadlineSeconds') ?? 600) * 1000;
  const message = `ReplicaSet "${set}" is progressing.`;
  const started = before?.['reason'] !== 'NewReplicaSetAvailable' && textAt(before, 'message')?.includes(`"${set}"`);
  if (!started || now.moved) {
    state.tasks.add(syncTask(table, objectKey(deployment)), deadline + 1000);
    const fresh = make('True', 'ReplicaSetUpdated', message);
    return { ...fresh, lastUpdateTime: new Date(state.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z') };
  }
  if (before?.['reason'] === 'ProgressDeadlineExceeded') return before;
  const since = Date.parse(textAt(before, 'lastUpdateTime') ?? '');
  const left = since + deadline - state.clock.now();
  if (left < 0) return make('False', 'ProgressDeadlineExceeded', `ReplicaSet "${set}" has timed out progressing.`);
  state.tasks.add(syncTask(table, objectKey(deployment)), left + 1000);
  return before ?? make('True', 'ReplicaSetUpdated', message);
};

export const syncDeployment = (state: State, deployment: KubeObject): void => {
  if (!isDeleting(deployment)) {
    if (objectAt(deployment, 'spec')['paused'] === true) {
      const newest = [...setsOf(state, deployment)].sort((left, right) => revisionOf(right) - revisionOf(left))[0];
      // A paused Deployment is scaled, but its template is not rolled.
      const total = sum(setsOf(state, deployment), replicasOf);
      if (newest !== undefined && total !== replicasOf(deployment)) {
        scale(state, deployment, newest, Math.max(replicasOf(newest) + replicasOf(deployment) - total, 0));
      }
    } else if (textAt(deployment, 'spec', 'strategy', 'type') === 'Recreate') recreate(state, deployment);
    else rolling(state, deployment);
    cleanUp(state, deployment);
  }
  writeStatus(state, deployment);
};
