import { describe, expect, it } from 'vitest';
import { cniPoliciesOf, missingActions } from '../../../src/findings/cni-permission.js';
import { parseTrust } from '../../../src/trust/document.js';
import { cniActions } from '../../helpers/cni-actions.js';
import { brief, judge, judged } from '../../helpers/findings.js';
import {
  aBroker,
  account,
  aKube2iam,
  aNode,
  aNodeRole,
  anAddon,
  anInventory,
  aRole,
  aView,
  aWorkload,
  nodeRoleArn,
  policyText,
} from '../../helpers/inventory.js';

const cni = policyText(
  { Effect: 'Allow', Action: cniActions, Resource: '*' },
  { Effect: 'Allow', Action: 'ec2:CreateTags', Resource: 'arn:aws:ec2:*:*:network-interface/*' },
);
const cniArn = 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy';
const policies = [{ arn: cniArn, versionId: 'v5', document: cni }];
const withNodes = (node: Parameters<typeof aRole>[1], over: Parameters<typeof anInventory>[0] = {}) =>
  anInventory({ roles: [aRole('nodes', node)], policies, ...over });
const nodes = `${account}/nodes`;

describe('the CNI permission', () => {
  const of = (node: Parameters<typeof aRole>[1]) => {
    const inventory = withNodes(node);
    return cniPoliciesOf(inventory, inventory.roles[0] as (typeof inventory.roles)[number]);
  };
  it('is recognised by what a policy allows, whatever its name', () => {
    expect(of({ attached: [cniArn] })).toMatchObject([{ family: 'ipv4', managedBy: 'aws', more: [] }]);
    expect(of({ inline: { anything: cni } })).toMatchObject([
      { kind: 'inline', name: 'anything', managedBy: 'inline' },
    ]);
    expect(
      of({
        inline: {
          six: policyText({
            Effect: 'Allow',
            Action: ['ec2:AssignIpv6Addresses', 'ec2:DescribeInstances'],
            Resource: '*',
          }),
        },
      }),
    ).toMatchObject([{ family: 'ipv6' }]);
  });
  it('is not seen in a policy that only has the name of another, or some of the actions', () => {
    expect(
      of({
        inline: {
          AmazonEKS_CNI_Policy: policyText({ Effect: 'Allow', Action: 'ec2:DescribeInstances', Resource: '*' }),
        },
      }),
    ).toEqual([]);
    expect(of({ inline: { denied: policyText({ Effect: 'Deny', Action: cniActions, Resource: '*' }) } })).toEqual([]);
    expect(of({ inline: { broken: '{' } })).toEqual([]);
  });
  it("counts AWS's own policy by its name where its text was not read", () => {
    const inventory = anInventory({ roles: [aRole('nodes', { attached: [cniArn] })] });
    const role = inventory.roles[0] as (typeof inventory.roles)[number];
    expect(cniPoliciesOf(inventory, role)).toHaveLength(1);
  });
  it('is compared with the live policy', () => {
    const read = (text: string) => {
      const document = parseTrust(text);
      return document.is === 'document' ? document.statements : [];
    };
    const newer = policyText({ Effect: 'Allow', Action: [...cniActions, 'ec2:DescribeSecurityGroups'], Resource: '*' });
    expect(missingActions(read(newer), read(cni))).toEqual(['ec2:DescribeSecurityGroups']);
    expect(missingActions(read(newer), read(policyText({ Effect: 'Allow', Action: 'EC2:*', Resource: '*' })))).toEqual(
      [],
    );
  });
});

describe('RL401 node-role-carries-cni', () => {
  it('tells which policy carries it', () => {
    expect(brief(judged('RL401', withNodes({ attached: [cniArn] })))).toEqual([`info RL401:${nodes}`]);
  });
  it('is silent for stale and Fargate roles, and out of scope', () => {
    expect(judged('RL401', withNodes({ attached: [cniArn] }, { nodeRoles: [aNodeRole({ inUse: false })] }))).toEqual(
      [],
    );
    const fargate = aNodeRole({ sources: [{ kind: 'fargate-profile', name: 'f' }] });
    expect(judged('RL401', withNodes({ attached: [cniArn] }, { nodeRoles: [fargate] }))).toEqual([]);
    expect(judged('RL401', withNodes({ attached: [cniArn] }), { options: { scope: ['workloads'] } })).toEqual([]);
  });
});

describe('RL402 node-role-shared', () => {
  const shared = (over: Parameters<typeof aNodeRole>[0]) =>
    withNodes({ attached: [cniArn] }, { nodeRoles: [aNodeRole(over)] });
  it('blocks a role that others use, or may use', () => {
    const sharedWith = [{ kind: 'cluster', name: 'staging', region: 'eu-central-1' }];
    expect(brief(judged('RL402', shared({ sharedWith })))).toEqual([`block RL402:${nodes}`]);
    expect(brief(judged('RL402', shared({ sharingKnown: false })))).toEqual([`block RL402:${nodes}`]);
  });
  it('is silent where sharing is ruled out, or nothing would be detached', () => {
    expect(judged('RL402', shared({}))).toEqual([]);
    expect(judged('RL402', withNodes({}, { nodeRoles: [aNodeRole({ sharingKnown: false })] }))).toEqual([]);
  });
  it('is accepted by its exact subject only', () => {
    const inventory = shared({ sharingKnown: false });
    expect(judged('RL402', inventory, { options: { accept: [`RL402:${nodes}`] } })[0]?.acceptedBy).not.toBeNull();
    expect(() => judge(inventory, { options: { accept: ['RL402:*'] } })).toThrow(/exact subject/);
  });
});

