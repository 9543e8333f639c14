import type { JsonObject } from '../../model/json.js';
import type { AccountView, SandboxClock } from '../contract.js';
import type { Rights } from '../rights.js';
import type { KubeObject } from './object.js';
import type { Store } from './store.js';
import type { Tasks } from './tasks.js';

/** How the identity webhook behaves. `misses` leaves the next so many pods unmutated, silently. */
export interface WebhookSettings {
  /** How long a new or changed service account, or a removal, goes unseen. Milliseconds. */
  readonly lagMs: number;
  /** Whether it may be called in a dry run (`sideEffects: None`). */
  readonly dryRun: boolean;
  /** Audience of injected tokens unless the account says otherwise. */
  readonly audience: string;
  /** Region that it puts into AWS_REGION and AWS_DEFAULT_REGION; null for none. */
  readonly injectRegion: string | null;
  /** Value of its `--sts-regional-endpoint` flag. */
  readonly regionalSts: boolean;
  /** `--token-expiration`, seconds. */
  readonly tokenExpiration: number;
  /** Address of the Pod Identity agent that pods are told. */
  readonly agentUri: string;
  readonly mode: 'ok' | 'error' | 'skip' | 'absent' | { readonly misses: number };
}
/** Milliseconds. */
export interface Timings {
  /** From being bound to a node until Ready. */
  readonly readyMs: number;
  /** From deletion until gone. */
  readonly terminateMs: number;
  /** From a write until the controllers act on it. */
  readonly controllerMs: number;
  /** From an API server's answer until continue tokens end, and until events are forgotten by nobody's order. */
  readonly continueMs: number;
}
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: JsonObject;
}
/** A service account as the webhook's cache sees it, with the times at which it began to. */
export interface Sighting {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly account: KubeObject | null;
}
export interface Snapshot {
  readonly items: readonly KubeObject[];
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Everything that one simulated cluster is made of. */
export interface State {
  readonly store: Store;
  readonly clock: SandboxClock;
  readonly account: AccountView;
  /** A control plane that was rolled may have another. */
  issuer: string;
  readonly version: string;
  /** Bearer tokens of users that are not service accounts. */
  readonly users: ReadonlyMap<string, User>;
  /** Who a request without credentials comes from. */
  readonly anonymous: User;
  /** Asked about tokens that are neither: EKS tokens (`k8s-aws-v1.…`). */
  readonly authenticate: (token: string) => User | null;
  /** Where what users with limited rights ask for is noted. */
  readonly rights: Rights | null;
  readonly tasks: Tasks;
  readonly sightings: Map<string, readonly Sighting[]>;
  readonly snapshots: Map<string, Snapshot>;
  /** Pods bound to each node. */
  readonly nodeLoad: Map<string, number>;
  webhook: WebhookSettings;
  timings: Timings;
  /** Whether a 410 on an old continue token brings a new, inconsistent one. */
  inconsistentContinue: boolean;
  /** Counts everything that must be unique. */
  serial: number;
}

const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, '0');
export const mixedNumber = (value: number): number => {
  let h = Math.imul(value ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};
/** A new uid; the same calls on the same cluster give the same ones. */
export const newUid = (state: State): string => {
  state.serial += 1;
  const a = mixedNumber(state.serial);
  const b = mixedNumber(a ^ state.serial);
  return `${hex(a, 8)}-${hex(b >>> 16, 4)}-4${hex(b & 0xfff, 3)}-a${hex((b >>> 4) & 0xfff, 3)}-${hex(state.serial, 12)}`;
};
/** Kubernetes leaves out vowels and look-alikes (apimachinery `pkg/util/rand`). */
const letters = 'bcdfghjklmnpqrstvwxz2456789';
const suffixOf = (seed: number, length: number): string => {
  let text = '';
  let value = mixedNumber(seed);
  for (let at = 0; at < length; at += 1) {
    text += letters[value % letters.length];
    value = mixedNumber(value + at + 1);
  }
  return text;
};
export const newSuffix = (state: State, length = 5): string => {
  state.serial += 1;
  return suffixOf(state.serial, length);
};
