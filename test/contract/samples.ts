import type { JsonObject } from '../../src/model/json.js';
import type { Step } from '../../src/model/plan.js';
import type { StepSettings } from '../../src/steps/step.js';
import { FakeWorld } from '../helpers/fake-world.js';
import { aStep } from '../helpers/step-context.js';

/** One step of each kind with the world that it works on. A kind without a sample fails the contract test. */
export interface Sample {
  readonly step: Step;
  world(): FakeWorld;
  /** What other steps had to do before this one is undone, as the plan's order has it. */
  beforeUndo?(world: FakeWorld): void;
  readonly settings?: Partial<StepSettings>;
  /** Somebody else changes what the step wrote; `survives` says whether the undo left that alone. */
  readonly foreign?: { change(world: FakeWorld): void; survives(world: FakeWorld): boolean };
  /** Makes the world so that `apply` is done, for kinds that only look. */
  fulfil?(world: FakeWorld): void;
}

const account = '111122223333';
const role = `arn:aws:iam::${account}:role/api`;
const issuer = 'https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
const host = issuer.slice(8);
const irsa = { mechanism: 'irsa', role };
const kiamTrust = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:role/kiam-server` }, Action: 'sts:AssumeRole' },
  ],
};
/** As a person might have written it: the undo must bring back these very bytes. */
const spelled = JSON.stringify(kiamTrust, null, 2);
export const ourStatement = {
  Sid: 'Rolelift0123456789',
  Effect: 'Allow',
  Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${host}` },
  Action: 'sts:AssumeRoleWithWebIdentity',
  Condition: {
    StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com', [`${host}:sub`]: 'system:serviceaccount:payments:api' },
  },
};
const chainStatement = {
  Sid: 'Rolelift9876543210',
  Effect: 'Allow',
  Principal: { AWS: `arn:aws:iam::${account}:role/chain` },
  Action: ['sts:AssumeRole', 'sts:TagSession'],
};
const otherStatement = {
  Sid: 'Somebody',
  Effect: 'Allow',
  Principal: { AWS: `arn:aws:iam::${account}:root` },
  Action: 'sts:AssumeRole',
};
const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }] };

export const workload = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  namespace: 'payments',
  name: 'api',
  templatePath: '/spec/template',
};
const roleKey = 'iam.amazonaws.com/role';
export const boundKey = 'eks.amazonaws.com/role-arn';

/** Namespace payments with one Deployment under kiam, its service account and its role. */
export const estate = (options: { readonly bound?: boolean; readonly account?: string } = {}): FakeWorld => {
  const world = new FakeWorld();
  for (const name of ['api', 'other'])
    world.put({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, namespace: 'payments', ...(options.bound && name === 'api' ? {} : {}) },
    });
  world.account.role('api', spelled);
  world.put({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api', namespace: 'payments' },
    spec: {
      replicas: 3,
      template: {
        metadata: { labels: { app: 'api' }, annotations: { [roleKey]: 'api' } },
        spec: {
          ...(options.account === 'default' ? {} : { serviceAccountName: options.account ?? 'api' }),
          containers: [
            { name: 'main', image: 'api:1', env: [{ name: 'MODE', value: 'x' }] },
            { name: 'side', image: 'side:1' },
          ],
        },
      },
    },
  });
  if (options.bound) bind(world);
  return world;
};
export const bind = (world: FakeWorld, name = 'api'): void =>
  world.edit('ServiceAccount', 'payments', name, (object) => {
    object.metadata.annotations = { ...object.metadata.annotations, [boundKey]: role };
  });
export const unbind = (world: FakeWorld): void =>
  world.edit('ServiceAccount', 'payments', 'api', (object) => {
    delete object.metadata.annotations;
  });
