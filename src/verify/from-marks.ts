import { byText } from '../model/canonical.js';
import type { Inventory, Workload } from '../model/inventory.js';
import type { JsonObject } from '../model/json.js';
import { type Move, type Plan, planDigest, type Step } from '../model/plan.js';
import { parseRoleArn } from '../model/resource.js';
import type { Mechanism, Stage } from '../model/words.js';
import { annotationKeys, marks } from '../model/words.js';
import { registry } from '../steps/registry.js';
import { removeStatement } from '../trust/edit.js';
import type { EarlierTemplate } from './earlier-templates.js';
import { type OurStatement, ourStatements } from './our-statements.js';

/** What cannot be told by reading the inventory alone. */
export interface MarkReads {
  /** Templates as they were before that plan's steps, by `Kind/namespace/name`. */
  readonly earlier: ReadonlyMap<string, EarlierTemplate>;
  /** Bindings that carry our mark: the step's plan and the parameters that its undo needs. */
  readonly bindings: readonly { readonly plan: string; readonly params: JsonObject }[];
}

/** What one plan left behind, as a plan whose undo takes it away, and what it cannot take away. */
export interface MarkedPlan {
  readonly plan: Plan;
  /** Pre-images by step, as far as they can be told. */
  readonly preimages: ReadonlyMap<string, JsonObject>;
  /** What stays, in words, with what a person may do. */
  readonly left: readonly string[];
}

const keyOf = (workload: Workload): string =>
  `${workload.ref.kind}/${workload.ref.namespace ?? ''}/${workload.ref.name}`;
