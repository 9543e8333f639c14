import { byText } from '../model/canonical.js';
import type { Pod, PodView, Workload } from '../model/inventory.js';
import { at, type JsonObject, numberAt, objectAt, textAt, textsAt } from '../model/json.js';
import { pointerKeys } from '../model/json-pointer.js';
import { type KubernetesRef, refKey } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import { customKindOf } from './custom-kinds.js';
import { ownersOf } from './owners.js';
import { type ConfigMapKeys, podView } from './pod-view.js';
import { keptAnnotations } from './redact.js';
import { controllerOf, hasTemplate, objectAtPointer } from './workload-kinds.js';

/** Something below a custom resource that has a pod template, or is a pod: a Deployment that an operator made, a Spark driver. */
export interface Unit {
  /** Owners above it, topmost first; never empty. */
  readonly owners: readonly KubernetesRef[];
  /** The built-in workload; null where it is a pod. */
  readonly workload: Workload | null;
  readonly view: PodView;
  readonly pods: readonly Pod[];
  readonly createdAt: string;
}

const identityKey = (view: PodView): string =>
  `${view.serviceAccount}\u0000${view.annotations[annotationKeys.brokerRole] ?? ''}`;

/**
 * Workloads of pods whose top owner is a custom resource. The topmost owner stands for all that is below it as long as that has
 * one service account and one role; where it has several (a Kafka cluster and its entity operator) each owner below stands for
 * its own.
 */
export const customWorkloads = async (
  units: readonly Unit[],
  customs: ReadonlyMap<string, JsonObject>,
  keysOf: ConfigMapKeys,
): Promise<readonly Workload[]> => {
  const found: Workload[] = [];
  const covered = new Set<string>();
  const settle = (group: readonly Unit[], depth: number): void => {
    const first = group[0] as Unit;
    const node = first.owners[depth] as KubernetesRef;
    const object = customs.get(refKey(node)) ?? null;
    covered.add(refKey(node));
    const shape = customKindOf(node.apiVersion, node.kind);
    const known =
      object !== null && shape !== undefined && shape.template !== '' && hasTemplate(object, shape.template);
    const different = new Set(group.map((unit) => identityKey(unit.view))).size > 1;
    const deeper = group.filter((unit) => unit.owners.length > depth + 1 || isStanding(unit));
    if (different && !known && deeper.length > 0) {
      for (const below of groups(deeper, (unit) => refKey(unit.owners[depth + 1] ?? (unit.workload as Workload).ref))) {
        if ((below[0] as Unit).owners.length > depth + 1) settle(below, depth + 1);
        else found.push(...below.map((unit) => ({ ...(unit.workload as Workload), pods: unit.pods })));
      }
      const rest = group.filter((unit) => !deeper.includes(unit));
      if (rest.length > 0) found.push(customWorkload(node, object, rest, keysOf));
      return;
    }
    found.push(customWorkload(node, object, group, keysOf));
  };
  for (const group of groups(units, (unit) => refKey(unit.owners[0] as KubernetesRef))) settle(group, 0);
  for (const [key, object] of [...customs].sort((left, right) => byText(left[0], right[0]))) {
    if (
      covered.has(key) ||
      controllerOf(object) !== null ||
      units.some((unit) => unit.owners.some((ref) => refKey(ref) === key))
    )
      continue;
    const shape = customKindOf(textAt(object, 'apiVersion') ?? '', textAt(object, 'kind') ?? '');
    if (shape === undefined) continue;
    found.push(customWorkload(refFrom(object), object, [], keysOf));
  }
  return found;
};

/** A Deployment and its like can be changed by themselves; revisions (ReplicaSets) and runs (Jobs) cannot. */
const isStanding = (unit: Unit): boolean =>
  unit.workload !== null && ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'].includes(unit.workload.ref.kind);

const groups = <T>(items: readonly T[], key: (item: T) => string): readonly (readonly T[])[] => {
  const byKey = new Map<string, T[]>();
  for (const item of items) byKey.set(key(item), [...(byKey.get(key(item)) ?? []), item]);
  return [...byKey.entries()].sort((left, right) => byText(left[0], right[0])).map(([, group]) => group);
};

const refFrom = (object: JsonObject): KubernetesRef => ({
  api: 'kubernetes',
  apiVersion: textAt(object, 'apiVersion') ?? '',
  kind: textAt(object, 'kind') ?? '',
  ...(textAt(object, 'metadata', 'namespace') === undefined
    ? {}
    : { namespace: textAt(object, 'metadata', 'namespace') as string }),
  name: textAt(object, 'metadata', 'name') ?? '',
});

/** The newest unit speaks for all; pods are newer than what made them. */
const newest = (units: readonly Unit[]): Unit | undefined =>
  [...units].sort((left, right) => byText(right.createdAt, left.createdAt)).find((unit) => unit.pods.length > 0) ??
  units[0];

const customWorkload = (
  ref: KubernetesRef,
  object: JsonObject | null,
  units: readonly Unit[],
  keysOf: ConfigMapKeys,
): Workload => {
  const namespace = ref.namespace ?? 'default';
  const shape = customKindOf(ref.apiVersion, ref.kind);
  const own = object !== null && shape !== undefined && shape.template !== '' && hasTemplate(object, shape.template);
  const template = own
    ? podView(objectAtPointer(object, shape.template), namespace, keysOf)
    : (newest(units)?.view ?? declaredView(object, ref, namespace, keysOf));
  const strategy = Object.keys(objectAt(object, 'spec', 'strategy'))[0];
  return {
    ref,
    uid: textAt(object, 'metadata', 'uid') ?? '',
    generation: numberAt(object, 'metadata', 'generation') ?? 0,
    template,
    // A Rollout may point at a Deployment's template instead of holding one.
    templatePath: own || object === null ? (shape?.template ?? '') : '',
    serviceAccountPath: own || object === null || shape?.template === '' ? (shape?.serviceAccount ?? null) : null,
    ownAnnotations: keptAnnotations(textsAt(object, 'metadata', 'annotations')),
    ownLabels: textsAt(object, 'metadata', 'labels'),
    replicas: numberAt(object, 'spec', 'replicas') ?? null,
    strategy: ref.kind === 'Rollout' && strategy !== undefined ? strategy : 'custom',
    paused: at(object, 'spec', 'paused') === true,
    suspended: at(object, 'spec', 'suspend') === true,
    rolls: false,
    custom: true,
    owners: object === null ? [] : ownersOf(object),
    pods: units.flatMap((unit) => unit.pods).sort((left, right) => byText(refKey(left.ref), refKey(right.ref))),
  };
};

/** What a custom resource without pods says of them: the service account and annotations, where their places are known. */
const declaredView = (
  object: JsonObject | null,
  ref: KubernetesRef,
  namespace: string,
  keysOf: ConfigMapKeys,
): PodView => {
  const shape = customKindOf(ref.apiVersion, ref.kind);
  const account = shape?.serviceAccount == null ? undefined : textAt(object, ...pointerKeys(shape.serviceAccount));
  const annotations = shape?.annotations === undefined ? {} : textsAt(object, ...pointerKeys(shape.annotations));
  return podView(
    { metadata: { annotations }, spec: account === undefined ? {} : { serviceAccountName: account } },
    namespace,
    keysOf,
  );
};
