import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { plan } from '../../src/planner/plan.js';
import { validatePlan } from '../../src/planner/validate.js';
import {
  account,
  aKube2iam,
  aNode,
  anInventory,
  aRole,
  aServiceAccount,
  asking,
  aWorkload,
  issuerHost,
  kiamServerRole,
  nodeRoleArn,
  otherAccount,
  policyText,
  region,
  roleArn,
  trustOf,
  trustsAccount,
  trustsAws,
} from '../helpers/inventory.js';

const inventoryOf = (over: Parameters<typeof anInventory>[0] = {}): Inventory =>
  anInventory({
    workloads: [aWorkload('api', { template: asking('api') })],
    serviceAccounts: [aServiceAccount('payments', 'api')],
    roles: [...anInventory().roles, aRole('api')],
    ...over,
  });
const planOf = (inventory: Inventory, options: Partial<PlanOptions> = {}): Plan => {
  const made = plan(
    inventory,
    { ...defaultPlanOptions, ...options },
    { createdAt: '2026-11-21T10:00:00Z', tool: 'test' },
  );
  expect(validatePlan(JSON.parse(JSON.stringify(made)))).toEqual(made);
  return made;
};
const kinds = (made: Plan) => made.steps.map((step) => step.kind);
const stepOf = (made: Plan, kind: string) => made.steps.find((step) => step.kind === kind)!;
const agentEverywhere = { nodes: [aNode('node-1', { agentReady: true })] };

describe('--target auto', () => {
  it('means IRSA while an SDK is not known', () => {
    expect(planOf(inventoryOf(agentEverywhere)).moves[0]!.to!.mechanism).toBe('irsa');
  });
  it('means Pod Identity where every SDK is vouched for', () => {
    const made = planOf(inventoryOf(agentEverywhere), { sdkKnown: ['*'] });
    expect(made.moves[0]!.to!.mechanism).toBe('pod-identity');
    expect(kinds(made)).toEqual([
      'add-trust-statement',
      'create-pod-identity-association',
      'restart-workload',
      'prove-identity',
      'gate',
      'remove-pod-annotation',
    ]);
    expect(stepOf(made, 'add-trust-statement').params.statement).toMatchObject({
      Principal: { Service: 'pods.eks.amazonaws.com' },
      Action: ['sts:AssumeRole', 'sts:TagSession'],
      Condition: { StringEquals: { 'aws:RequestTag/kubernetes-service-account': 'api' } },
    });
    expect(stepOf(made, 'create-pod-identity-association')).toMatchObject({
      stage: 'cutover',
      params: { roleArn: roleArn('api'), targetRoleArn: null, users: ['Deployment/payments/api'] },
    });
  });
  it('stays with IRSA where Pod Identity is not to be had', () => {
    const made = planOf(inventoryOf({ cluster: { kind: 'self-managed' } }), { sdkKnown: ['*'] });
    expect(made.moves[0]).toMatchObject({ to: { mechanism: 'irsa' }, why: expect.stringContaining('EKS only') });
  });
});

describe('--target pod-identity', () => {
  it('installs the agent where nodes lack it, once for all', () => {
    const made = planOf(inventoryOf(), { target: 'pod-identity', sdkKnown: ['*'] });
    expect(stepOf(made, 'install-pod-identity-agent')).toMatchObject({ move: null, stage: 'prepare' });
    expect(stepOf(made, 'install-pod-identity-agent').undoDependsOn).toContain(stepOf(made, 'prove-identity').id);
  });
  it('is blocked while an SDK is not known, until that is accepted', () => {
    expect(planOf(inventoryOf(agentEverywhere), { target: 'pod-identity' }).moves[0]).toMatchObject({
      blocked: true,
      steps: [],
    });
    const accepted = planOf(inventoryOf(agentEverywhere), { target: 'pod-identity', accept: ['RL217:payments/api'] });
    expect(accepted.moves[0]).toMatchObject({ blocked: false, risk: 'high' });
  });
});

describe('from IRSA to Pod Identity', () => {
  const bound = inventoryOf({
    ...agentEverywhere,
    brokers: [],
    workloads: [
      aWorkload('api', {
        template: { ...asking('api'), annotations: {} },
        pods: [],
      }),
    ],
    serviceAccounts: [
      aServiceAccount('payments', 'api', { annotations: { 'eks.amazonaws.com/role-arn': roleArn('api') } }),
    ],
    roles: [aRole('api', { trust: trustOf(trustsAccount('payments', 'api')) })],
  });
  it('adds trust beside the old one, and removes nothing', () => {
    const made = planOf(bound, { from: ['irsa'], target: 'pod-identity', sdkKnown: ['*'] });
    expect(made.moves[0]).toMatchObject({ from: { broker: 'irsa', role: roleArn('api') }, blocked: false });
    expect(kinds(made)).toEqual([
      'add-trust-statement',
      'create-pod-identity-association',
      'restart-workload',
      'prove-identity',
    ]);
  });
  it('leaves what is there already alone', () => {
    expect(planOf(bound, { from: ['irsa'], target: 'irsa' }).steps).toEqual([]);
  });
});