const withNodeRole = (): FakeWorld => {
  const world = estate();
  world.account.role('nodes', kiamTrust, {
    attached: ['arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy', 'arn:aws:iam::aws:policy/Stays'],
    inline: { cni: JSON.stringify(document, null, 1) },
  });
  world.put({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  return world;
};
const addTo = (trust: string): string => {
  const parsed = JSON.parse(trust);
  return JSON.stringify({ ...parsed, Statement: [...parsed.Statement, otherStatement] });
};
const foreignTrust = {
  change: (world: FakeWorld) => {
    const found = world.account.roles.get('api');
    found.trust = addTo(found.trust);
  },
  survives: (world: FakeWorld) => world.account.roles.get('api').trust.includes('Somebody'),
};
const params = (value: unknown): JsonObject => value as JsonObject;
const rbac = 'rbac.authorization.k8s.io/v1';
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' };

export const samples: Readonly<Record<string, Sample>> = {
  'add-trust-statement': {
    step: aStep(
      'add-trust-statement',
      params({ account, role: 'api', roleArn: role, statement: ourStatement, limit: 2048 }),
      { stage: 'prepare' },
    ),
    world: estate,
    foreign: foreignTrust,
  },
  'tighten-trust-statement': {
    step: aStep(
      'tighten-trust-statement',
      params({
        account,
        role: 'api',
        roleArn: role,
        statement: chainStatement,
        limit: 2048,
        externalIdOf: { cluster: 'prod', account, namespace: 'payments', serviceAccount: 'api' },
      }),
      { stage: 'cutover', target: { api: 'iam', kind: 'Role', account, name: 'api' } },
    ),
    world: () => {
      const world = estate();
      world.account.roles.get('api')!.trust = JSON.stringify(
        { ...kiamTrust, Statement: [...kiamTrust.Statement, chainStatement] },
        null,
        2,
      );
      world.account.associations.set('a-1', {
        associationId: 'a-1',
        namespace: 'payments',
        serviceAccount: 'api',
        roleArn: `arn:aws:iam::${account}:role/chain`,
        targetRoleArn: role,
        externalId: `eu-west-1/${account}/prod/payments/api`,
      });
      return world;
    },
    foreign: {
      change: (world) => {
        const found = world.account.roles.get('api')!;
        const document = JSON.parse(found.trust);
        found.trust = JSON.stringify({ ...document, Statement: [...document.Statement, otherStatement] });
      },
      survives: (world) => world.account.roles.get('api')!.trust.includes('Somebody'),
    },
  },
  'remove-trust-statement': {
    step: aStep(
      'remove-trust-statement',
      params({ account, role: 'api', roleArn: role, statement: kiamTrust.Statement[0] }),
      { stage: 'retire' },
    ),
    world: () => {
      const world = estate();
      world.account.roles.get('api').trust = JSON.stringify(
        { ...kiamTrust, Statement: [...kiamTrust.Statement, ourStatement] },
        null,
        2,
      );
      return world;
    },
    foreign: foreignTrust,
  },
  'annotate-service-account': {
    step: aStep(
      'annotate-service-account',
      params({
        namespace: 'payments',
        name: 'api',
        annotations: { [boundKey]: role },
        users: ['Deployment/payments/api'],
      }),
      { before: { '/metadata/annotations/eks.amazonaws.com~1role-arn': null } },
    ),
    world: estate,
    foreign: {
      change: (world) =>
        world.edit('ServiceAccount', 'payments', 'api', (object) => {
          object.metadata.annotations[boundKey] = 'arn:aws:iam::111122223333:role/theirs';
        }),
      survives: (world) =>
        world.get('ServiceAccount', 'payments', 'api').metadata.annotations[boundKey].endsWith('theirs'),
    },
  },
  'restart-workload': {
    step: aStep(
      'restart-workload',
      params({ workload, identity: irsa, account: { namespace: 'payments', name: 'api' } }),
    ),
    world: () => {
      const world = estate();
      bind(world);
      return world;
    },
    beforeUndo: unbind,
    foreign: {
      change: (world) =>
        world.edit('Deployment', 'payments', 'api', (object) => {
          object.spec.template.spec.containers[0].image = 'api:2';
        }),
      survives: (world) =>
        world.get('Deployment', 'payments', 'api').spec.template.spec.containers[0].image === 'api:2',
    },
  },
  'remove-pod-annotation': {
    step: aStep('remove-pod-annotation', params({ workload, keys: [roleKey], identity: irsa }), {
      stage: 'retire',
      before: { '/spec/template/metadata/annotations/iam.amazonaws.com~1role': 'api' },
    }),
    world: () => {
      const world = estate();
      bind(world);
      world.restartPods('payments');
      return world;
    },
    foreign: {
      change: (world) =>
        world.edit('Deployment', 'payments', 'api', (object) => {
          object.spec.template.metadata.annotations[roleKey] = 'theirs';
        }),
      survives: (world) =>
        world.get('Deployment', 'payments', 'api').spec.template.metadata.annotations[roleKey] === 'theirs',
    },
  },
  'set-workload-service-account': {
    step: aStep(
      'set-workload-service-account',
      params({
        workload,
        pointer: '/spec/template/spec/serviceAccountName',
        from: 'default',
        to: 'api',
        identity: irsa,
      }),
    ),
    world: () => {
      const world = estate({ account: 'default' });
      bind(world);
      return world;
    },
    foreign: {
      change: (world) =>
        world.edit('Deployment', 'payments', 'api', (object) => {
          object.spec.template.spec.serviceAccountName = 'other';
        }),
      survives: (world) => world.get('Deployment', 'payments', 'api').spec.template.spec.serviceAccountName === 'other',
    },
  },
  'prove-identity': {
    step: aStep(
      'prove-identity',
      params({
        namespace: 'payments',
        serviceAccount: 'api',
        workloads: [workload],
        identity: irsa,
        roleAccount: account,
        previous: { broker: 'kiam', role },
      }),
    ),
    world: () => {
      const world = estate();
      bind(world);
      world.restartPods('payments');
      return world;
    },
    settings: { proveToken: true },
    beforeUndo: unbind,
  },
  gate: {
    step: aStep('gate', params({ gate: { id: 'approval:retire', kind: 'approval', stage: 'retire' } }), {
      stage: 'retire',
    }),
    world: estate,
  },
  'wait-for-handoff': {
    step: aStep(
      'wait-for-handoff',
      params({
        tool: 'argocd',
        ref: 'payments',
        instructions: 'commit the patch',
        suspend: 'argocd app set payments --sync-policy none',
        changes: [
          {
            ref: { apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'payments', name: 'api' },
            pointer: '/metadata/annotations/eks.amazonaws.com~1role-arn',
            value: role,
          },
        ],
        reverse: [
          {
            ref: { apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'payments', name: 'api' },
            pointer: '/metadata/annotations/eks.amazonaws.com~1role-arn',
            value: null,
          },
        ],
      }),
    ),
    world: () => {
      const world = estate();
      bind(world);
      return world;
    },
    settings: { gitopsLive: true },
  },
  'create-oidc-provider': {
    step: aStep('create-oidc-provider', params({ account, issuer, audiences: ['sts.amazonaws.com'] }), {
      stage: 'prepare',
      move: null,
    }),
    world: estate,
    foreign: {
      change: (world) => {
        world.account.role('theirs', { Version: '2012-10-17', Statement: [ourStatement] });
      },
      survives: (world) => world.account.providers.size === 1,
    },
  },
  'create-policy': {
    step: aStep('create-policy', params({ account, name: 'cni', path: '/', document, description: 'd' }), {
      stage: 'prepare',
    }),
    world: estate,
    foreign: {
      change: (world) => {
        for (const policy of world.account.policies.values()) policy.AttachmentCount = 1;
      },
      survives: (world) => world.account.policies.size === 1,
    },
  },
  'create-role': {
    step: aStep(
      'create-role',
      params({
        account,
        name: 'fresh',
        path: '/team/',
        description: 'd',
        trust: kiamTrust,
        boundary: null,
        maxSessionSeconds: 7200,
        tags: { team: 'a' },
      }),
      { stage: 'prepare' },
    ),
    world: estate,
    foreign: {
      change: (world) => {
        world.account.roles.get('fresh').attached.push('arn:aws:iam::aws:policy/Theirs');
      },
      survives: (world) => world.account.roles.has('fresh'),
    },
  },
  'attach-role-policy': {
    step: aStep('attach-role-policy', params({ account, role: 'api', policyArn: 'arn:aws:iam::aws:policy/X' }), {
      stage: 'prepare',
    }),
    world: estate,
  },
  'put-role-policy': {
    step: aStep('put-role-policy', params({ account, role: 'api', policyName: 'own', document }), { stage: 'prepare' }),
    world: estate,
    foreign: {
      change: (world) => {
        world.account.roles.get('api').inline.own = JSON.stringify({
          Version: '2012-10-17',
          Statement: [otherStatement],
        });
      },
      survives: (world) => world.account.roles.get('api').inline.own.includes('Somebody'),
    },
  },
  'detach-role-policy': {
    step: aStep(
      'detach-role-policy',
      params({ account, role: 'nodes', policyArn: 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy' }),
      { stage: 'retire' },
    ),
    world: withNodeRole,
  },
  'delete-role-policy': {
    step: aStep('delete-role-policy', params({ account, role: 'nodes', policyName: 'cni', document }), {
      stage: 'retire',
    }),
    world: withNodeRole,
    foreign: {
      change: (world) => {
        world.account.roles.get('nodes').inline.cni = JSON.stringify({
          Version: '2012-10-17',
          Statement: [otherStatement],
        });
      },
      survives: (world) => world.account.roles.get('nodes').inline.cni.includes('Somebody'),
    },
  },
  'create-service-account': {
    step: aStep(
      'create-service-account',
      params({
        namespace: 'payments',
        name: 'api-reports',
        like: 'api',
        imagePullSecrets: ['pull'],
        automount: false,
        annotations: {},
      }),
      { stage: 'prepare' },
    ),
    world: estate,
    foreign: {
      change: (world) => {
        world.put({
          apiVersion: rbac,
          kind: 'RoleBinding',
          metadata: { name: 'theirs', namespace: 'payments' },
          subjects: [{ kind: 'ServiceAccount', name: 'api-reports', namespace: 'payments' }],
          roleRef,
        });
      },
      survives: (world) => world.get('ServiceAccount', 'payments', 'api-reports') !== undefined,
    },
  },
  'copy-rbac-subject': {
    step: aStep(
      'copy-rbac-subject',
      params({
        binding: { kind: 'RoleBinding', namespace: 'payments', name: 'read-api-reports' },
        of: { kind: 'RoleBinding', name: 'read' },
        roleRef,
        subject: { namespace: 'payments', name: 'api-reports' },
      }),
      { stage: 'prepare' },
    ),
    world: () => {
      const world = estate();
      world.put({
        apiVersion: rbac,
        kind: 'RoleBinding',
        metadata: { name: 'read', namespace: 'payments' },
        subjects: [],
        roleRef,
      });
      return world;
    },
    foreign: {
      change: (world) =>
        world.edit('RoleBinding', 'payments', 'read-api-reports', (object) => {
          object.subjects.push({ kind: 'User', name: 'theirs' });
        }),
      survives: (world) => world.get('RoleBinding', 'payments', 'read-api-reports').subjects.length === 1,
    },
  },
  'create-pod-identity-association': {
    step: aStep(
      'create-pod-identity-association',
      params({
        cluster: 'prod',
        account,
        namespace: 'payments',
        serviceAccount: 'api',
        roleArn: role,
        targetRoleArn: null,
        disableSessionTags: false,
        users: ['Deployment/payments/api'],
      }),
    ),
    world: estate,
    foreign: {
      change: (world) => {
        for (const one of world.account.associations.values()) one.roleArn = 'arn:aws:iam::111122223333:role/theirs';
      },
      survives: (world) => world.account.associations.size === 1,
    },
  },
  'install-pod-identity-agent': {
    step: aStep('install-pod-identity-agent', params({ cluster: 'prod', version: null }), {
      stage: 'prepare',
      move: null,
      target: { api: 'eks', kind: 'Addon', account, name: 'eks-pod-identity-agent' },
    }),
    world: () => {
      const world = estate();
      world.put({
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'eks-pod-identity-agent', namespace: 'kube-system' },
        spec: { template: { metadata: {}, spec: { containers: [{ name: 'a' }] } } },
      });
      return world;
    },
    foreign: {
      change: (world) => {
        world.account.associations.set('theirs', {
          associationId: 'theirs',
          namespace: 'x',
          serviceAccount: 'y',
          roleArn: role,
        });
      },
      survives: (world) => world.account.addons.size === 1,
    },
  },
  'update-addon': {
    step: aStep(
      'update-addon',
      params({
        cluster: 'prod',
        account,
        addon: 'vpc-cni',
        version: 'v1.19',
        serviceAccountRoleArn: role,
        associations: null,
        identity: irsa,
        workloads: [
          {
            apiVersion: 'apps/v1',
            kind: 'DaemonSet',
            namespace: 'kube-system',
            name: 'aws-node',
            templatePath: '/spec/template',
          },
        ],
      }),
      { before: { serviceAccountRoleArn: null, associations: [] } },
    ),
    world: () => {
      const world = estate();
      world.account.addons.set('vpc-cni', {
        addonName: 'vpc-cni',
        addonVersion: 'v1.19',
        status: 'ACTIVE',
        serves: 'aws-node',
        podIdentityAssociations: [],
      });
      world.put({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'aws-node', namespace: 'kube-system' } });
      world.put({
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'aws-node', namespace: 'kube-system' },
        spec: {
          template: { metadata: {}, spec: { serviceAccountName: 'aws-node', containers: [{ name: 'aws-node' }] } },
        },
      });
      return world;
    },
    foreign: {
      change: (world) => {
        world.account.addons.get('vpc-cni').serviceAccountRoleArn = 'arn:aws:iam::111122223333:role/theirs';
      },
      survives: (world) => world.account.addons.get('vpc-cni').serviceAccountRoleArn.endsWith('theirs'),
    },
  },
  'annotate-aws-cluster': {
    step: aStep(
      'annotate-aws-cluster',
      params({
        context: 'mc',
        namespace: 'org',
        name: 'abc',
        annotation: 'alpha.aws.giantswarm.io/iam-roles-for-service-accounts',
        value: '',
      }),
      { stage: 'prepare' },
    ),
    world: () => {
      const world = estate();
      world.put(
        {
          apiVersion: 'infrastructure.giantswarm.io/v1alpha3',
          kind: 'AWSCluster',
          metadata: { name: 'abc', namespace: 'org' },
        },
        'mc',
      );
      return world;
    },
  },
};
