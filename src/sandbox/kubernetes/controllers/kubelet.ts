import { type Json, listAt, numberAt, objectAt, textAt } from '../../../model/json.js';
import {
  controllerOf,
  isDeleting,
  type JsonObject,
  type KubeObject,
  nameOf,
  objectKey,
  timeText,
  withAll,
  withAt,
} from '../object.js';
import type { State } from '../state.js';
import { chooseNode } from './scheduler.js';
import { ended, milliseconds, pods, pointEvent, switchOf } from './shared.js';

/** Scheduler and kubelet: pods get a node, an address, become Ready or fail, end, and go. No container runs. */

/** How long until a pod without an address, or without a node, is looked at again. Milliseconds. */
const retryMs = 10_000;

const stamp = (state: State): string => timeText(state.clock.now());
const podCondition = (state: State, type: string, good: boolean, reason = '', message = ''): JsonObject => ({
  type,
  status: good ? 'True' : 'False',
  lastProbeTime: null,
  lastTransitionTime: stamp(state),
  ...(reason === '' ? {} : { reason }),
  ...(message === '' ? {} : { message }),
});
const conditions = (state: State, ready: boolean, initialized = true): readonly JsonObject[] => {
  const why = ready ? '' : 'ContainersNotReady';
  return [
    podCondition(state, 'PodReadyToStartContainers', initialized),
    podCondition(state, 'Initialized', initialized),
    podCondition(state, 'Ready', ready, why),
    podCondition(state, 'ContainersReady', ready, why),
    podCondition(state, 'PodScheduled', true),
  ];
};
const statuses = (pod: KubeObject, list: string, more: JsonObject): readonly JsonObject[] =>
  listAt(pod, 'spec', list).map((container) => ({
    name: textAt(container, 'name') ?? '',
    image: textAt(container, 'image') ?? '',
    imageID: '',
    lastState: {},
    restartCount: 0,
    ...more,
  }));
const initStatuses = (state: State, pod: KubeObject): JsonObject => {
  if (listAt(pod, 'spec', 'initContainers').length === 0) return {};
  const terminated = { exitCode: 0, reason: 'Completed', startedAt: stamp(state), finishedAt: stamp(state) };
  return {
    initContainerStatuses: statuses(pod, 'initContainers', { ready: true, started: false, state: { terminated } }),
  };
};

const put = (state: State, pod: KubeObject, status: JsonObject): void => {
  state.store.put(pods, { ...pod, status: { ...objectAt(pod, 'status'), ...status } });
};

export const schedulePod = (state: State, key: string): void => {
  const pod = state.store.get(pods, key);
  if (pod === null || isDeleting(pod)) return;
  if ((textAt(pod, 'spec', 'nodeName') ?? '') !== '') {
    startLater(state, pod);
    return;
  }
  const node = switchOf(pod, 'unschedulable') === 'true' ? null : chooseNode(state, pod);
  if (node === null) {
    const count = state.store.size('/nodes');
    const message = `0/${count} nodes are available: ${count} node(s) didn't match Pod's node affinity/selector or had untolerated taint(s).`;
    const held = listAt(pod, 'status', 'conditions').some((one) => textAt(one, 'reason') === 'Unschedulable');
    if (!held) {
      put(state, pod, {
        phase: 'Pending',
        conditions: [podCondition(state, 'PodScheduled', false, 'Unschedulable', message)],
      });
      pointEvent(state, pod, 'Warning', 'FailedScheduling', message);
    }
    state.tasks.add(`schedule|${key}`, retryMs);
    return;
  }
  const bound = withAll(pod, [
    [['spec', 'nodeName'], nameOf(node)],
    [
      ['status'],
      { ...objectAt(pod, 'status'), phase: 'Pending', conditions: [podCondition(state, 'PodScheduled', true)] },
    ],
  ]);
  startLater(state, state.store.put(pods, bound));
};
const startLater = (state: State, pod: KubeObject): void =>
  state.tasks.add(`start|${objectKey(pod)}`, milliseconds(switchOf(pod, 'ready-after-ms'), state.timings.readyMs));

