import pLimit from 'p-limit';
import { byKey, byText } from '../model/canonical.js';
import type { Pod, Workload } from '../model/inventory.js';
import { type JsonObject, textAt } from '../model/json.js';
import { type KubernetesRef, kubernetesRef, refKey } from '../model/resource.js';
import { createConfigMapBook } from './config-maps.js';
import { listedKinds } from './custom-kinds.js';
import { customWorkloads, type Unit } from './custom-owners.js';
import type { Gaps } from './gaps.js';
import { isBuiltIn } from './owners.js';
import { createPool, isLive, podOf } from './pods.js';
import { redacted } from './redact.js';
import type { ObjectSource } from './source.js';
import {
  builtInWorkload,
  controllerOf,
  isFinished,
  type OwnerLink,
  objectAtPointer,
  podWorkload,
  refOf,
  templateKinds,
  templatePathOf,
} from './workload-kinds.js';

/** A raw template of which more has to be known than an inventory keeps (command lines of brokers and agents). */
export type TemplateWatcher = (ref: KubernetesRef, template: JsonObject, object: JsonObject) => void;

export interface WorkloadPart {
  readonly workloads: readonly Workload[];
  /** Custom resources that template pods, redacted. */
  readonly objects: readonly { readonly ref: KubernetesRef; readonly raw: JsonObject }[];
}

/** What is known of an object by its uid: what it is, and what controls it. */
interface Known {
  readonly ref: KubernetesRef;
  readonly controller: OwnerLink | null;
}
type Mutable = Omit<Workload, 'pods'> & { readonly pods: Pod[] };

const hides = ['which workloads run, and with which credentials'];
/** No chain of owners is longer; a circle ends there too. */
const longestChain = 10;

/**
 * Every workload with its template and live pods: built-in kinds as they are, pods of custom resources under the topmost owner
 * that speaks for all of them. Lists are streamed; of each object only the parts that an inventory keeps stay in memory.
 */
export const readWorkloads = async (
  source: ObjectSource,
  gaps: Gaps,
  watch: TemplateWatcher,
): Promise<WorkloadPart> => {
  const book = createConfigMapBook();
  const pool = createPool();
  const known = new Map<string, Known>();
  const workloads = new Map<string, Mutable>();
  const pods: { pod: Pod; owner: OwnerLink | null; bare: Workload | null }[] = [];
  // The long lists one after another (the next page is on its way meanwhile), or several pages of each stand in memory at once.
  const long = pLimit(1);
  const short = pLimit(source.live ? 3 : 1);

  const template = (object: JsonObject): void => {
    const ref = refOf(object);
    const controller = controllerOf(object);
    const uid = textAt(object, 'metadata', 'uid') ?? '';
    if (uid !== '') known.set(uid, { ref, controller });
    // A ReplicaSet repeats what its Deployment says, or said once: a cluster has ten of them for each.
    const repeats = ref.kind === 'ReplicaSet' && controller !== null && known.has(controller.uid);
    if (!repeats) watch(ref, objectAtPointer(object, templatePathOf(ref.kind)), object);
    if (controller !== null && isBuiltIn(controller.apiVersion, controller.kind)) return;
    if (isFinished(object)) return;
    const workload = builtInWorkload(object, book.keysOf);
    workloads.set(uid === '' ? refKey(ref) : uid, { ...workload, pods: [] });
  };
  const readTemplates = templateKinds.map(({ apiVersion, kind }) =>
    long(async () => {
      for await (const object of source.list(apiVersion, kind, hides)) template(object);
    }),
  );
  const readPods = long(async () => {
    for await (const object of source.list('v1', 'Pod', ['which pods run, where, and with which variables'])) {
      if (!isLive(object)) continue;
      const pod = podOf(object, book.keysOf, pool);
      const controller = controllerOf(object);
      const owner = controller?.kind === 'Node' ? null : controller;
      if (owner === null) watch(refOf(object), object, object);
      pods.push({ pod, owner, bare: owner === null ? podWorkload(object, pod.view) : null });
    }
  });
  const customs = new Map<string, JsonObject>();
  const readCustoms = listedKinds.map(({ apiVersion, kind }) =>
    short(async () => {
      for await (const object of source.list(apiVersion, kind)) customs.set(refKey(refOf(object)), object);
    }),
  );
  await Promise.all([...readTemplates, readPods, ...readCustoms]);

  /** Owners from the nearest up to the topmost. Custom owners are fetched, each once. */
  const chainOf = async (first: OwnerLink, namespace: string): Promise<readonly KubernetesRef[]> => {
    const chain: KubernetesRef[] = [];
    let link: OwnerLink | null = first;
    while (link !== null && chain.length < longestChain) {
      const found: Known | undefined = known.get(linkKey(link, namespace)) ?? (await fetchOwner(link, namespace));
      chain.push(found.ref);
      link = found.controller?.kind === 'Node' ? null : found.controller;
    }
    if (link !== null)
      gaps.add(`kubernetes:owners:${namespace}/${first.name}`, 'the chain of its owners does not end', hides);
    return chain;
  };
  const fetchOwner = async (link: OwnerLink, namespace: string): Promise<Known> => {
    const ref = kubernetesRef(link.apiVersion, link.kind, namespace, link.name);
    const object = customs.get(refKey(ref)) ?? (isBuiltIn(link.apiVersion, link.kind) ? null : await source.get(ref));
    if (object !== null) customs.set(refKey(ref), object);
    const answer: Known = { ref, controller: object === null ? null : controllerOf(object) };
    known.set(linkKey(link, namespace), answer);
    return answer;
  };

  const units: Unit[] = [];
  const orphans = new Map<string, Mutable>();
  const underUnit = new Map<string, Pod[]>();
  for (const [key, workload] of [...workloads].sort((left, right) =>
    byText(refKey(left[1].ref), refKey(right[1].ref)),
  )) {
    const controller = known.get(workload.uid)?.controller ?? null;
    if (controller === null) continue;
    const chain = await chainOf(controller, workload.ref.namespace ?? '');
    const own: Pod[] = [];
    underUnit.set(key, own);
    units.push({ owners: [...chain].reverse(), workload, view: workload.template, pods: own, createdAt: '' });
    workloads.delete(key);
  }
  const byRef = new Map([...workloads.values()].map((workload) => [refKey(workload.ref), workload]));
  pods.sort((left, right) => byText(refKey(left.pod.ref), refKey(right.pod.ref)));
  for (const { pod, owner, bare } of pods) {
    if (bare !== null) {
      workloads.set(pod.uid === '' ? refKey(pod.ref) : pod.uid, { ...bare, pods: source.live ? [pod] : [] });
      continue;
    }
    if (owner === null) continue;
    const namespace = pod.ref.namespace ?? '';
    const chain = await chainOf(owner, namespace);
    const holder = chain
      .map((ref) => uidOf(known, ref, owner, chain))
      .map((uid) => workloads.get(uid)?.pods ?? underUnit.get(uid))
      .find((found) => found !== undefined);
    if (holder !== undefined) {
      holder.push(pod);
      continue;
    }
    const top = chain.at(-1) as KubernetesRef;
    if (!isBuiltIn(top.apiVersion, top.kind)) {
      units.push({
        owners: [...chain].reverse(),
        workload: null,
        view: pod.view,
        pods: [pod],
        createdAt: pod.createdAt ?? '',
      });
      continue;
    }
    // The owner itself could not be read: what its pods show stands for its template.
    const guessed = guessOwner(top, pod);
    const key = refKey(guessed);
    const there = byRef.get(key);
    if (there !== undefined) {
      there.pods.push(pod);
      gaps.add(`kubernetes:${top.kind}:${namespace}/${top.name}`, 'the owner of these pods could not be read', [
        `whether they belong to ${guessed.kind} ${guessed.name}, as their names say`,
      ]);
      continue;
    }
    const orphan = orphans.get(key) ?? { ...standIn(guessed, pod), pods: [] };
    orphan.pods.push(pod);
    orphans.set(key, orphan);
    gaps.add(`kubernetes:${top.kind}:${namespace}/${guessed.name}`, 'the owner of these pods could not be read', [
      'the pod template: it is taken from a live pod',
    ]);
  }
  const custom = await customWorkloads(units, customs, book.keysOf);
  await book.resolve(source);
  return {
    workloads: [...workloads.values(), ...orphans.values(), ...custom].sort(byKey((workload) => refKey(workload.ref))),
    objects: [...customs.values()]
      .map((object) => ({ ref: refOf(object), raw: redacted(object) }))
      .sort(byKey(({ ref }) => refKey(ref))),
  };
};

