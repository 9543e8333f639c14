import { z } from 'zod';
import type { DeepReadonly } from './json.js';
import { kubernetesRefSchema } from './resource.js';

/** Everything that was read from one cluster and its accounts, normalised; every list is sorted by its natural key. */

const texts = z.record(z.string(), z.string());
const jsonObject = z.record(z.string(), z.unknown());

export const gapSchema = z.object({
  /** What could not be read, as `kubernetes:secrets`, `iam:111122223333`, `manifests:path/file.yaml`. */
  area: z.string(),
  reason: z.string(),
  /** Questions that stay open because of it, in words. */
  hides: z.array(z.string()),
});

const fieldOf = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion('is', [
    z.object({ is: z.literal('absent') }),
    z.object({ is: z.literal('value'), value }),
    z.object({ is: z.literal('unreadable'), gap: z.string() }),
  ]);

export const containerViewSchema = z.object({
  name: z.string(),
  kind: z.enum(['init', 'normal']),
  image: z.string(),
  /** Names of every variable that the container sets itself, in order. */
  env: z.array(z.string()),
  /** Values of the variables that may be kept (H26), where they are literal. */
  identityEnv: texts,
  /** Names of variables whose value comes from a Secret, a ConfigMap or a field. */
  envFromRef: z.array(z.object({ variable: z.string(), kind: z.enum(['Secret', 'ConfigMap', 'field']) })),
  envFrom: z.array(
    z.object({
      kind: z.enum(['Secret', 'ConfigMap']),
      name: z.string(),
      prefix: z.string(),
      /** Names of the AWS keys in a ConfigMap; a Secret is never read. */
      awsKeys: fieldOf(z.array(z.string())),
    }),
  ),
  mounts: z.array(z.object({ volume: z.string(), path: z.string() })),
  runAsUser: z.number().optional(),
});

/** What the identity model needs of a pod, running or templated; nothing else of it is kept. */
export const podViewSchema = z.object({
  namespace: z.string(),
  /** `default` where the pod names none. */
  serviceAccount: z.string(),
  hostNetwork: z.boolean(),
  labels: texts,
  annotations: texts,
  containers: z.array(containerViewSchema),
  volumes: z.array(
    z.object({
      name: z.string(),
      /** Audiences and paths of projected service account tokens. */
      tokens: z.array(z.object({ audience: z.string(), path: z.string() })),
      secret: z.string().optional(),
      configMap: z.string().optional(),
    }),
  ),
  nodeSelector: texts,
  /** Tolerations and affinity as they stand, for the question where the pod can run. */
  scheduling: jsonObject,
  fsGroup: z.number().optional(),
  /** `spec.securityContext.runAsUser`. */
  runAsUser: z.number().optional(),
  automount: z.boolean().optional(),
});

export const podSchema = z.object({
  ref: kubernetesRefSchema,
  uid: z.string(),
  node: z.string().optional(),
  view: podViewSchema,
  templateHash: z.string().optional(),
  phase: z.string(),
  ready: z.boolean(),
  createdAt: z.string().optional(),
});

export const ownershipSchema = z.object({
  tool: z.enum(['none', 'helm', 'argocd', 'flux', 'operator', 'eksctl', 'eks-addon', 'kubectl-apply']),
  /** The application, release, Kustomization, stack or controller. */
  ref: z.string(),
  /** What was seen, as `label app.kubernetes.io/managed-by=Helm`. */
  evidence: z.string(),
  strength: z.enum(['certain', 'likely', 'hint']),
});

export const workloadSchema = z.object({
  /** The top owner: for pods of an Argo Rollout, the Rollout. */
  ref: kubernetesRefSchema,
  uid: z.string(),
  generation: z.number(),
  template: podViewSchema,
  /** JSON pointer of the pod template in the object, as `/spec/template`; empty for a bare Pod or an unknown custom resource. */
  templatePath: z.string(),
  /** JSON pointer of the service account's name; null where it is not known. */
  serviceAccountPath: z.string().nullable(),
  /** metadata.annotations of the owner itself. */
  ownAnnotations: texts,
  ownLabels: texts,
  replicas: z.number().nullable(),
  /** `RollingUpdate`, `Recreate`, `OnDelete`, `none` (Job, CronJob, bare Pod), or a custom controller's. */
  strategy: z.string(),
  partition: z.number().optional(),
  paused: z.boolean(),
  suspended: z.boolean(),
  /** True where a template of a built-in kind is rolled out by its controller. */
  rolls: z.boolean(),
  /** True where the owner is a custom resource. */
  custom: z.boolean(),
  owners: z.array(ownershipSchema),
  pods: z.array(podSchema),
});

export const bindingSchema = z.object({
  ref: kubernetesRefSchema,
  roleRef: z.object({ apiGroup: z.string(), kind: z.string(), name: z.string() }),
  subjects: z.array(
    z.object({
      kind: z.string(),
      apiGroup: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string(),
    }),
  ),
});

