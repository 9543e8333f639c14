import type { Estate, Proposal, WorkloadUse } from '../findings/rule.js';
import { missingForIssuers } from '../findings/trust-plans.js';
import { byText } from '../model/canonical.js';
import type { Ownership } from '../model/inventory.js';
import { oncePer } from '../model/once-per.js';
import type { PlanOptions } from '../model/options.js';
import { parseRoleArn } from '../model/resource.js';
import { annotationKeys, type Broker } from '../model/words.js';
import { chooseMechanism } from './mechanism.js';
import { freeName, labelName } from './names.js';
import type { NodePart } from './nodes.js';
import { targetRole } from './roles.js';
import { brokersFrom, inScope } from './scope.js';

interface BrokerKeys {
  /** Keys by which pods ask for a role here. */
  readonly roles: readonly string[];
  /** Those, and the keys of session name and external id. */
  readonly all: readonly string[];
}
/** Annotation keys that a broker of this cluster reads: fixed for kiam, flags for kube2iam (--iam-role-key, --iam-external-id). */
export const brokerKeys = oncePer((estate: Estate): BrokerKeys => {
  const roles = new Set<string>();
  const others = new Set<string>([annotationKeys.brokerExternalId, annotationKeys.kiamSessionName]);
  for (const { broker, flags } of estate.inventory.brokers) {
    if (broker !== 'kiam' && broker !== 'kube2iam') continue;
    const flag = (name: string): string | undefined =>
      broker === 'kube2iam' && Object.hasOwn(flags, name) ? (flags[name] as string) : undefined;
    roles.add(flag('iam-role-key') ?? annotationKeys.brokerRole);
    const externalId = flag('iam-external-id');
    if (externalId !== undefined) others.add(externalId);
  }
  if (roles.size === 0) roles.add(annotationKeys.brokerRole);
  return { roles: [...roles].sort(byText), all: [...roles, ...others].sort(byText) };
});

/**
 * kube2iam has a default role: a pod whose annotation is taken away would find it next in its chain, so the annotations stay until
 * the broker goes (H24).
 */
export const behindDefaultRole = (estate: Estate): boolean =>
  estate.inventory.brokers.some(
    ({ broker, flags }) =>
      broker === 'kube2iam' &&
      ((Object.hasOwn(flags, 'default-role') && flags['default-role'] !== '') ||
        (Object.hasOwn(flags, 'auto-discover-default-role') && flags['auto-discover-default-role'] !== 'false')),
  );

const asksBroker = (use: WorkloadUse, keys: readonly string[]): boolean =>
  keys.some((key) => Object.hasOwn(use.workload.template.annotations, key));
const byDefaultRole = (use: WorkloadUse): boolean =>
  [use.template, ...use.pods.map((pod) => pod.answer)].some(
    (answer) => answer.wins?.source.kind === 'kube2iam' && answer.wins.source.resolvedFrom === 'default-role',
  );

/** What a workload would be moved for: the role that it asks for or holds; null where it is no candidate. */
interface Candidate {
  readonly use: WorkloadUse;
  readonly broker: Broker;
  /** Null where the annotation names none that can be resolved. */
  readonly role: string | null;
  /** It really has this role today (H7). */
  readonly held: boolean;
}

const candidateOf = (
  use: WorkloadUse,
  asks: boolean,
  brokers: ReadonlySet<string>,
  options: PlanOptions,
  annotationBroker: Broker,
): Candidate | null => {
  const asked = use.broker === 'kiam' || use.broker === 'kube2iam' ? use.broker : annotationBroker;
  if (asks && brokers.has(asked)) {
    const role = use.wanted ?? (brokers.has(use.broker) ? use.role : null);
    const broker = brokers.has(use.broker) || (role !== null && use.role === role) ? use.broker : annotationBroker;
    return { use, broker, role, held: role !== null && use.role === role };
  }
  if (!brokers.has(use.broker) || use.role === null) return null;
  if (use.broker === 'node-role') return null;
  if (byDefaultRole(use) && !options.include.includes('default-role')) return null;
  return { use, broker: use.broker, role: use.role, held: true };
};

/** Owners that would take a live change back; eksctl and kubectl leave it until a person runs them again. */
const reconciles = new Set(['helm', 'argocd', 'flux', 'operator']);
const ownerOf = (owners: readonly Ownership[]): Ownership | undefined =>
  owners.find((owner) => reconciles.has(owner.tool) && owner.strength !== 'hint');

