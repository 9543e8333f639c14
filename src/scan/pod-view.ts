import type { ContainerView, PodView } from '../model/inventory.js';
import { at, isObject, type JsonObject, listAt, numberAt, objectAt, textAt, textsAt } from '../model/json.js';
import { mayKeepValue } from '../model/words.js';
import { keptAnnotations } from './redact.js';

/** Which AWS keys a ConfigMap holds; the answer may be completed later, when the ConfigMap was read. */
export type ConfigMapKeys = (namespace: string, name: string, prefix: string) => EnvFrom['awsKeys'];

const notAsked: ConfigMapKeys = (namespace, name) => ({
  is: 'unreadable',
  gap: `ConfigMap ${namespace}/${name} was not read`,
});

/** Volume that the ServiceAccount admission plugin adds for the API server's own token: no AWS identity comes from it. */
const apiTokenVolume = /^kube-api-access-[a-z0-9]{5}$/;

type EnvFrom = PodView['containers'][number]['envFrom'][number];

const containerOf = (
  raw: JsonObject,
  kind: 'init' | 'normal',
  namespace: string,
  keysOf: ConfigMapKeys,
): ContainerView => {
  const env: string[] = [];
  const identityEnv: Record<string, string> = {};
  const envFromRef: ContainerView['envFromRef'][number][] = [];
  for (const entry of listAt(raw, 'env')) {
    const name = textAt(entry, 'name');
    if (name === undefined) continue;
    env.push(name);
    const from = objectAt(entry, 'valueFrom');
    if (Object.hasOwn(from, 'secretKeyRef')) envFromRef.push({ variable: name, kind: 'Secret' });
    else if (Object.hasOwn(from, 'configMapKeyRef')) envFromRef.push({ variable: name, kind: 'ConfigMap' });
    else if (Object.keys(from).length > 0) envFromRef.push({ variable: name, kind: 'field' });
    else if (mayKeepValue(name)) define(identityEnv, name, String(textAt(entry, 'value') ?? ''));
  }
  const envFrom = listAt(raw, 'envFrom').flatMap((entry): EnvFrom[] => {
    const prefix = textAt(entry, 'prefix') ?? '';
    const secret = textAt(entry, 'secretRef', 'name');
    if (secret !== undefined) {
      const gap = `Secret ${namespace}/${secret} is never read; it may hold static keys`;
      return [{ kind: 'Secret', name: secret, prefix, awsKeys: { is: 'unreadable', gap } }];
    }
    const map = textAt(entry, 'configMapRef', 'name');
    if (map === undefined) return [];
    return [{ kind: 'ConfigMap', name: map, prefix, awsKeys: keysOf(namespace, map, prefix) }];
  });
  const mounts = listAt(raw, 'volumeMounts').flatMap((mount) => {
    const volume = textAt(mount, 'name');
    if (volume === undefined || apiTokenVolume.test(volume)) return [];
    return [{ volume, path: textAt(mount, 'mountPath') ?? '' }];
  });
  const runAsUser = numberAt(raw, 'securityContext', 'runAsUser');
  return {
    name: textAt(raw, 'name') ?? '',
    kind,
    image: textAt(raw, 'image') ?? '',
    env,
    identityEnv,
    envFromRef,
    envFrom,
    mounts,
    ...(runAsUser === undefined ? {} : { runAsUser }),
  };
};

/** Sets an own property whatever its name is, `__proto__` included. */
const define = (target: Record<string, string>, key: string, value: string): void => {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
};

const volumeOf = (raw: unknown): PodView['volumes'][number][] => {
  const name = textAt(raw, 'name');
  if (name === undefined || apiTokenVolume.test(name)) return [];
  const sources = listAt(raw, 'projected', 'sources');
  const tokens = sources.flatMap((source) =>
    isObject(at(source, 'serviceAccountToken'))
      ? [
          {
            audience: textAt(source, 'serviceAccountToken', 'audience') ?? '',
            path: textAt(source, 'serviceAccountToken', 'path') ?? '',
          },
        ]
      : [],
  );
  const secret =
    textAt(raw, 'secret', 'secretName') ??
    sources.map((source) => textAt(source, 'secret', 'name')).find((found) => found !== undefined);
  const configMap =
    textAt(raw, 'configMap', 'name') ??
    sources.map((source) => textAt(source, 'configMap', 'name')).find((found) => found !== undefined);
  return [
    {
      name,
      tokens,
      ...(secret === undefined ? {} : { secret }),
      ...(configMap === undefined ? {} : { configMap }),
    },
  ];
};

/**
 * What the identity model needs of a pod or of a pod template, and nothing else. Values of variables are dropped but for the
 * few names that may be kept (H26); a Secret is never asked for, so what it may hold is marked as unreadable.
 */
export const podView = (podOrTemplate: unknown, namespace: string, keysOf: ConfigMapKeys = notAsked): PodView => {
  const spec = objectAt(podOrTemplate, 'spec');
  const fsGroup = numberAt(spec, 'securityContext', 'fsGroup');
  const runAsUser = numberAt(spec, 'securityContext', 'runAsUser');
  const automount = at(spec, 'automountServiceAccountToken');
  const named = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount');
  const scheduling: Record<string, unknown> = {};
  for (const key of ['affinity', 'tolerations', 'nodeName'] as const) {
    const value = at(spec, key);
    if (value === undefined || value === null) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    scheduling[key] = value;
  }
  const containers = (path: string, kind: 'init' | 'normal'): ContainerView[] =>
    listAt(spec, path).flatMap((raw) => (isObject(raw) ? [containerOf(raw, kind, namespace, keysOf)] : []));
  return {
    namespace,
    serviceAccount: named || 'default',
    hostNetwork: at(spec, 'hostNetwork') === true,
    labels: textsAt(podOrTemplate, 'metadata', 'labels'),
    annotations: keptAnnotations(textsAt(podOrTemplate, 'metadata', 'annotations')),
    containers: [...containers('initContainers', 'init'), ...containers('containers', 'normal')],
    volumes: listAt(spec, 'volumes').flatMap(volumeOf),
    nodeSelector: textsAt(spec, 'nodeSelector'),
    scheduling,
    ...(fsGroup === undefined ? {} : { fsGroup }),
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(typeof automount === 'boolean' ? { automount } : {}),
  };
};
