import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.js';
import { clusterNameOf, partitionOf } from '../../src/scan/cluster.js';
import { scan } from '../../src/scan/collect.js';
import { fakeClients, fakeIam } from '../helpers/fake-clients.js';
import {
  account,
  instance,
  kiamAccount,
  kiamObjects,
  kiamWorld,
  meta,
  node,
  object,
  podOf,
  roleArn,
  scanOptions,
  template,
} from './estate.js';

const server = 'https://10.0.0.1:6443';

describe('which cluster it is', () => {
  it.each([
    [
      { context: 'arn:aws-cn:eks:cn-north-1:111122223333:cluster/x', server },
      { name: 'x', region: 'cn-north-1', account: '111122223333' },
    ],
    [
      { context: 'me@dev.eu-west-1.eksctl.io', server },
      { name: 'dev', region: 'eu-west-1', account: null },
    ],
    [
      { context: 'home', server: 'https://ABC.gr7.us-gov-west-1.eks.amazonaws.com' },
      { name: '', region: 'us-gov-west-1', account: null },
    ],
    [
      { context: 'home', server, cluster: 'given', region: 'eu-north-1' },
      { name: 'given', region: 'eu-north-1', account: null },
    ],
  ])('%j', (given, expected) => {
    expect(clusterNameOf({ cluster: null, region: null, ...given })).toMatchObject(expected);
  });

  it('knows partitions by their Regions', () => {
    expect(['eu-west-1', 'cn-north-1', 'us-gov-east-1', 'us-iso-east-1', 'us-isob-east-1'].map(partitionOf)).toEqual([
      'aws',
      'aws-cn',
      'aws-us-gov',
      'aws-iso',
      'aws-iso-b',
    ]);
  });

  it('finds the EKS cluster by its endpoint where the kubeconfig names none', async () => {
    const inventory = await scan(fakeClients(kiamWorld()), { context: 'home', server: scanOptions.server });
    expect(inventory.cluster).toMatchObject({ kind: 'eks', name: 'prod' });
  });

  it('reads the issuer of a self-managed cluster from the API server', async () => {
    const world = {
      objects: kiamObjects(),
      discovery: { issuer: 'https://s3.eu-west-1.amazonaws.com/bucket' },
      aws: { [account]: { ...fakeIam([]), 'eks:ListClusters': () => ({ clusters: [] }) } },
    };
    const objects = world.objects.filter((item) => item['kind'] !== 'Node');
    const inventory = await scan(fakeClients({ ...world, objects }), { context: 'home', server });
    expect(inventory.cluster).toMatchObject({
      kind: 'self-managed',
      name: 'home',
      accountId: account,
      oidcIssuers: ['https://s3.eu-west-1.amazonaws.com/bucket'],
    });
  });

  it('keeps both issuers of a kube-apiserver that changes its issuer', async () => {
    const own = node('node-1', { 'kops.k8s.io/instancegroup': 'nodes' });
    const api = podOf(
      own,
      'kube-apiserver-1',
      'kube-system',
      template('default', {}, [
        {
          name: 'kube-apiserver',
          image: 'k',
          command: [
            'kube-apiserver',
            '--service-account-issuer=https://new.example.com',
            '--service-account-issuer=https://old.example.com',
          ],
        },
      ]),
      'node-1',
    );
    const inventory = await scan(
      fakeClients({ objects: [own, api], discovery: { issuer: 'https://new.example.com' }, aws: {} }),
      { context: 'home', server },
    );
    expect(inventory.cluster.oidcIssuers).toEqual(['https://new.example.com', 'https://old.example.com']);
    expect(inventory.cluster.kind).toBe('kops');
    expect(inventory.webhook.audience).toBe('amazonaws.com');
    expect(inventory.webhook).toMatchObject({ present: false, healthy: false });
  });

  it('knows Giant Swarm, and reads its AWSCluster on the management cluster', async () => {
    const issuer = `https://s3.eu-west-1.amazonaws.com/${account}-g8s-abcl0-oidc-pod-identity`;
    const management = [
      object(
        'infrastructure.giantswarm.io/v1alpha3',
        'AWSCluster',
        meta('abcl0', 'org', {
          annotations: { 'alpha.aws.giantswarm.io/iam-roles-for-service-accounts': '' },
          labels: { 'release.giantswarm.io/version': '17.4.0' },
        }),
      ),
    ];
    const inventory = await scan(
      fakeClients({
        objects: [node('node-1', { 'giantswarm.io/cluster': 'abcl0' })],
        contexts: { mc: management },
        discovery: { issuer },
        aws: {},
      }),
      { context: 'home', server, managementContext: 'mc' },
    );
    expect(inventory.cluster).toMatchObject({
      kind: 'giantswarm',
      name: 'abcl0',
      oidcIssuers: [issuer],
      facts: {
        'giantswarm.cluster': 'abcl0',
        'giantswarm.release': '17.4.0',
        'giantswarm.awscluster': 'org/abcl0',
        'giantswarm.irsa': 'on',
      },
    });
    expect(inventory.objects.find(({ ref }) => ref.kind === 'AWSCluster')?.ref.cluster).toBe('mc');
  });

  it('wants endpoints of a webhook that is a service', async () => {
    const config = object(
      'admissionregistration.k8s.io/v1',
      'MutatingWebhookConfiguration',
      meta('pod-identity-webhook', null),
      {
        webhooks: [
          {
            name: 'pod-identity-webhook.amazonaws.com',
            clientConfig: { caBundle: 'x', service: { name: 'pod-identity-webhook', namespace: 'kube-system' } },
          },
        ],
      },
    );
    const slice = (ready: boolean) =>
      object(
        'discovery.k8s.io/v1',
        'EndpointSlice',
        meta('s', 'kube-system', { labels: { 'kubernetes.io/service-name': 'pod-identity-webhook' } }),
        { endpoints: [{ conditions: { ready } }] },
      );
    const health = async (ready: boolean) =>
      (await scan(fakeClients({ objects: [config, slice(ready)], aws: {} }), { context: 'home', server })).webhook;
    expect(await health(true)).toMatchObject({ present: true, healthy: true, skipLabel: false });
    expect(await health(false)).toMatchObject({ present: true, healthy: false });
  });

  it('reads what a self-hosted webhook was told: its flags, and the ConfigMap where it watches one', async () => {
    const told = async (args: string[], config: string) => {
      const objects = [
        object('apps/v1', 'Deployment', meta('pod-identity-webhook', 'irsa'), {
          spec: {
            selector: { matchLabels: { app: 'x' } },
            template: {
              metadata: { labels: { app: 'x' } },
              spec: { containers: [{ name: 'w', image: 'amazon/amazon-eks-pod-identity-webhook:v0.6', args }] },
            },
          },
        }),
        object('v1', 'ConfigMap', meta('pod-identity-webhook', 'irsa'), { data: { config } }),
      ];
      const { webhook, gaps } = await scan(fakeClients({ objects, aws: {} }), { context: 'home', server });
      return { webhook, areas: gaps.map(({ area }) => area) };
    };
    const config = JSON.stringify({
      'payments/api': { RoleARN: 'arn:aws:iam::111122223333:role/api', Audience: 'mine' },
      '*/web': { RoleARN: 'web' },
      'payments/none': { Audience: 'x' },
      stray: { RoleARN: 'y' },
    });
    const flags = [
      '--watch-config-map=true',
      '--namespace=irsa',
      '--compose-role-arn',
      '--annotation-prefix=pi.example',
    ];
    expect((await told(flags, config)).webhook).toMatchObject({
      prefix: 'pi.example',
      composes: true,
      configured: {
        '*/web': { role: 'web' },
        'payments/api': { role: 'arn:aws:iam::111122223333:role/api', audience: 'mine' },
      },
    });
    expect((await told(['--token-audience=sts.amazonaws.com'], config)).webhook.configured).toBeUndefined();
    const broken = await told(flags, '[');
    expect(broken.webhook.configured).toEqual({});
    expect(broken.areas).toContain('kubernetes:configmaps:irsa/pod-identity-webhook');
  });
});

