import type { World } from '../identity/world.js';
import type { Association, ClusterNode, Inventory, Role, ServiceAccount } from '../model/inventory.js';
import { type Json, listAt, textAt, textsAt } from '../model/json.js';
import { serviceAccountRef } from '../model/resource.js';
import type { Sandbox } from '../sandbox/sandbox.js';
import { isReady } from '../scan/pods.js';
import { parseTrust } from '../trust/document.js';

/** Answers that depend on nothing that a plan writes. */
const lasting = /^(nodes|kinds) /;

/**
 * An estate as the identity model sees it, read again from the twin part by part as parts are written: scanning thousands of times would
 * take longer than the whole rehearsal. It only copies documents; what they mean is the model's to say.
 */
export class Reread {
  readonly #base: World;
  readonly #accounts = new Map<string, ServiceAccount | null>();
  readonly #roles = new Map<string, Role | null>();
  readonly #associations = new Map<string, Association | null>();
  readonly #policies = new Map<string, string>();
  #inventory: Inventory;
  #kept = new Map<string, unknown>();
  /** Some nodes have no Pod Identity agent yet: whether they have one now is looked up. */
  readonly #agentsMayCome: boolean;
  #sandbox: Sandbox | null = null;
  #agents: { readonly version: number; readonly nodes: ReadonlySet<string> } = { version: -1, nodes: new Set() };

  constructor(base: World) {
    this.#base = base;
    this.#inventory = base.inventory;
    this.#agentsMayCome = base.inventory.nodes.some(({ agentReady }) => !agentReady);
  }

