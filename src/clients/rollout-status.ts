import { at, type JsonObject, listAt, numberAt, textAt } from '../model/json.js';

export type RolloutState =
  | { readonly is: 'done' }
  | { readonly is: 'waiting'; readonly for: string }
  | { readonly is: 'failed'; readonly because: string };

const waiting = (text: string): RolloutState => ({ is: 'waiting', for: text });
const done: RolloutState = { is: 'done' };

/** Rules of `kubectl rollout status` (kubectl pkg/polymorphichelpers/rollout_status.go), and what stands nearest for other kinds. */
export const rolloutState = (object: JsonObject, generation: number): RolloutState => {
  const kind = textAt(object, 'kind') ?? '';
  const observed = numberAt(object, 'status', 'observedGeneration') ?? 0;
  const wanted = Math.max(generation, numberAt(object, 'metadata', 'generation') ?? 0);
  const rule = rules[kind];
  if (rule === undefined) return custom(object, observed, wanted);
  if (observed < wanted) return waiting('the controller to see the new template');
  return rule(object);
};

const count = (object: JsonObject, ...path: readonly string[]): number => numberAt(object, 'status', ...path) ?? 0;

const rules: Readonly<Record<string, (object: JsonObject) => RolloutState>> = {
  Deployment: (object) => {
    const progressing = listAt(object, 'status', 'conditions').find((entry) => textAt(entry, 'type') === 'Progressing');
    if (textAt(progressing, 'reason') === 'ProgressDeadlineExceeded') {
      return { is: 'failed', because: textAt(progressing, 'message') ?? 'it exceeded its progress deadline' };
    }
    const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
    const updated = count(object, 'updatedReplicas');
    if (updated < replicas) return waiting(`${updated} of ${replicas} new replicas`);
    if (count(object, 'replicas') > updated)
      return waiting(`${count(object, 'replicas') - updated} old replicas to end`);
    if (count(object, 'availableReplicas') < updated) {
      return waiting(`${count(object, 'availableReplicas')} of ${updated} new replicas to be available`);
    }
    return done;
  },
  DaemonSet: (object) => {
    const desired = count(object, 'desiredNumberScheduled');
    if (count(object, 'updatedNumberScheduled') < desired) {
      return waiting(`${count(object, 'updatedNumberScheduled')} of ${desired} pods to be updated`);
    }
    if (count(object, 'numberAvailable') < desired) {
      return waiting(`${count(object, 'numberAvailable')} of ${desired} updated pods to be available`);
    }
    return done;
  },
  StatefulSet: (object) => {
    const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
    if (count(object, 'readyReplicas') < replicas)
      return waiting(`${count(object, 'readyReplicas')} of ${replicas} pods to be ready`);
    const partition = numberAt(object, 'spec', 'updateStrategy', 'rollingUpdate', 'partition') ?? 0;
    if (partition > 0) {
      const target = Math.max(0, replicas - partition);
      return count(object, 'updatedReplicas') < target
        ? waiting(`${count(object, 'updatedReplicas')} of ${target} pods to be updated`)
        : done;
    }
    // With no replicas there is nothing to update, and the controller leaves currentRevision behind.
    if (replicas === 0) return done;
    return textAt(object, 'status', 'updateRevision') === textAt(object, 'status', 'currentRevision')
      ? done
      : waiting(`${count(object, 'updatedReplicas')} of ${replicas} pods to be updated`);
  },
  ReplicaSet: (object) => replicaCount(object),
  ReplicationController: (object) => replicaCount(object),
};

const replicaCount = (object: JsonObject): RolloutState => {
  const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
  return count(object, 'readyReplicas') < replicas
    ? waiting(`${count(object, 'readyReplicas')} of ${replicas} pods to be ready`)
    : done;
};

/** Argo Rollouts tells a phase; other controllers at best an observed generation and a Ready condition. */
const custom = (object: JsonObject, observed: number, wanted: number): RolloutState => {
  const told = at(object, 'status', 'observedGeneration');
  if (told !== undefined && Number(told) < wanted && observed < wanted)
    return waiting('the controller to see the change');
  const phase = textAt(object, 'status', 'phase');
  if (phase === 'Degraded')
    return { is: 'failed', because: textAt(object, 'status', 'message') ?? 'its phase is Degraded' };
  if (phase !== undefined && phase !== 'Healthy') return waiting(`phase Healthy, it is ${phase}`);
  const ready = listAt(object, 'status', 'conditions').find((entry) => textAt(entry, 'type') === 'Ready');
  if (ready !== undefined && textAt(ready, 'status') !== 'True')
    return waiting(textAt(ready, 'message') ?? 'its condition Ready');
  return done;
};
