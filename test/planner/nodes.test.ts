import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../src/model/inventory.js';
import { defaultPlanOptions, type PlanOptions } from '../../src/model/options.js';
import type { Plan } from '../../src/model/plan.js';
import { plan } from '../../src/planner/plan.js';
import { validatePlan } from '../../src/planner/validate.js';
import {
  aContainer,
  account,
  aNode,
  aNodeRole,
  anAddon,
  anInventory,
  aRole,
  aServiceAccount,
  aView,
  aWorkload,
  nodeRoleArn,
  policyText,
  trustOf,
} from '../helpers/inventory.js';

const cniPolicy = 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy';
const ec2 = trustOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' });
const view = aView({
  namespace: 'kube-system',
  serviceAccount: 'aws-node',
  hostNetwork: true,
  labels: { 'k8s-app': 'aws-node' },
  containers: [
    aContainer({ name: 'aws-node', image: '602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.18.0' }),
  ],
});
const inventoryOf = (over: Parameters<typeof anInventory>[0] = {}): Inventory =>
  anInventory({
    brokers: [],
    workloads: [aWorkload('aws-node', { kind: 'DaemonSet', template: view })],
    serviceAccounts: [aServiceAccount('kube-system', 'aws-node')],
    roles: [aRole('nodes', { trust: ec2, attached: [cniPolicy, 'arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy'] })],
    ...over,
  });
const planOf = (inventory: Inventory, options: Partial<PlanOptions> = {}): Plan =>
  plan(inventory, { ...defaultPlanOptions, ...options }, { createdAt: '2026-11-21T10:00:00Z', tool: 'test' });
const kinds = (made: Plan) => made.steps.map((step) => step.kind);
const stepOf = (made: Plan, kind: string) => made.steps.find((step) => step.kind === kind)!;

