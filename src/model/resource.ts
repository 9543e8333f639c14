import { z } from 'zod';

export const kubernetesRefSchema = z.object({
  api: z.literal('kubernetes'),
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  /** A kubeconfig context, and only for a second (management) cluster. */
  cluster: z.string().optional(),
});
export const awsRefSchema = z.object({
  api: z.enum(['iam', 'eks', 'ec2', 'sts']),
  kind: z.string(),
  account: z.string(),
  region: z.string().optional(),
  name: z.string(),
});
export const refSchema = z.union([
  kubernetesRefSchema,
  awsRefSchema,
  z.object({ api: z.literal('none'), kind: z.string(), name: z.string() }),
]);
export type KubernetesRef = Readonly<z.infer<typeof kubernetesRefSchema>>;

/** Where a thing lives. */
export type Ref = Readonly<z.infer<typeof refSchema>>;

/** Canonical text of a Ref: the key of locks, indexes and re-checks. */
export type RefKey = string;
export const refKey = (ref: Ref): RefKey => {
  switch (ref.api) {
    case 'kubernetes':
      return `kubernetes:${ref.cluster ?? ''}:${groupOf(ref.apiVersion)}/${ref.kind}:${ref.namespace ?? ''}/${ref.name}`;
    case 'none':
      return `none:${ref.kind}:${ref.name}`;
    default:
      return `${ref.api}:${ref.account}:${ref.region ?? ''}:${ref.kind}:${ref.name}`;
  }
};
export const groupOf = (apiVersion: string): string => apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));

export const kubernetesRef = (
  apiVersion: string,
  kind: string,
  namespace: string | undefined,
  name: string,
): KubernetesRef =>
  namespace === undefined
    ? { api: 'kubernetes', apiVersion, kind, name }
    : { api: 'kubernetes', apiVersion, kind, namespace, name };

export const serviceAccountRef = (namespace: string, name: string): KubernetesRef =>
  kubernetesRef('v1', 'ServiceAccount', namespace, name);

/** What a finding or an error is about: the most specific thing that a person would change. */
export const subjectSchema = z.object({
  kind: z.string(),
  apiVersion: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string(),
  account: z.string().optional(),
});
export type Subject = Readonly<z.infer<typeof subjectSchema>>;

/** `namespace/name`, or the name alone; roles carry their account. The text after the colon in `--accept CODE:SUBJECT`. */
export const subjectText = (subject: Subject): string =>
  subject.account !== undefined
    ? `${subject.account}/${subject.name}`
    : subject.namespace !== undefined
      ? `${subject.namespace}/${subject.name}`
      : subject.name;
/** The same with the kind, for people. */
export const subjectTitle = (subject: Subject): string => `${subject.kind} ${subjectText(subject)}`;
export const subjectOf = (ref: Ref): Subject =>
  ref.api === 'kubernetes'
    ? {
        kind: ref.kind,
        ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
        name: ref.name,
      }
    : ref.api === 'none'
      ? { kind: ref.kind, name: ref.name }
      : { kind: ref.kind, account: ref.account, name: ref.name };

/** Parts of an ARN; null where the text is not one. Resource is everything behind the fifth colon. */
export interface ArnParts {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
}
export const parseArn = (text: string): ArnParts | null => {
  const parts = text.split(':');
  if (parts.length < 6 || parts[0] !== 'arn') return null;
  const [, partition, service, region, account] = parts as [string, string, string, string, string];
  return { partition, service, region, account, resource: parts.slice(5).join(':') };
};

/** Account, path (`/` or `/…/`) and name of an IAM role's ARN; null where it is not one (IAM User Guide, identifiers). */
export const parseRoleArn = (
  text: string,
): { readonly partition: string; readonly account: string; readonly path: string; readonly name: string } | null => {
  const match = /^arn:(aws[a-z0-9-]*):iam::(\d{12}):role(\/(?:[\x21-\x7e]+\/)?)([\w+=,.@-]{1,64})$/.exec(text);
  if (!match) return null;
  const [, partition, account, path, name] = match as unknown as [string, string, string, string, string];
  return path.length > 512 ? null : { partition, account, path, name };
};
