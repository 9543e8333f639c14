import type {
  Association,
  BrokerInstall,
  ClusterNode,
  Inventory,
  PodView,
  Role,
  ServiceAccount,
} from '../model/inventory.js';
import { parseRoleArn, type RefKey, refKey } from '../model/resource.js';
import { type ParseFailure, parseTrust, type TrustDocument } from '../trust/document.js';
import { fargateNode, kindsOf, mayRunOn, onFargate, placing } from './placement.js';
import { type SdkFact, sdkFact, statedSdk } from './sdk.js';

/** What-if changes to an estate, for plans and for rollback (H2). */
export type Edit =
  | {
      readonly kind: 'service-account-annotations';
      readonly namespace: string;
      readonly name: string;
      /** Null takes the annotation away. An account that is not there is taken to be made. */
      readonly annotations: Readonly<Record<string, string | null>>;
    }
  | { readonly kind: 'set-association'; readonly association: Association }
  | { readonly kind: 'remove-association'; readonly namespace: string; readonly serviceAccount: string }
  | { readonly kind: 'set-trust'; readonly role: string; readonly trust: string }
  | { readonly kind: 'set-role'; readonly role: Role }
  | { readonly kind: 'remove-role'; readonly arn: string }
  | { readonly kind: 'broker-gone'; readonly broker: BrokerInstall['broker'] }
  | { readonly kind: 'add-oidc-provider'; readonly arn: string; readonly audiences: readonly string[] };

/** One estate with its lookups; pure data behind, so two worlds of one inventory answer alike. */
export interface World {
  readonly inventory: Inventory;
  /** True where manifests were read: what only the account could tell, and was not read, is taken to be so (offline planning). */
  readonly offline: boolean;
  serviceAccount(namespace: string, name: string): ServiceAccount | null;
  association(namespace: string, serviceAccount: string): Association | null;
  namespaceAnnotations(name: string): Readonly<Record<string, string>> | null;
  /** By ARN; by account and name where the ARN's path was lost (aws-auth). */
  role(arn: string): Role | null;
  roleMissing(arn: string): boolean;
  trust(role: Role): TrustDocument | ParseFailure;
  policyText(arn: string): string | null;
  node(name: string): ClusterNode | null;
  /**
   * Ready nodes on which a pod of this view may be scheduled, as far as Fargate profiles, selector, node affinity and
   * taints tell.
   */
  nodesFor(view: PodView): readonly ClusterNode[];
  /** One of them for each kind that can make a difference to its credentials. */
  nodeKindsFor(view: PodView): readonly ClusterNode[];
  /** The SDK of a container where something tells it (the pod itself, unless the world was told better); null: not known. */
  sdkOf(view: PodView, container: string): SdkFact | null;
  /** The same world, told more of the SDKs in it; lookups and kept answers are shared. */
  withSdks(sdkOf: SdkOf): World;
  /** Answers that are asked again and again, kept by a key of all that they depend on. */
  once<T>(key: string, compute: () => T): T;
  withEdits(edits: readonly Edit[]): World;
}

export type SdkOf = (view: PodView, container: string) => SdkFact | null;

export interface WorldOptions {
  readonly sdkOf?: SdkOf;
}

/** Key of a role for `readFrom`: `iam:<account>::Role:<name>`. */
export const roleKey = (arn: string): RefKey => {
  const parts = parseRoleArn(arn);
  return refKey({ api: 'iam', kind: 'Role', account: parts?.account ?? '', name: parts?.name ?? arn });
};

const pair = (left: string, right: string): string => `${left}/${right}`;