const markOf = (key: string): string => `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
const brokerKeys: readonly string[] = [
  annotationKeys.brokerRole,
  annotationKeys.brokerExternalId,
  annotationKeys.kiamSessionName,
];

/** Ids of all plans that left a mark, sorted. */
export const plansInMarks = (inventory: Inventory, reads: MarkReads): readonly string[] => {
  const ids = new Set<string>();
  for (const { annotations } of inventory.serviceAccounts)
    if (annotations[marks.plan] !== undefined) ids.add(annotations[marks.plan] as string);
  for (const { template } of inventory.workloads) {
    const mark = template.annotations[marks.restart];
    if (mark?.includes('/') === true) ids.add(mark.slice(0, mark.indexOf('/')));
  }
  for (const { tags } of [...inventory.associations, ...inventory.roles, ...inventory.oidcProviders])
    if (tags[marks.plan] !== undefined) ids.add(tags[marks.plan] as string);
  for (const { plan } of reads.bindings) ids.add(plan);
  return [...ids].sort(byText);
};

interface Bound {
  readonly mechanism: Mechanism;
  readonly role: string;
}

/**
 * Puts together, from the marks on live objects alone, a plan whose undo takes that plan's work away in H1's order: the old way
 * first, then the annotation or association, then the pods, then what they stood on. Statements carry no plan: those of this
 * cluster's service accounts are taken where `lone` is set or the account carries the plan's mark. What others delivered (a
 * hand-off) and what leaves no mark is told.
 */
export const planFromMarks = (inventory: Inventory, id: string, reads: MarkReads, lone: boolean): MarkedPlan => {
  const { cluster } = inventory;
  const steps: Step[] = [];
  const preimages = new Map<string, JsonObject>();
  const left: string[] = [];
  const moves = new Map<string, { name: string; namespace: string; bound: Bound | null; workloads: Workload[] }>();
  const moveOf = (namespace: string, name: string) => {
    const key = `move:${namespace}/${name}`;
    const known = moves.get(key) ?? { namespace, name, bound: null, workloads: [] };
    moves.set(key, known);
    return { key, move: known };
  };
  const add = (
    kind: string,
    name: string,
    of: {
      readonly stage: Stage;
      readonly move: string | null;
      readonly target: Step['target'];
      readonly params: JsonObject;
      readonly before?: JsonObject;
      readonly preimage?: JsonObject;
    },
  ): string => {
    const bare: Step = {
      id: `${kind}:${name}`,
      kind,
      stage: of.stage,
      move: of.move,
      title: '',
      target: of.target,
      params: of.params,
      before: of.before ?? {},
      after: {},
      dependsOn: [],
      undoDependsOn: [],
      effect: 'none',
      undo: '',
      skip: false,
      note: '',
    };
    const told = registry.get(kind)?.describe(bare);
    steps.push({ ...bare, title: told?.title ?? bare.id, effect: told?.effect ?? 'none', undo: told?.undo ?? '' });
    preimages.set(bare.id, of.preimage ?? {});
    return bare.id;
  };

  // The accounts, and what binds them.
  const bindings = new Map<string, Bound>();
  for (const account of inventory.serviceAccounts) {
    const namespace = account.ref.namespace ?? '';
    if (account.annotations[marks.plan] !== id) continue;
    const { key, move } = moveOf(namespace, account.ref.name);
    const role = account.annotations[annotationKeys.irsaRole];
    const target = account.ref;
    const isMade = account.labels[marks.managedBy] === marks.managedByValue;
    if (role !== undefined) {
      move.bound = { mechanism: 'irsa', role };
      add('annotate-service-account', `${namespace}/ServiceAccount/${account.ref.name}`, {
        stage: 'cutover',
        move: key,
        target,
        params: { namespace, name: account.ref.name, annotations: { [annotationKeys.irsaRole]: role }, users: [] },
        before: { annotations: { [annotationKeys.irsaRole]: null } },
        // An account that we made carries the plan's mark from its making on: by it the undo of that knows it.
        preimage: isMade ? { fields: { [markOf(marks.plan)]: { present: true, value: id } } } : {},
      });
    }
    if (isMade)
      add('create-service-account', `${namespace}/ServiceAccount/${account.ref.name}`, {
        stage: 'prepare',
        move: key,
        target,
        params: {
          namespace,
          name: account.ref.name,
          like: account.ref.name,
          imagePullSecrets: [],
          automount: null,
          annotations: {},
        },
      });
  }
  for (const association of inventory.associations) {
    if (association.tags[marks.plan] !== id || association.ownerArn !== undefined) continue;
    const { namespace, serviceAccount } = association;
    const { key, move } = moveOf(namespace, serviceAccount);
    move.bound ??= { mechanism: 'pod-identity', role: association.role };
    add('create-pod-identity-association', `${namespace}/ServiceAccount/${serviceAccount}`, {
      stage: 'cutover',
      move: key,
      target: {
        api: 'eks',
        kind: 'PodIdentityAssociation',
        account: cluster.accountId,
        name: `${namespace}/${serviceAccount}`,
      },
      params: {
        cluster: cluster.name,
        account: cluster.accountId,
        namespace,
        serviceAccount,
        roleArn: association.role,
        targetRoleArn: association.targetRole ?? null,
        disableSessionTags: !association.sessionTags,
        users: [],
      },
      before: { role: null },
      preimage: { association: { present: false } },
    });
  }
  for (const [key, { bound }] of moves) if (bound !== null) bindings.set(key, bound);

  // The workloads on these accounts: templates that we wrote, pods that carry the new identity.
  for (const workload of inventory.workloads) {
    const namespace = workload.ref.namespace ?? '';
    const key = `move:${namespace}/${workload.template.serviceAccount}`;
    const move = moves.get(key);
    const bound = bindings.get(key);
    if (move === undefined || bound === undefined) continue;
    move.workloads.push(workload);
    const target = workload.ref;
    const params = {
      apiVersion: workload.ref.apiVersion,
      kind: workload.ref.kind,
      namespace,
      name: workload.ref.name,
      templatePath: workload.templatePath,
    };
    const name = `${namespace}/${workload.ref.kind}/${workload.ref.name}`;
    const mark = workload.template.annotations[marks.restart] ?? '';
    const kind = mark.startsWith(`${id}/`) ? mark.slice(id.length + 1).split(':')[0] : '';
    const common = { stage: 'cutover', move: key, target } as const;
    const account = { namespace, name: workload.template.serviceAccount };
    if (kind !== '') {
      const before = reads.earlier.get(keyOf(workload));
      const keys = brokerKeys.filter(
        (one) => before?.annotations[one] !== undefined && workload.template.annotations[one] === undefined,
      );
      if (keys.length > 0)
        add('remove-pod-annotation', name, {
          ...common,
          stage: 'retire',
          params: { workload: params, keys, identity: { ...bound } },
          before: { annotations: Object.fromEntries(keys.map((one) => [one, before?.annotations[one] as string])) },
        });
      if (before !== undefined && before.serviceAccount !== workload.template.serviceAccount)
        add('set-workload-service-account', name, {
          ...common,
          params: {
            workload: params,
            pointer: workload.serviceAccountPath ?? `${workload.templatePath}/spec/serviceAccountName`,
            from: before.serviceAccount,
            to: workload.template.serviceAccount,
            identity: { ...bound },
          },
        });
      if (before === undefined && kind !== 'restart-workload')
        left.push(
          `${workload.ref.kind} ${namespace}/${workload.ref.name}: the cluster remembers no earlier template; set its service account and broker annotation back by hand`,
        );
    }
    add('restart-workload', name, { ...common, params: { workload: params, identity: { ...bound }, account } });
  }
  for (const [key, { namespace, name, bound, workloads }] of moves)
    if (bound !== null)
      add('prove-identity', `${namespace}/ServiceAccount/${name}`, {
        stage: 'cutover',
        move: key,
        target: { api: 'kubernetes', apiVersion: 'v1', kind: 'ServiceAccount', namespace, name },
        params: {
          namespace,
          serviceAccount: name,
          workloads: workloads.map(({ ref, templatePath }) => ({
            apiVersion: ref.apiVersion,
            kind: ref.kind,
            namespace: ref.namespace ?? '',
            name: ref.name,
            templatePath,
          })),
          identity: { ...bound },
          roleAccount: parseRoleArn(bound.role)?.account ?? cluster.accountId,
          previous: { broker: 'none', role: null },
        },
      });

  // What they stood on.
  for (const { params } of reads.bindings.filter(({ plan }) => plan === id)) {
    const binding = params.binding as {
      readonly kind: string;
      readonly namespace: string | null;
      readonly name: string;
    };
    const subject = params.subject as { readonly namespace: string; readonly name: string };
    add('copy-rbac-subject', `${binding.namespace ?? ''}/${binding.kind}/${binding.name}`, {
      stage: 'prepare',
      move: moveOf(subject.namespace, subject.name).key,
      target: {
        api: 'kubernetes',
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: binding.kind,
        ...(binding.namespace === null ? {} : { namespace: binding.namespace }),
        name: binding.name,
      },
      params,
    });
  }
  const created = new Set(inventory.roles.filter(({ tags }) => tags[marks.plan] === id).map(({ arn }) => arn));
  for (const statement of ourStatements(inventory)) {
    if (created.has(statement.roleArn)) continue;
    const word = trustWord(inventory, statement, moves, id, lone);
    if (word === 'take') {
      const removed = removeStatement(statement.trust, statement.statement as never);
      add(
        'add-trust-statement',
        `${statement.account}/Role/${statement.role}:${statement.namespace}.${statement.name}`,
        {
          stage: 'prepare',
          move: moveOf(statement.namespace, statement.name).key,
          target: { api: 'iam', kind: 'Role', account: statement.account, name: statement.role },
          params: {
            account: statement.account,
            role: statement.role,
            roleArn: statement.roleArn,
            statement: statement.statement,
            limit: Number.MAX_SAFE_INTEGER,
          },
          preimage: removed.is === 'changed' ? { document: { present: true, value: removed.text } } : {},
        },
      );
    } else if (word !== '') left.push(word);
  }
  for (const provider of inventory.oidcProviders.filter(({ tags }) => tags[marks.plan] === id)) {
    const host = provider.arn.slice(provider.arn.indexOf('oidc-provider/') + 'oidc-provider/'.length);
    add('create-oidc-provider', `${provider.account}/OIDCProvider/${host}`, {
      stage: 'prepare',
      move: null,
      target: { api: 'iam', kind: 'OIDCProvider', account: provider.account, name: host },
      params: { account: provider.account, issuer: `https://${host}`, audiences: [...provider.audiences] },
      before: { exists: false, audiences: null },
      preimage: { audiences: { present: false } },
    });
  }
  for (const arn of [...created].sort(byText))
    left.push(
      `role ${arn} was made by this plan and is kept: policies on it carry no mark; delete it once nobody uses it`,
    );
  left.push(
    'policies that were taken off node roles, a broker taken out of a trust policy, and changed add-ons leave no mark',
  );

  const plan = {
    format: 'rolelift.plan/1',
    createdAt: '',
    tool: '',
    source: 'live',
    cluster: {
      kind: cluster.kind,
      name: cluster.name,
      arn: cluster.arn,
      accountId: cluster.accountId,
      region: cluster.region,
      partition: cluster.partition,
      kubernetesVersion: cluster.kubernetesVersion,
      platformVersion: cluster.platformVersion,
      oidcIssuer: cluster.oidcIssuers[0] ?? '',
      oidcProviderArn: null,
      ipFamily: cluster.ipFamily,
      server: cluster.server,
      uid: cluster.uid,
    },
    inventoryDigest: '',
    options: {},
    complete: true,
    gaps: [],
    moves: [...moves]
      .sort(([one], [other]) => byText(one, other))
      .map(([key, move]) => moveFrom(key, move, created, steps)),
    steps: ordered(steps),
    findings: [],
    unmoved: [],
  } as unknown as Omit<Plan, 'digest' | 'id'>;
  // The id is that of the plan whose marks these are: undo touches nothing that carries another.
  return { plan: { ...plan, id, digest: planDigest(plan) }, preimages, left };
};