describe('the VPC CNI, off the node role', () => {
  it('gets a role of its own, is proven, and only then the policy leaves the node role', () => {
    const made = planOf(inventoryOf());
    expect(made.moves.map((move) => [move.id, move.from.broker, move.blocked, move.risk])).toEqual([
      ['move:kube-system/aws-node', 'node-role', false, 'high'],
    ]);
    expect(kinds(made)).toEqual([
      'create-role',
      'attach-role-policy',
      'annotate-service-account',
      'restart-workload',
      'prove-identity',
      'gate',
      'gate',
      'gate',
      'detach-role-policy',
      'gate',
    ]);
    expect(made.steps.filter((step) => step.kind === 'gate').map((step) => step.id.split(':').at(-1))).toEqual([
      'proof-of-use',
      'new-node',
      'unused',
      'new-node-after',
    ]);
    const detach = stepOf(made, 'detach-role-policy');
    expect(detach).toMatchObject({ stage: 'retire', params: { account, role: 'nodes', policyArn: cniPolicy } });
    expect(detach.dependsOn).toEqual(
      expect.arrayContaining(
        made.steps
          .filter((step) => step.kind === 'gate' || step.kind === 'prove-identity')
          .filter((step) => !step.id.endsWith('new-node-after'))
          .map((step) => step.id),
      ),
    );
    expect(stepOf(made, 'annotate-service-account').undoDependsOn).toEqual([detach.id]);
    expect(validatePlan(JSON.parse(JSON.stringify(made)))).toEqual(made);
  });

  it('goes through the add-on where it is one, resending what it has', () => {
    const made = planOf(inventoryOf({ addons: [anAddon('vpc-cni', { version: 'v1.18.0-eksbuild.1' })] }));
    expect(kinds(made)).not.toContain('annotate-service-account');
    expect(stepOf(made, 'update-addon').params).toMatchObject({
      addon: 'vpc-cni',
      version: 'v1.18.0-eksbuild.1',
      associations: null,
      serviceAccountRoleArn: made.moves[0]!.to!.role,
    });
  });

  it('uses Pod Identity where the SDK is vouched for and the agent is everywhere, under the name that EKS looks for', () => {
    const made = planOf(
      inventoryOf({
        addons: [anAddon('vpc-cni', { version: 'v1.18.0-eksbuild.1' })],
        nodes: [aNode('node-1', { agentReady: true })],
      }),
      { sdkKnown: ['kube-system/aws-node'] },
    );
    const role = `arn:aws:iam::${account}:role/AmazonEKSPodIdentityAmazonVPCCNIRole`;
    expect(made.moves[0]!.to).toMatchObject({ mechanism: 'pod-identity', role });
    expect(stepOf(made, 'update-addon').params).toMatchObject({
      serviceAccountRoleArn: null,
      associations: [{ serviceAccount: 'aws-node', roleArn: role }],
    });
  });

  it('makes the IPv6 policy in the cluster’s partition', () => {
    const ipv6 = policyText({
      Effect: 'Allow',
      Action: ['ec2:AssignIpv6Addresses', 'ec2:DescribeInstances'],
      Resource: '*',
    });
    const made = planOf(
      inventoryOf({ cluster: { ipFamily: 'ipv6' }, roles: [aRole('nodes', { trust: ec2, inline: { cni6: ipv6 } })] }),
    );
    expect(stepOf(made, 'create-policy').params).toMatchObject({ name: 'AmazonEKS_CNI_IPv6_Policy', account });
    expect(stepOf(made, 'delete-role-policy').params).toMatchObject({
      role: 'nodes',
      policyName: 'cni6',
      document: JSON.parse(ipv6),
    });
  });

  it('takes the IPv6 policy that is there where it fits, and another name where it does not', () => {
    const ipv6 = (...actions: readonly string[]) =>
      policyText({ Effect: 'Allow', Action: [...actions], Resource: '*' });
    const held = ipv6('ec2:AssignIpv6Addresses', 'ec2:DescribeInstances');
    const arn = `arn:aws:iam::${account}:policy/AmazonEKS_CNI_IPv6_Policy`;
    const of = (document: string) =>
      planOf(
        inventoryOf({
          cluster: { ipFamily: 'ipv6' },
          roles: [aRole('nodes', { trust: ec2, inline: { cni6: held } })],
          policies: [{ arn, versionId: 'v1', document }],
        }),
      );
    expect(kinds(of(ipv6('ec2:*')))).not.toContain('create-policy');
    const short = of(held);
    expect(stepOf(short, 'create-policy').params.name).not.toBe('AmazonEKS_CNI_IPv6_Policy');
    expect(stepOf(short, 'attach-role-policy').params.policyArn).toBe(
      `arn:aws:iam::${account}:policy/${String(stepOf(short, 'create-policy').params.name)}`,
    );
  });

  it('never strips a node role that others use', () => {
    const made = planOf(
      inventoryOf({
        nodeRoles: [aNodeRole({ sharedWith: [{ kind: 'cluster', name: 'other', region: 'us-east-1' }] })],
      }),
    );
    expect(made.moves[0]).toMatchObject({ blocked: true, steps: [] });
    expect(made.findings.map((finding) => finding.code)).toContain('RL402');
  });

  it('leaves a policy that holds more to a person', () => {
    const mixed = policyText({
      Effect: 'Allow',
      Action: [
        'ec2:AssignPrivateIpAddresses',
        'ec2:CreateNetworkInterface',
        'ec2:AttachNetworkInterface',
        's3:GetObject',
      ],
      Resource: '*',
    });
    const made = planOf(inventoryOf({ roles: [aRole('nodes', { trust: ec2, inline: { mixed } })] }));
    expect(kinds(made)).not.toContain('delete-role-policy');
    expect(stepOf(made, 'wait-for-handoff').params).toMatchObject({ tool: 'iam', ref: 'nodes/mixed' });
  });

  it('serves two node groups: with one role once, with two roles each', () => {
    const two = planOf(
      inventoryOf({
        nodes: [aNode('node-1'), aNode('node-2', { role: `${nodeRoleArn}-2`, nodegroup: 'other' })],
        nodeRoles: [aNodeRole(), aNodeRole({ arn: `${nodeRoleArn}-2` })],
        roles: [
          aRole('nodes', { trust: ec2, attached: [cniPolicy] }),
          aRole('nodes-2', { trust: ec2, attached: [cniPolicy] }),
        ],
      }),
    );
    expect(two.steps.filter((step) => step.kind === 'detach-role-policy').map((step) => step.params.role)).toEqual([
      'nodes',
      'nodes-2',
    ]);
  });

  it('is out of scope with --scope workloads', () => {
    expect(planOf(inventoryOf(), { scope: ['workloads'] }).moves).toEqual([]);
  });

  it('leaves Fargate and Auto Mode roles alone', () => {
    const made = planOf(inventoryOf({ nodeRoles: [aNodeRole({ sources: [{ kind: 'auto-mode', name: 'auto' }] })] }));
    expect(made.moves).toEqual([]);
  });
});