describe('node roles', () => {
  const scanWith = async (aws: ReturnType<typeof kiamAccount>, objects = kiamObjects()) =>
    (await scan(fakeClients(kiamWorld({ objects, aws: { [account]: aws } })), scanOptions)).nodeRoles;

  it('resolves roles of aws-auth, whose paths are stripped, by their names', async () => {
    const auth = object('v1', 'ConfigMap', meta('aws-auth', 'kube-system'), {
      data: {
        mapRoles: `- rolearn: ${roleArn('pathed-nodes')}\n  groups: [system:bootstrappers, system:nodes]\n- rolearn: ${roleArn('people')}\n  groups: [system:masters]\n- rolearn: ${roleArn('system-nodes')}\n  groups: [system:nodes]\n`,
      },
    });
    const iam = fakeIam([
      { arn: roleArn('team/x/pathed-nodes'), trust: {} },
      { arn: roleArn('nodes'), trust: {}, profiles: ['node-profile'] },
      { arn: roleArn('system-nodes'), trust: {}, profiles: ['system-profile'] },
    ]);
    const found = await scanWith({ ...kiamAccount(), ...iam }, [...kiamObjects(), auth]);
    expect(found.map(({ arn, inUse, sources }) => [arn, inUse, sources.map(({ kind }) => kind)])).toEqual([
      [roleArn('nodes'), true, ['instance']],
      [roleArn('system-nodes'), true, ['aws-auth', 'instance', 'nodegroup']],
      [roleArn('team/x/pathed-nodes'), false, ['aws-auth']],
    ]);
  });

  it('finds roles of Karpenter’s node classes, given as a role or as an instance profile', async () => {
    const classes = [
      object('karpenter.k8s.aws/v1', 'EC2NodeClass', meta('a', null), { spec: { role: 'karpenter-nodes' } }),
      object('karpenter.k8s.aws/v1', 'EC2NodeClass', meta('b', null), { spec: { instanceProfile: 'node-profile' } }),
    ];
    const found = await scanWith(
      {
        ...kiamAccount(),
        ...fakeIam([
          { arn: roleArn('karpenter-nodes'), trust: {} },
          { arn: roleArn('nodes'), trust: {}, profiles: ['node-profile'] },
          { arn: roleArn('system-nodes'), trust: {}, profiles: ['system-profile'] },
        ]),
      },
      [...kiamObjects(), ...classes],
    );
    expect(found.find(({ arn }) => arn === roleArn('karpenter-nodes'))?.sources).toEqual([
      { kind: 'karpenter', name: 'EC2NodeClass a' },
    ]);
    expect(found.find(({ arn }) => arn === roleArn('nodes'))?.sources).toContainEqual({
      kind: 'karpenter',
      name: 'EC2NodeClass b',
    });
  });

  it('sees instances of another cluster in another Region, and node groups with the same role', async () => {
    const found = await scanWith({
      ...kiamAccount(),
      'ec2:DescribeInstances': (input, region) =>
        region === 'us-east-1'
          ? { Reservations: [{ Instances: [instance('i-0f', 'node-profile', 2, { 'eks:cluster-name': 'stage' })] }] }
          : (kiamAccount()['ec2:DescribeInstances']?.(input, region) ?? {}),
      'eks:ListClusters': (_input, region) => ({ clusters: region === 'eu-west-1' ? ['prod', 'stage'] : [] }),
      'eks:ListNodegroups': () => ({ nodegroups: ['system'] }),
    });
    expect(found.map(({ arn, sharedWith, sharingKnown }) => [arn, sharedWith, sharingKnown])).toEqual([
      [roleArn('nodes'), [{ kind: 'ClusterInstance', name: 'stage/i-0f', region: 'us-east-1' }], true],
      [roleArn('system-nodes'), [{ kind: 'Nodegroup', name: 'stage/system', region: 'eu-west-1' }], true],
    ]);
  });
});