const moveFrom = (
  key: string,
  move: {
    readonly name: string;
    readonly namespace: string;
    readonly bound: Bound | null;
    readonly workloads: readonly Workload[];
  },
  created: ReadonlySet<string>,
  steps: readonly Step[],
): Move => ({
  id: key,
  subject: { kind: 'ServiceAccount', namespace: move.namespace, name: move.name },
  workloads: move.workloads.map(({ ref }) => ({ kind: ref.kind, namespace: ref.namespace ?? '', name: ref.name })),
  // A role that was kept is the role that was had; where the plan made one, the earlier one left no mark.
  from: { broker: 'none', role: move.bound === null || created.has(move.bound.role) ? null : move.bound.role },
  to:
    move.bound === null
      ? null
      : {
          mechanism: move.bound.mechanism,
          role: move.bound.role,
          associationRole: null,
          serviceAccount: `${move.namespace}/${move.name}`,
        },
  blocked: false,
  why: 'put together from the marks on live objects',
  risk: 'medium',
  owner: { tool: 'none', ref: '' },
  delivery: 'live',
  findings: [],
  steps: steps.filter((step) => step.move === key).map(({ id }) => id),
  skip: false,
  note: '',
});

/** `take`, '' for none of our business, or why it stays. */
const trustWord = (
  inventory: Inventory,
  statement: OurStatement,
  moves: ReadonlyMap<string, unknown>,
  id: string,
  lone: boolean,
): string => {
  const what = `statement ${statement.sid} of role ${statement.role}`;
  if (!statement.ours) return `${what} is of another cluster: left`;
  if (moves.has(`move:${statement.namespace}/${statement.name}`)) return 'take';
  const account = inventory.serviceAccounts.find(
    ({ ref }) => ref.namespace === statement.namespace && ref.name === statement.name,
  );
  const marked = account?.annotations[marks.plan];
  if (marked !== undefined && marked !== id) return '';
  if (account?.annotations[annotationKeys.irsaRole] !== undefined)
    return `${what} stays: ${statement.namespace}/${statement.name} is bound by somebody else's source; take the annotation back there first`;
  return lone ? 'take' : '';
};