describe('other controllers on the node role', () => {
  const dns = aWorkload('external-dns', {
    template: aView({
      namespace: 'external-dns',
      serviceAccount: 'external-dns',
      containers: [aContainer({ image: 'registry.k8s.io/external-dns/external-dns:v0.14.0' })],
    }),
  });
  const route53 = policyText({ Effect: 'Allow', Action: 'route53:ChangeResourceRecordSets', Resource: '*' });
  const inventory = inventoryOf({
    workloads: [dns],
    serviceAccounts: [aServiceAccount('external-dns', 'external-dns')],
    nodes: [aNode('node-1', { hopLimit: 2 })],
    roles: [aRole('nodes', { trust: ec2, inline: { dns: route53 } })],
  });
  it('are moved only when included', () => {
    expect(planOf(inventory).moves).toEqual([]);
    const made = planOf(inventory, { include: ['external-dns'] });
    expect(made.moves.map((move) => move.id)).toEqual(['move:external-dns/external-dns']);
    expect(stepOf(made, 'put-role-policy').params).toMatchObject({ document: JSON.parse(route53) });
    expect(made.steps.at(-1)).toMatchObject({ kind: 'delete-role-policy', params: { policyName: 'dns' } });
  });
});

describe('an add-on with several service accounts', () => {
  const efsPolicy = 'arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy';
  const accounts = ['efs-csi-controller-sa', 'efs-csi-node-sa'];
  const workloads = accounts.map((serviceAccount) =>
    aWorkload(serviceAccount.replace('-sa', ''), {
      template: aView({
        namespace: 'kube-system',
        serviceAccount,
        containers: [aContainer({ image: 'public.ecr.aws/efs-csi-driver/amazon/aws-efs-csi-driver:v2.1.10' })],
      }),
    }),
  );
  const configuration = accounts.map((serviceAccount) => ({ serviceAccount, policies: [efsPolicy] }));
  const estate = (over: Parameters<typeof anAddon>[1] = {}): Inventory =>
    inventoryOf({
      workloads,
      serviceAccounts: accounts.map((name) => aServiceAccount('kube-system', name)),
      nodes: [aNode('node-1', { agentReady: true, hopLimit: 2 })],
      roles: [aRole('nodes', { trust: ec2, attached: [efsPolicy] })],
      addons: [
        anAddon('aws-efs-csi-driver', {
          version: 'v2.1.10-eksbuild.1',
          podIdentityConfiguration: configuration,
          ...over,
        }),
      ],
    });

  it('gets an association for each with Pod Identity, and the policy leaves once both are proven', () => {
    const made = planOf(estate(), { target: 'pod-identity', sdkKnown: ['*'], accept: [] });
    const updates = made.steps.filter((step) => step.kind === 'update-addon');
    expect(updates.map((step) => step.params.associations)).toEqual(
      accounts.map((serviceAccount) => [{ serviceAccount, roleArn: expect.stringContaining(serviceAccount) }]),
    );
    const detached = made.steps.filter((step) => step.kind === 'detach-role-policy');
    expect(detached).toHaveLength(1);
    for (const name of accounts)
      expect(detached[0]?.dependsOn).toContain(`prove-identity:kube-system/ServiceAccount/${name}`);
  });

  it('gets one role by IRSA, and the node role keeps its policy for the other', () => {
    const made = planOf(estate(), { target: 'irsa' });
    expect(made.moves.map((move) => move.id)).toEqual(['move:kube-system/efs-csi-controller-sa']);
    expect(kinds(made)).not.toContain('detach-role-policy');
  });

  it('is left alone where a role and associations would come together', () => {
    const role = `arn:aws:iam::${account}:role/efs`;
    expect(planOf(estate({ role }), { target: 'pod-identity', sdkKnown: ['*'] }).moves).toEqual([]);
    const associations = [{ arn: 'arn:x', serviceAccount: accounts[0] as string, role }];
    expect(planOf(estate({ associations }), { target: 'irsa' }).moves).toEqual([]);
  });
});
