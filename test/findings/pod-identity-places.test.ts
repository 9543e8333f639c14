import { describe, expect, it } from 'vitest';
import { study } from '../../src/findings/estate.js';
import { clusterObstacles, podIdentityObstacles } from '../../src/findings/pod-identity-places.js';
import type { WorkloadUse } from '../../src/findings/rule.js';
import {
  aNode,
  anInventory,
  aRole,
  asking,
  aWorkload,
  nodeRoleArn,
  policyText,
  roleArn,
} from '../helpers/inventory.js';

type Over = NonNullable<Parameters<typeof anInventory>[0]>;
const obstacles = (over: Over, view: Parameters<typeof asking>[1] = {}) => {
  const template = asking('app', view);
  const estate = study(anInventory({ workloads: [aWorkload('api', { template, pods: [] })], ...over }));
  return podIdentityObstacles(estate, estate.uses[0] as WorkloadUse);
};

describe('clusters that can do Pod Identity', () => {
  // EKS User Guide, minimum platform versions of Pod Identity.
  it.each([
    ['1.24', 13],
    ['1.25', 10],
    ['1.26', 9],
    ['1.27', 8],
    ['1.28', 4],
    ['1.30', 2],
    ['1.31', 4],
  ])('are those of %s from eks.%i on', (kubernetesVersion, platform) => {
    const at = (version: number) =>
      clusterObstacles(anInventory({ cluster: { kubernetesVersion, platformVersion: `eks.${version}` } }));
    expect(at(platform)).toEqual([]);
    expect(at(platform - 1)).toHaveLength(1);
  });

  it('are all later ones, none before, and only on EKS', () => {
    const at = (cluster: NonNullable<Over['cluster']>) => clusterObstacles(anInventory({ cluster })).length;
    expect(at({ kubernetesVersion: '1.36', platformVersion: 'eks.1' })).toBe(0);
    expect(at({ kubernetesVersion: '1.23', platformVersion: 'eks.99' })).toBe(1);
    for (const kind of ['kops', 'self-managed', 'giantswarm'] as const) expect(at({ kind })).toBe(1);
  });
});

describe('places that can', () => {
  it('are not Fargate, by a profile whose selector may be a pattern', () => {
    const profile = (namespace: string, labels = {}) => ({
      fargateProfiles: [{ name: 'f', role: 'r', selectors: [{ namespace, labels }] }],
    });
    expect(obstacles(profile('pay*'))).toEqual([expect.stringContaining('Fargate')]);
    expect(obstacles(profile('payments', { app: 'ap?' }))).toHaveLength(1);
    expect(obstacles(profile('shop*'))).toEqual([]);
  });

  it('are not Windows nodes, nor hybrid ones', () => {
    expect(obstacles({}, { nodeSelector: { 'kubernetes.io/os': 'windows' } })).toEqual([
      expect.stringContaining('Windows'),
    ]);
    const hybrid = { 'eks.amazonaws.com/compute-type': 'hybrid' };
    expect(obstacles({ nodes: [aNode('h', { compute: 'hybrid', labels: hybrid })] }, { nodeSelector: hybrid })).toEqual(
      [expect.stringContaining('hybrid')],
    );
  });

  it('have a node role that may call eks-auth, unless that was not read', () => {
    const having = (over: Parameters<typeof aRole>[1]) => ({
      roles: [...anInventory().roles.filter(({ arn }) => arn !== nodeRoleArn), aRole('nodes', over)],
    });
    expect(obstacles(having({ attached: [], inline: {} }))).toEqual([expect.stringContaining('eks-auth')]);
    expect(obstacles(having({ attached: ['arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy'] }))).toEqual([]);
    const allows = policyText({ Effect: 'Allow', Action: 'eks-auth:AssumeRoleForPodIdentity', Resource: '*' });
    expect(obstacles(having({ inline: { agent: allows } }))).toEqual([]);
    // Nodes that the pod cannot run on do not count, nor those whose role was not read.
    const other = aNode('node-2', { role: roleArn('unread') });
    expect(obstacles({ nodes: [other] })).toEqual([]);
    const tainted = aNode('node-1', { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] });
    expect(obstacles({ ...having({ attached: [], inline: {} }), nodes: [tainted, other] })).toEqual([]);
  });
});
