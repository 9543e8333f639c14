import { z } from 'zod';
import type { DeepReadonly } from './json.js';
import { subjectSchema } from './resource.js';
import { severitySchema } from './words.js';

export const findingSchema = z.object({
  /** `<code>:<subject>`, with a number behind it only where two would be equal. */
  id: z.string(),
  code: z.string().regex(/^RL\d{3}$/),
  severity: severitySchema,
  subject: subjectSchema,
  message: z.string(),
  remedy: z.string(),
  evidence: z.record(z.string(), z.unknown()),
  /** How a person accepted it, as `--accept RL201:payments/api`; null where nobody did. */
  acceptedBy: z.string().nullable(),
});
export type Finding = DeepReadonly<z.infer<typeof findingSchema>>;
