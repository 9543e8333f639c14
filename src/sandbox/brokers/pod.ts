import { isObject, type JsonObject, listAt, objectAt, textAt, textsAt } from '../../model/json.js';
import type { ClusterView } from '../contract.js';

/** A pod object, read as the code inside it would see its surroundings. */

export interface ContainerRead {
  readonly name: string;
  /** Variables with literal values. */
  readonly env: Readonly<Record<string, string>>;
  /** Every variable that is set, whatever its value comes from. */
  readonly names: ReadonlySet<string>;
  readonly mounts: readonly { readonly volume: string; readonly path: string }[];
  /** Command and arguments, one after another. */
  readonly words: readonly string[];
  readonly image: string;
}

export interface PodRead {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
  readonly node: string | null;
  readonly phase: string;
  readonly ip: string;
  readonly ready: boolean;
  readonly hostNetwork: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly ContainerRead[];
  readonly raw: JsonObject;
}

const namesFrom = (view: ClusterView, namespace: string, container: JsonObject): string[] =>
  listAt(container, 'envFrom').flatMap((from) => {
    const prefix = textAt(from, 'prefix') ?? '';
    const secret = textAt(from, 'secretRef', 'name');
    const config = textAt(from, 'configMapRef', 'name');
    const object =
      secret !== undefined
        ? view.get('v1', 'Secret', namespace, secret)
        : config !== undefined
          ? view.get('v1', 'ConfigMap', namespace, config)
          : null;
    const keys = { ...objectAt(object, 'data'), ...objectAt(object, 'stringData') };
    return Object.keys(keys).map((key) => prefix + key);
  });

const words = (container: JsonObject): string[] =>
  [...listAt(container, 'command'), ...listAt(container, 'args')].filter(
    (word): word is string => typeof word === 'string',
  );

const readContainer = (view: ClusterView, namespace: string, container: JsonObject): ContainerRead => {
  const env = listAt(container, 'env').filter(isObject);
  return {
    name: textAt(container, 'name') ?? '',
    image: textAt(container, 'image') ?? '',
    words: words(container),
    env: Object.fromEntries(
      env.flatMap((each) => {
        const value = textAt(each, 'value');
        return each['valueFrom'] === undefined ? [[textAt(each, 'name') ?? '', value ?? '']] : [];
      }),
    ),
    names: new Set([...env.map((each) => textAt(each, 'name') ?? ''), ...namesFrom(view, namespace, container)]),
    mounts: listAt(container, 'volumeMounts').map((mount) => ({
      volume: textAt(mount, 'name') ?? '',
      path: textAt(mount, 'mountPath') ?? '',
    })),
  };
};

export const readPod = (view: ClusterView, pod: JsonObject): PodRead => {
  const namespace = textAt(pod, 'metadata', 'namespace') ?? 'default';
  return {
    namespace,
    name: textAt(pod, 'metadata', 'name') ?? '',
    uid: textAt(pod, 'metadata', 'uid') ?? '',
    serviceAccount: textAt(pod, 'spec', 'serviceAccountName') ?? 'default',
    node: textAt(pod, 'spec', 'nodeName') ?? null,
    phase: textAt(pod, 'status', 'phase') ?? '',
    ip: textAt(pod, 'status', 'podIP') ?? '',
    ready: isReady(pod),
    hostNetwork: objectAt(pod, 'spec')['hostNetwork'] === true,
    annotations: textsAt(pod, 'metadata', 'annotations'),
    labels: textsAt(pod, 'metadata', 'labels'),
    containers: [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')]
      .filter(isObject)
      .map((container) => readContainer(view, namespace, container)),
    raw: pod,
  };
};

export const isReady = (pod: JsonObject): boolean =>
  textAt(pod, 'metadata', 'deletionTimestamp') === undefined &&
  listAt(pod, 'status', 'conditions').some(
    (each) => textAt(each, 'type') === 'Ready' && textAt(each, 'status') === 'True',
  );

/** Audience of the service account token that a container finds in that file; null where there is none. */
export const audienceAt = (pod: PodRead, container: ContainerRead, file: string): string | null => {
  for (const mount of container.mounts) {
    const folder = mount.path.endsWith('/') ? mount.path : `${mount.path}/`;
    if (!file.startsWith(folder)) continue;
    const volume = listAt(pod.raw, 'spec', 'volumes').find((each) => textAt(each, 'name') === mount.volume);
    for (const source of listAt(volume, 'projected', 'sources')) {
      const path = textAt(source, 'serviceAccountToken', 'path');
      if (path === file.slice(folder.length)) return textAt(source, 'serviceAccountToken', 'audience') ?? '';
    }
  }
  return null;
};

/** Flags of a command line, without their dashes; a flag without value is `true`. */
export const flagsOf = (line: readonly string[], switches: ReadonlySet<string>): Readonly<Record<string, string>> => {
  const found: Record<string, string> = Object.create(null);
  for (let index = 0; index < line.length; index++) {
    const word = line[index] as string;
    const match = /^--?([A-Za-z][\w-]*)(?:=([\s\S]*))?$/.exec(word);
    if (!match) continue;
    const name = match[1] as string;
    const next = line[index + 1];
    if (match[2] !== undefined) found[name] = match[2];
    else if (switches.has(name) || next === undefined || next.startsWith('--')) found[name] = 'true';
    else {
      found[name] = next;
      index++;
    }
  }
  return found;
};