/** The name of a dedicated account: the workload's own where it is alone, else the old account's with the role's. */
const dedicatedName = (
  old: string,
  uses: readonly WorkloadUse[],
  role: string | null,
  taken: (name: string) => boolean,
): string => {
  const roleName = (role ?? 'unresolved').split('/').at(-1) as string;
  const workloads = uses.map((use) => `${use.workload.ref.kind}/${use.workload.ref.name}`);
  const first = uses[0] as WorkloadUse;
  const candidates = [
    ...(uses.length === 1 ? [labelName(first.workload.ref.name)] : []),
    ...(old === 'default' ? [labelName(roleName)] : []),
    labelName(`${old}-${roleName}`),
  ];
  return freeName(candidates, [old, role ?? '', ...workloads].join('\n'), taken);
};

/** A proposal with what only the planner needs of it. */
export interface Intent {
  readonly proposal: Proposal;
  /** Every workload of it has the role today. */
  readonly held: boolean;
  /** The account that its pods use already is bound as it shall be; only the old way is left to take away. */
  readonly bound: boolean;
  /** The role's trust has room for a statement that ends at the cluster only (Pod Identity). */
  readonly clusterWide?: boolean;
  /** A move off the node role: what its role is made of, and what leaves the node roles. */
  readonly node?: NodePart;
}

/** Groups of uses that can share one service account, in a fixed order. */
const groupsOf = (candidates: readonly Candidate[]): readonly (readonly Candidate[])[] => {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    // An unresolved role, or one that is not held, must not travel with a role that is.
    const { ref } = candidate.use.workload;
    const key = [
      candidate.held ? 0 : 1,
      candidate.broker,
      candidate.role ?? `? ${ref.kind}/${ref.name}`,
      candidate.held ? '' : `${candidate.use.broker} ${candidate.use.role ?? ''}`,
    ].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), candidate]);
  }
  return [...groups].sort(([left], [right]) => byText(left, right)).map(([, group]) => group);
};

/**
 * What shall be moved, before anybody objects: uses grouped by the service account that they end on, one role each. An
 * account whose every user moves with the same role stays; `default`, and one that also serves others, is split (H18).
 */
export const propose = (estate: Estate, options: PlanOptions): readonly Intent[] => {
  const scoped = inScope(options);
  const brokers = brokersFrom(options);
  const keys = brokerKeys(estate).roles;
  const kinds = new Set(estate.inventory.brokers.map((install) => install.broker));
  const annotationBroker: Broker = kinds.has('kube2iam') && !kinds.has('kiam') ? 'kube2iam' : 'kiam';
  const names = new Set<string>([...estate.accounts.keys(), ...estate.usesOf.keys()]);
  const intents: Intent[] = [];
  const accounts = [...estate.usesOf.keys()].sort(byText);
  for (const account of accounts) {
    const slash = account.indexOf('/');
    const [namespace, name] = [account.slice(0, slash), account.slice(slash + 1)];
    const all = estate.usesOf.get(account) ?? [];
    const candidates = all.flatMap((use) => {
      if (!scoped(use)) return [];
      const found = candidateOf(use, asksBroker(use, keys), brokers, options, annotationBroker);
      return found === null ? [] : [found];
    });
    const groups = groupsOf(candidates);
    for (const group of groups) {
      const uses = group.map((candidate) => candidate.use);
      const first = group[0] as Candidate;
      const split = name === 'default' || uses.length < all.length;
      const endsOn = split
        ? dedicatedName(name, uses, first.role, (candidate) => names.has(`${namespace}/${candidate}`))
        : name;
      names.add(`${namespace}/${endsOn}`);
      const intent = intentOf(estate, options, {
        namespace,
        name,
        endsOn,
        split,
        group,
        others: all.length - uses.length,
      });
      // Bound as it shall be, no old annotation left, and trusted under every issuer: nothing is to be moved.
      const { to } = intent.proposal;
      if (
        intent.bound &&
        !group.some(({ use }) => asksBroker(use, keys)) &&
        (to === null || missingForIssuers(estate, options, to).length === 0)
      )
        continue;
      intents.push(intent);
    }
  }
  return intents;
};

