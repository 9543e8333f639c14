import { isObject, type JsonObject, numberAt, objectAt, textAt } from '../../model/json.js';
import type { Kind } from './kinds.js';
import { findKind } from './kinds.js';
import { type KubeObject, nameOf, namespaceOf, timeText, uidOf } from './object.js';
import { isMaster, reviewed, rulesFor } from './rbac.js';
import { newUid, type State, type User } from './state.js';
import { badRequest, conflict, invalid, invalidField, notFound } from './status.js';
import { readToken, signToken } from './tokens.js';
import { apiAudiences, textsOf, userInfo } from './users.js';

/** Requests that store nothing: reviews answer in their status. */
export const answerReview = (state: State, kind: Kind, body: JsonObject, user: User, namespace: string): JsonObject => {
  const spec = objectAt(body, 'spec');
  const withStatus = (status: JsonObject): JsonObject => ({
    kind: kind.kind,
    apiVersion: `${kind.group}/${kind.versions[0] ?? 'v1'}`,
    metadata: { creationTimestamp: null },
    ...(Object.keys(spec).length === 0 ? {} : { spec }),
    status,
  });
  switch (kind.kind) {
    case 'SelfSubjectReview':
      return {
        ...withStatus({ userInfo: userInfo(user) }),
        metadata: { creationTimestamp: timeText(state.clock.now()) },
      };
    case 'SelfSubjectAccessReview':
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview': {
      const resource = isObject(spec['resourceAttributes']);
      if (resource === isObject(spec['nonResourceAttributes'])) {
        throw invalid(kind, '', [
          invalidField(
            'spec.resourceAttributes',
            spec['resourceAttributes'] ?? null,
            'exactly one of nonResourceAttributes or resourceAttributes must be specified',
          ),
        ]);
      }
      const self = kind.kind === 'SelfSubjectAccessReview';
      const who = self ? user : { name: textAt(spec, 'user') ?? '', groups: textsOf(spec, 'groups') };
      return withStatus(reviewed(state, who, spec));
    }
    case 'SelfSubjectRulesReview': {
      const inside = textAt(spec, 'namespace') ?? namespace;
      const every = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
      const rules = isMaster(user) ? [every] : rulesFor(state.store, user, inside);
      return withStatus({
        resourceRules: rules.filter((rule) => rule['nonResourceURLs'] === undefined),
        nonResourceRules: rules.filter((rule) => rule['nonResourceURLs'] !== undefined),
        incomplete: false,
      });
    }
    default: {
      const token = textAt(spec, 'token') ?? '';
      const claims = readToken(token, state.issuer, state.clock.now());
      const wanted = textsOf(spec, 'audiences');
      const audiences = claims?.audiences.filter((one) =>
        (wanted.length === 0 ? apiAudiences(state) : wanted).includes(one),
      );
      if (claims === null || audiences === undefined || audiences.length === 0) {
        return withStatus({ user: {}, error: 'invalid bearer token' });
      }
      const info: User = {
        name: claims.subject,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${claims.namespace}`, 'system:authenticated'],
      };
      return withStatus({ authenticated: true, user: userInfo(info), audiences });
    }
  }
};

export interface TokenWish {
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly pod: KubeObject | null;
}
/** A signed token of a service account, with the claims that Kubernetes puts in (`pkg/serviceaccount/claims.go`). */
export const mintToken = (
  state: State,
  account: KubeObject,
  wish: TokenWish,
): { readonly token: string; readonly expires: number } => {
  const now = Math.floor(state.clock.now() / 1000);
  const expires = now + wish.seconds;
  const token = signToken({
    aud: [...wish.audiences],
    exp: expires,
    iat: now,
    iss: state.issuer,
    jti: newUid(state),
    'kubernetes.io': {
      namespace: namespaceOf(account),
      ...(wish.pod === null
        ? {}
        : {
            node: { name: textAt(wish.pod, 'spec', 'nodeName') ?? '' },
            pod: { name: nameOf(wish.pod), uid: uidOf(wish.pod) },
          }),
      serviceaccount: { name: nameOf(account), uid: uidOf(account) },
    },
    nbf: now,
    sub: `system:serviceaccount:${namespaceOf(account)}:${nameOf(account)}`,
  });
  return { token, expires };
};

const tokenRequest: Kind = {
  group: 'authentication.k8s.io',
  versions: ['v1'],
  resource: 'tokenrequests',
  singular: 'tokenrequest',
  kind: 'TokenRequest',
  namespaced: true,
  shortNames: [],
  categories: [],
  subresources: [],
  generation: 'none',
  custom: false,
  verbs: ['create'],
};

/** POST …/serviceaccounts/NAME/token. */
export const answerTokenRequest = (
  state: State,
  account: KubeObject,
  body: JsonObject,
  dryRun: boolean,
): JsonObject => {
  const spec = objectAt(body, 'spec');
  const seconds = numberAt(spec, 'expirationSeconds') ?? 3600;
  if (seconds < 600) {
    throw invalid(tokenRequest, '', [
      invalidField('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'),
    ]);
  }
  if (seconds > 2 ** 32) {
    throw invalid(tokenRequest, '', [
      invalidField('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds'),
    ]);
  }
  const asked = textsOf(spec, 'audiences');
  const audiences = asked.length === 0 ? apiAudiences(state) : asked;
  const reference = spec['boundObjectRef'];
  let pod: KubeObject | null = null;
  if (isObject(reference)) {
    const kind = findKind(state.store, textAt(reference, 'apiVersion') ?? 'v1', textAt(reference, 'kind') ?? '');
    const name = textAt(reference, 'name') ?? '';
    if (kind?.kind !== 'Pod')
      throw badRequest(`cannot bind token for serviceaccount to object of type ${textAt(reference, 'kind') ?? ''}`);
    pod = state.store.get('/pods', `${namespaceOf(account)}/${name}`);
    if (pod === null) throw notFound(kind, name);
    const uid = textAt(reference, 'uid');
    if (uid !== undefined && uid !== uidOf(pod)) {
      throw conflict(
        { ...kind, resource: kind.kind },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    if ((textAt(pod, 'spec', 'serviceAccountName') ?? '') !== nameOf(account)) {
      throw badRequest(
        `cannot bind token for serviceaccount "${nameOf(account)}" to pod running with different serviceaccount name.`,
      );
    }
  }
  const minted = dryRun ? { token: '', expires: 0 } : mintToken(state, account, { audiences, seconds, pod });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: nameOf(account),
      namespace: namespaceOf(account),
      creationTimestamp: timeText(state.clock.now()),
    },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: reference ?? null },
    status: { token: minted.token, expirationTimestamp: timeText(minted.expires * 1000) },
  };
};
