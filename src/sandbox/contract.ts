import type { Clock } from '../model/clock.js';
import type { HttpRequest, HttpResponse } from '../model/http.js';
import type { JsonObject } from '../model/json.js';

/** Seams between the parts of the sandbox. It decides by its own rules and imports neither identity, trust nor planner (H23). */

/** A clock that can also run something later, so that controllers, lags and expiries work on a virtual clock too. */
export interface SandboxClock extends Clock {
  /** Runs `act` after that many milliseconds; the answer cancels it. */
  after(ms: number, act: () => void): () => void;
}

/** Claims of a service account token that the simulated cluster signed. */
export interface TokenClaims {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** `system:serviceaccount:<namespace>:<name>` */
  readonly subject: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: { readonly name: string; readonly uid: string } | null;
  /** Seconds since 1970. */
  readonly expires: number;
}

/** What the simulated account asks of the simulated cluster. */
export interface ClusterView {
  /** Rises with every write; absent where nobody counts. */
  readonly resourceVersion?: number;
  readonly issuer: string;
  /** Claims where the signature holds and the token has not expired, whatever its audience; else null. */
  readToken(token: string): TokenClaims | null;
  get(apiVersion: string, kind: string, namespace: string | undefined, name: string): JsonObject | null;
  list(apiVersion: string, kind: string, namespace?: string): readonly JsonObject[];
  /** Writes as a controller inside the cluster would (add-ons' DaemonSets, node objects), past admission of users. */
  put(object: JsonObject): void;
  remove(apiVersion: string, kind: string, namespace: string | undefined, name: string): void;
}

/** What the simulated cluster asks of the simulated account. */
export interface AccountView {
  /** Effective Pod Identity association of a service account, its own lag included; null for none. */
  associationFor(namespace: string, serviceAccount: string): { readonly id: string; readonly roleArn: string } | null;
  /** Whether new pods on this node can get addresses: the CNI's permission through whichever way it has it. */
  canAttachAddresses(node: string): boolean;
  /** What `aws sts get-caller-identity` prints inside a running pod: the ARN, or why there is none. */
  callerIdentity?(pod: JsonObject): { readonly arn: string } | { readonly error: string };
}

export type { HttpRequest, HttpResponse };