describe('RL403 node-role-carries-more', () => {
  it('names the controller that a policy belongs to', () => {
    const found = judged(
      'RL403',
      withNodes({
        attached: [
          'arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy',
          'arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy',
        ],
        inline: { dns: policyText({ Effect: 'Allow', Action: 'route53:ChangeResourceRecordSets', Resource: '*' }) },
      }),
    );
    expect(brief(found)).toEqual([`warn RL403:${nodes}`]);
    expect(found[0]?.evidence.policies).toMatchObject([
      { policy: 'arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy', controllers: ['aws-ebs-csi-driver'] },
      { policy: 'dns', controllers: ['external-dns'] },
    ]);
  });
  it('is silent for what a node needs, and for the CNI', () => {
    expect(
      judged(
        'RL403',
        withNodes({
          attached: [
            'arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy',
            'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly',
            cniArn,
          ],
        }),
      ),
    ).toEqual([]);
  });
  it("does not take somebody's policy of the same name for AWS's", () => {
    expect(
      judged('RL403', withNodes({ attached: [`arn:aws:iam::${account}:policy/AmazonEKSWorkerNodePolicy`] })),
    ).toHaveLength(1);
  });
});

describe('RL404 nodes-exposed', () => {
  it('warns of a hop limit, of IMDSv1 and of what was not read', () => {
    const { hopLimit: _limit, ...unread } = aNode('c');
    const found = judged(
      'RL404',
      anInventory({ nodes: [aNode('a', { hopLimit: 2 }), aNode('b', { imdsTokensRequired: false }), unread] }),
    );
    expect(brief(found)).toEqual(['warn RL404:prod']);
    expect(found[0]?.evidence).toMatchObject({ total: 3 });
  });
  it('is silent where no pod gets through, and without a broker', () => {
    expect(judged('RL404', anInventory())).toEqual([]);
    expect(judged('RL404', anInventory({ brokers: [], nodes: [aNode('a', { hopLimit: 2 })] }))).toEqual([]);
  });
});

describe('RL405 broker-leaves-rules', () => {
  const rules = (flags: Record<string, string>) =>
    judged('RL405', anInventory({ brokers: [aBroker({ component: 'agent', flags })] }));
  it('warns where the agent keeps its rule', () => {
    expect(brief(rules({ iptables: 'true', 'no-iptables-remove': 'true' }))).toEqual([
      'warn RL405:kube-system/kiam-server',
    ]);
    expect(rules({ iptables: 'true', 'iptables-remove': 'false' })).toHaveLength(1);
    expect(judged('RL405', anInventory({ brokers: [aKube2iam({ flags: { iptables: 'true' } })] }))).toHaveLength(1);
  });
  it('is silent where it sets none or takes it away', () => {
    expect(rules({})).toEqual([]);
    expect(rules({ iptables: 'false', 'no-iptables-remove': 'true' })).toEqual([]);
    expect(rules({ iptables: 'true' })).toEqual([]);
  });
});

describe('RL406 old-way-gone', () => {
  it('is never raised at planning', () => {
    expect(judged('RL406', anInventory())).toEqual([]);
  });
});

describe('RL407 policy-mixed', () => {
  it('warns of a policy that holds more than the CNI needs', () => {
    const mixed = policyText({ Effect: 'Allow', Action: [...cniActions, 's3:GetObject'], Resource: '*' });
    const found = judged('RL407', withNodes({ inline: { mixed } }));
    expect(brief(found)).toEqual([`warn RL407:${nodes}`]);
    expect(found[0]?.evidence.policies).toEqual([{ name: 'mixed', kind: 'inline', more: ['s3:GetObject'] }]);
  });
  it('takes a wildcard for more, and a plain CNI policy for none', () => {
    expect(
      judged('RL407', withNodes({ inline: { all: policyText({ Effect: 'Allow', Action: '*', Resource: '*' }) } })),
    ).toHaveLength(1);
    expect(judged('RL407', withNodes({ inline: { plain: cni } }))).toEqual([]);
    expect(nodeRoleArn).toContain('nodes');
  });
});

describe('RL408 cni-absent', () => {
  const carrying = { attached: [cniArn] };
  it('tells of a permission that no CNI uses, and offers the add-on', () => {
    expect(brief(judged('RL408', withNodes(carrying)))).toEqual(['info RL408:prod']);
  });
  it('is silent where the add-on or the DaemonSet is there, and where no node role carries it', () => {
    expect(judged('RL408', withNodes(carrying, { addons: [anAddon('vpc-cni')] }))).toEqual([]);
    const cniSet = aWorkload('aws-node', { kind: 'DaemonSet', template: aView({ namespace: 'kube-system' }) });
    expect(judged('RL408', withNodes(carrying, { workloads: [cniSet] }))).toEqual([]);
    expect(judged('RL408', withNodes({}))).toEqual([]);
  });
});
