import type { Rule } from './rule.js';
import { brokerDeniesRole } from './rules/rl101-broker-denies-role.js';
import { brokerUnknown } from './rules/rl102-broker-unknown.js';
import { roleMissing } from './rules/rl103-role-missing.js';
import { patternUnusable } from './rules/rl104-pattern-unusable.js';
import { hostNetworkBypass } from './rules/rl105-host-network-bypass.js';
import { defaultRole } from './rules/rl106-default-role.js';
import { sessionAttributesLost } from './rules/rl107-session-attributes-lost.js';
import { annotationWithoutEffect } from './rules/rl108-annotation-without-effect.js';
import { staticKeysWin } from './rules/rl109-static-keys-win.js';
import { brokerCannotAssume } from './rules/rl110-broker-cannot-assume.js';
import { brokerAbsentOnNode } from './rules/rl111-broker-absent-on-node.js';
import { roleNotHeld } from './rules/rl112-role-not-held.js';
import { oneAccountTwoRoles } from './rules/rl201-one-account-two-roles.js';
import { bystanders } from './rules/rl202-bystanders.js';
import { managedElsewhere } from './rules/rl203-managed-elsewhere.js';
import { accountAlreadyBound } from './rules/rl204-account-already-bound.js';
import { templateSetsCredentials } from './rules/rl205-template-sets-credentials.js';
import { restartNeedsAPerson } from './rules/rl206-restart-needs-a-person.js';
import { mechanismNotAvailable } from './rules/rl207-mechanism-not-available.js';
import { customOwner } from './rules/rl208-custom-owner.js';
import { webhookSkipped } from './rules/rl209-webhook-skipped.js';
import { noSpareReplica } from './rules/rl210-no-spare-replica.js';
import { tokenUnreadable } from './rules/rl211-token-unreadable.js';
import { nameReferencedElsewhere } from './rules/rl212-name-referenced-elsewhere.js';
import { egressNotOpen } from './rules/rl213-egress-not-open.js';
import { chainsRoles } from './rules/rl214-chains-roles.js';
import { tagBasedPolicies } from './rules/rl215-tag-based-policies.js';
import { regionInjected } from './rules/rl216-region-injected.js';
import { sdkUnknown } from './rules/rl217-sdk-unknown.js';
import { trustTooLarge } from './rules/rl301-trust-too-large.js';
import { trustTooWide } from './rules/rl302-trust-too-wide.js';
import { roleInAnotherAccount } from './rules/rl303-role-in-another-account.js';
import { roleNotModifiable } from './rules/rl304-role-not-modifiable.js';
import { roleShared } from './rules/rl305-role-shared.js';
import { oidcProviderIncomplete } from './rules/rl306-oidc-provider-incomplete.js';
import { trustNotRestorable } from './rules/rl307-trust-not-restorable.js';
import { roleManagedElsewhere } from './rules/rl308-role-managed-elsewhere.js';
import { nodeRoleNotReusable } from './rules/rl309-node-role-not-reusable.js';
import { namedByArn } from './rules/rl310-named-by-arn.js';
import { operatorLacksPermissions } from './rules/rl311-operator-lacks-permissions.js';
import { issuerUnknown } from './rules/rl312-issuer-unknown.js';
import { sessionTagsOff } from './rules/rl313-session-tags-off.js';
import { nodeRoleCarriesCni } from './rules/rl401-node-role-carries-cni.js';
import { nodeRoleShared } from './rules/rl402-node-role-shared.js';
import { nodeRoleCarriesMore } from './rules/rl403-node-role-carries-more.js';
import { nodesExposed } from './rules/rl404-nodes-exposed.js';
import { brokerLeavesRules } from './rules/rl405-broker-leaves-rules.js';
import { oldWayGoneRule } from './rules/rl406-old-way-gone.js';
import { policyMixed } from './rules/rl407-policy-mixed.js';
import { cniAbsent } from './rules/rl408-cni-absent.js';
import { notReadable } from './rules/rl501-not-readable.js';
import { webhookNotHealthy } from './rules/rl502-webhook-not-healthy.js';
import { ownIdentityInPlan } from './rules/rl503-own-identity-in-plan.js';

/** Every rule, in the order of codes: one line a rule. */
export const rules: readonly Rule[] = [
  brokerDeniesRole,
  brokerUnknown,
  roleMissing,
  patternUnusable,
  hostNetworkBypass,
  defaultRole,
  sessionAttributesLost,
  annotationWithoutEffect,
  staticKeysWin,
  brokerCannotAssume,
  brokerAbsentOnNode,
  roleNotHeld,
  oneAccountTwoRoles,
  bystanders,
  managedElsewhere,
  accountAlreadyBound,
  templateSetsCredentials,
  restartNeedsAPerson,
  mechanismNotAvailable,
  customOwner,
  webhookSkipped,
  noSpareReplica,
  tokenUnreadable,
  nameReferencedElsewhere,
  egressNotOpen,
  chainsRoles,
  tagBasedPolicies,
  regionInjected,
  sdkUnknown,
  trustTooLarge,
  trustTooWide,
  roleInAnotherAccount,
  roleNotModifiable,
  roleShared,
  oidcProviderIncomplete,
  trustNotRestorable,
  roleManagedElsewhere,
  nodeRoleNotReusable,
  namedByArn,
  operatorLacksPermissions,
  issuerUnknown,
  sessionTagsOff,
  nodeRoleCarriesCni,
  nodeRoleShared,
  nodeRoleCarriesMore,
  nodesExposed,
  brokerLeavesRules,
  oldWayGoneRule,
  policyMixed,
  cniAbsent,
  notReadable,
  webhookNotHealthy,
  ownIdentityInPlan,
];
