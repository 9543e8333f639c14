import type { PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { checkScenario, loadScenario, parseScenario, type Scenario } from '../../src/sandbox/scenario.js';
import { cniActions } from '../helpers/cni-actions.js';
import {
  appRole,
  away,
  deployment,
  estate,
  migrator,
  namespace,
  roleIn,
  serviceAccount,
} from '../helpers/platforms.js';

/** A small estate, how it is planned, and what it is there for. */
export interface Estate {
  readonly title: string;
  readonly scenario: Scenario;
  readonly options: Partial<PlanOptions>;
  /** Roles by which other accounts are reached (`--account-role`). */
  readonly accountRoles?: Readonly<Record<string, string>>;
  /** Steps put before the plan's own, where no plan of an estate that a sandbox can play has them. */
  readonly first?: readonly Plan['steps'][number][];
}

interface Named {
  readonly kind?: string;
  readonly metadata?: { readonly namespace?: string; readonly name?: string };
}

/** A scenario with only these namespaces beside kube-system: small worlds fork fast. */
const only = (name: string, namespaces: readonly string[], edit: (scenario: Scenario) => void = () => {}): Scenario => {
  const scenario = structuredClone(loadScenario(name));
  const kept = scenario.kubernetes.filter((object) => {
    const { kind, metadata } = object as Named;
    const namespace = kind === 'Namespace' ? metadata?.name : metadata?.namespace;
    return namespace === undefined || namespace === 'kube-system' || namespaces.includes(namespace);
  });
  const trimmed = { ...scenario, kubernetes: kept };
  edit(trimmed);
  return parseScenario(JSON.stringify(trimmed), name);
};

const accountOf = (scenario: Scenario) => {
  const [account] = Object.values(scenario.accounts);
  if (account === undefined) throw new Error('the scenario has no account');
  return account;
};
const roleOf = (scenario: Scenario, name: string) => {
  const role = accountOf(scenario).roles.find((each) => each.name === name);
  if (role === undefined) throw new Error(`the scenario has no role ${name}`);
  return role;
};

/** Takes workloads and their accounts out: every object less makes every fork and every comparison faster. */
const without =
  (...names: readonly string[]) =>
  (scenario: Scenario): void => {
    scenario.kubernetes = scenario.kubernetes.filter((object) => {
      const { metadata } = object as Named;
      return metadata?.namespace === 'kube-system' || !names.includes(metadata?.name ?? '');
    });
  };

/** Takes the role off a workload that shares an account with one that has a role. */
const bystander = (scenario: Scenario, name: string): void => {
  for (const object of scenario.kubernetes as {
    kind?: string;
    metadata?: { name?: string };
    spec?: { template?: { metadata?: { annotations?: unknown } } };
  }[])
    if (object.kind === 'Deployment' && object.metadata?.name === name)
      delete object.spec?.template?.metadata?.annotations;
};

const cniStatements = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: [...cniActions], Resource: '*' },
    { Effect: 'Allow', Action: ['ec2:CreateTags'], Resource: ['arn:aws:ec2:*:*:network-interface/*'] },
  ],
};
const ipv6Statements = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: [
        'ec2:AssignIpv6Addresses',
        'ec2:DescribeInstances',
        'ec2:DescribeTags',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeInstanceTypes',
      ],
      Resource: '*',
    },
    { Effect: 'Allow', Action: ['ec2:CreateTags'], Resource: ['arn:aws:ec2:*:*:network-interface/*'] },
  ],
};

const irsaSwitch = 'alpha.aws.giantswarm.io/iam-roles-for-service-accounts';