export const serviceAccountSchema = z.object({
  ref: kubernetesRefSchema,
  uid: z.string(),
  /** `assumed`: offline, named by a workload but not among the manifests. */
  exists: z.union([z.boolean(), z.literal('assumed')]),
  annotations: texts,
  labels: texts,
  imagePullSecrets: z.array(z.string()),
  secrets: z.array(z.string()),
  automount: fieldOf(z.boolean()),
  owners: z.array(ownershipSchema),
});

export const roleSchema = z.object({
  arn: z.string(),
  name: z.string(),
  account: z.string(),
  path: z.string(),
  roleId: z.string(),
  /** The trust policy, decoded, exactly as IAM sent it; parsed only by `trust/`. */
  trust: z.string(),
  attached: z.array(z.string()),
  /** Inline policies by name, decoded text. */
  inline: texts,
  boundary: z.string().optional(),
  maxSessionSeconds: z.number(),
  description: z.string(),
  tags: texts,
  lastUsed: z.string().optional(),
});

export const policySchema = z.object({
  arn: z.string(),
  versionId: z.string(),
  /** Decoded text of the default version. */
  document: z.string(),
});

export const associationSchema = z.object({
  id: z.string(),
  arn: z.string(),
  namespace: z.string(),
  serviceAccount: z.string(),
  role: z.string(),
  targetRole: z.string().optional(),
  externalId: z.string().optional(),
  /** The add-on that owns it. */
  ownerArn: z.string().optional(),
  sessionTags: z.boolean(),
  tags: texts,
});

export const brokerInstallSchema = z.object({
  broker: z.enum(['kiam', 'kube2iam', 'zalando', 'iam4kube']),
  /** The workload that serves it; for kiam the server, with the agents beside it as installs of their own. */
  ref: kubernetesRefSchema,
  component: z.enum(['agent', 'server', 'all']),
  /** `3.6`, `4.2`, or empty where it is not known. */
  version: z.string(),
  /** Major version that the rules are taken from; an assumption is a gap. */
  rules: z.enum(['kiam-v3', 'kiam-v4', 'kube2iam', 'other']),
  assumed: z.boolean(),
  /** Command-line flags by name without dashes; a flag without value is `true`. */
  flags: texts,
  /** Nodes with a ready pod of it; `all` where manifests are read. */
  nodes: z.union([z.literal('all'), z.array(z.string())]),
  /** ARN of the principal that assumes roles for pods; null where it is not known. */
  assumer: z.string().nullable(),
  /**
   * Principals that the broker runs with, where it takes `assumer` through them first (`--assume-role-arn`); several where
   * its nodes have different roles.
   */
  through: z.array(z.string()).optional(),
  /** Base ARN ending as the broker would use it, given or discovered; null where it is not known. */
  baseArn: z.string().nullable(),
});

export const nodeSchema = z.object({
  name: z.string(),
  uid: z.string(),
  instanceId: z.string().nullable(),
  role: z.string().nullable(),
  instanceProfile: z.string().nullable(),
  compute: z.enum(['ec2', 'fargate', 'auto', 'hybrid', 'windows']),
  nodegroup: z.string().nullable(),
  labels: texts,
  taints: z.array(z.object({ key: z.string(), value: z.string(), effect: z.string() })),
  ready: z.boolean(),
  createdAt: z.string().optional(),
  hopLimit: z.number().optional(),
  imdsTokensRequired: z.boolean().optional(),
  /** A ready Pod Identity agent runs there (or is built in). */
  agentReady: z.boolean(),
});

export const nodeRoleSchema = z.object({
  arn: z.string(),
  /** Where it was found. */
  sources: z.array(
    z.object({
      kind: z.enum(['nodegroup', 'instance', 'karpenter', 'auto-mode', 'fargate-profile', 'aws-auth', 'access-entry']),
      name: z.string(),
    }),
  ),
  /** Nodes of this cluster run with it now. */
  inUse: z.boolean(),
  /** Users outside this cluster. */
  sharedWith: z.array(z.object({ kind: z.string(), name: z.string(), region: z.string() })),
  /** False where some region or cluster could not be read: then sharing cannot be ruled out (H13). */
  sharingKnown: z.boolean(),
});

export const addonSchema = z.object({
  name: z.string(),
  version: z.string(),
  status: z.string(),
  role: z.string().nullable(),
  /** Associations that the add-on owns. */
  associations: z.array(z.object({ arn: z.string(), serviceAccount: z.string(), role: z.string() })),
  requiresIam: z.boolean().nullable(),
  namespace: z.string().nullable(),
  /** DescribeAddonConfiguration: service accounts and the policies recommended for them; null where not read. */
  podIdentityConfiguration: z.array(z.object({ serviceAccount: z.string(), policies: z.array(z.string()) })).nullable(),
});

