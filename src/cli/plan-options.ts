import type { PlanOptions } from '../model/options.js';

/** Options of `plan` and `report` as the command line gives them. */
export interface PlanArguments {
  readonly target: PlanOptions['target'];
  readonly from: readonly string[];
  readonly roleMode: PlanOptions['roleMode'];
  readonly scope: PlanOptions['scope'];
  readonly gitops: PlanOptions['gitops'];
  readonly restart: PlanOptions['restart'];
  readonly retireTrust: boolean;
  readonly namespace: readonly string[];
  readonly excludeNamespace: readonly string[];
  readonly selector?: string;
  readonly accept: readonly string[];
  readonly include: readonly string[];
  readonly oidcIssuer?: string;
  readonly alsoIssuer: readonly string[];
  readonly disableSessionTags: boolean;
  readonly sdkKnown: readonly string[];
  readonly iac: readonly string[];
  readonly managementContext?: string;
}

const sorted = (values: readonly string[]): readonly string[] => [...new Set(values)].sort();

/** What of them shapes a plan, in an order that does not depend on how they were typed. */
export const planOptionsOf = (given: PlanArguments): PlanOptions => ({
  target: given.target,
  from: sorted(given.from),
  roleMode: given.roleMode,
  scope: given.scope,
  gitops: given.gitops,
  restart: given.restart,
  retireTrust: given.retireTrust,
  namespaces: sorted(given.namespace),
  excludeNamespaces: sorted(given.excludeNamespace),
  selector: given.selector ?? '',
  accept: sorted(given.accept),
  include: sorted(given.include),
  oidcIssuer: given.oidcIssuer ?? null,
  alsoIssuers: sorted(given.alsoIssuer),
  disableSessionTags: given.disableSessionTags,
  sdkKnown: sorted(given.sdkKnown),
  iac: sorted(given.iac),
  managementContext: given.managementContext ?? null,
});
