import type { BrokerInstall, ContainerView, Inventory, PodView, Workload } from '../model/inventory.js';
import { isObject, type Json, type JsonObject } from '../model/json.js';
import type { KubernetesRef } from '../model/resource.js';

/** Kubernetes objects of a twin: the few fields that an inventory keeps, put back into the shape of the API. */

const metadataOf = (ref: KubernetesRef, more: JsonObject = {}): JsonObject => ({
  name: ref.name,
  ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
  ...more,
});

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

const podSpec = (view: PodView, args: ReadonlyMap<string, readonly string[]>): JsonObject => {
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

/** Command line of a broker's container, from the flags that were read. */
const brokerArgs = (install: BrokerInstall): string[] => {
  const flags: Record<string, string> = { ...install.flags };
  const discovers =
    flags['role-base-arn-autodetect'] ?? flags['auto-discover-base-arn'] ?? flags['auto-discover-default-role'];
  const base = install.broker === 'kiam' ? 'role-base-arn' : 'base-role-arn';
  if (install.baseArn !== null && flags[base] === undefined && discovers === undefined && install.component !== 'agent')
    flags[base] = install.baseArn;
  const words = Object.entries(flags).map(([name, value]) => (value === 'true' ? `--${name}` : `--${name}=${value}`));
  return install.broker === 'kiam' ? [install.component === 'agent' ? 'agent' : 'server', ...words] : words;
};

/** A made-up kiam server runs with the nodes' role: it has to be told of a role of its own. */
const assumerArgs = (install: BrokerInstall, inventory: Inventory): string[] =>
  install.broker !== 'kiam' ||
  install.component === 'agent' ||
  install.assumer === null ||
  Object.hasOwn(install.flags, 'assume-role-arn') ||
  inventory.nodes.some((node) => node.role === install.assumer)
    ? []
    : [`--assume-role-arn=${install.assumer}`];

/** The container of a broker, by its image's name; the only one where there is but one. */
const brokerContainer = (install: BrokerInstall, view: PodView): ContainerView | undefined => {
  const normal = view.containers.filter((each) => each.kind === 'normal');
  return normal.find((each) => each.image.includes(install.broker) || each.name.includes(install.broker)) ?? normal[0];
};

const imageOf = (install: BrokerInstall, image: string): string => {
  if (install.broker === 'kube2iam') return /kube2iam/.test(image) ? image : 'jtblin/kube2iam:twin';
  if (/(^|\/)kiam(-\w+)?[:@]/.test(image) && /:v?3(\.|$)/.test(image) === (install.rules === 'kiam-v3')) return image;
  return install.rules === 'kiam-v3' ? 'quay.io/uswitch/kiam:v3.6' : 'quay.io/uswitch/kiam:v4.2';
};

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
  pointer
    .split('/')
    .slice(1)
    .reverse()
    .reduce<Json>((inner, key) => ({ [key.replaceAll('~1', '/').replaceAll('~0', '~')]: inner }), value) as JsonObject;

const merged = (left: JsonObject, right: JsonObject): JsonObject => {
  const result: Record<string, Json> = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const old = result[key];
    result[key] = isObject(old) && isObject(value) ? merged(old, value) : value;
  }
  return result;
};

