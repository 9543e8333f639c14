import { randomBytes } from 'node:crypto';
import { LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import {
  CreatePodIdentityAssociationCommand,
  DeletePodIdentityAssociationCommand,
  DescribeAddonCommand,
  DescribeAddonVersionsCommand,
  DescribeClusterCommand,
  DescribePodIdentityAssociationCommand,
  ListPodIdentityAssociationsCommand,
  UpdatePodIdentityAssociationCommand,
} from '@aws-sdk/client-eks';
import {
  AddClientIDToOpenIDConnectProviderCommand,
  AttachRolePolicyCommand,
  CreateOpenIDConnectProviderCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteOpenIDConnectProviderCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetAccountSummaryCommand,
  GetOpenIDConnectProviderCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome, type Servers, until } from './servers.js';

/** What the program relies on in AWS, put so that any endpoint can be asked. `unlike` names what an emulator is known not to do, and why. */
export const awsBehaviours = (open: () => Servers, unlike: Readonly<Record<string, string>> = {}): void => {
  const like = (name: string) => (Object.hasOwn(unlike, name) ? it.skip : it);
  describe('AWS', () => {
    let servers: Servers;
    let account: string;
    let issuer: string;
    let cluster: string;
    const id = `parity${randomBytes(3).toString('hex')}`;
    const roles: string[] = [];
    const ec2 = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    };
    const create = (name: string, trust: object | string = ec2, more: object = {}) =>
      servers.iam.send(
        new CreateRoleCommand({
          RoleName: name,
          AssumeRolePolicyDocument: typeof trust === 'string' ? trust : JSON.stringify(trust),
          ...more,
        }),
      );
    const made = async (suffix: string, trust: object | string = ec2, more: object = {}): Promise<string> => {
      const answer = await create(`${id}-${suffix}`, trust, more);
      roles.push(`${id}-${suffix}`);
      return answer.Role?.Arn as string;
    };
    let tries = 0;
    /** A role that should not come about; where it does, it goes with the others. */
    const tried = async (trust: object | string): Promise<void> => {
      tries += 1;
      await made(`bad-${tries}`, trust);
    };
    const trustOf = async (name: string): Promise<string> =>
      decodeURIComponent(
        (await servers.iam.send(new GetRoleCommand({ RoleName: name }))).Role?.AssumeRolePolicyDocument ?? '',
      );
    const setTrust = (name: string, text: string) =>
      servers.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: name, PolicyDocument: text }));
    beforeAll(async () => {
      servers = open();
      account = (await servers.sts.send(new GetCallerIdentityCommand({}))).Account as string;
      issuer = (await servers.sure('GET', '/.well-known/openid-configuration')).issuer;
      cluster = await servers.cluster();
    });
    afterAll(async () => {
      for (const RoleName of roles) {
        for (const PolicyName of (await servers.iam.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames ?? [])
          await servers.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
        for (const { PolicyArn } of (await servers.iam.send(new ListAttachedRolePoliciesCommand({ RoleName })))
          .AttachedPolicies ?? [])
          await servers.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
        await servers.iam.send(new DeleteRoleCommand({ RoleName }));
      }
    });

    describe('roles', () => {
      it('have an ARN with their path, an id and an encoded document', async () => {
        const arn = await made('path', ec2, {
          Path: '/a/b/',
          Description: 'x',
          MaxSessionDuration: 7200,
          Tags: [{ Key: 'k', Value: 'v' }],
        });
        expect(arn).toBe(`arn:aws:iam::${account}:role/a/b/${id}-path`);
        const { Role } = await servers.iam.send(new GetRoleCommand({ RoleName: `${id}-path` }));
        expect(Role).toMatchObject({
          Path: '/a/b/',
          Arn: arn,
          Description: 'x',
          MaxSessionDuration: 7200,
          Tags: [{ Key: 'k', Value: 'v' }],
        });
        expect(Role?.RoleId).toMatch(/^AROA/);
        expect(Role?.AssumeRolePolicyDocument).toContain('%22');
        expect(JSON.parse(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ''))).toEqual(ec2);
      });
      it('are created once, and told where they are missing', async () => {
        await made('once');
        expect(await outcome(create(`${id}-once`))).toBe('EntityAlreadyExists 409');
        const RoleName = `${id}-nobody`;
        expect(await outcome(servers.iam.send(new GetRoleCommand({ RoleName })))).toBe('NoSuchEntity 404');
        expect(await outcome(setTrust(RoleName, JSON.stringify(ec2)))).toBe('NoSuchEntity 404');
        expect(await outcome(servers.iam.send(new DeleteRoleCommand({ RoleName })))).toBe('NoSuchEntity 404');
        expect(await outcome(servers.iam.send(new ListAttachedRolePoliciesCommand({ RoleName })))).toBe(
          'NoSuchEntity 404',
        );
      });
      it('are listed in pages', async () => {
        await made('page-1');
        await made('page-2');
        const seen: string[] = [];
        let Marker: string | undefined;
        do {
          const page = await servers.iam.send(
            new ListRolesCommand({ MaxItems: 2, ...(Marker === undefined ? {} : { Marker }) }),
          );
          expect(page.Roles?.length).toBeLessThanOrEqual(2);
          seen.push(...(page.Roles ?? []).map((role) => role.RoleName as string));
          Marker = page.IsTruncated ? page.Marker : undefined;
        } while (Marker !== undefined);
        expect(seen.filter((name) => name.startsWith(`${id}-page`)).sort()).toEqual([`${id}-page-1`, `${id}-page-2`]);
        expect(new Set(seen).size).toBe(seen.length);
      });
      it('with policies are not deleted', async () => {
        await made('full');
        const RoleName = `${id}-full`;
        const PolicyDocument = JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
        });
        await servers.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'inline', PolicyDocument }));
        expect(await outcome(servers.iam.send(new DeleteRoleCommand({ RoleName })))).toBe('DeleteConflict 409');
        const got = await servers.iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: 'inline' }));
        expect(JSON.parse(decodeURIComponent(got.PolicyDocument ?? ''))).toEqual(JSON.parse(PolicyDocument));
        expect(await outcome(servers.iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: 'other' })))).toBe(
          'NoSuchEntity 404',
        );
        expect(await outcome(servers.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'other' })))).toBe(
          'NoSuchEntity 404',
        );
        expect(
          await outcome(
            servers.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'bad', PolicyDocument: '{' })),
          ),
        ).toBe('MalformedPolicyDocument 400');
      });
    });

    describe('trust policies', () => {
      const statement = ec2.Statement[0];
      it('are kept as they were written, blanks and order included', async () => {
        await made('bytes');
        const text = `{ "Statement": [\n  ${JSON.stringify(statement)} ],  "Version": "2012-10-17" }`;
        await setTrust(`${id}-bytes`, text);
        expect(await trustOf(`${id}-bytes`)).toBe(text);
      });
      it.each([
        ['text that is no JSON', '{'],
        ['an unknown field', JSON.stringify({ ...ec2, Statements: [] })],
        ['a Resource', JSON.stringify({ ...ec2, Statement: [{ ...statement, Resource: '*' }] })],
        ['no principal', JSON.stringify({ ...ec2, Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole' }] })],
        ['a Sid with a dash', JSON.stringify({ ...ec2, Statement: [{ ...statement, Sid: 'a-b' }] })],
        [
          'an action that is not of STS',
          JSON.stringify({ ...ec2, Statement: [{ ...statement, Action: 's3:GetObject' }] }),
        ],
        [
          'an operator that is none',
          JSON.stringify({ ...ec2, Statement: [{ ...statement, Condition: { StringIs: { a: 'b' } } }] }),
        ],
        ['an odd version', JSON.stringify({ ...ec2, Version: '2020-01-01' })],
      ])('are refused with %s', async (_what, text) => {
        expect(await outcome(tried(text))).toBe('MalformedPolicyDocument 400');
      });
      it('are refused with a principal that is not there, and taken with one that is', async () => {
        const by = (AWS: string) => ({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { AWS }, Action: 'sts:AssumeRole' }],
        });
        expect(await outcome(tried(by(`arn:aws:iam::${account}:role/${id}-nobody`)))).toBe(
          'MalformedPolicyDocument 400',
        );
        await made('trusted');
        await made('trusting', by(`arn:aws:iam::${account}:role/${id}-trusted`));
        await made('root', by(`arn:aws:iam::${account}:root`));
      });
      it('are refused when they are too long', async () => {
        const long = {
          ...ec2,
          Statement: Array.from({ length: 40 }, (_, index) => ({ ...statement, Sid: `S${index}` })),
        };
        expect(await outcome(tried(long))).toBe('LimitExceeded 409');
      });
      it('have a quota that can be read', async () => {
        const { SummaryMap } = await servers.iam.send(new GetAccountSummaryCommand({}));
        expect(SummaryMap?.AssumeRolePolicySizeQuota).toBe(2048);
      });
    });

    describe('managed policies', () => {
      it('of AWS are there, with a default version', async () => {
        const PolicyArn = 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy';
        const { Policy } = await servers.iam.send(new GetPolicyCommand({ PolicyArn }));
        expect(Policy?.Arn).toBe(PolicyArn);
        const { PolicyVersion } = await servers.iam.send(
          new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
        );
        expect(decodeURIComponent(PolicyVersion?.Document ?? '')).toContain('ec2:AssignPrivateIpAddresses');
      });
      it('are attached, attached again, and detached once', async () => {
        await made('attached');
        const RoleName = `${id}-attached`;
        const PolicyArn = 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy';
        await servers.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
        expect(await outcome(servers.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn })))).toBe('ok');
        expect((await servers.iam.send(new ListAttachedRolePoliciesCommand({ RoleName }))).AttachedPolicies).toEqual([
          { PolicyName: 'AmazonEKS_CNI_Policy', PolicyArn },
        ]);
        await servers.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
        expect(await outcome(servers.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn })))).toBe(
          'NoSuchEntity 404',
        );
        expect(
          await outcome(
            servers.iam.send(
              new AttachRolePolicyCommand({ RoleName, PolicyArn: `arn:aws:iam::${account}:policy/${id}-nothing` }),
            ),
          ),
        ).toBe('NoSuchEntity 404');
      });
      it('of our own are created once', async () => {
        const PolicyName = `${id}-own`;
        const PolicyDocument = JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
        });
        const PolicyArn = (await servers.iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument }))).Policy
          ?.Arn as string;
        expect(PolicyArn).toBe(`arn:aws:iam::${account}:policy/${PolicyName}`);
        expect(await outcome(servers.iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument })))).toBe(
          'EntityAlreadyExists 409',
        );
        await servers.iam.send(new DeletePolicyCommand({ PolicyArn }));
        expect(await outcome(servers.iam.send(new GetPolicyCommand({ PolicyArn })))).toBe('NoSuchEntity 404');
      });
      like('DeletePolicy of an attached policy')('of our own are not deleted while a role has them', async () => {
        const PolicyDocument = JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
        });
        const PolicyArn = (
          await servers.iam.send(new CreatePolicyCommand({ PolicyName: `${id}-kept`, PolicyDocument }))
        ).Policy?.Arn as string;
        const RoleName = `${id}-attached`;
        await servers.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
        expect(await outcome(servers.iam.send(new DeletePolicyCommand({ PolicyArn })))).toBe('DeleteConflict 409');
        await servers.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
        await servers.iam.send(new DeletePolicyCommand({ PolicyArn }));
      });
    });

    describe('OIDC providers', () => {
      it('are created once, read and deleted', async () => {
        const Url = `https://${id}.example.com/id/X`;
        const arn = (
          await servers.iam.send(
            new CreateOpenIDConnectProviderCommand({ Url, ClientIDList: ['one'], ThumbprintList: ['0'.repeat(40)] }),
          )
        ).OpenIDConnectProviderArn as string;
        expect(arn).toBe(`arn:aws:iam::${account}:oidc-provider/${id}.example.com/id/X`);
        const of = { OpenIDConnectProviderArn: arn };
        expect(
          await outcome(
            servers.iam.send(
              new CreateOpenIDConnectProviderCommand({ Url, ClientIDList: ['one'], ThumbprintList: ['0'.repeat(40)] }),
            ),
          ),
        ).toBe('EntityAlreadyExists 409');
        const got = await servers.iam.send(new GetOpenIDConnectProviderCommand(of));
        expect(got.Url).toBe(`${id}.example.com/id/X`);
        expect(got.ClientIDList).toEqual(['one']);
        await servers.iam.send(new DeleteOpenIDConnectProviderCommand(of));
        expect(await outcome(servers.iam.send(new GetOpenIDConnectProviderCommand(of)))).toBe('NoSuchEntity 404');
      });
      like('AddClientIDToOpenIDConnectProvider')('are completed with an audience, as often as asked', async () => {
        const made = await servers.iam.send(
          new CreateOpenIDConnectProviderCommand({
            Url: `https://${id}.example.com/id/Y`,
            ClientIDList: ['one'],
            ThumbprintList: ['0'.repeat(40)],
          }),
        );
        const of = { OpenIDConnectProviderArn: made.OpenIDConnectProviderArn };
        for (let twice = 0; twice < 2; twice++)
          await servers.iam.send(
            new AddClientIDToOpenIDConnectProviderCommand({ ...of, ClientID: 'sts.amazonaws.com' }),
          );
        const got = await servers.iam.send(new GetOpenIDConnectProviderCommand(of));
        expect([...(got.ClientIDList ?? [])].sort()).toEqual(['one', 'sts.amazonaws.com']);
        await servers.iam.send(new DeleteOpenIDConnectProviderCommand(of));
      });
    });

    describe('web identity', () => {
      const namespace = id;
      let host: string;
      let provider: string;
      let ours = false;
      const web = (sub: string, aud = 'sts.amazonaws.com', more: object = {}) => ({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Federated: provider },
            Action: 'sts:AssumeRoleWithWebIdentity',
            Condition: { StringEquals: { [`${host}:sub`]: sub, [`${host}:aud`]: aud }, ...more },
          },
        ],
      });
      const token = async (name: string, audience = 'sts.amazonaws.com'): Promise<string> =>
        (
          await servers.sure('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            spec: { audiences: [audience], expirationSeconds: 600 },
          })
        ).status.token;
      const exchange = (RoleArn: string, WebIdentityToken: string) =>
        servers.sts.send(
          new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: 'parity', WebIdentityToken }),
        );
      beforeAll(async () => {
        host = issuer.replace('https://', '');
        provider = `arn:aws:iam::${account}:oidc-provider/${host}`;
        const created = await outcome(
          servers.iam.send(
            new CreateOpenIDConnectProviderCommand({
              Url: issuer,
              ClientIDList: ['sts.amazonaws.com'],
              ThumbprintList: ['0'.repeat(40)],
            }),
          ),
        );
        ours = created === 'ok';
        await servers.sure('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
        for (const name of ['app', 'other'])
          await servers.sure('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
      });
      afterAll(async () => {
        await servers.kube('DELETE', `/api/v1/namespaces/${namespace}`);
        if (ours)
          await servers.iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: provider }));
        await until(
          'namespace gone',
          async () => (await servers.kube('GET', `/api/v1/namespaces/${namespace}`)).status === 404,
        );
      });
      it('gives the role to the account that the trust names, and to no other', async () => {
        const arn = await made('web', web(`system:serviceaccount:${namespace}:app`));
        const got = await exchange(arn, await token('app'));
        expect(got.AssumedRoleUser?.Arn).toBe(`arn:aws:sts::${account}:assumed-role/${id}-web/parity`);
        expect(got.SubjectFromWebIdentityToken).toBe(`system:serviceaccount:${namespace}:app`);
        expect(await outcome(exchange(arn, await token('other')))).toBe('AccessDenied 403');
      });
      it('refuses tokens for another audience, and what is no token', async () => {
        const arn = `arn:aws:iam::${account}:role/${id}-web`;
        expect(await outcome(exchange(arn, await token('app', 'elsewhere.example')))).toBe('InvalidIdentityToken 400');
        expect(await outcome(exchange(arn, 'nonsense'))).toBe('InvalidIdentityToken 400');
      });
      it('refuses roles that are not there or do not trust the provider alike', async () => {
        expect(await outcome(exchange(`arn:aws:iam::${account}:role/${id}-nobody`, await token('app')))).toBe(
          'AccessDenied 403',
        );
        expect(await outcome(exchange(await made('closed'), await token('app')))).toBe('AccessDenied 403');
      });
      it('obeys StringLike, several statements, and Deny before Allow', async () => {
        const like = {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Federated: provider },
              Action: 'sts:AssumeRoleWithWebIdentity',
              Condition: { StringLike: { [`${host}:sub`]: `system:serviceaccount:${namespace}:*` } },
            },
          ],
        };
        const arn = await made('like', like);
        expect(await outcome(exchange(arn, await token('other')))).toBe('ok');
        const deny = {
          Effect: 'Deny',
          Principal: { Federated: provider },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: { StringEquals: { [`${host}:sub`]: `system:serviceaccount:${namespace}:other` } },
        };
        await setTrust(`${id}-like`, JSON.stringify({ ...like, Statement: [...like.Statement, deny] }));
        expect(await outcome(exchange(arn, await token('other')))).toBe('AccessDenied 403');
        expect(await outcome(exchange(arn, await token('app')))).toBe('ok');
        const equals = {
          ...like,
          Statement: [
            {
              ...like.Statement[0],
              Condition: { StringEquals: { [`${host}:sub`]: `system:serviceaccount:${namespace}:*` } },
            },
          ],
        };
        await setTrust(`${id}-like`, JSON.stringify(equals));
        expect(await outcome(exchange(arn, await token('app')))).toBe('AccessDenied 403');
      });
      it('is seen in CloudTrail by the account’s own name', async () => {
        const name = `system:serviceaccount:${namespace}:app`;
        let event: any;
        await until('the event', async () => {
          const { Events } = await servers.trail.send(
            new LookupEventsCommand({ LookupAttributes: [{ AttributeKey: 'Username', AttributeValue: name }] }),
          );
          event = Events?.find(
            (each) => each.EventName === 'AssumeRoleWithWebIdentity' && each.CloudTrailEvent?.includes(`${id}-web`),
          );
          return event !== undefined;
        });
        const told = JSON.parse(event.CloudTrailEvent);
        expect(told).toMatchObject({
          eventSource: 'sts.amazonaws.com',
          eventName: 'AssumeRoleWithWebIdentity',
          userIdentity: { type: 'WebIdentityUser', userName: name },
          requestParameters: { roleArn: `arn:aws:iam::${account}:role/${id}-web`, roleSessionName: 'parity' },
        });
        expect(told.recipientAccountId).toBe(account);
        expect(JSON.stringify(told)).not.toContain('webIdentityToken":"ey');
      });
    });

    describe('EKS', () => {
      const associate = (input: object) =>
        servers.eks.send(
          new CreatePodIdentityAssociationCommand({
            clusterName: cluster,
            namespace: id,
            serviceAccount: 'app',
            roleArn: '',
            ...input,
          }),
        );
      const pods = {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'pods.eks.amazonaws.com' },
            Action: ['sts:AssumeRole', 'sts:TagSession'],
          },
        ],
      };
      it('tells the cluster with issuer, version and state', async () => {
        const { cluster: told } = await servers.eks.send(new DescribeClusterCommand({ name: cluster }));
        expect(told).toMatchObject({ name: cluster, status: 'ACTIVE', identity: { oidc: { issuer } } });
        expect(await outcome(servers.eks.send(new DescribeClusterCommand({ name: 'nobody' })))).toBe(
          'ResourceNotFound 404',
        );
        expect(
          await outcome(
            servers.eks.send(
              new DescribeAddonCommand({ clusterName: cluster, addonName: 'eks-node-monitoring-agent' }),
            ),
          ),
        ).toBe('ResourceNotFound 404');
      });
      it('tells what versions an add-on has, newest first', async () => {
        const { addons } = await servers.eks.send(
          new DescribeAddonVersionsCommand({ addonName: 'eks-pod-identity-agent' }),
        );
        expect(addons?.[0]?.addonName).toBe('eks-pod-identity-agent');
        expect(addons?.[0]?.addonVersions?.[0]?.addonVersion).toMatch(/^v\d/);
      });
      it('refuses associations with a role that is not there or trusts nobody there', async () => {
        expect(await outcome(associate({ roleArn: `arn:aws:iam::${account}:role/${id}-nobody` }))).toBe(
          'InvalidParameter 400',
        );
        expect(await outcome(associate({ roleArn: await made('untrusting') }))).toBe('InvalidParameter 400');
      });
      it('makes one association an account, the same again for the same token', async () => {
        const roleArn = await made('pods', pods);
        const clientRequestToken = `${id}-token-1`;
        const first = (await associate({ roleArn, clientRequestToken, tags: { a: 'b' } })).association;
        expect(first?.associationId).toMatch(/^a-/);
        expect(first).toMatchObject({
          clusterName: cluster,
          namespace: id,
          serviceAccount: 'app',
          roleArn,
          tags: { a: 'b' },
        });
        expect((await associate({ roleArn, clientRequestToken, tags: { a: 'b' } })).association?.associationId).toBe(
          first?.associationId,
        );
        expect(await outcome(associate({ roleArn, clientRequestToken: `${id}-token-2` }))).toBe('ResourceInUse 409');
        const listed = await servers.eks.send(
          new ListPodIdentityAssociationsCommand({ clusterName: cluster, namespace: id }),
        );
        expect(listed.associations?.map((each) => [each.namespace, each.serviceAccount, each.associationId])).toEqual([
          [id, 'app', first?.associationId],
        ]);
        const of = { clusterName: cluster, associationId: first?.associationId };
        expect((await servers.eks.send(new DescribePodIdentityAssociationCommand(of))).association).toMatchObject({
          roleArn,
          tags: { a: 'b' },
        });
        const other = await made('pods-2', pods);
        expect(
          (await servers.eks.send(new UpdatePodIdentityAssociationCommand({ ...of, roleArn: other }))).association
            ?.roleArn,
        ).toBe(other);
        await servers.eks.send(new DeletePodIdentityAssociationCommand(of));
        expect(await outcome(servers.eks.send(new DeletePodIdentityAssociationCommand(of)))).toBe(
          'ResourceNotFound 404',
        );
        expect(await outcome(servers.eks.send(new DescribePodIdentityAssociationCommand(of)))).toBe(
          'ResourceNotFound 404',
        );
      });
      it('gives a target role an external id of its own', async () => {
        const roleArn = `arn:aws:iam::${account}:role/${id}-pods`;
        const targetRoleArn = `arn:aws:iam::${account}:role/${id}-pods-2`;
        const { association } = await associate({ serviceAccount: 'chained', roleArn, targetRoleArn });
        expect(association?.targetRoleArn).toBe(targetRoleArn);
        expect(association?.externalId).toBeTruthy();
        await servers.eks.send(
          new DeletePodIdentityAssociationCommand({ clusterName: cluster, associationId: association?.associationId }),
        );
      });
      it('has pods of an associated account get the agent’s address, before any annotation', async () => {
        const roleArn = `arn:aws:iam::${account}:role/${id}-pods`;
        const namespace = `${id}-pods`;
        await servers.sure('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
        try {
          await servers.sure('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
            metadata: { name: 'app', annotations: { 'eks.amazonaws.com/role-arn': roleArn } },
          });
          const { association } = await associate({ namespace, roleArn });
          const body = {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'probe' },
            spec: { serviceAccountName: 'app', containers: [{ name: 'main', image: 'x' }] },
          };
          let pod: any;
          await until('the webhook to know', async () => {
            pod = await servers.sure('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, body);
            return pod.spec.containers[0].env?.some((each: any) => each.name === 'AWS_CONTAINER_CREDENTIALS_FULL_URI');
          });
          const env = Object.fromEntries(pod.spec.containers[0].env.map((each: any) => [each.name, each.value]));
          expect(env).toMatchObject({
            AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE:
              '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token',
          });
          expect(env).not.toHaveProperty('AWS_ROLE_ARN');
          expect(pod.metadata.labels['eks.amazonaws.com/pod-identity']).toBe('enabled');
          expect(
            pod.spec.volumes.find((each: any) => each.name === 'eks-pod-identity-token').projected.sources[0]
              .serviceAccountToken.audience,
          ).toBe('pods.eks.amazonaws.com');
          await servers.eks.send(
            new DeletePodIdentityAssociationCommand({
              clusterName: cluster,
              associationId: association?.associationId,
            }),
          );
          await until('the annotation to speak again', async () => {
            pod = await servers.sure('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, body);
            return pod.spec.containers[0].env?.some((each: any) => each.name === 'AWS_ROLE_ARN');
          });
        } finally {
          await servers.kube('DELETE', `/api/v1/namespaces/${namespace}`);
          await until(
            'namespace gone',
            async () => (await servers.kube('GET', `/api/v1/namespaces/${namespace}`)).status === 404,
          );
        }
      });
    });

    describe('S3', () => {
      const Bucket = `${id}-bucket`;
      const put = (Key: string, more: object = {}) =>
        servers.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...more }));
      beforeAll(async () => {
        await servers.s3.send(
          new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }),
        );
      });
      afterAll(async () => {
        for (const { Key } of (await servers.s3.send(new ListObjectsV2Command({ Bucket }))).Contents ?? [])
          await servers.s3.send(new DeleteObjectCommand({ Bucket, Key }));
        await servers.s3.send(new DeleteBucketCommand({ Bucket }));
      });
      it('creates an object only once with If-None-Match', async () => {
        expect(await outcome(put('a/once', { IfNoneMatch: '*' }))).toBe('ok');
        expect(await outcome(put('a/once', { IfNoneMatch: '*' }))).toBe('PreconditionFailed 412');
      });
      it('replaces only what was read with If-Match', async () => {
        const first = (await put('a/match')).ETag as string;
        const second = (await put('a/match', { IfMatch: first, Body: 'y' })).ETag as string;
        expect(await outcome(put('a/match', { IfMatch: first, Body: 'z' }))).toBe('PreconditionFailed 412');
        const got = await servers.s3.send(new GetObjectCommand({ Bucket, Key: 'a/match' }));
        expect(got.ETag).toBe(second);
        expect(await got.Body?.transformToString()).toBe('y');
      });
      like('If-Match on nothing')('refuses If-Match on an object that is not there', async () => {
        expect(await outcome(put('a/nothing', { IfMatch: '"0123"' }))).toBe('NoSuchKey 404');
      });
      it('tells what is missing, and lists by prefix in order', async () => {
        expect(await outcome(servers.s3.send(new GetObjectCommand({ Bucket, Key: 'nothing' })))).toBe('NoSuchKey 404');
        await put('b/2');
        await put('b/1');
        const { Contents } = await servers.s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'b/' }));
        expect(Contents?.map(({ Key }) => Key)).toEqual(['b/1', 'b/2']);
        expect(await outcome(servers.s3.send(new DeleteObjectCommand({ Bucket, Key: 'nothing' })))).toBe('ok');
      });
    });
  });
};