const intentOf = (
  estate: Estate,
  options: PlanOptions,
  of: {
    readonly namespace: string;
    readonly name: string;
    readonly endsOn: string;
    readonly split: boolean;
    readonly group: readonly Candidate[];
    readonly others: number;
  },
): Intent => {
  const uses = of.group.map((candidate) => candidate.use);
  const first = of.group[0] as Candidate;
  const held = of.group.every((candidate) => candidate.held);
  const account = estate.accounts.get(`${of.namespace}/${of.name}`);
  const owner = ownerOf([...uses.flatMap((use) => use.workload.owners), ...(of.split ? [] : (account?.owners ?? []))]);
  const custom = uses.find((use) => use.workload.custom);
  const mechanism = chooseMechanism(estate, options, uses, first.broker, first.role);
  const target =
    first.role === null
      ? null
      : targetRole(estate, options, {
          role: first.role,
          namespace: of.namespace,
          serviceAccount: of.endsOn,
          mechanism: mechanism.mechanism,
        });
  const proposal: Proposal = {
    id: `move:${of.namespace}/${of.endsOn}`,
    subject: { namespace: of.namespace, name: of.name },
    uses,
    // A host-network pod asks for one role and has another: what it has today is what it comes from.
    from:
      held || first.use.role === null
        ? { broker: first.broker, role: first.role }
        : { broker: first.use.broker, role: first.use.role },
    to:
      target === null
        ? null
        : {
            mechanism: mechanism.mechanism,
            role: target.role,
            associationRole: target.associationRole,
            namespace: of.namespace,
            serviceAccount: of.endsOn,
          },
    split: of.split,
    newRole: target?.isNew ?? false,
    why: [
      mechanism.why,
      accountReason(of),
      ...restartReason(options, of.split),
      ...defaultRoleReason(estate),
      ...credentialsReason(estate, target?.role ?? null),
    ].join(' '),
    delivery: options.gitops === 'handoff' && (owner !== undefined || custom !== undefined) ? 'handoff' : 'live',
    owner:
      owner !== undefined
        ? { tool: owner.tool, ref: owner.ref }
        : custom !== undefined
          ? { tool: 'operator', ref: `${custom.workload.ref.kind} ${of.namespace}/${custom.workload.ref.name}` }
          : { tool: 'none', ref: '' },
  };
  const bound =
    proposal.to !== null &&
    !of.split &&
    first.broker === proposal.to.mechanism &&
    (proposal.to.associationRole ?? proposal.to.role) === first.role;
  return { proposal, held, bound };
};

/** Whose credentials make the steps of a role in another account. */
const credentialsReason = (estate: Estate, role: string | null): readonly string[] => {
  const { accounts, cluster } = estate.inventory;
  const account = role === null ? undefined : parseRoleArn(role)?.account;
  if (account === undefined || cluster.accountId === '' || account === cluster.accountId) return [];
  const credentials = accounts.find(({ id }) => id === account)?.credentials ?? 'none';
  return credentials === 'none'
    ? [`Its role is in account ${account}, for which no credentials were named.`]
    : [`Its steps in account ${account} are made with ${credentials}, all others with the cluster's own credentials.`];
};

const defaultRoleReason = (estate: Estate): readonly string[] =>
  behindDefaultRole(estate)
    ? ['The old annotation stays until kube2iam goes: without it kube2iam would offer its default role.']
    : [];

/** What `--restart once` gives up, said on each move. */
const restartReason = (options: PlanOptions, split: boolean): readonly string[] =>
  options.restart === 'twice'
    ? []
    : split
      ? [
          'Restarted twice all the same: the switch to the new account is one restart, and the old annotation stays until the proof.',
        ]
      : [
          'Restarted once, as asked: the old annotation goes in the same restart, so that a pod which cannot use the new way has no old one to fall back to.',
        ];

const accountReason = (of: {
  readonly namespace: string;
  readonly name: string;
  readonly endsOn: string;
  readonly split: boolean;
  readonly group: readonly unknown[];
  readonly others: number;
}): string => {
  if (!of.split)
    return `Service account ${of.namespace}/${of.name} stays: every workload that uses it moves with this one role.`;
  const reason =
    of.name === 'default'
      ? 'the default service account is never bound, as any pod that names none would get the role'
      : `${of.others} other workload${of.others === 1 ? '' : 's'} use${of.others === 1 ? 's' : ''} service account ${of.namespace}/${of.name} and would gain the role`;
  return `A service account of its own, ${of.namespace}/${of.endsOn}: ${reason}.`;
};