const workloadObject = (workload: Workload, installs: readonly BrokerInstall[]): JsonObject => {
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
const customPods = (workload: Workload): JsonObject[] =>
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

const built = new Set(['Namespace', 'ServiceAccount', 'RoleBinding', 'ClusterRoleBinding', 'Node', 'Pod']);

/** All objects of an inventory, in no particular order. `assumed` gets what was made up. */
export const twinObjects = (inventory: Inventory, assumed: string[]): JsonObject[] => {
  const known = new Set(inventory.workloads.map((each) => keyOf(each.ref)));
  const objects: JsonObject[] = inventory.namespaces.map((each) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: each.name,
      ...(each.uid === '' ? {} : { uid: each.uid }),
      annotations: each.annotations,
      labels: each.labels,
    },
  }));
  for (const account of inventory.serviceAccounts) {
    if (account.exists === false) continue;
    objects.push({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: metadataOf(account.ref, {
        annotations: account.annotations,
        labels: account.labels,
      }),
      ...(account.imagePullSecrets.length === 0
        ? {}
        : { imagePullSecrets: account.imagePullSecrets.map((name) => ({ name })) }),
      ...(account.secrets.length === 0 ? {} : { secrets: account.secrets.map((name) => ({ name })) }),
      ...(account.automount.is === 'value' ? { automountServiceAccountToken: account.automount.value } : {}),
    });
  }
  for (const binding of inventory.bindings)
    objects.push({
      apiVersion: binding.ref.apiVersion,
      kind: binding.ref.kind,
      metadata: metadataOf(binding.ref),
      roleRef: binding.roleRef,
      subjects: binding.subjects as unknown as Json,
    });
  for (const workload of inventory.workloads) {
    const installs = inventory.brokers.filter((broker) => keyOf(broker.ref) === keyOf(workload.ref));
    objects.push(workloadObject(workload, installs));
    if (workload.custom) objects.push(...customPods(workload));
    else if (workload.pods.some((pod) => changed(pod.view, workload.template)))
      assumed.push(`pods of ${workload.ref.kind} ${keyOf(workload.ref)} as its present template makes them`);
  }
  for (const broker of inventory.brokers) {
    if (known.has(keyOf(broker.ref)) || broker.broker === 'zalando' || broker.broker === 'iam4kube') continue;
    assumed.push(`${broker.broker} as ${broker.ref.kind} ${broker.ref.name}`);
    objects.push(
      daemon(broker.ref.name, broker.ref.namespace ?? 'kube-system', broker.nodes, {
        name: broker.broker,
        image: imageOf(broker, ''),
        args: [...brokerArgs(broker), ...assumerArgs(broker, inventory)],
      }),
    );
  }
  const served = inventory.nodes.filter((node) => node.agentReady && node.compute === 'ec2').map((node) => node.name);
  if (served.length > 0 && !inventory.workloads.some((each) => runsAgent(each))) {
    assumed.push('the Pod Identity agent as a DaemonSet');
    const name = 'eks-pod-identity-agent';
    objects.push(daemon(name, 'kube-system', served, { name, image: `${name}:twin` }));
  }
  if (
    inventory.brokers.some((each) => each.broker === 'kiam') &&
    !inventory.brokers.some((each) => each.broker === 'kiam' && each.component === 'agent')
  ) {
    const serving = inventory.brokers.filter((each) => each.broker === 'kiam').map((each) => each.nodes);
    const nodes = serving.some((each) => each === 'all') ? 'all' : [...new Set(serving.flat())].sort();
    assumed.push(nodes === 'all' ? "kiam's agent on every node" : "kiam's agent on the nodes that kiam serves");
    objects.push(
      daemon('kiam-agent', 'kube-system', nodes, {
        name: 'kiam-agent',
        image: 'quay.io/uswitch/kiam:v4.2',
        args: ['agent', '--iptables'],
      }),
    );
  }
  for (const { ref, raw } of inventory.objects)
    if (!built.has(ref.kind) && !known.has(keyOf(ref))) objects.push(raw as JsonObject);
  return objects;
};

const changed = (pod: PodView, template: PodView): boolean =>
  pod.serviceAccount !== template.serviceAccount ||
  Object.entries(template.annotations).some(([key, value]) => pod.annotations[key] !== value);

const runsAgent = (workload: Workload): boolean =>
  workload.template.containers.some((each) => /(^|\/)eks-pod-identity-agent([:@]|$)/.test(each.image));

/** A DaemonSet of the nodes' own network that nobody recorded, on every node or on those that are named. */
const daemon = (
  name: string,
  namespace: string,
  nodes: 'all' | readonly string[],
  container: JsonObject,
): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, namespace },
  spec: {
    selector: { matchLabels: { 'twin.rolelift.dev/broker': name } },
    template: {
      metadata: { labels: { 'twin.rolelift.dev/broker': name } },
      spec: {
        hostNetwork: true,
        tolerations: [{ operator: 'Exists' }],
        containers: [container],
        ...(nodes === 'all' ? {} : { affinity: { nodeAffinity: only(nodes) } }),
      },
    },
  },
});

/** Nothing can be on no node: an empty list names one that is not there. */
const only = (nodes: readonly string[]): JsonObject => ({
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: (nodes.length === 0 ? ['none'] : nodes).map((name) => ({
      matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }],
    })),
  },
});

const keyOf = (ref: KubernetesRef): string => `${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;
