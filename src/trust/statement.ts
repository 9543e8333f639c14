import type { JsonObject } from '../model/json.js';
import { marks } from '../model/words.js';
import { canonicalStatement, conditionsOf, type Statement, shortHash } from './document.js';

/** Service principal of EKS Pod Identity; the same string in every partition (EKS User Guide, pod-id-role). */
export const podIdentityService = 'pods.eks.amazonaws.com';

export interface StatementRequest {
  readonly mechanism: 'irsa' | 'pod-identity';
  readonly namespace: string;
  readonly serviceAccount: string;
  /** IRSA: ARN of the provider in the role's account. */
  readonly providerArn?: string | null;
  /** IRSA: issuer, with or without `https://`; must be the provider's own host and path. */
  readonly issuer?: string | null;
  /** IRSA; `sts.amazonaws.com` where it is not given. */
  readonly audience?: string | null;
  /** Pod Identity. */
  readonly clusterArn?: string | null;
  /** Pod Identity: no session tags are sent, so nothing about the pod can be tested: the role must be dedicated (H15). */
  readonly disableSessionTags?: boolean;
  /**
   * Pod Identity: how far the statement is narrowed. `service-account` by default; wider only where the quota leaves no
   * room, with a warning.
   */
  readonly scope?: 'service-account' | 'namespace' | 'cluster';
  readonly partition?: string;
  /** Made of the statement's content where it is not given. */
  readonly sid?: string;
}

/** Issuer as IAM writes it in condition keys and provider ARNs: without scheme, without a trailing slash (IAM User Guide). */
export const issuerHost = (issuer: string): string => issuer.replace(/^https:\/\//, '').replace(/\/+$/, '');

/** ARN of the OIDC provider for an issuer in an account. */
export const providerArnFor = (partition: string, account: string, issuer: string): string =>
  `arn:${partition}:iam::${account}:oidc-provider/${issuerHost(issuer)}`;

/** The claim `sub` of a service account's token (Kubernetes, service account tokens). */
export const subjectFor = (namespace: string, serviceAccount: string): string =>
  `system:serviceaccount:${namespace}:${serviceAccount}`;

/**
 * The statement that lets one service account assume the role: for IRSA both `aud` and `sub` under StringEquals (EKS User
 * Guide, associate-service-account-role), for Pod Identity the service principal, narrowed by the request tags (EKS User
 * Guide, pod-id-role; H15).
 */
export const statementFor = (request: StatementRequest): Statement => {
  const body = request.mechanism === 'irsa' ? webIdentity(request) : podIdentity(request);
  return { Sid: request.sid ?? sidFor(body), ...body };
};

const webIdentity = (request: StatementRequest): JsonObject => {
  const provider = request.providerArn ?? '';
  const host = request.issuer ? issuerHost(request.issuer) : provider.slice(provider.indexOf('oidc-provider/') + 14);
  return {
    Effect: 'Allow',
    Principal: { Federated: provider },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: {
        [`${host}:aud`]: request.audience ?? 'sts.amazonaws.com',
        [`${host}:sub`]: subjectFor(request.namespace, request.serviceAccount),
      },
    },
  };
};

const podIdentity = (request: StatementRequest): JsonObject => {
  const scope = request.scope ?? 'service-account';
  const tests: Record<string, string> = {};
  if (request.disableSessionTags !== true) {
    if (request.clusterArn) tests['aws:RequestTag/eks-cluster-arn'] = request.clusterArn;
    if (scope !== 'cluster') tests['aws:RequestTag/kubernetes-namespace'] = request.namespace;
    if (scope === 'service-account') tests['aws:RequestTag/kubernetes-service-account'] = request.serviceAccount;
  }
  return {
    Effect: 'Allow',
    Principal: { Service: podIdentityService },
    Action: ['sts:AssumeRole', 'sts:TagSession'],
    ...(Object.keys(tests).length > 0 ? { Condition: { StringEquals: tests } } : {}),
  };
};

/**
 * The statement in a target role of another account, for the association's role that chains to it. The external id exists
 * only after the association does (H15), so the first statement goes without it and a second one tightens.
 */
export const targetStatementFor = (request: {
  readonly associationRole: string;
  readonly externalId?: string | null;
  readonly sid?: string;
}): Statement => {
  const body: JsonObject = {
    Effect: 'Allow',
    Principal: { AWS: request.associationRole },
    Action: ['sts:AssumeRole', 'sts:TagSession'],
    ...(request.externalId ? { Condition: { StringEquals: { 'sts:ExternalId': request.externalId } } } : {}),
  };
  return { Sid: request.sid ?? sidFor(body), ...body };
};

/** What the association's own role must be allowed so that it may chain to the target (H15). */
export const chainPolicyFor = (targetRole: string): JsonObject => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['sts:AssumeRole', 'sts:TagSession'], Resource: targetRole }],
});

/** A Sid of ours: the prefix and a hash of what the statement says; letters and digits only, as IAM wants it. */
export const sidFor = (statement: Statement, taken: ReadonlySet<string> = new Set()): string => {
  const text = canonicalStatement(statement, { sid: false });
  for (let attempt = 0; ; attempt += 1) {
    const sid = `${marks.sidPrefix}${shortHash(attempt === 0 ? text : `${text}#${attempt}`, 10)}`;
    if (!taken.has(sid)) return sid;
  }
};

/** Whether a statement carries our mark. */
export const isOurs = (statement: Statement): boolean =>
  typeof statement.Sid === 'string' &&
  /^[A-Za-z0-9]+$/.test(statement.Sid) &&
  statement.Sid.startsWith(marks.sidPrefix);

/** The condition keys whose lists may be joined: one more value lets exactly one more service account in. */
export const joinableKey = (statement: Statement): { readonly operator: string; readonly key: string } | null => {
  const found = (conditionsOf(statement.Condition) ?? []).filter(
    (test) =>
      test.operator === 'StringEquals' &&
      (test.key.endsWith(':sub') || test.key === 'aws:RequestTag/kubernetes-service-account'),
  );
  return found.length === 1 && found[0] ? { operator: found[0].operator, key: found[0].key } : null;
};