const matchesEnv = (pod: KubeObject, wanted: string): boolean => {
  const [name = '', ...rest] = wanted.split('=');
  const value = rest.length === 0 ? undefined : rest.join('=');
  return listAt(pod, 'spec', 'containers').some((container) =>
    listAt(container, 'env').some(
      (variable) => textAt(variable, 'name') === name && (value === undefined || textAt(variable, 'value') === value),
    ),
  );
};
/** Whether the pod's own switches (annotations `sandbox.rolelift.dev/…`) make its containers fail. */
const failsBySwitch = (pod: KubeObject): boolean => {
  const ifEnv = switchOf(pod, 'fail-if-env');
  const unlessEnv = switchOf(pod, 'fail-unless-env');
  return (
    switchOf(pod, 'fail') === 'true' ||
    (ifEnv !== undefined && matchesEnv(pod, ifEnv)) ||
    (unlessEnv !== undefined && !matchesEnv(pod, unlessEnv))
  );
};
const isCni = (pod: KubeObject): boolean => {
  const owner = controllerOf(pod);
  return owner?.kind === 'DaemonSet' && owner.name === 'aws-node';
};

/** The address that a node gives a pod; its own for pods on the host's network. */
const addressFor = (state: State, pod: KubeObject, node: KubeObject | null): string => {
  if (objectAt(pod, 'spec')['hostNetwork'] === true) return hostAddress(node);
  state.serial += 1;
  const number = state.serial;
  return `10.${100 + ((number >> 16) & 0x7f)}.${(number >> 8) & 0xff}.${number & 0xff}`;
};
const hostAddress = (node: KubeObject | null): string =>
  textAt(
    listAt(node, 'status', 'addresses').find((address) => textAt(address, 'type') === 'InternalIP'),
    'address',
  ) ?? '10.0.0.1';