/** Estates whose plans together hold every step kind that a planner writes. */
export const estates: readonly Estate[] = [
  {
    title: 'an account that Argo CD owns',
    scenario: only('demo', ['storefront']),
    options: { namespaces: ['storefront'] },
  },
  {
    title: 'kiam to Pod Identity, with roles of their own',
    scenario: only('demo', ['payments'], (scenario) => {
      without('ledger', 'dashboard')(scenario);
      roleOf(scenario, 'payments-api').attached.push('AmazonS3ReadOnlyAccess');
    }),
    options: {
      target: 'pod-identity',
      roleMode: 'new',
      namespaces: ['payments'],
      sdkKnown: ['*'],
      accept: ['RL310:111122223333/payments-api'],
    },
  },
  {
    title: 'the CNI off two node roles, one of them by an inline policy',
    scenario: only('cni', ['shop'], (scenario) => {
      const role = roleOf(scenario, 'net-memory-node');
      role.attached = role.attached.filter((name) => name !== 'AmazonEKS_CNI_Policy');
      role.inline.cni = cniStatements;
    }),
    options: {},
  },
  {
    title: 'the CNI of an IPv6 cluster',
    scenario: only('cni', [], (scenario) => {
      scenario.cluster.ipFamily = 'ipv6';
      for (const name of ['net-general-node', 'net-memory-node']) {
        const role = roleOf(scenario, name);
        role.attached = role.attached.filter((each) => each !== 'AmazonEKS_CNI_Policy');
        role.inline.cni = ipv6Statements;
      }
    }),
    options: {},
  },
  {
    title: 'a Giant Swarm cluster whose IRSA is still off',
    scenario: only('demo', ['payments'], (scenario) => {
      without('ledger', 'dashboard')(scenario);
      scenario.cluster.kind = 'giantswarm';
      // Its control plane has rolled already: what a person does there is not the tool's to survive.
      scenario.cluster.issuer = 'https://s3.eu-west-1.amazonaws.com/111122223333-g8s-demo-oidc-pod-identity';
      for (const node of scenario.nodes) node.labels['giantswarm.io/cluster'] = 'demo';
      scenario.kubernetes.push(
        {
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'CustomResourceDefinition',
          metadata: { name: 'awsclusters.infrastructure.giantswarm.io' },
          spec: {
            group: 'infrastructure.giantswarm.io',
            scope: 'Namespaced',
            names: { plural: 'awsclusters', singular: 'awscluster', kind: 'AWSCluster', listKind: 'AWSClusterList' },
            versions: [{ name: 'v1alpha3', served: true, storage: true }],
          },
        },
        {
          apiVersion: 'infrastructure.giantswarm.io/v1alpha3',
          kind: 'AWSCluster',
          metadata: { name: 'demo', namespace: 'org', labels: { 'release.giantswarm.io/version': '17.4.0' } },
          spec: {},
        },
      );
    }),
    options: { namespaces: ['payments'], managementContext: 'twin' },
    first: [
      {
        id: 'annotate-aws-cluster:org/AWSCluster/demo',
        kind: 'annotate-aws-cluster',
        stage: 'prepare',
        move: null,
        title: 'Switch IRSA on',
        target: {
          api: 'kubernetes',
          apiVersion: 'infrastructure.giantswarm.io/v1alpha3',
          kind: 'AWSCluster',
          namespace: 'org',
          name: 'demo',
          cluster: 'twin',
        },
        params: { context: 'twin', namespace: 'org', name: 'demo', annotation: irsaSwitch, value: '' },
        before: { annotations: { [irsaSwitch]: null } },
        after: { annotations: { [irsaSwitch]: '' } },
        dependsOn: [],
        undoDependsOn: [],
        effect: 'additive',
        undo: 'Switches it off.',
        skip: false,
        note: '',
      },
    ],
  },
  {
    title: 'a role of another account, reached by Pod Identity',
    scenario: checkScenario(
      estate({
        roles: [],
        others: { [away]: { roles: [appRole('aws', 'api'), migrator('aws')] } },
        objects: [
          namespace('shop', { 'iam.amazonaws.com/permitted': '.*' }),
          serviceAccount('shop', 'api'),
          deployment('shop', 'api', { annotations: { 'iam.amazonaws.com/role': roleIn('aws', away, 'api') } }),
        ],
      }),
      'another account',
    ),
    options: { target: 'pod-identity', sdkKnown: ['*'], scope: ['workloads'] },
    accountRoles: { [away]: roleIn('aws', away, 'migrator') },
  },
  {
    title: 'kiam to IRSA: an account that is split, one that is not, trust retired',
    scenario: only('demo', ['orders', 'payments'], (scenario) => {
      without('ledger', 'dashboard')(scenario);
      bystander(scenario, 'worker');
    }),
    options: { retireTrust: true, namespaces: ['orders', 'payments'] },
  },
];
