import { z } from 'zod';
import { type Digest, digestOf } from './canonical.js';
import { findingSchema } from './finding.js';
import type { DeepReadonly, JsonObject } from './json.js';
import { refSchema, subjectSchema } from './resource.js';
import { brokerSchema, effectSchema, mechanismSchema, stageSchema } from './words.js';

const jsonObject = z.record(z.string(), z.unknown());

export const stepSchema = z.strictObject({
  /** `<kind>:<namespace>/<Kind>/<name>[:<phase>]` */
  id: z.string(),
  kind: z.string(),
  stage: stageSchema,
  /** null: shared by several moves. */
  move: z.string().nullable(),
  title: z.string(),
  target: refSchema,
  /** Natural keys only: names, ARNs. Never a pointer to another step's output. */
  params: jsonObject,
  /** The fields that it writes, as planning saw them: for drift and review, never for undo. */
  before: jsonObject,
  after: jsonObject,
  dependsOn: z.array(z.string()),
  /** Steps whose undo must be over before this one's begins (H1); not the mirror of dependsOn. */
  undoDependsOn: z.array(z.string()),
  effect: effectSchema,
  undo: z.string(),
  skip: z.boolean(),
  note: z.string(),
});

export const moveSchema = z.strictObject({
  id: z.string(),
  subject: z.strictObject({ kind: z.literal('ServiceAccount'), namespace: z.string(), name: z.string() }),
  workloads: z.array(subjectSchema),
  from: z.strictObject({ broker: brokerSchema, role: z.string().nullable() }),
  to: z
    .strictObject({
      mechanism: mechanismSchema,
      /** What the pod's code ends up as. */
      role: z.string(),
      /** The in-account role that chains to it (Pod Identity across accounts). */
      associationRole: z.string().nullable(),
      /** `namespace/name` */
      serviceAccount: z.string(),
    })
    .nullable(),
  blocked: z.boolean(),
  why: z.string(),
  risk: z.enum(['low', 'medium', 'high']),
  owner: z.strictObject({ tool: z.string(), ref: z.string() }),
  delivery: z.enum(['live', 'handoff']),
  /** Ids of findings. */
  findings: z.array(z.string()),
  /** Ids of its own steps, in order. */
  steps: z.array(z.string()),
  skip: z.boolean(),
  note: z.string(),
});

export const planSchema = z.strictObject({
  format: z.literal('rolelift.plan/1'),
  id: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  createdAt: z.string(),
  tool: z.string(),
  source: z.enum(['live', 'manifests']),
  cluster: z.strictObject({
    kind: z.enum(['eks', 'giantswarm', 'kops', 'self-managed']),
    name: z.string(),
    arn: z.string().nullable(),
    accountId: z.string(),
    region: z.string(),
    partition: z.string(),
    kubernetesVersion: z.string(),
    platformVersion: z.string().nullable(),
    oidcIssuer: z.string(),
    oidcProviderArn: z.string().nullable(),
    ipFamily: z.enum(['ipv4', 'ipv6']),
    server: z.string(),
    uid: z.string(),
  }),
  inventoryDigest: z.string(),
  options: jsonObject,
  complete: z.boolean(),
  gaps: z.array(z.object({ area: z.string(), reason: z.string() })),
  moves: z.array(moveSchema),
  steps: z.array(stepSchema),
  findings: z.array(findingSchema),
  unmoved: z.array(z.strictObject({ subject: subjectSchema, code: z.string(), reason: z.string() })),
});

export type Plan = DeepReadonly<z.infer<typeof planSchema>>;
export type Move = DeepReadonly<z.infer<typeof moveSchema>>;
type StepData = DeepReadonly<z.infer<typeof stepSchema>>;
export type Step<P extends JsonObject = JsonObject> = Omit<StepData, 'params' | 'before' | 'after'> & {
  readonly params: P;
  readonly before: JsonObject;
  readonly after: JsonObject;
};
export type PlanCluster = Plan['cluster'];

/** What the digest is over: all but `createdAt`, `id`, `digest` itself, and every `skip` and `note`. */
const digested = (plan: Omit<Plan, 'digest' | 'id'>): unknown => {
  const { createdAt: _createdAt, ...rest } = plan as Plan;
  const { id: _id, digest: _digest, ...body } = rest as Record<string, unknown>;
  const bare = (items: unknown): unknown =>
    (items as readonly Record<string, unknown>[]).map(({ skip: _skip, note: _note, ...item }) => item);
  return { ...body, moves: bare(body.moves), steps: bare(body.steps) };
};

export const planDigest = (plan: Omit<Plan, 'digest' | 'id'>): Digest => digestOf(digested(plan));

/** The cluster's name and the first six digits of the digest. */
export const planId = (cluster: Pick<PlanCluster, 'name'>, digest: string): string =>
  `${cluster.name.replace(/[^A-Za-z0-9-]+/g, '-').slice(0, 60) || 'cluster'}-${digest.slice(7, 13)}`;

/** Completes a plan with its digest and id. */
export const sealPlan = (plan: Omit<Plan, 'digest' | 'id'>): Plan => {
  const digest = planDigest(plan);
  return { ...plan, id: planId(plan.cluster, digest), digest };
};
