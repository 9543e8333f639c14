import type { ContainerView, PodView } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';

const envOf = (container: ContainerView): JsonObject[] =>
  container.env.map((name): JsonObject => {
    const from = container.envFromRef.find((each) => each.variable === name);
    if (from?.kind === 'field') return { name, valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } };
    if (from?.kind === 'Secret')
      return { name, valueFrom: { secretKeyRef: { name: 'twin', key: name, optional: true } } };
    if (from?.kind === 'ConfigMap')
      return { name, valueFrom: { configMapKeyRef: { name: 'twin', key: name, optional: true } } };
    return { name, value: container.identityEnv[name] ?? '' };
  });

const containerOf = (
  container: ContainerView,
  volumes: ReadonlySet<string>,
  args: readonly string[] | null,
): JsonObject => ({
  name: container.name,
  image: container.image === '' ? 'scratch' : container.image,
  ...(args === null ? {} : { args }),
  ...(container.env.length === 0 ? {} : { env: envOf(container) }),
  ...(container.envFrom.length === 0
    ? {}
    : {
        envFrom: container.envFrom.map((each) => ({
          ...(each.prefix === '' ? {} : { prefix: each.prefix }),
          [each.kind === 'Secret' ? 'secretRef' : 'configMapRef']: { name: each.name, optional: true },
        })),
      }),
  ...(container.mounts.length === 0
    ? {}
    : {
        volumeMounts: container.mounts
          .filter((mount) => volumes.has(mount.volume))
          .map((mount) => ({ name: mount.volume, mountPath: mount.path })),
      }),
  ...(container.runAsUser === undefined ? {} : { securityContext: { runAsUser: container.runAsUser } }),
});

const volumeOf = (volume: PodView['volumes'][number]): JsonObject => {
  if (volume.tokens.length > 0)
    return {
      name: volume.name,
      projected: {
        sources: volume.tokens.map((token) => ({
          serviceAccountToken: { path: token.path, ...(token.audience === '' ? {} : { audience: token.audience }) },
        })),
      },
    };
  if (volume.secret !== undefined) return { name: volume.name, secret: { secretName: volume.secret } };
  if (volume.configMap !== undefined) return { name: volume.name, configMap: { name: volume.configMap } };
  return { name: volume.name, emptyDir: {} };
};

/** A pod's spec from what an inventory keeps of it; `args`: command lines by container. */
export const podSpec = (view: PodView, args: ReadonlyMap<string, readonly string[]>): JsonObject => {
  const volumes = new Set(view.volumes.map((volume) => volume.name));
  const containers = (kind: 'init' | 'normal'): JsonObject[] =>
    view.containers
      .filter((each) => each.kind === kind)
      .map((each) => containerOf(each, volumes, args.get(each.name) ?? null));
  const init = containers('init');
  const security = {
    ...(view.fsGroup === undefined ? {} : { fsGroup: view.fsGroup }),
    ...(view.runAsUser === undefined ? {} : { runAsUser: view.runAsUser }),
  };
  return {
    ...(view.scheduling as JsonObject),
    ...(view.serviceAccount === 'default' ? {} : { serviceAccountName: view.serviceAccount }),
    ...(view.hostNetwork ? { hostNetwork: true } : {}),
    ...(view.automount === undefined ? {} : { automountServiceAccountToken: view.automount }),
    ...(Object.keys(view.nodeSelector).length === 0 ? {} : { nodeSelector: view.nodeSelector }),
    ...(Object.keys(security).length === 0 ? {} : { securityContext: security }),
    ...(init.length === 0 ? {} : { initContainers: init }),
    containers: containers('normal'),
    ...(view.volumes.length === 0 ? {} : { volumes: view.volumes.map(volumeOf) }),
  };
};
