import { isObject, type Json, type JsonObject } from '../../model/json.js';
import type { ClusterView } from '../contract.js';
import type { Account, World } from './account.js';
import { type Caller, demand } from './caller.js';
import { AwsFault } from './fault.js';
import { namesAction, statementsOf } from './policy-language.js';
import type { EksCluster } from './records.js';

/** One call of EKS's REST API. */
export interface EksCall {
  readonly world: World;
  readonly account: Account;
  readonly caller: Caller;
  readonly region: string;
  /** Path segments after the one that chose the operation, as `[cluster, name]`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: JsonObject;
  readonly lag: number;
  readonly userPolicy: string | null;
  /** The simulated cluster of that name; null where the account has one that is only a name. */
  view(cluster: string): ClusterView | null;
}
export type EksOperation = (call: EksCall) => JsonObject;

export const notFound = (message: string): AwsFault => new AwsFault('ResourceNotFoundException', 404, message);
export const badParameter = (message: string): AwsFault => new AwsFault('InvalidParameterException', 400, message);
export const badRequest = (message: string): AwsFault => new AwsFault('InvalidRequestException', 400, message);
export const inUse = (message: string): AwsFault => new AwsFault('ResourceInUseException', 409, message);

export const eksMay = (call: EksCall, action: string, resource: string): void => {
  try {
    demand(call.world, call.caller, action, resource, call.userPolicy);
  } catch (thrown) {
    throw thrown instanceof AwsFault ? new AwsFault('AccessDeniedException', 403, thrown.message) : thrown;
  }
};

const keyOf = (region: string, name: string): string => `${region}/${name}`;

/** The cluster of the path's first segment, in the call's Region. */
export const clusterOf = (call: EksCall, action: string, resource?: (cluster: string) => string): EksCluster => {
  const name = call.path[0] ?? '';
  const arn = `arn:${call.account.partition}:eks:${call.region}:${call.account.id}:cluster/${name}`;
  eksMay(call, action, resource ? resource(name) : arn);
  const cluster = call.account.clusters.get(keyOf(call.region, name), call.lag);
  if (!cluster) throw notFound(`No cluster found for name: ${name}.`);
  return cluster;
};
/** The cluster as it is now, for writes. */
export const current = (call: EksCall): EksCluster =>
  call.account.clusters.get(keyOf(call.region, call.path[0] ?? '')) as EksCluster;

export const storeCluster = (call: EksCall, cluster: EksCluster): void =>
  call.account.clusters.set(keyOf(cluster.region, cluster.name), cluster);

export const arnIn = (call: EksCall, kind: string, rest: string): string =>
  `arn:${call.account.partition}:eks:${call.region}:${call.account.id}:${kind}/${rest}`;

/** EKS checks that the caller may pass a role, and that IAM shows it already. */
export const passRole = (call: EksCall, role: string): void => {
  eksMay(call, 'iam:PassRole', role);
  if (!new RegExp(`^arn:${call.account.partition}:iam::${call.account.id}:role/`).test(role))
    throw badParameter(`Role ARN ${role} must be in the same account as the cluster`);
  if (!call.world.role(role, call.lag)) throw badParameter(`The role provided doesn't exist: ${role}`);
};

const agent = 'pods.eks.amazonaws.com';

/** EKS looks whether a role's trust names its agent for both actions; conditions are left to STS (EKS User Guide, Pod Identity role). */
export const trustsPods = (call: EksCall, role: string, untagged = false): void => {
  const statements = statementsOf(call.world.role(role, call.lag)?.trust ?? '') ?? [];
  const admits = (action: string): boolean =>
    statements.some(
      (each) =>
        each.effect === 'Allow' && (each.principals?.['Service'] ?? []).includes(agent) && namesAction(each, action),
    );
  if (!admits('sts:AssumeRole') || !(untagged || admits('sts:TagSession')))
    throw badParameter('Trust policy of the role provided is invalid');
};

export const seconds = (at: number): number => Math.round(at) / 1000;
export const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
export const texts = (value: Json | undefined): Readonly<Record<string, string>> =>
  isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, typeof each === 'string' ? each : '']))
    : {};

/** One page by `maxResults` and `nextToken`. */
export const eksPage = <T>(
  call: EksCall,
  all: readonly T[],
): { readonly items: readonly T[]; readonly next: JsonObject } => {
  const size = Math.min(Math.max(Number(call.query.get('maxResults') ?? 100) || 100, 1), 100);
  const start = Number(call.query.get('nextToken') ?? 0) || 0;
  return {
    items: all.slice(start, start + size),
    next: start + size < all.length ? { nextToken: String(start + size) } : {},
  };
};
