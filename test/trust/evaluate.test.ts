import { describe, expect, it } from 'vitest';
import { parseTrust } from '../../src/trust/document.js';
import { type AssumeRequest, allows, mayAssume } from '../../src/trust/evaluate.js';

const server = 'arn:aws:iam::111122223333:role/kiam-server';
const ask = { action: 'sts:AssumeRole', principalArn: server } satisfies AssumeRequest;
const trust = (...statements: object[]) => parseTrust(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
const allow = (extra: object = {}) => ({
  Effect: 'Allow',
  Principal: { AWS: server },
  Action: 'sts:AssumeRole',
  ...extra,
});
const deny = (extra: object = {}) => ({ ...allow(extra), Effect: 'Deny' });
const when = (condition: object) => trust(allow({ Condition: condition }));

describe('who may assume a role', () => {
  it.each([
    ['the role itself', { AWS: server }, 'yes'],
    ['one of a list', { AWS: ['arn:aws:iam::111122223333:role/x', server] }, 'yes'],
    ['another role', { AWS: 'arn:aws:iam::111122223333:role/x' }, 'no'],
    ['the account root', { AWS: 'arn:aws:iam::111122223333:root' }, 'yes'],
    ['the account by number', { AWS: '111122223333' }, 'yes'],
    ['another account', { AWS: 'arn:aws:iam::999988887777:root' }, 'no'],
    ['everybody', '*', 'yes'],
    ['everybody, spelled out', { AWS: '*' }, 'yes'],
    ['a service', { Service: 'ec2.amazonaws.com' }, 'no'],
    [
      'a session of the role, whose name is not known',
      { AWS: 'arn:aws:sts::111122223333:assumed-role/kiam-server/i-1' },
      'unknown',
    ],
    ['a session of another role', { AWS: 'arn:aws:sts::111122223333:assumed-role/x/i-1' }, 'no'],
    ['the id of a deleted role', { AWS: 'AROAEXAMPLE1234567890' }, 'no'],
    ['a role of the same name in another partition', { AWS: 'arn:aws-cn:iam::111122223333:role/kiam-server' }, 'no'],
  ])('%s', (_, principal, verdict) => {
    expect(mayAssume(trust(allow({ Principal: principal })), ask)).toBe(verdict);
  });

  it('knows the role behind an assumed-role session', () => {
    const session = 'arn:aws:sts::111122223333:assumed-role/kiam-server/i-0abc';
    expect(mayAssume(trust(allow()), { ...ask, principalArn: session })).toBe('yes');
    expect(
      mayAssume(trust(allow({ Principal: { AWS: 'arn:aws:iam::111122223333:role/p/kiam-server' } })), {
        ...ask,
        principalArn: session,
      }),
    ).toBe('unknown');
  });

  it('lets a Deny win, and NotPrincipal spare the one that it names', () => {
    expect(mayAssume(trust(allow(), deny()), ask)).toBe('no');
    const spare = { Effect: 'Deny', NotPrincipal: { AWS: server }, Action: 'sts:AssumeRole' };
    expect(mayAssume(trust(allow({ Principal: '*' }), spare), ask)).toBe('yes');
    expect(
      mayAssume(trust(allow({ Principal: '*' }), spare), { ...ask, principalArn: 'arn:aws:iam::111122223333:role/x' }),
    ).toBe('no');
  });

  it.each([
    ['sts:AssumeRole', 'yes'],
    ['STS:assumerole', 'yes'],
    ['sts:*', 'yes'],
    ['*', 'yes'],
    ['sts:Assume????', 'yes'],
    ['sts:AssumeRoleWithWebIdentity', 'no'],
    ['sts:TagSession', 'no'],
  ])('action %s', (action, verdict) => {
    expect(mayAssume(trust(allow({ Action: action })), ask)).toBe(verdict);
  });

  it('reads NotAction', () => {
    const { Action: _, ...rest } = allow();
    expect(mayAssume(trust({ ...rest, NotAction: 'sts:TagSession' }), ask)).toBe('yes');
    expect(mayAssume(trust({ ...rest, NotAction: 'sts:*' }), ask)).toBe('no');
  });

  it('does not guess about what it cannot read', () => {
    expect(mayAssume(parseTrust('{'), ask)).toBe('unknown');
    expect(mayAssume(when({ StringEquals: 'x' }), ask)).toBe('unknown');
    expect(mayAssume(when({ StringSounds: { 'sts:ExternalId': 'x' } }), ask)).toBe('unknown');
    expect(mayAssume(trust({ ...allow(), Effect: 'Perhaps' }), ask)).toBe('no');
    expect(mayAssume(trust(allow(), { ...allow(), Effect: 'Perhaps' }), ask)).toBe('unknown');
  });
});

describe('conditions', () => {
  const external = (operator: string, expected: string | string[]) =>
    when({ [operator]: { 'sts:ExternalId': expected } });
  it.each([
    ['StringEquals', 'abc', 'abc', 'yes'],
    ['StringEquals', 'abc', 'abd', 'no'],
    ['StringEquals', 'abc', null, 'no'],
    ['StringEquals', 'ab*', 'abc', 'no'],
    ['StringLike', 'ab*', 'abc', 'yes'],
    ['StringNotEquals', 'abc', 'abd', 'yes'],
    ['StringNotEquals', 'abc', null, 'yes'],
    ['StringNotLike', 'ab*', 'abc', 'no'],
    ['StringEqualsIfExists', 'abc', null, 'yes'],
    ['StringEqualsIfExists', 'abc', 'x', 'no'],
    ['StringEqualsIgnoreCase', 'ABC', 'abc', 'yes'],
    ['ForAnyValue:StringEquals', 'abc', 'abc', 'yes'],
    ['ForAnyValue:StringEquals', 'abc', null, 'no'],
    ['ForAllValues:StringEquals', 'abc', null, 'yes'],
    ['Null', 'true', null, 'yes'],
    ['Null', 'true', 'abc', 'no'],
    ['Null', 'false', 'abc', 'yes'],
  ])('%s %s with the external id %s: %s', (operator, expected, externalId, verdict) => {
    expect(mayAssume(external(operator, expected), { ...ask, externalId })).toBe(verdict);
  });

  it('takes any of several values, and no value of a negated test', () => {
    expect(mayAssume(external('StringEquals', ['a', 'b']), { ...ask, externalId: 'b' })).toBe('yes');
    expect(mayAssume(external('StringNotEquals', ['a', 'b']), { ...ask, externalId: 'b' })).toBe('no');
  });

  it('demands every operator and every key', () => {
    const both = when({ StringEquals: { 'sts:ExternalId': 'a', 'sts:RoleSessionName': 'kiam-kiam' } });
    expect(mayAssume(both, { ...ask, externalId: 'a', sessionName: 'kiam-kiam' })).toBe('yes');
    expect(mayAssume(both, { ...ask, externalId: 'a', sessionName: 'other' })).toBe('no');
    expect(mayAssume(both, { ...ask, externalId: 'a' })).toBe('unknown');
    expect(mayAssume(both, { ...ask, externalId: 'b' })).toBe('no');
  });

  it('compares principals as ARNs, part by part', () => {
    expect(mayAssume(when({ ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/kiam-*' } }), ask)).toBe('yes');
    expect(mayAssume(when({ ArnLike: { 'aws:PrincipalArn': 'arn:*role/kiam-*' } }), ask)).toBe('no');
    expect(mayAssume(when({ ArnNotEquals: { 'aws:PrincipalArn': server } }), ask)).toBe('no');
    expect(mayAssume(when({ StringEquals: { 'AWS:principalaccount': '111122223333' } }), ask)).toBe('yes');
  });

  it('says unknown for keys that it cannot know', () => {
    for (const key of [
      'aws:PrincipalOrgID',
      'aws:PrincipalTag/team',
      'aws:SourceVpc',
      'aws:userid',
      'aws:RequestedRegion',
    ])
      expect(mayAssume(when({ StringEquals: { [key]: 'x' } }), ask)).toBe('unknown');
    expect(mayAssume(when({ DateGreaterThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } }), ask)).toBe('unknown');
    expect(mayAssume(when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), ask)).toBe('unknown');
    expect(mayAssume(when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), { ...ask, sourceIp: '10.1.2.3' })).toBe(
      'yes',
    );
    expect(mayAssume(when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), { ...ask, sourceIp: '11.1.2.3' })).toBe(
      'no',
    );
  });

  it('never lets a broker pass a second factor', () => {
    expect(mayAssume(when({ Bool: { 'aws:MultiFactorAuthPresent': 'true' } }), ask)).toBe('no');
    expect(mayAssume(when({ BoolIfExists: { 'aws:MultiFactorAuthPresent': 'true' } }), ask)).toBe('unknown');
  });

  it('fills policy variables in, where they are known', () => {
    expect(
      mayAssume(when({ StringEquals: { 'sts:ExternalId': '${aws:PrincipalAccount}' } }), {
        ...ask,
        externalId: '111122223333',
      }),
    ).toBe('yes');
    expect(mayAssume(when({ StringEquals: { 'sts:ExternalId': '${aws:userid}' } }), { ...ask, externalId: 'x' })).toBe(
      'unknown',
    );
  });

  it('is told further keys', () => {
    const org = when({ StringEquals: { 'aws:PrincipalOrgID': 'o-1' } });
    expect(mayAssume(org, { ...ask, keys: { 'aws:PrincipalOrgID': 'o-1' } })).toBe('yes');
    expect(mayAssume(org, { ...ask, keys: { 'aws:PrincipalOrgID': null } })).toBe('no');
  });
});

describe('web identity', () => {
  const provider = 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
  const host = 'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
  const document = (tests: object) =>
    trust({
      Effect: 'Allow',
      Principal: { Federated: provider },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: tests,
    });
  const token: AssumeRequest = {
    action: 'sts:AssumeRoleWithWebIdentity',
    federated: provider,
    claims: { aud: 'sts.amazonaws.com', sub: 'system:serviceaccount:payments:api' },
  };
  it.each([
    [{ StringEquals: { [`${host}:sub`]: 'system:serviceaccount:payments:api' } }, 'yes'],
    [{ StringEquals: { [`${host}:sub`]: ['x', 'system:serviceaccount:payments:api'] } }, 'yes'],
    [{ StringEquals: { [`${host}:sub`]: 'system:serviceaccount:payments:web' } }, 'no'],
    [{ StringLike: { [`${host}:sub`]: 'system:serviceaccount:payments:*' } }, 'yes'],
    [{ StringEquals: { [`${host}:sub`]: 'system:serviceaccount:payments:*' } }, 'no'],
    [{ StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com' } }, 'yes'],
    [{ StringEquals: { [`${host}:aud`]: 'sts.amazonaws.com.cn' } }, 'no'],
    [{ StringEquals: { 'oidc.eks.eu-west-1.amazonaws.com/id/OTHER:sub': 'system:serviceaccount:payments:api' } }, 'no'],
    [{ StringNotEquals: { 'oidc.eks.eu-west-1.amazonaws.com/id/OTHER:sub': 'x' } }, 'yes'],
    [{ StringEquals: { 'sts:ExternalId': 'x' } }, 'no'],
  ])('%j: %s', (tests, verdict) => {
    expect(mayAssume(document(tests), token)).toBe(verdict);
  });

  it('takes a Deny on everybody for everybody, and does not guess about an Allow', () => {
    const open = { Effect: 'Allow', Principal: '*', Action: '*' };
    expect(mayAssume(trust(open), token)).toBe('unknown');
    expect(mayAssume(trust(open), { action: 'sts:AssumeRole', service: 'pods.eks.amazonaws.com' })).toBe('unknown');
    const fine = { Effect: 'Allow', Principal: { Federated: provider }, Action: '*' };
    expect(mayAssume(trust(fine, { ...open, Effect: 'Deny' }), token)).toBe('no');
  });

  it('knows one provider from another', () => {
    expect(mayAssume(document({}), { ...token, federated: `${provider}2` })).toBe('no');
    expect(mayAssume(document({}), ask)).toBe('no');
  });
});

describe('what identity policies allow', () => {
  const role = 'arn:aws:iam::111122223333:role/app';
  const policy = (...statements: object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
  const grant = (resource: unknown, extra: object = {}) => ({
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Resource: resource,
    ...extra,
  });
  const test = (...texts: (string | null)[]) => allows(texts, 'sts:AssumeRole', role);

  it.each([
    ['*', 'yes'],
    [role, 'yes'],
    ['arn:aws:iam::111122223333:role/*', 'yes'],
    ['arn:aws:iam::*:role/ap?', 'yes'],
    ['arn:aws:iam::111122223333:role/other', 'no'],
    ['arn:aws:iam::111122223333:role/${aws:username}', 'unknown'],
  ])('on %s: %s', (resource, verdict) => {
    expect(test(policy(grant(resource)))).toBe(verdict);
  });

  it('knows Deny, NotAction and NotResource', () => {
    expect(test(policy(grant('*'), { Effect: 'Deny', Action: 'sts:*', Resource: role }))).toBe('no');
    expect(test(policy({ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' }))).toBe('yes');
    expect(test(policy({ Effect: 'Allow', NotAction: 'sts:*', Resource: '*' }))).toBe('no');
    expect(test(policy({ Effect: 'Allow', Action: '*', NotResource: role }))).toBe('no');
    expect(test(policy({ Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::x' }))).toBe('yes');
  });

  it('is allowed nothing by nothing', () => {
    expect(test()).toBe('no');
  });

  it('demands the boundary too', () => {
    const all = policy(grant('*'));
    expect(allows([all], 'sts:AssumeRole', role, { boundary: all })).toBe('yes');
    expect(
      allows([all], 'sts:AssumeRole', role, { boundary: policy({ Effect: 'Allow', Action: 's3:*', Resource: '*' }) }),
    ).toBe('no');
    expect(allows([all], 'sts:AssumeRole', role, { boundary: null })).toBe('unknown');
  });

  it('claims nothing where a policy was not read, but for a Deny that was', () => {
    expect(test(policy(grant('*')), null)).toBe('unknown');
    expect(test(null)).toBe('unknown');
    expect(test('{', policy(grant('*')))).toBe('unknown');
    expect(test(null, policy({ Effect: 'Deny', Action: '*', Resource: '*' }))).toBe('no');
  });

  it('does not know what a condition turns on', () => {
    expect(test(policy(grant('*', { Condition: { StringEquals: { 'aws:PrincipalTag/x': 'y' } } })))).toBe('unknown');
  });
});
