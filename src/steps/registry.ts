import { addTrustStatement } from './add-trust-statement.js';
import { annotateAwsCluster } from './annotate-aws-cluster.js';
import { annotateServiceAccount } from './annotate-service-account.js';
import { attachRolePolicy } from './attach-role-policy.js';
import { copyRbacSubject } from './copy-rbac-subject.js';
import { createOidcProvider } from './create-oidc-provider.js';
import { createPodIdentityAssociation } from './create-pod-identity-association.js';
import { createPolicy } from './create-policy.js';
import { createRole } from './create-role.js';
import { createServiceAccount } from './create-service-account.js';
import { deleteRolePolicy } from './delete-role-policy.js';
import { detachRolePolicy } from './detach-role-policy.js';
import { gate } from './gate.js';
import { installPodIdentityAgent } from './install-pod-identity-agent.js';
import { proveIdentity } from './prove-identity.js';
import { putRolePolicy } from './put-role-policy.js';
import { removePodAnnotation } from './remove-pod-annotation.js';
import { removeTrustStatement } from './remove-trust-statement.js';
import { restartWorkload } from './restart-workload.js';
import { setWorkloadServiceAccount } from './set-workload-service-account.js';
import type { Registry, StepKind } from './step.js';
import { tightenTrustStatement } from './tighten-trust-statement.js';
import { updateAddon } from './update-addon.js';
import { waitForHandoff } from './wait-for-handoff.js';

/** Every step kind; one line each. */
const kinds: readonly StepKind[] = [
  addTrustStatement,
  annotateAwsCluster,
  annotateServiceAccount,
  attachRolePolicy,
  copyRbacSubject,
  createOidcProvider,
  createPodIdentityAssociation,
  createPolicy,
  createRole,
  createServiceAccount,
  deleteRolePolicy,
  detachRolePolicy,
  gate,
  installPodIdentityAgent,
  proveIdentity,
  putRolePolicy,
  removePodAnnotation,
  removeTrustStatement,
  restartWorkload,
  setWorkloadServiceAccount,
  tightenTrustStatement,
  updateAddon,
  waitForHandoff,
];

export const registry: Registry = new Map(kinds.map((kind) => [kind.kind, kind]));