/** Lookups over an inventory. */
export const worldOf = (inventory: Inventory, options: WorldOptions = {}): World => {
  const accounts = new Map(inventory.serviceAccounts.map((one) => [pair(one.ref.namespace ?? '', one.ref.name), one]));
  const associations = new Map(inventory.associations.map((one) => [pair(one.namespace, one.serviceAccount), one]));
  const namespaces = new Map(inventory.namespaces.map((one) => [one.name, one.annotations]));
  const roles = new Map(inventory.roles.map((one) => [one.arn, one]));
  const rolesByName = new Map(inventory.roles.map((one) => [pair(one.account, one.name), one]));
  const missing = new Set(inventory.rolesMissing);
  const policies = new Map(inventory.policies.map((one) => [one.arn, one.document]));
  const nodes = new Map(inventory.nodes.map((one) => [one.name, one]));
  const kept = new Map<string, unknown>();
  const once = <T>(key: string, compute: () => T): T => {
    if (kept.has(key)) return kept.get(key) as T;
    const value = compute();
    kept.set(key, value);
    return value;
  };
  const nodesFor = (view: PodView): readonly ClusterNode[] =>
    onFargate(inventory, view)
      ? [fargateNode]
      : once(`nodes ${placing(view)}`, () => {
          const may = inventory.nodes.filter((node) => mayRunOn(view, node));
          // A node that is only starting has no broker yet; it says nothing about where the pod will run.
          const ready = may.filter((node) => node.ready);
          return ready.length > 0 ? ready : may;
        });
  const world: World = {
    inventory,
    offline: inventory.source === 'manifests',
    serviceAccount: (namespace, name) => accounts.get(pair(namespace, name)) ?? null,
    association: (namespace, serviceAccount) => associations.get(pair(namespace, serviceAccount)) ?? null,
    namespaceAnnotations: (name) => namespaces.get(name) ?? null,
    role: (arn) => {
      const exact = roles.get(arn);
      if (exact) return exact;
      const parts = parseRoleArn(arn);
      // Only a path-less ARN may stand for a role with a path: aws-auth holds them so. Two full ARNs are two names.
      if (parts?.path !== '/') return null;
      return rolesByName.get(pair(parts.account, parts.name)) ?? null;
    },
    roleMissing: (arn) => missing.has(arn),
    trust: (role) => once(`trust ${role.arn}`, () => parseTrust(role.trust)),
    policyText: (arn) => policies.get(arn) ?? null,
    node: (name) => nodes.get(name) ?? null,
    nodesFor,
    nodeKindsFor: (view) => {
      const nodes = nodesFor(view);
      return nodes[0] === fargateNode ? nodes : once(`kinds ${placing(view)}`, () => kindsOf(inventory, nodes));
    },
    sdkOf: options.sdkOf ?? ((view, container) => sdkFact(statedSdk(view, container))),
    withSdks: (sdkOf) => ({
      ...world,
      sdkOf,
      withEdits: (edits) => worldOf(edits.reduce(edited, inventory), { ...options, sdkOf }),
    }),
    once,
    withEdits: (edits) => worldOf(edits.reduce(edited, inventory), options),
  };
  return world;
};

const edited = (inventory: Inventory, edit: Edit): Inventory => {
  switch (edit.kind) {
    case 'service-account-annotations':
      return withAnnotations(inventory, edit);
    case 'set-association': {
      const { namespace, serviceAccount } = edit.association;
      return {
        ...inventory,
        associations: [...withoutAssociation(inventory, namespace, serviceAccount), edit.association],
      };
    }
    case 'remove-association':
      return { ...inventory, associations: withoutAssociation(inventory, edit.namespace, edit.serviceAccount) };
    case 'set-trust':
      return {
        ...inventory,
        roles: inventory.roles.map((role) => (role.arn === edit.role ? { ...role, trust: edit.trust } : role)),
      };
    case 'set-role':
      return {
        ...inventory,
        roles: [...inventory.roles.filter((role) => role.arn !== edit.role.arn), edit.role],
        rolesMissing: inventory.rolesMissing.filter((arn) => arn !== edit.role.arn),
      };
    case 'remove-role':
      return {
        ...inventory,
        roles: inventory.roles.filter((role) => role.arn !== edit.arn),
        rolesMissing: [...inventory.rolesMissing.filter((arn) => arn !== edit.arn), edit.arn],
      };
    case 'broker-gone':
      return { ...inventory, brokers: inventory.brokers.filter((install) => install.broker !== edit.broker) };
    case 'add-oidc-provider': {
      const account = edit.arn.split(':')[4] ?? '';
      const before = inventory.oidcProviders.find((one) => one.arn === edit.arn);
      const audiences = [...new Set([...(before?.audiences ?? []), ...edit.audiences])];
      return {
        ...inventory,
        oidcProviders: [
          ...inventory.oidcProviders.filter((one) => one.arn !== edit.arn),
          { arn: edit.arn, account, audiences, tags: before?.tags ?? {} },
        ],
      };
    }
  }
};

const withoutAssociation = (inventory: Inventory, namespace: string, serviceAccount: string): readonly Association[] =>
  inventory.associations.filter((one) => one.namespace !== namespace || one.serviceAccount !== serviceAccount);

const withAnnotations = (
  inventory: Inventory,
  edit: Extract<Edit, { kind: 'service-account-annotations' }>,
): Inventory => {
  const is = (one: ServiceAccount): boolean => one.ref.namespace === edit.namespace && one.ref.name === edit.name;
  const found = inventory.serviceAccounts.find(is);
  const annotations = Object.fromEntries(
    Object.entries({ ...found?.annotations, ...edit.annotations }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    ),
  );
  const account: ServiceAccount = found
    ? { ...found, annotations }
    : {
        ref: {
          api: 'kubernetes',
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          namespace: edit.namespace,
          name: edit.name,
        },
        uid: '',
        exists: true,
        annotations,
        labels: {},
        imagePullSecrets: [],
        secrets: [],
        automount: { is: 'absent' },
        owners: [],
      };
  return { ...inventory, serviceAccounts: [...inventory.serviceAccounts.filter((one) => !is(one)), account] };
};
