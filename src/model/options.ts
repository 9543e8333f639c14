/** Every option that shapes a plan; it stands in plan.json as `options`, so it holds no paths. */
export interface PlanOptions {
  readonly target: 'auto' | 'irsa' | 'pod-identity';
  /** Brokers to move away from; empty means the default: kiam, kube2iam and the node role's add-ons. */
  readonly from: readonly string[];
  readonly roleMode: 'reuse' | 'new';
  readonly scope: readonly ('workloads' | 'nodes')[];
  readonly gitops: 'handoff' | 'live';
  readonly restart: 'twice' | 'once';
  readonly retireTrust: boolean;
  /** Globs. */
  readonly namespaces: readonly string[];
  readonly excludeNamespaces: readonly string[];
  readonly selector: string;
  /** `CODE:SUBJECT` */
  readonly accept: readonly string[];
  /** Controllers, or `default-role`. */
  readonly include: readonly string[];
  readonly oidcIssuer: string | null;
  /** Issuers that the cluster is going to have: trusted beside the present one, ahead of a change of issuer. */
  readonly alsoIssuers: readonly string[];
  readonly disableSessionTags: boolean;
  /** SDKs that a person vouches for, as `namespace/workload=botocore/1.34.50`, or `*`. */
  readonly sdkKnown: readonly string[];
  /** Roles that a person says are (`ARN=terraform`) or are not (`ARN=none`) managed elsewhere. */
  readonly iac: readonly string[];
  /** The second context where the management cluster of a Giant Swarm installation lives; null where none is given. */
  readonly managementContext: string | null;
}

export const defaultPlanOptions: PlanOptions = {
  target: 'auto',
  from: [],
  roleMode: 'reuse',
  scope: ['workloads', 'nodes'],
  gitops: 'handoff',
  restart: 'twice',
  retireTrust: false,
  namespaces: [],
  excludeNamespaces: [],
  selector: '',
  accept: [],
  include: [],
  oidcIssuer: null,
  alsoIssuers: [],
  disableSessionTags: false,
  sdkKnown: [],
  iac: [],
  managementContext: null,
};
