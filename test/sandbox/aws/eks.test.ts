import { LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import {
  CreateAddonCommand,
  CreatePodIdentityAssociationCommand,
  DeletePodIdentityAssociationCommand,
  DescribeAddonCommand,
  DescribeClusterCommand,
  DescribePodIdentityAssociationCommand,
  DescribeUpdateCommand,
  ListPodIdentityAssociationsCommand,
  UpdateAddonCommand,
} from '@aws-sdk/client-eks';
import { GetRoleCommand } from '@aws-sdk/client-iam';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AwsServer, account, ec2Trust, issuer, startAws } from './aws-server.js';

const other = '444455556666';
const host = issuer.slice(8);
const podsTrust = {
  Statement: [
    { Effect: 'Allow', Principal: { Service: 'pods.eks.amazonaws.com' }, Action: ['sts:AssumeRole', 'sts:TagSession'] },
  ],
};
const webTrust = (sub: string | string[], operator = 'StringEquals') => ({
  Statement: {
    Effect: 'Allow',
    Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${host}` },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com' }, [operator]: { [`${host}:sub`]: sub } },
  },
});
let aws: AwsServer;
beforeEach(async () => {
  aws = await startAws({
    cluster: { name: 'demo', account, issuer, addons: [{ name: 'vpc-cni' }] } as never,
    accounts: {
      [account]: {
        oidcProviders: [{ issuer: 'cluster' }],
        instanceProfiles: [{ name: 'node', role: 'node' }],
        roles: [
          { name: 'node', trust: ec2Trust },
          { name: 'app', trust: podsTrust },
          { name: 'web', trust: webTrust(['system:serviceaccount:a:b', 'system:serviceaccount:a:c']) },
          { name: 'wild', trust: webTrust('system:serviceaccount:a:*', 'StringLike') },
          { name: 'literal', trust: webTrust('system:serviceaccount:b:*', 'StringEquals') },
          {
            name: 'chain',
            trust: podsTrust,
            inline: {
              go: {
                Statement: [
                  {
                    Effect: 'Allow',
                    Action: ['sts:AssumeRole', 'sts:TagSession'],
                    Resource: `arn:aws:iam::${other}:role/target`,
                  },
                ],
              },
            },
          },
        ],
      },
      [other]: {
        roles: [
          {
            name: 'target',
            trust: {
              Statement: [
                {
                  Effect: 'Allow',
                  Principal: { AWS: `arn:aws:iam::${account}:role/chain` },
                  Action: ['sts:AssumeRole', 'sts:TagSession'],
                  Condition: { StringLike: { 'sts:ExternalId': `*/${account}/demo/*` } },
                },
              ],
            },
          },
          {
            name: 'deploy',
            trust: {
              Statement: [
                {
                  Effect: 'Allow',
                  Principal: { AWS: account },
                  Action: 'sts:AssumeRole',
                  Condition: { StringEquals: { 'sts:ExternalId': 'x-1' } },
                },
              ],
            },
            attached: ['ReadOnlyAccess'],
          },
        ],
      },
    },
    nodes: [{ name: 'n1', instanceProfile: 'node' }],
  });
});
afterEach(() => aws.close());
const role = (name: string, id = account) => `arn:aws:iam::${id}:role/${name}`;
const associate = (fields: Record<string, unknown> = {}) =>
  aws.clients().eks.send(
    new CreatePodIdentityAssociationCommand({
      clusterName: 'demo',
      namespace: 'a',
      serviceAccount: 'b',
      roleArn: role('app'),
      ...fields,
    }),
  );
const credentials = (token: string) => fetch(`${aws.url}/v1/credentials`, { headers: { authorization: token } });

describe('EKS', () => {
  it('keeps one association a service account, and the same request token makes one', async () => {
    const { eks } = aws.clients();
    const first = await associate({ clientRequestToken: 't1' });
    expect((await associate({ clientRequestToken: 't1' })).association?.associationId).toBe(
      first.association?.associationId,
    );
    await expect(associate({ clientRequestToken: 't2' })).rejects.toMatchObject({
      name: 'ResourceInUseException',
      $metadata: { httpStatusCode: 409 },
    });
    const listed = await eks.send(new ListPodIdentityAssociationsCommand({ clusterName: 'demo', namespace: 'a' }));
    expect(listed.associations?.[0]).not.toHaveProperty('roleArn');
    const associationId = first.association?.associationId as string;
    const told = await eks.send(new DescribePodIdentityAssociationCommand({ clusterName: 'demo', associationId }));
    expect(told.association?.roleArn).toBe(role('app'));
    await eks.send(new DeletePodIdentityAssociationCommand({ clusterName: 'demo', associationId }));
    await expect(
      eks.send(new DeletePodIdentityAssociationCommand({ clusterName: 'demo', associationId })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('knows neither roles of other accounts nor missing ones, nor missing clusters', async () => {
    await expect(associate({ roleArn: role('target', other) })).rejects.toMatchObject({
      name: 'InvalidParameterException',
    });
    await expect(associate({ roleArn: role('nobody') })).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await expect(aws.clients().eks.send(new DescribeClusterCommand({ name: 'none' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('hands out credentials by the agent, through the target role with the external id that it made', async () => {
    await associate();
    expect((await credentials('token|a|b|pods.eks.amazonaws.com|p')).status).toBe(200);
    expect((await credentials('token|a|b|sts.amazonaws.com|p')).status).toBe(400);
    expect((await credentials('token|a|c|pods.eks.amazonaws.com|p')).status).toBe(404);
    const made = await associate({
      serviceAccount: 'chained',
      roleArn: role('chain'),
      targetRoleArn: role('target', other),
    });
    expect(made.association?.externalId).toContain(`/${account}/demo/`);
    const got = (await (await credentials('token|a|chained|pods.eks.amazonaws.com|p')).json()) as any;
    expect(got.AccountId).toBe(other);
    const session = { id: got.AccessKeyId, secret: got.SecretAccessKey, token: got.Token };
    const me = await aws.clients({ session }).sts.send(new GetCallerIdentityCommand({}));
    expect(me.Arn).toContain(`arn:aws:sts::${other}:assumed-role/target/eks-demo-p`);
  });

  it('needs sts:TagSession unless session tags are switched off', async () => {
    const bare = { ...podsTrust.Statement[0], Action: 'sts:AssumeRole' };
    const record = aws.world.accounts.get(account)!.roles.get('app')!;
    await associate();
    aws.world.accounts.get(account)!.roles.set('app', { ...record, trust: JSON.stringify({ Statement: [bare] }) });
    await expect(associate({ serviceAccount: 'tagged' })).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await associate({ serviceAccount: 'plain', disableSessionTags: true });
    expect((await credentials('token|a|b|pods.eks.amazonaws.com|p')).status).toBe(400);
    expect((await credentials('token|a|plain|pods.eks.amazonaws.com|p')).status).toBe(200);
  });

  it('changes an add-on: listed associations replace its own, a role that is not sent again is dropped', async () => {
    const { eks } = aws.clients();
    const done = async (input: Record<string, unknown>) => {
      const { update } = await eks.send(
        new UpdateAddonCommand({ clusterName: 'demo', addonName: 'vpc-cni', ...input }),
      );
      const ask = () =>
        eks.send(new DescribeUpdateCommand({ name: 'demo', addonName: 'vpc-cni', updateId: update?.id as string }));
      expect((await ask()).update?.status).toBe('InProgress');
      aws.time.now += 1000;
      expect((await ask()).update?.status).toBe('Successful');
      return (await eks.send(new DescribeAddonCommand({ clusterName: 'demo', addonName: 'vpc-cni' }))).addon;
    };
    expect((await done({ serviceAccountRoleArn: role('app') }))?.serviceAccountRoleArn).toBe(role('app'));
    const bound = await done({ podIdentityAssociations: [{ serviceAccount: 'aws-node', roleArn: role('app') }] });
    expect(bound?.serviceAccountRoleArn).toBeUndefined();
    expect(bound?.podIdentityAssociations).toHaveLength(1);
    expect((await done({}))?.podIdentityAssociations).toHaveLength(1);
    expect((await done({ podIdentityAssociations: [] }))?.podIdentityAssociations ?? []).toHaveLength(0);
    await associate({ namespace: 'kube-system', serviceAccount: 'aws-node' });
    await expect(
      eks.send(
        new UpdateAddonCommand({
          clusterName: 'demo',
          addonName: 'vpc-cni',
          podIdentityAssociations: [{ serviceAccount: 'aws-node', roleArn: role('app') }],
        }),
      ),
    ).rejects.toMatchObject({ name: 'ResourceInUseException' });
  });

  it('puts the Pod Identity agent into the cluster with its add-on', async () => {
    const { eks } = aws.clients();
    await eks.send(new CreateAddonCommand({ clusterName: 'demo', addonName: 'eks-pod-identity-agent' }));
    expect(aws.cluster.get('apps/v1', 'DaemonSet', 'kube-system', 'eks-pod-identity-agent')).not.toBeNull();
    await expect(
      eks.send(new CreateAddonCommand({ clusterName: 'demo', addonName: 'eks-pod-identity-agent' })),
    ).rejects.toMatchObject({ name: 'ResourceInUseException' });
  });
});

describe('STS', () => {
  const exchange = (name: string, token: string) =>
    aws
      .clients()
      .sts.send(
        new AssumeRoleWithWebIdentityCommand({ RoleArn: role(name), RoleSessionName: 'test', WebIdentityToken: token }),
      );
  const audience = 'sts.amazonaws.com';

  it('reads sub as a list, as a pattern only under StringLike, and literally under StringEquals', async () => {
    await exchange('web', `token|a|b|${audience}`);
    await exchange('web', `token|a|c|${audience}`);
    await expect(exchange('web', `token|a|d|${audience}`)).rejects.toMatchObject({ name: 'AccessDenied' });
    await exchange('wild', `token|a|anything|${audience}`);
    await expect(exchange('wild', `token|b|b|${audience}`)).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(exchange('literal', `token|b|b|${audience}`)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('tells a wrong audience, a bad token and a missing provider apart', async () => {
    await expect(exchange('web', 'token|a|b|other')).rejects.toThrow('Incorrect token audience');
    await expect(exchange('web', 'nonsense')).rejects.toMatchObject({ name: 'InvalidIdentityTokenException' });
    aws.world.accounts.get(account)!.providers.delete(`arn:aws:iam::${account}:oidc-provider/${host}`);
    await expect(exchange('web', `token|a|b|${audience}`)).rejects.toThrow('No OpenIDConnect provider found');
  });

  it('gives sessions of another account only with the external id, and lets them do what the role may', async () => {
    const { sts } = aws.clients();
    const ask = (ExternalId?: string) =>
      sts.send(
        new AssumeRoleCommand({
          RoleArn: role('deploy', other),
          RoleSessionName: 'me',
          ...(ExternalId ? { ExternalId } : {}),
        }),
      );
    await expect(ask()).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(ask('x-2')).rejects.toMatchObject({ name: 'AccessDenied' });
    const { Credentials } = await ask('x-1');
    const session = {
      id: Credentials?.AccessKeyId as string,
      secret: Credentials?.SecretAccessKey as string,
      token: Credentials?.SessionToken as string,
    };
    const there = aws.clients({ session });
    expect((await there.iam.send(new GetRoleCommand({ RoleName: 'target' }))).Role?.Arn).toBe(role('target', other));
    await expect(
      there.sts.send(new AssumeRoleCommand({ RoleArn: role('target', other), RoleSessionName: 'me' })),
    ).rejects.toMatchObject({ name: 'AccessDenied' });
    aws.time.now += 3_700_000;
    await expect(there.sts.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ name: 'ExpiredToken' });
  });

  it('leaves a trace in CloudTrail under the subject, after the lag', async () => {
    aws.world.settings.cloudtrailLagMs = 60_000;
    await exchange('web', `token|a|b|${audience}`);
    const look = async () =>
      (
        await aws.clients().cloudtrail.send(
          new LookupEventsCommand({
            LookupAttributes: [{ AttributeKey: 'Username', AttributeValue: 'system:serviceaccount:a:b' }],
          }),
        )
      ).Events;
    expect(await look()).toEqual([]);
    aws.time.now += 60_000;
    expect(await look()).toMatchObject([
      { EventName: 'AssumeRoleWithWebIdentity', Username: 'system:serviceaccount:a:b' },
    ]);
  });
});

describe('EC2 and S3', () => {
  it('tell the instance profile behind a node', async () => {
    const { Reservations } = await aws.clients().ec2.send(new DescribeInstancesCommand({}));
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      IamInstanceProfile: { Arn: `arn:aws:iam::${account}:instance-profile/node` },
      MetadataOptions: { HttpPutResponseHopLimit: 2 },
    });
  });

  it('write an object only under the condition that was set', async () => {
    const { s3 } = aws.clients();
    const put = (Body: string, more: Record<string, string>) =>
      s3.send(new PutObjectCommand({ Bucket: 'state', Key: 'run/journal 1', Body, ...more }));
    const first = await put('one', { IfNoneMatch: '*' });
    await expect(put('two', { IfNoneMatch: '*' })).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } });
    await put('two', { IfMatch: first.ETag as string });
    await expect(put('three', { IfMatch: first.ETag as string })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    const got = await s3.send(new GetObjectCommand({ Bucket: 'state', Key: 'run/journal 1' }));
    expect(await got.Body?.transformToString()).toBe('two');
    await expect(s3.send(new GetObjectCommand({ Bucket: 'state', Key: 'none' }))).rejects.toMatchObject({
      name: 'NoSuchKey',
    });
  });
});
