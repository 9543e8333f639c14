import { addTrustStatement } from './add-trust-statement.js';
import { annotateServiceAccount } from './annotate-service-account.js';
import { createOidcProvider } from './create-oidc-provider.js';
import { gate } from './gate.js';
import { proveIdentity } from './prove-identity.js';
import { removePodAnnotation } from './remove-pod-annotation.js';
import { restartWorkload } from './restart-workload.js';
import type { Registry, StepKind } from './step.js';

/** Every step kind; one line each. */
const kinds: readonly StepKind[] = [
  addTrustStatement,
  annotateServiceAccount,
  createOidcProvider,
  gate,
  proveIdentity,
  removePodAnnotation,
  restartWorkload,
];

export const registry: Registry = new Map(kinds.map((kind) => [kind.kind, kind]));
