import { z } from 'zod';
import { RoleliftError } from '../model/error.js';
import { defaultPlanOptions, type PlanOptions } from '../model/options.js';

/** The options of a plan as they stand in plan.json; what an older version did not write has its default. */
const optionsSchema = z.strictObject({
  target: z.enum(['auto', 'irsa', 'pod-identity']),
  from: z.array(z.string()),
  roleMode: z.enum(['reuse', 'new']),
  scope: z.array(z.enum(['workloads', 'nodes'])),
  gitops: z.enum(['handoff', 'live']),
  restart: z.enum(['twice', 'once']),
  retireTrust: z.boolean(),
  namespaces: z.array(z.string()),
  excludeNamespaces: z.array(z.string()),
  selector: z.string(),
  accept: z.array(z.string()),
  include: z.array(z.string()),
  oidcIssuer: z.string().nullable(),
  alsoIssuers: z.array(z.string()),
  disableSessionTags: z.boolean(),
  sdkKnown: z.array(z.string()),
  iac: z.array(z.string()),
  managementContext: z.string().nullable(),
} satisfies Record<keyof PlanOptions, z.ZodType>);

/** Reads the options that a plan was made with, to plan anew with the same. RL617 with the path of what is wrong. */
export const optionsOf = (plan: { readonly options: unknown }): PlanOptions => {
  const given = typeof plan.options === 'object' && plan.options !== null ? plan.options : {};
  const read = optionsSchema.safeParse({ ...defaultPlanOptions, ...given });
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new RoleliftError(
    {
      code: 'RL617',
      message: `${['options', ...(issue?.path ?? []).map(String)].join('.')} of the plan is not valid`,
      cause: issue?.message ?? '',
      remedy: 'Make the plan again with `rolelift plan`.',
      fault: 'user',
    },
    { exit: 4 },
  );
};