  /** The world as it was read last. */
  get world(): World {
    const base = this.#base;
    const once = <T>(key: string, compute: () => T): T => {
      if (lasting.test(key)) return base.once(key, compute);
      if (this.#kept.has(key)) return this.#kept.get(key) as T;
      const value = compute();
      this.#kept.set(key, value);
      return value;
    };
    const world: World = {
      ...base,
      inventory: this.#inventory,
      serviceAccount: (namespace, name) =>
        held(this.#accounts, `${namespace}/${name}`, () => base.serviceAccount(namespace, name)),
      association: (namespace, account) =>
        held(this.#associations, `${namespace}/${account}`, () => base.association(namespace, account)),
      role: (arn) => held(this.#roles, arn, () => base.role(arn)),
      roleMissing: (arn) => (this.#roles.has(arn) ? this.#roles.get(arn) === null : base.roleMissing(arn)),
      node: (name) => this.#node(name),
      trust: (role) => once(`trust ${role.arn}`, () => parseTrust(role.trust)),
      policyText: (arn) => this.#policies.get(arn) ?? base.policyText(arn),
      once,
      withSdks: (sdkOf) => ({ ...world, sdkOf }),
    };
    return world;
  }

  /** Reads again what those keys (of writes.ts) name; `all` reads every part that was ever written or asked for by name. */
  read(keys: readonly string[], sandbox: Sandbox): void {
    this.#sandbox = sandbox;
    // What was worked out hangs on roles, providers and associations; accounts and workloads are asked anew anyway.
    if (keys.some((key) => /^(role|policy|provider|association|all)/.test(key))) this.#kept = new Map();
    for (const key of keys) {
      const at = key.indexOf(':');
      const kind = at < 0 ? key : key.slice(0, at);
      const rest = at < 0 ? '' : key.slice(at + 1);
      if (kind === 'account') this.#readAccount(rest, sandbox);
      else if (kind === 'role') this.#readRole(rest, sandbox);
      else if (kind === 'association' || kind === 'associations' || kind === 'all') this.#readAssociations(sandbox);
      else if (kind === 'provider') this.#readProviders(sandbox);
      else if (kind === 'policy') this.#readPolicies(sandbox);
      if (kind === 'all') {
        for (const account of [...this.#accounts.keys()]) this.#readAccount(account, sandbox);
        this.#readProviders(sandbox);
        this.#readPolicies(sandbox);
        for (const [id, account] of sandbox.world.accounts)
          for (const role of account.roles.values()) this.#readRole(`${id}/${role.name}`, sandbox);
      }
    }
  }

  #node(name: string): ClusterNode | null {
    const node = this.#base.node(name);
    if (node === null || node.agentReady || !this.#agentsMayCome || this.#sandbox === null) return node;
    const { cluster } = this.#sandbox;
    if (this.#agents.version !== cluster.resourceVersion) {
      const ready = cluster
        .list('v1', 'Pod', 'kube-system')
        .filter((pod) => isReady(pod) && listAt(pod, 'spec', 'containers').some(isAgent));
      const nodes = new Set(ready.map((pod) => textAt(pod, 'spec', 'nodeName') ?? ''));
      this.#agents = { version: cluster.resourceVersion, nodes };
    }
    return { ...node, agentReady: this.#agents.nodes.has(name) };
  }

  #readAccount(key: string, sandbox: Sandbox): void {
    const [namespace = '', name = ''] = key.split('/');
    const raw = sandbox.view.get('v1', 'ServiceAccount', namespace, name);
    const before = this.#base.serviceAccount(namespace, name);
    this.#accounts.set(
      key,
      raw === null
        ? null
        : {
            ...(before ?? unread),
            ref: serviceAccountRef(namespace, name),
            exists: true,
            annotations: textsAt(raw, 'metadata', 'annotations'),
            labels: textsAt(raw, 'metadata', 'labels'),
          },
    );
  }

  #readRole(key: string, sandbox: Sandbox): void {
    const [id = '', name = ''] = key.split('/');
    const record = sandbox.world.accounts.get(id)?.roles.get(name.toLowerCase());
    if (record === undefined) {
      for (const [arn, role] of this.#roles)
        if (role !== null && role.account === id && role.name === name) this.#roles.set(arn, null);
      return;
    }
    this.#roles.set(record.arn, {
      arn: record.arn,
      name: record.name,
      account: record.account,
      path: record.path,
      roleId: record.id,
      trust: record.trust,
      attached: record.attached,
      inline: record.inline,
      ...(record.boundary === null ? {} : { boundary: record.boundary }),
      maxSessionSeconds: record.maxSessionSeconds,
      description: record.description,
      tags: record.tags,
    });
    for (const arn of record.attached) {
      const text = sandbox.world.policyDocument(arn);
      if (text !== undefined) this.#policies.set(arn, text);
    }
  }

  #readAssociations(sandbox: Sandbox): void {
    const { cluster } = sandbox.scenario;
    const found = sandbox.world.accounts.get(cluster.account)?.clusters.get(`${cluster.region}/${cluster.name}`);
    for (const one of this.#inventory.associations)
      this.#associations.set(`${one.namespace}/${one.serviceAccount}`, null);
    for (const key of this.#associations.keys()) this.#associations.set(key, null);
    for (const [key, one] of Object.entries(found?.associations ?? {}))
      this.#associations.set(key, {
        id: one.id,
        arn: one.arn,
        namespace: one.namespace,
        serviceAccount: one.serviceAccount,
        role: one.role,
        ...(one.targetRole === null ? {} : { targetRole: one.targetRole }),
        ...(one.externalId === null ? {} : { externalId: one.externalId }),
        ...(one.ownerArn === null ? {} : { ownerArn: one.ownerArn }),
        sessionTags: !one.disableSessionTags,
        tags: one.tags,
      });
  }

  #readProviders(sandbox: Sandbox): void {
    const oidcProviders = [...sandbox.world.accounts.values()].flatMap((account) =>
      account.providers.values().map(({ arn, audiences, tags }) => ({ arn, account: account.id, audiences, tags })),
    );
    this.#inventory = { ...this.#inventory, oidcProviders };
  }

  #readPolicies(sandbox: Sandbox): void {
    for (const account of sandbox.world.accounts.values())
      for (const policy of account.policies.values())
        this.#policies.set(policy.arn, policy.versions.at(-1)?.document ?? '');
  }
}

const isAgent = (container: Json): boolean =>
  /(^|\/)eks-pod-identity-agent([:@]|$)/.test(textAt(container, 'image') ?? '');

const unread: Omit<ServiceAccount, 'ref' | 'exists' | 'annotations' | 'labels'> = {
  uid: '',
  imagePullSecrets: [],
  secrets: [],
  automount: { is: 'absent' },
  owners: [],
};

/** What was read again, null for what is gone; else what the base knows. */
const held = <T>(read: ReadonlyMap<string, T | null>, key: string, base: () => T | null): T | null => {
  const found = read.get(key);
  return found === undefined ? base() : found;
};
