import fc from 'fast-check';
import type { BrokerInstall, Inventory, Pod, PodView, Workload } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import {
  aBinding,
  aBroker,
  aKube2iam,
  aNode,
  anAssociation,
  anInventory,
  aPod,
  aRole,
  aServiceAccount,
  aView,
  aWorkload,
  kiamServerRole,
  nodeRoleArn,
  policyText,
  roleArn,
  trustOf,
  trustsAws,
} from './inventory.js';

/** Estates as they are found: brokers with odd flags, patterns, shared accounts, bystanders, half-finished migrations. */

const namespaces = ['payments', 'jobs', 'legacy'] as const;
const accountNames = ['default', 'api', 'worker', 'shared'] as const;
const roleNames = ['api', 'worker', 'reports'] as const;

/** Most of the time the healthy value, so that estates have moves as well as obstacles. */
const mostly = <T>(healthy: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 3 * others.length, arbitrary: fc.constant(healthy) },
    ...others.map((one) => ({ weight: 1, arbitrary: fc.constant(one) })),
  );
/** What spoils a whole estate is seldom: most estates have moves. */
const seldom = <T>(healthy: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 10 * others.length, arbitrary: fc.constant(healthy) },
    ...others.map((one) => ({ weight: 1, arbitrary: fc.constant(one) })),
  );
const rarely = (oneIn: number): fc.Arbitrary<boolean> =>
  fc.integer({ min: 1, max: oneIn }).map((value) => value === oneIn);

const permitted = mostly<string | null>(
  '.*',
  null,
  '',
  '.*',
  '.*/api',
  'api',
  'a|worker',
  '(',
  'arn:aws:iam::111122223333:role/reports',
);
const allowedRoles = mostly<string | null>('["*"]', null, '["api"]', '["work*"]', '[', '[]');

const annotation = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom<string | null>('api', 'worker', 'reports', roleArn('api'), roleArn('worker')),
  },
  { weight: 3, arbitrary: fc.constant<string | null>(null) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<string | null>('/api', 'arn:aws:iam::999988887777:role/foreign', 'missing', '', '//api'),
  },
);

const trust = mostly(
  trustOf(trustsAws(kiamServerRole), trustsAws(nodeRoleArn)),
  trustOf(trustsAws(kiamServerRole)),
  trustOf(trustsAws(nodeRoleArn)),
  trustOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }),
  trustOf(
    { ...trustsAws(kiamServerRole), Condition: { StringEquals: { 'sts:ExternalId': 'x' } } },
    { ...trustsAws(nodeRoleArn), Condition: { StringLike: { 'sts:RoleSessionName': '*-api' } } },
    {
      Effect: 'Deny',
      Principal: '*',
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'aws:PrincipalTag/team': 'no' } },
    },
  ),
);

const kiam = fc
  .record({
    rules: fc.constantFrom('kiam-v3' as const, 'kiam-v4' as const),
    strict: fc.boolean(),
    nodes: seldom<readonly string[]>(['node-1', 'node-2'], ['node-1']),
    base: seldom(true, false),
  })
  .map(
    ({ rules, strict, nodes, base }): BrokerInstall =>
      aBroker({
        rules,
        version: rules === 'kiam-v3' ? '3.6' : '4.2',
        nodes: [...nodes],
        baseArn: base ? 'arn:aws:iam::111122223333:role/' : null,
        flags: {
          ...(base ? { 'role-base-arn': 'arn:aws:iam::111122223333:role/' } : {}),
          ...(strict ? {} : { 'disable-strict-namespace-regexp': 'true' }),
        },
      }),
  );

const kube2iam = fc
  .record({
    restrict: fc.boolean(),
    format: fc.constantFrom('glob', 'regexp'),
    fallback: fc.constantFrom<string | null>(null, 'reports'),
    key: mostly('iam.amazonaws.com/role', 'team.example/role'),
    nodes: seldom<readonly string[]>(['node-1', 'node-2'], ['node-2']),
    discovers: rarely(6),
  })
  .map(
    ({ restrict, format, fallback, key, nodes, discovers }): BrokerInstall =>
      aKube2iam({
        nodes: [...nodes],
        flags: {
          ...(discovers
            ? { 'auto-discover-default-role': 'true' }
            : { 'base-role-arn': 'arn:aws:iam::111122223333:role/' }),
          'namespace-restriction-format': format,
          'iam-role-key': key,
          ...(restrict ? { 'namespace-restrictions': 'true' } : {}),
          ...(fallback === null || discovers ? {} : { 'default-role': fallback }),
        },
      }),
  );