export const clusterKindSchema = z.enum(['eks', 'giantswarm', 'kops', 'self-managed']);

export const inventorySchema = z.object({
  format: z.literal('rolelift.inventory/1'),
  source: z.enum(['live', 'manifests']),
  cluster: z.object({
    kind: clusterKindSchema,
    name: z.string(),
    arn: z.string().nullable(),
    accountId: z.string(),
    region: z.string(),
    partition: z.string(),
    kubernetesVersion: z.string(),
    platformVersion: z.string().nullable(),
    /** Current issuer first; more than one only while the issuer changes. `https://…` */
    oidcIssuers: z.array(z.string()),
    ipFamily: z.enum(['ipv4', 'ipv6']),
    server: z.string(),
    /** uid of the kube-system namespace. */
    uid: z.string(),
    autoMode: z.boolean(),
    /** Private endpoint only, and no public way to STS known. */
    closedVpc: z.boolean(),
    /** Platform facts of a kind, as Giant Swarm's release version. */
    facts: texts,
  }),
  /** Who rolelift itself is (RL503). */
  caller: z.object({ arn: z.string(), account: z.string(), kubernetesUser: z.string() }).nullable(),
  namespaces: z.array(z.object({ name: z.string(), uid: z.string(), annotations: texts, labels: texts })),
  brokers: z.array(brokerInstallSchema),
  webhook: z.object({
    present: z.boolean(),
    healthy: z.union([z.boolean(), z.literal('unknown')]),
    audience: z.string(),
    /** objectSelector honours the skip label. */
    skipLabel: z.boolean(),
    allowsDryRun: z.boolean(),
    /** Annotation prefix, `eks.amazonaws.com` unless a flag says otherwise. */
    prefix: z.string(),
    injectsRegion: z.boolean(),
    /** `--compose-role-arn` of a self-hosted webhook: a bare name is a role of the cluster's account. */
    composes: z.boolean().optional(),
    /** `--watch-config-map`: roles by `namespace/name` of the service account; the namespace `*` stands for all others. */
    configured: z.record(z.string(), z.object({ role: z.string(), audience: z.string().optional() })).optional(),
  }),
  workloads: z.array(workloadSchema),
  serviceAccounts: z.array(serviceAccountSchema),
  bindings: z.array(bindingSchema),
  nodes: z.array(nodeSchema),
  nodeRoles: z.array(nodeRoleSchema),
  roles: z.array(roleSchema),
  /** Role ARNs that were asked for and are not there (not: could not be read). */
  rolesMissing: z.array(z.string()),
  policies: z.array(policySchema),
  associations: z.array(associationSchema),
  oidcProviders: z.array(
    z.object({ arn: z.string(), account: z.string(), audiences: z.array(z.string()), tags: texts }),
  ),
  addons: z.array(addonSchema),
  fargateProfiles: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      selectors: z.array(z.object({ namespace: z.string(), labels: texts })),
    }),
  ),
  accounts: z.array(
    z.object({
      id: z.string(),
      /** GetAccountSummary, by key. Empty where it was not read. */
      quotas: z.record(z.string(), z.number()),
      /** `default`, `profile:NAME`, `role:ARN` or `none`. */
      credentials: z.string(),
    }),
  ),
  /** Raw objects that rules and the twin need (budgets, network policies, custom resources …), values of variables stripped. */
  objects: z.array(z.object({ ref: kubernetesRefSchema, raw: jsonObject })),
  gaps: z.array(gapSchema),
});

export type Inventory = DeepReadonly<z.infer<typeof inventorySchema>>;
export type Gap = Inventory['gaps'][number];
export type PodView = DeepReadonly<z.infer<typeof podViewSchema>>;
export type ContainerView = DeepReadonly<z.infer<typeof containerViewSchema>>;
export type Pod = DeepReadonly<z.infer<typeof podSchema>>;
export type Ownership = DeepReadonly<z.infer<typeof ownershipSchema>>;
export type Workload = DeepReadonly<z.infer<typeof workloadSchema>>;
export type ServiceAccount = DeepReadonly<z.infer<typeof serviceAccountSchema>>;
export type Binding = DeepReadonly<z.infer<typeof bindingSchema>>;
export type Role = DeepReadonly<z.infer<typeof roleSchema>>;
export type Policy = DeepReadonly<z.infer<typeof policySchema>>;
export type Association = DeepReadonly<z.infer<typeof associationSchema>>;
export type BrokerInstall = DeepReadonly<z.infer<typeof brokerInstallSchema>>;
export type ClusterNode = DeepReadonly<z.infer<typeof nodeSchema>>;
export type NodeRole = DeepReadonly<z.infer<typeof nodeRoleSchema>>;
export type Addon = DeepReadonly<z.infer<typeof addonSchema>>;
export type Cluster = Inventory['cluster'];