/** In the order in which a plan has them, with what each undo waits for (H1). */
const ordered = (steps: readonly Step[]): readonly Step[] => {
  const rank = [
    'create-oidc-provider',
    'add-trust-statement',
    'create-service-account',
    'copy-rbac-subject',
    'annotate-service-account',
    'create-pod-identity-association',
    'set-workload-service-account',
    'restart-workload',
    'prove-identity',
    'remove-pod-annotation',
  ];
  const sorted = [...steps].sort(
    (one, other) => rank.indexOf(one.kind) - rank.indexOf(other.kind) || byText(one.id, other.id),
  );
  const ids = (move: string | null, ...kinds: readonly string[]): readonly string[] =>
    sorted.filter((step) => (move === null || step.move === move) && kinds.includes(step.kind)).map(({ id }) => id);
  const oldWay = ['remove-pod-annotation', 'set-workload-service-account'];
  const bind = ['annotate-service-account', 'create-pod-identity-association'];
  const waits: Readonly<Record<string, readonly string[]>> = {
    'set-workload-service-account': ['remove-pod-annotation'],
    'annotate-service-account': oldWay,
    'create-pod-identity-association': oldWay,
    'restart-workload': [...oldWay, ...bind],
    'prove-identity': [...oldWay, ...bind, 'restart-workload'],
    'add-trust-statement': ['prove-identity', ...bind],
    'copy-rbac-subject': ['prove-identity', ...oldWay],
    'create-service-account': ['copy-rbac-subject', 'prove-identity', 'add-trust-statement', ...bind, ...oldWay],
  };
  return sorted.map((step) => ({
    ...step,
    undoDependsOn:
      step.kind === 'create-oidc-provider'
        ? ids(null, 'add-trust-statement')
        : ids(step.move, ...(waits[step.kind] ?? [])),
  }));
};