const secondServer = (install: BrokerInstall): BrokerInstall => ({
  ...install,
  component: 'server',
  ref: { ...install.ref, name: 'kiam-server-next' },
});

const brokers = fc.oneof(
  { weight: 8, arbitrary: kiam.map((one) => [one]) },
  { weight: 7, arbitrary: kube2iam.map((one) => [one]) },
  { weight: 1, arbitrary: fc.tuple(kiam, kube2iam).map((both) => [...both]) },
  // A second server with flags of its own, as during an upgrade that stopped half way.
  { weight: 1, arbitrary: fc.tuple(kiam, kiam).map(([one, other]) => [one, secondServer(other)]) },
  { weight: 1, arbitrary: fc.constant<BrokerInstall[]>([]) },
);

const injected = (role: string, view: PodView): PodView => ({
  ...view,
  containers: view.containers.map((container) => ({
    ...container,
    env: [...container.env, 'AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'],
    identityEnv: {
      ...container.identityEnv,
      AWS_ROLE_ARN: role,
      AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token',
    },
    mounts: [
      ...container.mounts,
      { volume: 'aws-iam-token', path: '/var/run/secrets/eks.amazonaws.com/serviceaccount' },
    ],
  })),
  volumes: [...view.volumes, { name: 'aws-iam-token', tokens: [{ audience: 'sts.amazonaws.com', path: 'token' }] }],
});

const workload = fc.record({
  namespace: fc.constantFrom(...namespaces),
  account: fc.constantFrom(...accountNames),
  role: annotation,
  older: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: annotation }),
  host: rarely(20),
  kind: fc.constantFrom('Deployment', 'Deployment', 'StatefulSet', 'CronJob', 'DaemonSet', 'Pod'),
  nodes: fc.constantFrom<readonly string[]>(['node-1'], ['node-1', 'node-2'], []),
  key: mostly('iam.amazonaws.com/role', 'team.example/role'),
  staticKeys: rarely(25),
  preset: rarely(25),
  injected: rarely(20),
  owned: rarely(6),
  externalId: rarely(8),
  sessionName: rarely(12),
  skipped: rarely(30),
});

const workloadOf = (seed: typeof workload extends fc.Arbitrary<infer T> ? T : never, index: number): Workload => {
  const viewOf = (role: string | null): PodView =>
    aView({
      namespace: seed.namespace,
      serviceAccount: seed.account,
      hostNetwork: seed.host,
      labels: { app: `w${index}`, ...(seed.skipped ? { 'eks.amazonaws.com/skip-pod-identity-webhook': 'true' } : {}) },
      annotations: {
        ...(role === null ? {} : { [seed.key]: role }),
        ...(seed.externalId ? { 'iam.amazonaws.com/external-id': 'x' } : {}),
        ...(seed.sessionName ? { 'iam.amazonaws.com/session-name': 'batch job' } : {}),
      },
      containers: [
        {
          name: 'app',
          kind: 'normal',
          image: 'registry.example/app:1',
          env: [
            ...(seed.staticKeys ? ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] : []),
            ...(seed.preset ? ['AWS_ROLE_ARN'] : []),
          ],
          identityEnv: seed.preset ? { AWS_ROLE_ARN: roleArn('reports') } : {},
          envFromRef: [],
          envFrom: [],
          mounts: [],
        },
      ],
    });
  const template = viewOf(seed.role);
  const pods: readonly Pod[] = seed.nodes.map((node, place) => {
    const view = place === 0 && seed.older !== undefined ? viewOf(seed.older) : template;
    return aPod(`w${index}-${place}`, { node, view: seed.injected ? injected(roleArn('api'), view) : view });
  });
  return aWorkload(`w${index}`, {
    kind: seed.kind,
    template,
    pods: [...pods],
    rolls: seed.kind === 'Deployment' || seed.kind === 'StatefulSet' || seed.kind === 'DaemonSet',
    owners: seed.owned ? [{ tool: 'argocd', ref: 'argocd/app', evidence: 'tracking id', strength: 'certain' }] : [],
  });
};

const bound = mostly<string | null>(null, null, roleArn('api'), roleArn('worker'));

