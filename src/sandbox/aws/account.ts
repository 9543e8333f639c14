import { createHash } from 'node:crypto';
import type { Rights } from '../rights.js';
import type { Settings } from '../settings.js';
import { managedPolicy } from './managed-policies.js';
import type {
  EksCluster,
  Instance,
  InstanceProfileRecord,
  PolicyRecord,
  ProviderRecord,
  RoleRecord,
  StoredObject,
  TrailEvent,
} from './records.js';
import { Table } from './table.js';

/** One simulated account: what IAM, EKS, EC2 and S3 keep for it. Records are immutable; a change replaces one. */
export class Account {
  readonly id: string;
  readonly partition: string;
  /** By name in lower case: IAM's names are unique without regard to case and path. */
  readonly roles: Table<RoleRecord>;
  /** Customer-managed policies by ARN. */
  readonly policies: Table<PolicyRecord>;
  readonly providers: Table<ProviderRecord>;
  readonly profiles: Table<InstanceProfileRecord>;
  readonly users: Table<string>;
  readonly quotas: Table<number>;
  /** By ARN of the role: when and where its credentials were used last. */
  readonly lastUsed: Table<{ readonly at: number; readonly region: string }>;
  /** By ARN of the role: actions that it called, with the time of the last call. */
  readonly actionUses: Table<Readonly<Record<string, number>>>;
  readonly clusters: Table<EksCluster>;
  readonly instances: Table<Instance>;
  readonly objects: Table<StoredObject>;
  constructor(id: string, partition: string, now: () => number, from?: Account) {
    this.id = id;
    this.partition = partition;
    const table = <V>(old: Table<V> | undefined): Table<V> => old?.fork(now) ?? new Table<V>(now);
    this.roles = table(from?.roles);
    this.policies = table(from?.policies);
    this.providers = table(from?.providers);
    this.profiles = table(from?.profiles);
    this.users = table(from?.users);
    this.quotas = table(from?.quotas);
    this.lastUsed = table(from?.lastUsed);
    this.actionUses = table(from?.actionUses);
    this.clusters = table(from?.clusters);
    this.instances = table(from?.instances);
    this.objects = table(from?.objects);
  }

  arn(resource: string): string {
    return `arn:${this.partition}:iam::${this.id}:${resource}`;
  }

  fork(now: () => number): Account {
    return new Account(this.id, this.partition, now, this);
  }

  settle(): void {
    for (const table of [this.roles, this.policies, this.providers, this.profiles, this.clusters, this.objects])
      (table as Table<unknown>).settle();
  }
}

/** All accounts of one sandbox, and what spans them. */
export class World {
  readonly accounts: Map<string, Account>;
  readonly settings: Settings;
  /** AWS's own policies by ARN, before those that are known anyway. */
  readonly awsPolicies: Map<string, { readonly versionId: string; readonly document: string }>;
  readonly now: () => number;
  events: readonly TrailEvent[] = [];
  /** Jobs of last-accessed reports: id → role ARN. */
  jobs: ReadonlyMap<string, string> = new Map();
  /** Answers kept for client request tokens: token → digest of the request and what was made. */
  tokens: ReadonlyMap<string, { readonly request: string; readonly made: string }> = new Map();
  /** Where what is asked of callers with limited rights is noted; null where nobody is limited. */
  rights: Rights | null = null;
  #serial: number;

  constructor(settings: Settings, now: () => number, from?: World) {
    this.settings = settings;
    this.now = now;
    this.accounts = new Map([...(from?.accounts ?? [])].map(([id, account]) => [id, account.fork(now)]));
    this.awsPolicies = from?.awsPolicies ?? new Map();
    this.events = from?.events ?? [];
    this.jobs = from?.jobs ?? new Map();
    this.tokens = from?.tokens ?? new Map();
    this.#serial = from?.serial ?? 0;
  }

  get serial(): number {
    return this.#serial;
  }

  /** A new id of the form that AWS gives: the prefix and 17 capitals and digits. Same history, same ids. */
  nextId(prefix: string, length = 17): string {
    this.#serial++;
    const digest = createHash('sha256').update(`${prefix}${this.#serial}`).digest();
    let text = '';
    for (const byte of digest) text += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32];
    return prefix + text.slice(0, length);
  }

  role(arn: string, lag = 0): RoleRecord | undefined {
    const match = /^arn:[^:]+:iam::(\d{12}):role\/(.*)$/.exec(arn);
    if (!match) return undefined;
    const name = (match[2] as string).split('/').at(-1) as string;
    const role = this.accounts.get(match[1] as string)?.roles.get(name.toLowerCase(), lag);
    return role?.arn === arn ? role : undefined;
  }

  /** Document of the default version of a policy, AWS's own included. */
  policyDocument(arn: string): string | undefined {
    const account = /^arn:[^:]+:iam::(\d{12}):policy\//.exec(arn)?.[1];
    if (account === undefined) return (this.awsPolicies.get(arn) ?? managedPolicy(arn))?.document;
    const policy = this.accounts.get(account)?.policies.get(arn);
    return policy?.versions[policy.versions.length - 1]?.document;
  }

  fork(now: () => number): World {
    return new World({ ...this.settings }, now, this);
  }
}