export const startPod = (state: State, key: string): void => {
  const pod = state.store.get(pods, key);
  if (pod === null || isDeleting(pod) || ended(pod)) return;
  const nodeName = textAt(pod, 'spec', 'nodeName') ?? '';
  const node = state.store.get('/nodes', nodeName);
  const onHost = objectAt(pod, 'spec')['hostNetwork'] === true;
  const startTime = textAt(pod, 'status', 'startTime') ?? stamp(state);
  const base = { hostIP: hostAddress(node), startTime };
  if (!onHost && !state.account.canAttachAddresses(nodeName)) {
    if (textAt(pod, 'status', 'startTime') === undefined) {
      const waiting = { waiting: { reason: 'ContainerCreating' } };
      put(state, pod, {
        ...base,
        phase: 'Pending',
        conditions: conditions(state, false, false),
        containerStatuses: statuses(pod, 'containers', { ready: false, started: false, state: waiting }),
      });
      const why = `plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container`;
      pointEvent(state, pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${why}`);
    }
    state.tasks.add(`start|${key}`, retryMs);
    return;
  }
  const podIP = textAt(pod, 'status', 'podIP') ?? addressFor(state, pod, node);
  const placed = { ...base, podIP, podIPs: [{ ip: podIP }], ...initStatuses(state, pod) };
  const cniFails = isCni(pod) && !state.account.canAttachAddresses(nodeName);
  if (failsBySwitch(pod) || cniFails) {
    failPod(state, pod, placed, cniFails);
    return;
  }
  const running = { running: { startedAt: stamp(state) } };
  put(state, pod, {
    ...placed,
    phase: 'Running',
    conditions: conditions(state, true),
    containerStatuses: statuses(pod, 'containers', { ready: true, started: true, state: running }),
  });
  if (textAt(pod, 'spec', 'restartPolicy') !== 'Always') {
    state.tasks.add(`end|${key}`, milliseconds(switchOf(pod, 'run-ms'), state.timings.readyMs));
  }
};

const failPod = (state: State, pod: KubeObject, placed: JsonObject, again: boolean): void => {
  if (textAt(pod, 'spec', 'restartPolicy') === 'Never') {
    finish(state, { ...pod, status: { ...objectAt(pod, 'status'), ...placed } }, 1);
    return;
  }
  const reason = switchOf(pod, 'fail-reason') ?? 'CrashLoopBackOff';
  const name = nameOf(pod);
  const terminated = { exitCode: 1, reason: 'Error', startedAt: stamp(state), finishedAt: stamp(state) };
  const restarts = numberAt(listAt(pod, 'status', 'containerStatuses')[0], 'restartCount') ?? 0;
  put(state, pod, {
    ...placed,
    phase: 'Running',
    conditions: conditions(state, false),
    containerStatuses: statuses(pod, 'containers', {
      ready: false,
      started: false,
      restartCount: restarts + 1,
      lastState: { terminated },
      state: { waiting: { reason, message: `back-off 10s restarting failed container in pod ${name}` } },
    }),
  });
  if (restarts === 0)
    pointEvent(state, pod, 'Warning', 'BackOff', `Back-off restarting failed container in pod ${name}`);
  if (again) state.tasks.add(`start|${objectKey(pod)}`, retryMs);
};

/** Whether the containers ask AWS who they are, as a probe does. */
const asksWhoItIs = (pod: KubeObject): boolean =>
  listAt(pod, 'spec', 'containers').some((container) =>
    [...listAt(container, 'command'), ...listAt(container, 'args')].some(
      (word) => typeof word === 'string' && word.includes('get-caller-identity'),
    ),
  );

const finish = (state: State, pod: KubeObject, code: number): void => {
  const caller = code === 0 && asksWhoItIs(pod) ? state.account.callerIdentity?.(pod) : undefined;
  const exitCode = caller !== undefined && 'error' in caller ? 253 : code;
  const good = exitCode === 0;
  const done: JsonObject = {
    exitCode,
    reason: good ? 'Completed' : 'Error',
    ...(caller === undefined ? {} : { message: 'arn' in caller ? `${caller.arn}\n` : caller.error }),
    startedAt: stamp(state),
    finishedAt: stamp(state),
  };
  const why = good ? 'PodCompleted' : 'PodFailed';
  put(state, pod, {
    phase: good ? 'Succeeded' : 'Failed',
    conditions: [
      podCondition(state, 'Initialized', true, why),
      podCondition(state, 'Ready', false, why),
      podCondition(state, 'ContainersReady', false, why),
      podCondition(state, 'PodScheduled', true),
    ],
    containerStatuses: statuses(pod, 'containers', { ready: false, started: false, state: { terminated: done } }),
  });
};
export const endPod = (state: State, key: string): void => {
  const pod = state.store.get(pods, key);
  if (pod === null || isDeleting(pod) || ended(pod)) return;
  finish(state, pod, milliseconds(switchOf(pod, 'exit-code'), 0));
};
export const killPod = (state: State, key: string): void => {
  const pod = state.store.get(pods, key);
  if (pod === null || !isDeleting(pod) || switchOf(pod, 'stuck') === 'true') return;
  const finalizers: readonly Json[] = listAt(pod, 'metadata', 'finalizers');
  if (finalizers.length === 0) state.store.remove(pods, key);
};

/** What comes of a new or changed node: Ready once its CNI works, and its not-ready taint goes. */
export const syncNode = (state: State, name: string): void => {
  const node = state.store.get('/nodes', name);
  if (node === null || isDeleting(node)) return;
  const cni = state.store.get('apps/daemonsets', 'kube-system/aws-node');
  const cniPod =
    cni === null
      ? undefined
      : state.store
          .ownedBy(pods, textAt(cni, 'metadata', 'uid') ?? '')
          .find((pod) => textAt(pod, 'spec', 'nodeName') === name);
  const cniRuns =
    cni === null ||
    (cniPod !== undefined &&
      listAt(cniPod, 'status', 'conditions').some(
        (one) => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True',
      ));
  const held = listAt(node, 'status', 'conditions').find((one) => textAt(one, 'type') === 'Ready');
  // A node that was Ready stays so: what it has, it keeps; only new nodes need the CNI to come up.
  if (textAt(held, 'status') === 'True') return;
  const ready = cniRuns && state.account.canAttachAddresses(name);
  const now = stamp(state);
  const condition = {
    type: 'Ready',
    status: ready ? 'True' : 'False',
    reason: ready ? 'KubeletReady' : 'KubeletNotReady',
    message: ready
      ? 'kubelet is posting ready status'
      : 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
    lastHeartbeatTime: now,
    lastTransitionTime:
      textAt(held, 'status') === (ready ? 'True' : 'False') ? (textAt(held, 'lastTransitionTime') ?? now) : now,
  };
  const others = listAt(node, 'status', 'conditions').filter((one) => textAt(one, 'type') !== 'Ready');
  const key = 'node.kubernetes.io/not-ready';
  const taints = listAt(node, 'spec', 'taints').filter((taint) => textAt(taint, 'key') !== key);
  const wanted = ready ? taints : [...taints, { key, effect: 'NoSchedule' }];
  const same = held !== undefined && textAt(held, 'status') === condition.status;
  if (!same) {
    const changed = withAt(node, ['status', 'conditions'], [...others, condition]);
    state.store.put('/nodes', withAt(changed, ['spec', 'taints'], wanted.length === 0 ? undefined : wanted));
  }
  if (!ready) state.tasks.add(`node|${name}`, retryMs);
};
