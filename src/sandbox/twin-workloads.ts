import type { BrokerInstall, PodView, Workload } from '../model/inventory.js';
import { isObject, type Json, type JsonObject } from '../model/json.js';
import { pointerKeys } from '../model/json-pointer.js';
import { brokerArgs, brokerContainer, imageOf } from './twin-brokers.js';
import { metadataOf } from './twin-names.js';
import { podSpec } from './twin-pod-spec.js';

const strategyOf = (workload: Workload): JsonObject => {
  const type = workload.strategy;
  const rolling: JsonObject =
    workload.partition === undefined ? {} : { rollingUpdate: { partition: workload.partition } };
  if (workload.ref.kind === 'Deployment' && (type === 'RollingUpdate' || type === 'Recreate'))
    return { strategy: { type } };
  if (['StatefulSet', 'DaemonSet'].includes(workload.ref.kind) && (type === 'RollingUpdate' || type === 'OnDelete'))
    return { updateStrategy: { type, ...(workload.ref.kind === 'StatefulSet' ? rolling : {}) } };
  return {};
};

const nested = (pointer: string, value: Json): JsonObject =>
  pointerKeys(pointer).reduceRight<Json>((inner, key) => ({ [key]: inner }), value) as JsonObject;

const merged = (left: JsonObject, right: JsonObject): JsonObject => {
  const result: Record<string, Json> = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const old = result[key];
    result[key] = isObject(old) && isObject(value) ? merged(old, value) : value;
  }
  return result;
};

/** A workload as its API has it; `installs`: the brokers that it serves. */
export const workloadObject = (workload: Workload, installs: readonly BrokerInstall[]): JsonObject => {
  const { ref } = workload;
  const args = new Map<string, readonly string[]>();
  let view: PodView = workload.template;
  for (const install of installs) {
    const container = brokerContainer(install, view);
    if (!container) continue;
    args.set(container.name, brokerArgs(install));
    view = {
      ...view,
      containers: view.containers.map((each) =>
        each === container ? { ...each, image: imageOf(install, each.image) } : each,
      ),
    };
  }
  const metadata = metadataOf(ref, {
    // Controllers find what they own by uid: one that was recorded could be one that the twin makes up for something else.
    ...(workload.custom ? { uid: twinUid(workload) } : {}),
    ...(Object.keys(workload.ownAnnotations).length === 0 ? {} : { annotations: workload.ownAnnotations }),
    ...(Object.keys(workload.ownLabels).length === 0 ? {} : { labels: workload.ownLabels }),
  });
  const base = { apiVersion: ref.apiVersion, kind: ref.kind, metadata };
  const spec = {
    ...podSpec(view, args),
    // The API server takes no other policy for them; which of the two it is makes no difference to an identity.
    ...(['Job', 'CronJob'].includes(ref.kind) ? { restartPolicy: 'Never' } : {}),
  };
  const annotations: JsonObject = Object.keys(view.annotations).length === 0 ? {} : { annotations: view.annotations };
  if (ref.kind === 'Pod') return { ...base, metadata: { ...metadata, ...annotations, labels: view.labels }, spec };
  const labels = Object.keys(view.labels).length === 0 ? { 'twin.rolelift.dev/workload': ref.name } : view.labels;
  const template: JsonObject = { metadata: { labels, ...annotations }, spec };
  const selects = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(ref.kind);
  const own: JsonObject = {
    ...(workload.replicas === null || ref.kind === 'DaemonSet' ? {} : { replicas: workload.replicas }),
    ...(selects ? { selector: { matchLabels: labels } } : {}),
    ...(ref.kind === 'ReplicationController' ? { selector: labels } : {}),
    ...(ref.kind === 'StatefulSet' ? { serviceName: ref.name } : {}),
    ...(workload.paused ? { paused: true } : {}),
    ...(ref.kind === 'CronJob' ? { schedule: '0 2 * * *' } : {}),
    ...(workload.suspended ? { suspend: true } : {}),
    ...strategyOf(workload),
  };
  const path = workload.templatePath === '' ? '/spec/template' : workload.templatePath;
  return merged({ ...base, spec: own }, nested(path, template));
};

const twinUid = (workload: Workload): string => `twin-${workload.uid}`;

/** Pods of owners that the sandbox has no controller for, as they stand. */
export const customPods = (workload: Workload): JsonObject[] =>
  workload.pods.map((pod) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadataOf(pod.ref, {
      uid: `twin-${pod.uid}`,
      labels: pod.view.labels,
      annotations: pod.view.annotations,
      ownerReferences: [
        {
          apiVersion: workload.ref.apiVersion,
          kind: workload.ref.kind,
          name: workload.ref.name,
          uid: twinUid(workload),
          controller: true,
        },
      ],
    }),
    spec: { ...podSpec(pod.view, new Map()), ...(pod.node === undefined ? {} : { nodeName: pod.node }) },
  }));
