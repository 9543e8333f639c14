import {
  AttachRolePolicyCommand,
  CreateOpenIDConnectProviderCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  DetachRolePolicyCommand,
  GetAccountSummaryCommand,
  GetOpenIDConnectProviderCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListRolesCommand,
  ListRoleTagsCommand,
  PutRolePolicyCommand,
  SimulatePrincipalPolicyCommand,
  TagRoleCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AwsServer, account, ec2Trust, issuer, kiamTrust, startAws } from './aws-server.js';

let aws: AwsServer;
beforeEach(async () => {
  aws = await startAws();
});
afterEach(() => aws.close());

const trust = JSON.stringify(kiamTrust);
const create = (name: string, document = trust) =>
  aws.clients().iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: document }));

describe('roles', () => {
  it('give back the trust document byte for byte, URL-encoded', async () => {
    const odd =
      ' {"Version":"2012-10-17",\n\t"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"aws:x":"(a)*\'!"}}}}';
    await create('odd', odd);
    const { Role } = await aws.clients().iam.send(new GetRoleCommand({ RoleName: 'odd' }));
    expect(Role?.AssumeRolePolicyDocument).not.toContain('{');
    expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? '')).toBe(odd);
  });

  it('say NoSuchEntity with 404, and EntityAlreadyExists with 409 whatever the case of the name', async () => {
    await expect(aws.clients().iam.send(new GetRoleCommand({ RoleName: 'none' }))).rejects.toMatchObject({
      name: 'NoSuchEntityException',
      $metadata: { httpStatusCode: 404 },
    });
    await create('app');
    await expect(create('APP')).rejects.toMatchObject({
      name: 'EntityAlreadyExistsException',
      $metadata: { httpStatusCode: 409 },
    });
  });

  it('come in pages', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await create(name);
    const names: string[] = [];
    let Marker: string | undefined;
    let pages = 0;
    do {
      const page = await aws.clients().iam.send(new ListRolesCommand({ MaxItems: 2, ...(Marker ? { Marker } : {}) }));
      names.push(...(page.Roles ?? []).map((role) => role.RoleName as string));
      Marker = page.IsTruncated ? page.Marker : undefined;
      pages++;
    } while (Marker);
    expect(names).toEqual(['a', 'b', 'c', 'd', 'kiam-server']);
    expect(pages).toBe(3);
  });

  it('refuse a trust policy that exceeds the quota, white space not counted', async () => {
    const padded = (length: number, space: string) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ ...kiamTrust.Statement[0], Condition: { StringEquals: { 'aws:x': 'y'.repeat(length) } } }],
      }).replace('"Version"', `${space}"Version"`);
    const room = 2048 - padded(0, '').length;
    await create('fits', padded(room, ' '.repeat(3000)));
    await expect(create('over', padded(room + 1, ''))).rejects.toMatchObject({
      name: 'LimitExceededException',
      message: 'Cannot exceed quota for ACLSizePerRole: 2048',
    });
  });

  it('refuse a principal that is not there and a malformed federated one', async () => {
    const bad = trust.replace('kiam-server', 'nobody');
    await expect(create('x', bad)).rejects.toMatchObject({ name: 'MalformedPolicyDocumentException' });
    const federated = JSON.stringify({
      Statement: [
        { Effect: 'Allow', Principal: { Federated: 'not a provider' }, Action: 'sts:AssumeRoleWithWebIdentity' },
      ],
    });
    await expect(create('x', federated)).rejects.toThrow('Federated principals must be valid domain names');
  });

  it('show a deleted principal as its id, do not match its successor, and do not take the document back', async () => {
    await create('app');
    const { iam } = aws.clients();
    await iam.send(new DeleteRoleCommand({ RoleName: 'kiam-server' }));
    const shown = async () =>
      decodeURIComponent(
        (await iam.send(new GetRoleCommand({ RoleName: 'app' }))).Role?.AssumeRolePolicyDocument ?? '',
      );
    expect(await shown()).toMatch(/"AWS":"AROA[A-Z0-9]{17}"/);
    await create('kiam-server', JSON.stringify(ec2Trust));
    expect(await shown()).toMatch(/"AWS":"AROA[A-Z0-9]{17}"/);
    await expect(
      iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'app', PolicyDocument: await shown() })),
    ).rejects.toMatchObject({ name: 'MalformedPolicyDocumentException' });
  });

  it('answer with old state for the consistency delay, writes aside', async () => {
    await aws.close();
    aws = await startAws({}, { consistencyDelayMs: 5000 });
    const { iam } = aws.clients();
    await iam.send(new TagRoleCommand({ RoleName: 'kiam-server', Tags: [{ Key: 'a', Value: 'b' }] }));
    const tags = async () => (await iam.send(new ListRoleTagsCommand({ RoleName: 'kiam-server' }))).Tags;
    expect(await tags()).toEqual([]);
    aws.time.now += 5000;
    expect(await tags()).toEqual([{ Key: 'a', Value: 'b' }]);
  });
});

