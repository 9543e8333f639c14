import { z } from 'zod';

/** The field's words and ours, as told in the glossary of the interface. */
export const stageSchema = z.enum(['prepare', 'cutover', 'retire']);
export type Stage = z.infer<typeof stageSchema>;
export const stages: readonly Stage[] = ['prepare', 'cutover', 'retire'];

export const mechanismSchema = z.enum(['irsa', 'pod-identity']);
export type Mechanism = z.infer<typeof mechanismSchema>;

export const brokerSchema = z.enum([
  'kiam',
  'kube2iam',
  'node-role',
  'irsa',
  'pod-identity',
  'static-keys',
  'shared-file',
  'none',
]);
/** What hands a pod its credentials today. `shared-file` is a mounted credentials file (zalando's controller included). */
export type Broker = z.infer<typeof brokerSchema>;

export const severitySchema = z.enum(['block', 'warn', 'info']);
export type Severity = z.infer<typeof severitySchema>;
export const effectSchema = z.enum(['additive', 'disruptive', 'destructive', 'none']);
export type Effect = z.infer<typeof effectSchema>;
export const proofSchema = z.enum(['configured', 'exchangeable', 'used']);
/** How far an identity is proven; each level includes the ones before it (H12). */
export type Proof = z.infer<typeof proofSchema>;

/** Annotations that the brokers and the webhook read. */
export const annotationKeys = {
  /** kiam, and kube2iam unless its --iam-role-key says otherwise. */
  brokerRole: 'iam.amazonaws.com/role',
  brokerExternalId: 'iam.amazonaws.com/external-id',
  kiamSessionName: 'iam.amazonaws.com/session-name',
  kiamPermitted: 'iam.amazonaws.com/permitted',
  kube2iamAllowed: 'iam.amazonaws.com/allowed-roles',
  irsaRole: 'eks.amazonaws.com/role-arn',
  irsaAudience: 'eks.amazonaws.com/audience',
  irsaRegional: 'eks.amazonaws.com/sts-regional-endpoints',
  irsaExpiration: 'eks.amazonaws.com/token-expiration',
  skipContainers: 'eks.amazonaws.com/skip-containers',
  skipWebhookLabel: 'eks.amazonaws.com/skip-pod-identity-webhook',
  podIdentityLabel: 'eks.amazonaws.com/pod-identity',
} as const;

/** Marks that we leave on everything that we write, so that it can be told from other hands' work (H5). */
export const marks = {
  /** Annotation on Kubernetes objects, tag key in AWS: the plan's id. */
  plan: 'rolelift.dev/plan',
  /** Annotation on a pod template: plan id and step, which makes a restart recognisable as ours. */
  restart: 'rolelift.dev/restart',
  /** Annotation or tag: the step that wrote the object. */
  step: 'rolelift.dev/step',
  managedBy: 'app.kubernetes.io/managed-by',
  managedByValue: 'rolelift',
  /** Steps of a journal that no plan has begin with this: what \`retire-broker --live\` deleted. */
  brokerDeletion: 'retire-broker:',
  /** Statement ids of trust statements begin with this. */
  sidPrefix: 'Rolelift',
  /** Session names of the tool's own STS calls begin with this (H10, H17). */
  sessionPrefix: 'rolelift-',
} as const;

/** The only variables whose values may be kept (H26). A trailing `*` matches any rest. */
const keptVariables: readonly string[] = [
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_PROFILE',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_STS_REGIONAL_ENDPOINTS',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_EC2_METADATA_*',
];
export const mayKeepValue = (variable: string): boolean =>
  keptVariables.some((name) => (name.endsWith('*') ? variable.startsWith(name.slice(0, -1)) : variable === name));