describe('a role in another account', () => {
  const foreign = roleArn('api', otherAccount);
  const inventory = inventoryOf({
    ...agentEverywhere,
    workloads: [aWorkload('api', { template: asking(foreign) })],
    roles: [...anInventory().roles, aRole('api', { account: otherAccount })],
    accounts: [
      { id: account, quotas: {}, credentials: 'default' },
      { id: otherAccount, quotas: { AssumeRolePolicySizeQuota: 4096 }, credentials: 'profile:other' },
    ],
  });
  it('under IRSA gets the provider and the trust there', () => {
    const made = planOf(inventory);
    expect(stepOf(made, 'create-oidc-provider').params).toMatchObject({ account: otherAccount });
    expect(stepOf(made, 'add-trust-statement').params).toMatchObject({
      account: otherAccount,
      limit: 4096,
      statement: { Principal: { Federated: `arn:aws:iam::${otherAccount}:oidc-provider/${issuerHost}` } },
    });
    expect(made.moves[0]!.risk).toBe('medium');
  });
  it('under Pod Identity is chained to, the target trusting before the association is made', () => {
    const made = planOf(inventory, { target: 'pod-identity', sdkKnown: ['*'], accept: ['RL214:*'] });
    expect(made.moves[0]!.blocked).toBe(false);
    const to = made.moves[0]!.to!;
    expect(to.role).toBe(foreign);
    expect(to.associationRole).toMatch(new RegExp(`^arn:aws:iam::${account}:role/rolelift-`));
    expect(kinds(made).slice(0, 4)).toEqual([
      'create-role',
      'put-role-policy',
      'add-trust-statement',
      'create-pod-identity-association',
    ]);
    expect(stepOf(made, 'add-trust-statement').params).toMatchObject({
      account: otherAccount,
      statement: { Principal: { AWS: to.associationRole } },
    });
    expect(stepOf(made, 'create-pod-identity-association').params).toMatchObject({
      roleArn: to.associationRole,
      targetRoleArn: foreign,
    });
  });
});

describe('--role-mode new', () => {
  it('makes a role of the same policies for this account alone', () => {
    const own = policyText({ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' });
    const made = planOf(
      inventoryOf({
        roles: [
          ...anInventory().roles,
          aRole('api', {
            attached: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
            inline: { own },
            path: '/',
            maxSessionSeconds: 7200,
            tags: { team: 'x', 'aws:cloudformation:stack-name': 's' },
          }),
        ],
      }),
      { roleMode: 'new', accept: ['RL310:*'] },
    );
    expect(made.moves[0]!.blocked).toBe(false);
    expect(kinds(made).slice(0, 4)).toEqual([
      'create-role',
      'attach-role-policy',
      'put-role-policy',
      'annotate-service-account',
    ]);
    expect(stepOf(made, 'create-role').params).toMatchObject({
      maxSessionSeconds: 7200,
      tags: { team: 'x' },
      trust: {
        Statement: [{ Condition: { StringEquals: { [`${issuerHost}:sub`]: 'system:serviceaccount:payments:api' } } }],
      },
    });
    expect(String(stepOf(made, 'create-role').params.name).length).toBeLessThanOrEqual(64);
  });
});

describe('kube2iam with a default role', () => {
  const base = { 'base-role-arn': `arn:aws:iam::${account}:role/` };
  const inventory = (flags: Record<string, string>): Inventory =>
    inventoryOf({
      brokers: [aKube2iam({ flags: { ...base, ...flags } })],
      roles: [
        aRole('nodes', {
          trust: trustOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }),
          inline: { assume: policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }) },
        }),
        aRole('api', { trust: trustOf(trustsAws(nodeRoleArn), trustsAws(kiamServerRole)) }),
        aRole('fallback', { trust: trustOf(trustsAws(nodeRoleArn)) }),
      ],
    });
  it('keeps the annotation: without it the default role would be next in the chain', () => {
    expect(kinds(planOf(inventory({})))).toContain('remove-pod-annotation');
    const made = planOf(inventory({ 'default-role': 'fallback' }));
    expect(kinds(made)).not.toContain('remove-pod-annotation');
    expect(made.moves[0]!.why).toContain('default role');
  });
});