describe('policies', () => {
  it('are attached once, listed, and detached with NoSuchEntity the second time', async () => {
    const { iam } = aws.clients();
    const PolicyArn = 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy';
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'kiam-server', PolicyArn }));
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'kiam-server', PolicyArn }));
    const listed = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName: 'kiam-server' }));
    expect(listed.AttachedPolicies).toEqual([{ PolicyName: 'AmazonEKS_CNI_Policy', PolicyArn }]);
    const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
    const version = await iam.send(
      new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId as string }),
    );
    expect(decodeURIComponent(version.PolicyVersion?.Document ?? '')).toContain('ec2:AssignPrivateIpAddresses');
    const users = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn }));
    expect(users.PolicyRoles?.map((role) => role.RoleName)).toEqual(['kiam-server']);
    await iam.send(new DetachRolePolicyCommand({ RoleName: 'kiam-server', PolicyArn }));
    await expect(iam.send(new DetachRolePolicyCommand({ RoleName: 'kiam-server', PolicyArn }))).rejects.toMatchObject({
      name: 'NoSuchEntityException',
    });
  });

  it('of a role keep the role from being deleted', async () => {
    const { iam } = aws.clients();
    const document = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
    });
    await iam.send(
      new PutRolePolicyCommand({ RoleName: 'kiam-server', PolicyName: 'inline', PolicyDocument: document }),
    );
    const got = await iam.send(new GetRolePolicyCommand({ RoleName: 'kiam-server', PolicyName: 'inline' }));
    expect(decodeURIComponent(got.PolicyDocument ?? '')).toBe(document);
    await expect(iam.send(new DeleteRoleCommand({ RoleName: 'kiam-server' }))).rejects.toMatchObject({
      name: 'DeleteConflictException',
    });
    await iam.send(new CreatePolicyCommand({ PolicyName: 'mine', PolicyDocument: document }));
    await expect(
      iam.send(new CreatePolicyCommand({ PolicyName: 'MINE', PolicyDocument: document })),
    ).rejects.toMatchObject({ name: 'EntityAlreadyExistsException' });
  });

  it('are simulated for roles', async () => {
    const { iam } = aws.clients();
    const ask = async () =>
      (
        await iam.send(
          new SimulatePrincipalPolicyCommand({
            PolicySourceArn: `arn:aws:iam::${account}:role/kiam-server`,
            ActionNames: ['ec2:CreateNetworkInterface'],
          }),
        )
      ).EvaluationResults?.map((result) => result.EvalDecision);
    expect(await ask()).toEqual(['implicitDeny']);
    const PolicyArn = 'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy';
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'kiam-server', PolicyArn }));
    expect(await ask()).toEqual(['allowed']);
  });
});

describe('the account', () => {
  it('tells its quotas', async () => {
    const { SummaryMap } = await aws.clients().iam.send(new GetAccountSummaryCommand({}));
    expect(SummaryMap).toMatchObject({ AssumeRolePolicySizeQuota: 2048, AttachedPoliciesPerRoleQuota: 10, Roles: 1 });
  });

  it('keeps one OIDC provider an issuer, https and without a port', async () => {
    const { iam } = aws.clients();
    const made = await iam.send(
      new CreateOpenIDConnectProviderCommand({ Url: issuer, ClientIDList: ['sts.amazonaws.com'] }),
    );
    expect(made.OpenIDConnectProviderArn).toBe(`arn:aws:iam::${account}:oidc-provider/${issuer.slice(8)}`);
    const got = await iam.send(
      new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: made.OpenIDConnectProviderArn as string }),
    );
    expect(got).toMatchObject({ Url: issuer.slice(8), ClientIDList: ['sts.amazonaws.com'] });
    await expect(iam.send(new CreateOpenIDConnectProviderCommand({ Url: issuer }))).rejects.toMatchObject({
      name: 'EntityAlreadyExistsException',
    });
    await expect(iam.send(new CreateOpenIDConnectProviderCommand({ Url: 'http://x.example' }))).rejects.toMatchObject({
      name: 'InvalidInputException',
    });
  });

  it('refuses what the policy of its caller does not allow, and names it', async () => {
    aws.userPolicy = JSON.stringify({
      Statement: [{ Effect: 'Allow', Action: 'iam:GetRole', Resource: `arn:aws:iam::${account}:role/kiam-*` }],
    });
    const { iam } = aws.clients();
    await iam.send(new GetRoleCommand({ RoleName: 'kiam-server' }));
    await expect(iam.send(new GetRoleCommand({ RoleName: 'other' }))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining('iam:GetRole'),
      $metadata: { httpStatusCode: 403 },
    });
    await expect(create('x')).rejects.toThrow('iam:CreateRole');
  });

  it('is told by the access key', async () => {
    await expect(
      aws.clients({ account: '999900001111' }).iam.send(new GetRoleCommand({ RoleName: 'kiam-server' })),
    ).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  });
});