const uidOf = (
  known: ReadonlyMap<string, Known>,
  ref: KubernetesRef,
  first: OwnerLink,
  chain: readonly KubernetesRef[],
): string => {
  if (ref === chain[0]) return first.uid;
  const below = chain[chain.indexOf(ref) - 1] as KubernetesRef;
  let uid = first.uid;
  // Walk the links again: names may repeat over time, uids do not.
  for (let hops = 0; hops < chain.length; hops += 1) {
    const here = known.get(uid);
    if (here === undefined) return '';
    if (here.ref === below) return here.controller?.uid ?? '';
    uid = here.controller?.uid ?? '';
  }
  return '';
};

/** Manifests have no uids: there the name has to do. */
const linkKey = (link: OwnerLink, namespace: string): string =>
  link.uid === '' ? `${link.apiVersion}/${link.kind}/${namespace}/${link.name}` : link.uid;

/** `name-<hash>` is what a Deployment calls its ReplicaSets. */
const guessOwner = (owner: KubernetesRef, pod: Pod): KubernetesRef =>
  owner.kind === 'ReplicaSet' && pod.templateHash !== undefined && owner.name.endsWith(`-${pod.templateHash}`)
    ? kubernetesRef('apps/v1', 'Deployment', owner.namespace, owner.name.slice(0, -pod.templateHash.length - 1))
    : owner;

const standIn = (ref: KubernetesRef, pod: Pod): Workload => {
  const templatePath = templatePathOf(ref.kind);
  return {
    ref,
    uid: '',
    generation: 0,
    template: pod.view,
    templatePath,
    serviceAccountPath: `${templatePath}/spec/serviceAccountName`,
    ownAnnotations: {},
    ownLabels: {},
    replicas: null,
    strategy: ref.kind === 'Job' || ref.kind === 'CronJob' ? 'none' : 'RollingUpdate',
    paused: false,
    suspended: false,
    rolls: false,
    custom: false,
    owners: [],
    pods: [],
  };
};
