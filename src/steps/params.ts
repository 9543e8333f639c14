import { z } from 'zod';
import type { Json } from '../model/json.js';
import { type KubernetesRef, kubernetesRef } from '../model/resource.js';
import { mechanismSchema } from '../model/words.js';
import { stepError } from './step-errors.js';

/** Shapes that several kinds share in their parameters. */
export const workloadParam = z.strictObject({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  /** '' for a bare Pod, or an owner whose template is not known. */
  templatePath: z.string().regex(/^(\/.*)?$/),
});
export type WorkloadParam = z.infer<typeof workloadParam>;

export const identityParam = z.strictObject({
  mechanism: mechanismSchema,
  /** irsa: what AWS_ROLE_ARN must be; pod-identity: the association's role. */
  role: z.string(),
});
export type IdentityParam = z.infer<typeof identityParam>;

export const textMap = z.record(z.string(), z.string());
export const json: z.ZodType<Json> = z.json() as unknown as z.ZodType<Json>;
export const jsonMap = z.record(z.string(), json);
export const pointerParam = z.string().regex(/^(?![\s\S]*\/(?:__proto__|constructor|prototype)(?:\/|$))\/[\s\S]+$/);
export const accountParam = z.string().regex(/^\d{12}$/);

export const workloadRef = (workload: WorkloadParam): KubernetesRef =>
  kubernetesRef(workload.apiVersion, workload.kind, workload.namespace, workload.name);
/** `Kind/namespace/name`, as lists of users spell it. */
export const workloadId = (workload: Pick<WorkloadParam, 'kind' | 'namespace' | 'name'>): string =>
  `${workload.kind}/${workload.namespace}/${workload.name}`;

/** Parser of one kind's parameters: strict, and RL610 with the path of the first thing that is wrong. */
export const parserOf =
  <S extends z.ZodType>(kind: string, schema: S) =>
  (params: unknown): z.infer<S> => {
    const read = schema.safeParse(params);
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    const path = ['params', ...(issue?.path ?? []).map(String)].join('.');
    throw stepError('RL610', `${path} of a step ${kind} is not valid`, {
      cause: issue?.message ?? 'not of the expected shape',
      remedy: 'Make the plan again with `rolelift plan`, or undo the edit.',
      fault: 'user',
    });
  };
