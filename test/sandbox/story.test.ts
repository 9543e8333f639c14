import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/sandbox/clock.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { loadScenario } from '../../src/sandbox/scenario.js';

const arn = 'arn:aws:iam::111122223333:role/media-encoder';
const host = 'oidc.eks.eu-west-1.amazonaws.com/id/4B5F9C2E7A1D4E8F9A0B1C2D3E4F5A6B';
const never = new AbortController().signal;

const begun = async () => {
  const clock = new VirtualClock();
  const sandbox = createSandbox({ scenario: loadScenario('demo'), clock });
  await clock.advance(5_000);
  return { clock, sandbox };
};
const text = (answer: { body: unknown }) => String(answer.body);
const kube = async (sandbox: Sandbox, method: string, path: string, body?: unknown) => {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const request = {
    method,
    url: `http://sandbox${path}`,
    headers: { 'content-type': type },
    body: body === undefined ? '' : JSON.stringify(body),
  };
  const answer = await sandbox.handle(request, never);
  expect(answer.status, text(answer)).toBeLessThan(300);
  return JSON.parse(text(answer));
};
const query = (sandbox: Sandbox, service: string, params: Record<string, string>) => {
  const version = service === 'iam' ? '2010-05-08' : '2011-06-15';
  return sandbox.handle(
    {
      method: 'POST',
      url: 'http://sandbox/',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `AWS4-HMAC-SHA256 Credential=AKIA0000111122223333/20260101/eu-west-1/${service}/aws4_request, Signature=0`,
      },
      body: new URLSearchParams({ Version: version, ...params }).toString(),
    },
    never,
  );
};
const encoders = (sandbox: Sandbox) => sandbox.identities('media').filter((each) => each.pod.startsWith('encoder'));
const trust = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::111122223333:role/kiam-server' }, Action: 'sts:AssumeRole' },
    {
      Effect: 'Allow',
      Principal: { Federated: `arn:aws:iam::111122223333:oidc-provider/${host}` },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: {
        StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com', [`${host}:sub`]: 'system:serviceaccount:media:encoder' },
      },
    },
  ],
};
const annotate = (sandbox: Sandbox) =>
  kube(sandbox, 'PATCH', '/api/v1/namespaces/media/serviceaccounts/encoder', {
    metadata: { annotations: { 'eks.amazonaws.com/role-arn': arn } },
  });
const restart = (sandbox: Sandbox, mark: string) =>
  kube(sandbox, 'PATCH', '/apis/apps/v1/namespaces/media/deployments/encoder', {
    spec: { template: { metadata: { annotations: { 'example.com/restart': mark } } } },
  });

describe('a move from kiam to IRSA, by hand', () => {
  it('keeps the role when trust comes first, and is proven by CloudTrail', async () => {
    const { clock, sandbox } = await begun();
    expect(encoders(sandbox).map((each) => each.containers[0]?.source)).toEqual(['kiam', 'kiam']);
    await query(sandbox, 'iam', {
      Action: 'CreateOpenIDConnectProvider',
      Url: `https://${host}`,
      'ClientIDList.member.1': 'sts.amazonaws.com',
    });
    await query(sandbox, 'iam', {
      Action: 'UpdateAssumeRolePolicy',
      RoleName: 'media-encoder',
      PolicyDocument: JSON.stringify(trust),
    });
    await annotate(sandbox);
    await restart(sandbox, '1');
    await clock.advance(10_000);
    expect(encoders(sandbox).map((each) => [each.containers[0]?.source, each.role])).toEqual([
      ['web-identity', arn],
      ['web-identity', arn],
    ]);
    const events = await sandbox.handle(
      {
        method: 'POST',
        url: 'http://sandbox/',
        headers: {
          'x-amz-target': 'CloudTrail_20131101.LookupEvents',
          authorization: 'AWS4-HMAC-SHA256 Credential=AKIA0000111122223333/20260101/eu-west-1/cloudtrail/aws4_request',
        },
        body: JSON.stringify({
          LookupAttributes: [{ AttributeKey: 'Username', AttributeValue: 'system:serviceaccount:media:encoder' }],
        }),
      },
      never,
    );
    expect(JSON.parse(text(events)).Events).toHaveLength(2);
  });

  it('loses the role when the annotation comes before the trust', async () => {
    const { clock, sandbox } = await begun();
    await annotate(sandbox);
    await restart(sandbox, '1');
    await clock.advance(10_000);
    expect(encoders(sandbox).map((each) => each.role)).toEqual([null, null]);
    expect(encoders(sandbox)[0]?.containers[0]?.error).toContain('No OpenIDConnect provider found');
  });
});

describe('the same token over the wire', () => {
  it('gets what identityOf says', async () => {
    const { clock, sandbox } = await begun();
    await query(sandbox, 'iam', {
      Action: 'CreateOpenIDConnectProvider',
      Url: `https://${host}`,
      'ClientIDList.member.1': 'sts.amazonaws.com',
    });
    await query(sandbox, 'iam', {
      Action: 'UpdateAssumeRolePolicy',
      RoleName: 'media-encoder',
      PolicyDocument: JSON.stringify(trust),
    });
    await annotate(sandbox);
    await restart(sandbox, '1');
    await clock.advance(10_000);
    const pod = encoders(sandbox)[0]!;
    const exchange = (token: string) =>
      query(sandbox, 'sts', {
        Action: 'AssumeRoleWithWebIdentity',
        RoleArn: arn,
        RoleSessionName: 'test',
        WebIdentityToken: token,
      });
    const own = sandbox.cluster.tokenFor('media', 'encoder', ['sts.amazonaws.com'], { pod: pod.pod })!;
    expect(text(await exchange(own))).toContain('assumed-role/media-encoder/test');
    const others = sandbox.cluster.tokenFor('media', 'default', ['sts.amazonaws.com'])!;
    expect(await exchange(others)).toMatchObject({ status: 403 });
    const audience = sandbox.cluster.tokenFor('media', 'encoder', ['other'])!;
    expect(text(await exchange(audience))).toContain('Incorrect token audience');
    await clock.advance(3_700_000);
    expect(text(await exchange(own))).toContain('ExpiredToken');
  });
});

describe('a fork', () => {
  it('goes its own way, and the estate it came from stays as it was', async () => {
    const { clock, sandbox } = await begun();
    const before = sandbox.canonical();
    const time = clock.fork();
    const fork = sandbox.fork(time);
    expect(fork.canonical()).toEqual(before);
    await query(fork, 'iam', {
      Action: 'TagRole',
      RoleName: 'media-encoder',
      'Tags.member.1.Key': 'a',
      'Tags.member.1.Value': 'b',
    });
    await annotate(fork);
    await time.advance(1_000);
    expect(fork.canonical()).not.toEqual(before);
    expect(sandbox.canonical()).toEqual(before);
    await kube(sandbox, 'PATCH', '/api/v1/namespaces/media', { metadata: { labels: { x: 'y' } } });
    expect(sandbox.canonical()).not.toEqual(before);
    expect(JSON.stringify(fork.canonical())).not.toContain('"x":"y"');
  });
});