describe('EKS', () => {
  it('describes every association, and ties add-ons to those that they own', async () => {
    const arn = `arn:aws:eks:eu-west-1:${account}:podidentityassociation/prod/a-1`;
    const aws = {
      ...kiamAccount(),
      'eks:ListPodIdentityAssociations': (input: JsonObject): JsonObject =>
        input['nextToken'] === undefined
          ? { associations: [{ associationId: 'a-1' }], nextToken: 'more' }
          : { associations: [{ associationId: 'a-2' }] },
      'eks:DescribePodIdentityAssociation': (input: JsonObject): JsonObject => ({
        association:
          input['associationId'] === 'a-1'
            ? {
                associationArn: arn,
                namespace: 'kube-system',
                serviceAccount: 'ebs-csi-controller-sa',
                roleArn: roleArn('ebs'),
                ownerArn: 'addon',
                disableSessionTags: false,
              }
            : {
                associationArn: 'x',
                namespace: 'app',
                serviceAccount: 'b',
                roleArn: roleArn('b'),
                targetRoleArn: roleArn('t', '999988887777'),
                externalId: 'ext',
                disableSessionTags: true,
              },
      }),
      'eks:ListAddons': () => ({ addons: ['aws-ebs-csi-driver'] }),
      'eks:DescribeAddon': () => ({
        addon: { addonVersion: 'v1.40.0', status: 'ACTIVE', podIdentityAssociations: [arn] },
      }),
      'eks:DescribeAddonVersions': () => ({
        addons: [
          {
            addonName: 'aws-ebs-csi-driver',
            defaultNamespace: 'kube-system',
            addonVersions: [{ addonVersion: 'v1.40.0', requiresIamPermissions: true }],
          },
        ],
      }),
      'eks:DescribeAddonConfiguration': () => ({
        podIdentityConfiguration: [
          { serviceAccount: 'ebs-csi-controller-sa', recommendedManagedPolicies: ['arn:aws:iam::aws:policy/x'] },
        ],
      }),
    };
    const inventory = await scan(fakeClients(kiamWorld({ aws: { [account]: aws } })), scanOptions);
    expect(
      inventory.associations.map(({ id, sessionTags, targetRole, externalId, ownerArn }) => [
        id,
        sessionTags,
        targetRole,
        externalId,
        ownerArn,
      ]),
    ).toEqual([
      ['a-2', false, roleArn('t', '999988887777'), 'ext', undefined],
      ['a-1', true, undefined, undefined, 'addon'],
    ]);
    expect(inventory.addons).toEqual([
      {
        name: 'aws-ebs-csi-driver',
        version: 'v1.40.0',
        status: 'ACTIVE',
        role: null,
        associations: [{ arn, serviceAccount: 'ebs-csi-controller-sa', role: roleArn('ebs') }],
        requiresIam: true,
        namespace: 'kube-system',
        podIdentityConfiguration: [
          { serviceAccount: 'ebs-csi-controller-sa', policies: ['arn:aws:iam::aws:policy/x'] },
        ],
      },
    ]);
  });

  it('tolerates a cluster that answers nothing about access entries', async () => {
    const aws = { ...kiamAccount() } as Record<string, unknown>;
    const { awsError } = await import('../helpers/fake-clients.js');
    aws['eks:ListAccessEntries'] = () => {
      throw awsError('InvalidRequest');
    };
    const inventory = await scan(
      fakeClients(kiamWorld({ aws: { [account]: aws as ReturnType<typeof kiamAccount> } })),
      scanOptions,
    );
    expect(inventory.gaps.filter(({ area }) => area.includes('access-entries'))).toEqual([]);
  });

  it('takes a private cluster for closed unless its VPC has an endpoint for STS', async () => {
    const base = kiamAccount();
    const closed = async (services: readonly string[]) => {
      const aws = {
        ...base,
        'eks:DescribeCluster': (input: JsonObject, region: string): JsonObject => {
          const answer = base['eks:DescribeCluster']?.(input, region) as { readonly cluster: JsonObject };
          return {
            cluster: { ...answer.cluster, resourcesVpcConfig: { vpcId: 'vpc-1', endpointPublicAccess: false } },
          };
        },
        'ec2:DescribeVpcEndpoints': (): JsonObject => ({
          VpcEndpoints: services.map((name) => ({ ServiceName: `com.amazonaws.eu-west-1.${name}` })),
        }),
      };
      return (await scan(fakeClients(kiamWorld({ aws: { [account]: aws } })), scanOptions)).cluster;
    };
    expect(await closed(['s3'])).toMatchObject({ closedVpc: true, facts: { 'vpc.endpoints': 's3' } });
    expect(await closed(['sts', 'eks-auth'])).toMatchObject({
      closedVpc: false,
      facts: { 'vpc.endpoints': 'eks-auth,sts' },
    });
  });
});
