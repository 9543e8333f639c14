import { describe, expect, it } from 'vitest';
import { parseTrust } from '../../src/trust/document.js';
import { mayAssume } from '../../src/trust/evaluate.js';
import {
  chainPolicyFor,
  isOurs,
  issuerHost,
  providerArnFor,
  sidFor,
  statementFor,
  targetStatementFor,
} from '../../src/trust/statement.js';

const issuer = 'https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
const providerArn = 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
const cluster = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod';
const subject = { namespace: 'payments', serviceAccount: 'api' };

const documentOf = (...statements: object[]) =>
  parseTrust(JSON.stringify({ Version: '2012-10-17', Statement: statements }));

describe('the statements that are written', () => {
  it('tests both audience and subject for IRSA, with the issuer host of the provider', () => {
    const statement = statementFor({
      mechanism: 'irsa',
      providerArn,
      issuer,
      audience: 'sts.amazonaws.com',
      ...subject,
    });
    expect(statement).toMatchObject({
      Effect: 'Allow',
      Principal: { Federated: providerArn },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: {
        StringEquals: {
          'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE:aud': 'sts.amazonaws.com',
          'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE:sub': 'system:serviceaccount:payments:api',
        },
      },
    });
  });

  it('takes the issuer from the provider where none is given', () => {
    const named = statementFor({ mechanism: 'irsa', providerArn, issuer, ...subject });
    expect(statementFor({ mechanism: 'irsa', providerArn, ...subject })).toEqual(named);
  });

  it('builds provider ARNs in every partition', () => {
    expect(providerArnFor('aws-cn', '111122223333', 'https://oidc.eks.cn-north-1.amazonaws.com.cn/id/X')).toBe(
      'arn:aws-cn:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/X',
    );
    expect(issuerHost('https://s3.eu-west-1.amazonaws.com/bucket/')).toBe('s3.eu-west-1.amazonaws.com/bucket');
  });

  it('admits exactly one service account of one cluster under Pod Identity', () => {
    const document = documentOf(statementFor({ mechanism: 'pod-identity', clusterArn: cluster, ...subject }));
    const tags = {
      'eks-cluster-arn': cluster,
      'kubernetes-namespace': 'payments',
      'kubernetes-service-account': 'api',
    };
    const ask = (changed: Record<string, string>, action = 'sts:AssumeRole') =>
      mayAssume(document, { action, service: 'pods.eks.amazonaws.com', tags: { ...tags, ...changed } });
    expect(ask({})).toBe('yes');
    expect(ask({}, 'sts:TagSession')).toBe('yes');
    expect(ask({ 'kubernetes-service-account': 'other' })).toBe('no');
    expect(ask({ 'kubernetes-namespace': 'other' })).toBe('no');
    expect(ask({ 'eks-cluster-arn': `${cluster}2` })).toBe('no');
    expect(mayAssume(document, { action: 'sts:AssumeRole', service: 'pods.eks.amazonaws.com' })).toBe('no');
  });

  it('widens to the namespace and the cluster only where asked', () => {
    const tests = (scope: 'service-account' | 'namespace' | 'cluster') =>
      Object.keys(
        (statementFor({ mechanism: 'pod-identity', clusterArn: cluster, scope, ...subject }).Condition as any)
          .StringEquals,
      ).length;
    expect([tests('service-account'), tests('namespace'), tests('cluster')]).toEqual([3, 2, 1]);
  });

  it('tests no tags where none are sent', () => {
    const statement = statementFor({
      mechanism: 'pod-identity',
      clusterArn: cluster,
      disableSessionTags: true,
      ...subject,
    });
    expect(statement.Condition).toBeUndefined();
    expect(mayAssume(documentOf(statement), { action: 'sts:AssumeRole', service: 'pods.eks.amazonaws.com' })).toBe(
      'yes',
    );
  });

  it('trusts the chaining role in a target, first without and then with the external id', () => {
    const role = 'arn:aws:iam::111122223333:role/chain';
    const tight = documentOf(targetStatementFor({ associationRole: role, externalId: 'abc' }));
    const request = { action: 'sts:AssumeRole', principalArn: role };
    expect(mayAssume(documentOf(targetStatementFor({ associationRole: role })), request)).toBe('yes');
    expect(mayAssume(tight, request)).toBe('no');
    expect(mayAssume(tight, { ...request, externalId: 'abc' })).toBe('yes');
    expect(chainPolicyFor('arn:aws:iam::999988887777:role/target')).toMatchObject({
      Statement: [{ Action: ['sts:AssumeRole', 'sts:TagSession'], Resource: 'arn:aws:iam::999988887777:role/target' }],
    });
  });

  it('names statements the same on every run, with letters and digits only', () => {
    const one = statementFor({ mechanism: 'irsa', providerArn, ...subject });
    expect(statementFor({ mechanism: 'irsa', providerArn, ...subject })).toEqual(one);
    expect(one.Sid).toMatch(/^Rolelift[a-z0-9]{10}$/);
    expect(isOurs(one)).toBe(true);
    expect(isOurs({ ...one, Sid: 'Somebody' })).toBe(false);
    expect(statementFor({ mechanism: 'irsa', providerArn, namespace: 'payments', serviceAccount: 'web' }).Sid).not.toBe(
      one.Sid,
    );
    const other = sidFor(one, new Set([one.Sid as string]));
    expect(other).not.toBe(one.Sid);
    expect(sidFor(one, new Set([one.Sid as string]))).toBe(other);
  });
});