describe('issuers', () => {
  it('are both trusted while the cluster changes its own', () => {
    const next = `https://irsa.example.k8s.${region}.example.com`;
    const made = planOf(inventoryOf({ cluster: { oidcIssuers: [`https://${issuerHost}`, next] } }));
    expect(made.steps.filter((step) => step.kind === 'add-trust-statement')).toHaveLength(2);
    expect(stepOf(made, 'create-oidc-provider').params.issuer).toBe(next);
  });
  it('in China keep the partition and the audience that the webhook mounts', () => {
    const arn = `arn:aws-cn:iam::${account}:role/api`;
    const made = planOf(
      anInventory({
        cluster: {
          partition: 'aws-cn',
          oidcIssuers: ['https://oidc.eks.cn-north-1.amazonaws.com.cn/id/X'],
          arn: `arn:aws-cn:eks:cn-north-1:${account}:cluster/prod`,
        },
        source: 'manifests',
        workloads: [aWorkload('api', { template: asking(arn) })],
        serviceAccounts: [aServiceAccount('payments', 'api')],
        roles: [],
        accounts: [],
        oidcProviders: [],
      }),
    );
    expect(made.moves[0]!.blocked).toBe(false);
    expect(stepOf(made, 'add-trust-statement').params.statement).toMatchObject({
      Principal: { Federated: `arn:aws-cn:iam::${account}:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/X` },
      Condition: { StringEquals: { 'oidc.eks.cn-north-1.amazonaws.com.cn/id/X:aud': 'sts.amazonaws.com' } },
    });
  });
});

describe('Giant Swarm before it has IRSA', () => {
  const issuerUrl = `https://s3.${region}.amazonaws.com/${account}-g8s-abcl0-oidc-pod-identity`;
  const swarm = inventoryOf({
    cluster: {
      kind: 'giantswarm',
      arn: null,
      oidcIssuers: [issuerUrl],
      facts: { 'giantswarm.awscluster': 'myorg/abcl0', 'giantswarm.irsa': 'off', 'giantswarm.release': '17.4.0' },
    },
    oidcProviders: [],
  });
  it('is annotated on the management cluster, rolled by a person, and only then trusted', () => {
    const made = planOf(swarm, { managementContext: 'installation' });
    expect(kinds(made).slice(0, 5)).toEqual([
      'annotate-aws-cluster',
      'wait-for-handoff',
      'create-oidc-provider',
      'add-trust-statement',
      'annotate-service-account',
    ]);
    expect(stepOf(made, 'wait-for-handoff').params).toMatchObject({ issuer: issuerUrl });
    expect(String(stepOf(made, 'wait-for-handoff').params.instructions)).toContain('iam:CreateOpenIDConnectProvider');
    expect(stepOf(made, 'annotate-aws-cluster')).toMatchObject({
      target: { cluster: 'installation' },
      params: { name: 'abcl0', value: '' },
    });
    expect(stepOf(made, 'annotate-aws-cluster').undoDependsOn).toContain(stepOf(made, 'prove-identity').id);
    const conditions = (stepOf(made, 'add-trust-statement').params.statement as any).Condition.StringEquals;
    expect(Object.keys(conditions).map((key) => key.split(':').at(-1))).toEqual(['aud', 'sub']);
  });
  it('needs nothing of that where it is on', () => {
    const on = {
      ...swarm,
      cluster: {
        ...swarm.cluster,
        facts: { ...swarm.cluster.facts, 'giantswarm.irsa': 'on', 'giantswarm.rolled': 'yes' },
      },
    };
    const made = kinds(planOf(on, { managementContext: 'installation' }));
    expect(made).not.toContain('annotate-aws-cluster');
    expect(made).not.toContain('wait-for-handoff');
  });
});

describe('regional STS endpoints', () => {
  const annotationOf = (kubernetesVersion: string, platformVersion: string, annotations = {}) =>
    stepOf(
      planOf(
        inventoryOf({
          cluster: { kubernetesVersion, platformVersion },
          serviceAccounts: [aServiceAccount('payments', 'api', { annotations })],
        }),
        { target: 'irsa' },
      ),
      'annotate-service-account',
    ).params.annotations as Record<string, string>;
  const key = 'eks.amazonaws.com/sts-regional-endpoints';
  it.each([
    ['1.18', 'eks.9', true],
    ['1.18', 'eks.8', false],
    ['1.19', 'eks.7', true],
    ['1.20', 'eks.3', true],
    ['1.21', 'eks.2', false],
    ['1.21', 'eks.3', true],
    ['1.22', 'eks.1', false],
    ['1.33', 'eks.12', false],
  ])('are asked for on %s %s: %s', (version, platform, wanted) => {
    expect(Object.hasOwn(annotationOf(version, platform), key)).toBe(wanted);
  });
  it('stay as somebody chose them', () => {
    expect(annotationOf('1.21', 'eks.3', { [key]: 'false' })).not.toHaveProperty([key]);
  });
});

describe('an agent that misses nodes', () => {
  const half = { nodes: [aNode('node-1', { agentReady: true }), aNode('node-2')] };
  it('is a reason for IRSA, and no reason to install another one', () => {
    const made = planOf(inventoryOf(half), { sdkKnown: ['*'] });
    expect(made.moves[0]).toMatchObject({ to: { mechanism: 'irsa' }, why: expect.stringContaining('node-2') });
  });
  it('blocks a move that asks for Pod Identity by name', () => {
    const made = planOf(inventoryOf(half), { target: 'pod-identity', sdkKnown: ['*'] });
    expect(made.moves[0]!.blocked).toBe(true);
    expect(made.findings.find(({ code }) => code === 'RL207')?.message).toContain('node-2');
  });
});
