import { describe, expect, it } from 'vitest';
import { parseTrust } from '../../src/trust/document.js';
import { sessionDependentKeys, tagKeys, tooWide, unrestorable, whoTrusts } from '../../src/trust/lint.js';
import { statementFor } from '../../src/trust/statement.js';

const host = 'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
const provider = `arn:aws:iam::111122223333:oidc-provider/${host}`;
const trust = (...statements: object[]) => parseTrust(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
const web = (condition: object | undefined, federated = provider) => ({
  Effect: 'Allow',
  Principal: { Federated: federated },
  Action: 'sts:AssumeRoleWithWebIdentity',
  ...(condition ? { Condition: condition } : {}),
});
const sub = { [`${host}:sub`]: 'system:serviceaccount:a:b' };
const aud = { [`${host}:aud`]: 'sts.amazonaws.com' };
const shapes = (statement: object) => tooWide(trust(statement)).map((one) => one.shape);

describe('statements that let in too many', () => {
  it('finds nothing in what we write', () => {
    for (const mechanism of ['irsa', 'pod-identity'] as const) {
      const statement = statementFor({
        mechanism,
        providerArn: provider,
        clusterArn: 'arn:aws:eks:x',
        namespace: 'a',
        serviceAccount: 'b',
      });
      expect(shapes(statement)).toEqual([]);
    }
  });

  it.each([
    ['no condition at all', undefined, ['no-subject', 'no-audience']],
    ['subject only, as an old platform guide has it', { StringEquals: sub }, ['no-audience']],
    ['audience only, as the same guide has it across accounts', { StringEquals: aud }, ['no-subject']],
    [
      'a wildcard',
      { StringEquals: aud, StringLike: { [`${host}:sub`]: 'system:serviceaccount:*:b' } },
      ['subject-wildcard'],
    ],
    ['a wildcard in the audience', { StringEquals: sub, StringLike: { [`${host}:aud`]: '*' } }, ['audience-wildcard']],
    [
      'a star that is only a star',
      { StringEquals: { ...aud, [`${host}:sub`]: 'system:serviceaccount:a:*' } },
      ['literal-wildcard'],
    ],
    ['a negation', { StringEquals: aud, StringNotEquals: sub }, ['negated-subject']],
    ['a test only where the claim is there', { StringEquals: aud, StringEqualsIfExists: sub }, ['negated-subject']],
    ['StringLike without a wildcard', { StringLike: { ...aud, ...sub } }, []],
  ])('%s', (_, condition, expected) => {
    expect(shapes(web(condition))).toEqual(expected);
  });

  it('finds a condition on another issuer than the one that is trusted', () => {
    const other = {
      'oidc.eks.us-east-1.amazonaws.com/id/OTHER:sub': 'x',
      'oidc.eks.us-east-1.amazonaws.com/id/OTHER:aud': 'y',
    };
    expect(shapes(web({ StringEquals: other }))).toEqual(['no-subject', 'no-audience', 'issuer-mismatch']);
  });

  it('finds everybody as a principal, and leaves Deny and other federations alone', () => {
    expect(shapes({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' })).toEqual(['any-principal']);
    expect(shapes({ Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole' })).toEqual([]);
    expect(shapes(web(undefined, 'arn:aws:iam::111122223333:saml-provider/x'))).toEqual([]);
    expect(tooWide(parseTrust('{'))).toEqual([]);
  });
});

describe('what else a trust policy tells', () => {
  it('finds ids of deleted principals', () => {
    const document = trust(
      {
        Effect: 'Allow',
        Principal: { AWS: ['AROAEXAMPLE1234567890', 'arn:aws:iam::1:role/AROAEXAMPLE1234567890'] },
        Action: 'x',
      },
      { Effect: 'Deny', NotPrincipal: { AWS: 'AIDAEXAMPLE1234567890' }, Action: 'x' },
    );
    expect(unrestorable(document)).toEqual(['AIDAEXAMPLE1234567890', 'AROAEXAMPLE1234567890']);
  });

  it('finds keys that depend on the session, in conditions and in resources', () => {
    const document = trust({
      Effect: 'Allow',
      Principal: '*',
      Action: 'x',
      Resource: 'arn:aws:s3:::b/${aws:UserId}/*',
      Condition: {
        StringLike: { 'sts:RoleSessionName': 'kiam-*', 'aws:PrincipalTag/team': 'a', 'aws:Ec2InstanceSourceVpc': 'v' },
      },
    });
    expect(sessionDependentKeys(document)).toEqual(['aws:Ec2InstanceSourceVpc', 'aws:UserId', 'sts:RoleSessionName']);
    expect(tagKeys(document)).toEqual(['aws:PrincipalTag/team']);
  });

  it('tells whom it names', () => {
    const found = whoTrusts(
      trust(
        { Effect: 'Allow', Principal: { AWS: 'a', Service: ['s'] }, Action: 'x' },
        { Effect: 'Deny', NotPrincipal: '*', Action: 'x' },
      ),
    );
    expect(found.map((one) => [one.type, one.name, one.effect, one.inverted, one.index])).toEqual([
      ['AWS', 'a', 'Allow', false, 0],
      ['Service', 's', 'Allow', false, 0],
      ['AWS', '*', 'Deny', true, 1],
    ]);
  });
});