/** An inventory of up to a dozen workloads on few service accounts, so that sharing is common. */
export const estateArbitrary: fc.Arbitrary<Inventory> = fc
  .record({
    brokers,
    permitted: fc.tuple(permitted, permitted, permitted),
    allowed: fc.tuple(allowedRoles, allowedRoles, allowedRoles),
    trusts: fc.tuple(trust, trust, trust),
    serverPolicy: seldom('*', roleArn('api')),
    nodePolicy: seldom<string | null>('*', null, roleArn('worker')),
    workloads: fc.array(workload, { minLength: 1, maxLength: 10 }),
    bound: fc.array(bound, { minLength: 12, maxLength: 12 }),
    associated: fc.constantFrom<string | null>(null, null, null, roleArn('reports')),
    provider: fc.boolean(),
    agent: fc.boolean(),
    /** The node role may do what the Pod Identity agent needs. */
    worker: fc.boolean(),
    hops: fc.tuple(mostly(1, 2), mostly(1, 2)),
    /** The second node is of another pool, with a role of its own. */
    pools: rarely(5),
    webhook: seldom<'ok' | 'absent'>('ok', 'absent'),
  })
  .map((seed) => {
    const plain = anInventory();
    const roles = [
      ...plain.roles.filter((role) => role.name !== 'kiam-server' && role.name !== 'nodes'),
      aRole('kiam-server', {
        trust: trustOf(trustsAws(nodeRoleArn)),
        inline: { assume: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: seed.serverPolicy }) },
      }),
      aRole('nodes', {
        trust: trustOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }),
        ...(seed.nodePolicy === null
          ? {}
          : {
              inline: { assume: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: seed.nodePolicy }) },
            }),
        ...(seed.worker ? { attached: ['arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy'] } : {}),
      }),
      aRole('nodes-b', {
        trust: trustOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }),
        inline: { assume: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: roleArn('api') }) },
      }),
      ...roleNames.map((name, index) =>
        aRole(name, {
          trust: seed.trusts[index] as string,
          attached: [`arn:aws:iam::aws:policy/${name}`],
          inline: { own: policyText({ Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${name}/*` }) },
        }),
      ),
    ];
    return anInventory({
      brokers: seed.brokers,
      namespaces: namespaces.map((name, index) => ({
        name,
        uid: `uid-${name}`,
        annotations: {
          ...(seed.permitted[index] == null ? {} : { 'iam.amazonaws.com/permitted': seed.permitted[index] as string }),
          ...(seed.allowed[index] == null ? {} : { 'iam.amazonaws.com/allowed-roles': seed.allowed[index] as string }),
        },
        labels: {},
      })),
      roles,
      rolesMissing: [roleArn('missing')],
      workloads: seed.workloads.map(workloadOf),
      serviceAccounts: namespaces.flatMap((namespace, row) =>
        accountNames.map((name, column) => {
          const role = seed.bound[row * accountNames.length + column] ?? null;
          return aServiceAccount(
            namespace,
            name,
            role === null ? {} : { annotations: { 'eks.amazonaws.com/role-arn': role } },
          );
        }),
      ),
      associations: seed.associated === null ? [] : [anAssociation('jobs', 'worker', seed.associated)],
      bindings: [
        aBinding('view', [{ kind: 'ServiceAccount', namespace: 'payments', name: 'default' }], {
          namespace: 'payments',
        }),
        aBinding('all:edit', [
          { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccount:jobs:shared' },
        ]),
      ],
      nodes: [
        aNode('node-1', { agentReady: seed.agent, hopLimit: seed.hops[0] }),
        aNode('node-2', {
          agentReady: seed.agent,
          hopLimit: seed.hops[1],
          ...(seed.pools ? { role: roleArn('nodes-b'), instanceProfile: 'nodes-b', nodegroup: 'other' } : {}),
        }),
      ],
      ...(seed.webhook === 'absent' ? { webhook: { ...plain.webhook, present: false } } : {}),
      oidcProviders: seed.provider ? plain.oidcProviders : [],
    });
  });

/** Options that a person may combine; none accepts a gain of rights. */
export const optionsArbitrary: fc.Arbitrary<PlanOptions> = fc
  .record({
    target: mostly<'auto' | 'irsa' | 'pod-identity'>('auto', 'irsa', 'pod-identity'),
    from: fc.constantFrom<readonly string[]>([], [], ['kiam'], ['kube2iam'], ['kiam', 'kube2iam', 'irsa'], ['irsa']),
    roleMode: mostly<'reuse' | 'new'>('reuse', 'new'),
    gitops: fc.constantFrom('handoff' as const, 'live' as const),
    restart: fc.constantFrom('twice' as const, 'once' as const),
    retireTrust: fc.boolean(),
    include: fc.constantFrom<readonly string[]>([], ['default-role']),
    sdkKnown: fc.constantFrom<readonly string[]>([], ['*']),
    excludeNamespaces: fc.constantFrom<readonly string[]>([], ['legacy']),
    accept: fc.constantFrom<readonly string[]>([], ['RL310:*', 'RL217:*']),
  })
  .map((over) => ({ ...defaultPlanOptions, ...over }));
