import type { JsonObject } from './json.js';
import type { KubernetesRef, Ref } from './resource.js';

/** Narrow ports to the world. Real clients, the sandbox's clients and test fakes all implement these. */

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface CreateOptions {
  /** Admission runs, nothing is stored; the answer is the object as it would be stored. */
  readonly dryRun?: boolean;
  /** On a connection of its own, so that a load balancer may choose another API server (H11). */
  readonly freshConnection?: boolean;
}

/** Kubernetes as raw JSON. Rejects with RoleliftError: RL70x access, RL71x server and transport. */
export interface KubernetesReader {
  /** The object as the server sent it; null where it is not there (404). */
  get(ref: KubernetesRef): Promise<JsonObject | null>;
  /** Pages of a list, one object at a time; restarts by itself after 410. A kind that the server does not have gives nothing. */
  list(apiVersion: string, kind: string, options?: ListOptions): AsyncIterable<JsonObject>;
  /** SelfSubjectAccessReview. `subresource` as in `token`. */
  allowed(verb: string, ref: KubernetesRef, subresource?: string): Promise<boolean>;
  /** SelfSubjectRulesReview: the rules of ours that the server shows for a namespace; need not be all. */
  rules?(namespace: string): Promise<readonly JsonObject[]>;
  /** Whether the server serves this kind. */
  serves(apiVersion: string, kind: string): Promise<boolean>;
  /**
   * Resolves when the rollout of that generation is done by the rules of `kubectl rollout status`; shares one list-watch per
   * kind. Rejects with RL821 (failed, with the pod that fails) or with the signal's reason.
   */
  rolledOut(ref: KubernetesRef, generation: number, signal: AbortSignal): Promise<void>;
  /** Live pods that the workload owns, through ReplicaSets and Jobs too. */
  podsOf(ref: KubernetesRef): Promise<readonly JsonObject[]>;
  /** Server version (`1.33.0`), and who we are there. */
  version(): Promise<string>;
  whoAmI(): Promise<string>;
  /** GET of a non-resource path as `/.well-known/openid-configuration`; null on 403 and 404. */
  getPath(path: string): Promise<JsonObject | null>;
}

export interface KubernetesWriter extends KubernetesReader {
  /** Rejects with RL731 where it exists already. */
  create(ref: KubernetesRef, body: JsonObject, options?: CreateOptions): Promise<JsonObject>;
  /** JSON merge patch: lists whole, null deletes. Carries the resourceVersion; RL732 on conflict, RL733 where it is gone. */
  mergePatch(ref: KubernetesRef, patch: JsonObject, resourceVersion: string): Promise<JsonObject>;
  /** RFC 6902 patch, for places inside lists of custom resources. */
  jsonPatch(ref: KubernetesRef, operations: readonly JsonObject[]): Promise<JsonObject>;
  /** Deletes that very object (uid precondition); success where it is gone already. */
  remove(ref: KubernetesRef, uid: string): Promise<void>;
  /** TokenRequest; the token is a credential: never logged, never journaled (H17). */
  token(serviceAccount: KubernetesRef, audience: string, seconds: number): Promise<string>;
}

export type AwsService = 'iam' | 'eks' | 'sts' | 'ec2' | 'cloudtrail';

/**
 * AWS in one account. `operation` and `input` are those of the SDK (`GetRole`, `{ RoleName }`); the answer is the SDK's output
 * without `$metadata`, dates as ISO text. Rejects with AwsError (clients/aws-error.ts), whose `errorName` is the canonical code
 * without `Exception` suffix (`NoSuchEntity`, `ResourceInUse`, `Throttling`).
 */
export interface AwsReader {
  readonly account: string;
  readonly region: string;
  call(service: AwsService, operation: string, input: JsonObject, options?: AwsCallOptions): Promise<JsonObject>;
}
export interface AwsCallOptions {
  /** Another Region than the cluster's, as for RL402's look at other Regions. */
  readonly region?: string;
}
export interface AwsWriter extends AwsReader {
  readonly writes: true;
}

/** All clients of one run, as a step sees them. */
export interface Clients {
  /** No argument: the cluster of the plan; else a kubeconfig context (a management cluster). */
  kubernetes(cluster?: string): KubernetesWriter;
  /** The account's own credentials; calls reject with RL705 where none are configured. '' means the default credentials, whosever they are. */
  aws(account: string): AwsWriter;
  /** Milliseconds since 1970 by the newest Date header of any server; null before the first answer. */
  serverTime(): number | null;
}

/** Same as Clients, for rooms that may only look. */
export interface ReadClients {
  kubernetes(cluster?: string): KubernetesReader;
  aws(account: string): AwsReader;
  serverTime(): number | null;
}

export type { Ref };
