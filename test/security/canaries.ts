import { loadScenario, type Scenario } from '../../src/sandbox/scenario.js';

/** Values that must never leave the servers that hold them. Each says where it was planted. */
export const canaries = {
  env: 'canary-env-4f1d',
  lastApplied: 'canary-last-applied-8a2b',
  annotation: 'canary-annotation-77c0',
  podAnnotation: 'canary-pod-annotation-19fe',
  accountAnnotation: 'canary-account-annotation-5d3c',
  namespaceAnnotation: 'canary-namespace-annotation-e0b6',
  configMap: 'canary-config-map-2c9d',
  secret: 'canary-secret-b1a7',
  argument: 'canary-argument-6e44',
  command: 'canary-command-d2f8',
  custom: 'canary-custom-resource-90ab',
} as const;

interface KubeObject {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
  spec?: { template?: Template; jobTemplate?: { spec: { template: Template } } };
}
interface Template {
  metadata?: { annotations?: Record<string, string> };
  spec: { containers: Record<string, unknown>[] };
}

const annotate = (of: { annotations?: Record<string, string> }, key: string, value: string): void => {
  of.annotations = { ...of.annotations, [key]: value };
};

const plantIn = (template: Template): void => {
  template.metadata ??= {};
  annotate(template.metadata, 'example.com/token', canaries.podAnnotation);
  for (const container of template.spec.containers) {
    container.env = [
      ...((container.env as unknown[] | undefined) ?? []),
      { name: 'DB_PASSWORD', value: canaries.env },
      { name: 'AWS_SECRET_NAME', value: canaries.env },
      { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 'planted', key: 'password' } } },
    ];
    container.envFrom = [{ configMapRef: { name: 'planted' } }];
    container.command = ['/app', `--password=${canaries.command}`];
    container.args = [`--token=${canaries.argument}`];
  }
};

/**
 * A part of the demo's estate with a canary in every place where people put secrets; pods of one Deployment fail once they have
 * the new identity.
 */
export const planted = (namespaces: readonly string[], failing: string): Scenario => {
  const scenario = structuredClone(loadScenario('demo'));
  const kept = (scenario.kubernetes as unknown as KubeObject[]).filter(({ kind, metadata }) => {
    const namespace = kind === 'Namespace' ? metadata.name : metadata.namespace;
    return namespace === undefined || namespace === 'kube-system' || namespaces.includes(namespace);
  });
  for (const object of kept) {
    annotate(
      object.metadata,
      'kubectl.kubernetes.io/last-applied-configuration',
      JSON.stringify({ spec: { containers: [{ env: [{ name: 'P', value: canaries.lastApplied }] }] } }),
    );
    if (object.kind === 'ServiceAccount') annotate(object.metadata, 'example.com/key', canaries.accountAnnotation);
    else if (object.kind === 'Namespace') annotate(object.metadata, 'example.com/key', canaries.namespaceAnnotation);
    else annotate(object.metadata, 'example.com/api-token', canaries.annotation);
    const template = object.spec?.template ?? object.spec?.jobTemplate?.spec.template;
    if (template === undefined || object.metadata.namespace === 'kube-system') continue;
    plantIn(template);
    if (object.metadata.name === failing) {
      template.metadata ??= {};
      annotate(template.metadata, 'sandbox.rolelift.dev/fail-if-env', 'AWS_ROLE_ARN');
    }
  }
  const more = namespaces.flatMap((namespace) => [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'planted', namespace },
      stringData: { password: canaries.secret },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'planted', namespace },
      data: { AWS_SESSION_NAME: canaries.configMap, other: canaries.configMap },
    },
  ]);
  const custom = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'secretstores.external-secrets.io' },
    spec: {
      group: 'external-secrets.io',
      scope: 'Namespaced',
      names: { plural: 'secretstores', singular: 'secretstore', kind: 'SecretStore', listKind: 'SecretStoreList' },
      versions: [{ name: 'v1', served: true, storage: true }],
    },
  };
  const store = {
    apiVersion: 'external-secrets.io/v1',
    kind: 'SecretStore',
    metadata: { name: 'store', namespace: namespaces[0] },
    spec: { provider: { fake: { data: [{ key: 'k', value: canaries.custom }], token: canaries.custom } } },
  };
  return { ...scenario, kubernetes: [...kept, ...more, custom, store] as unknown as Scenario['kubernetes'] };
};
