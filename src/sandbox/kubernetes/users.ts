import { listAt, textAt } from '../../model/json.js';
import { isDeleting, uidOf } from './object.js';
import type { State, User } from './state.js';
import { unauthorized } from './status.js';
import { readToken, verifiedClaims } from './tokens.js';

/** Token of the administrator that the sandbox's kubeconfig carries. */
export const adminToken = 'sandbox-admin-token';
/** Token of somebody who may do everything even where the kubeconfig's user may not: the owner of the cluster. */
export const ownerToken = 'sandbox-owner-token';
export const admin: User = { name: 'sandbox-admin', groups: ['system:masters'] };
export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const withAuthenticated = (user: User): User =>
  user.groups.includes('system:authenticated') ? user : { ...user, groups: [...user.groups, 'system:authenticated'] };

const serviceAccountUser = (state: State, token: string): User | null => {
  const claims = readToken(token, state.issuer, state.clock.now());
  if (claims === null || !claims.audiences.some((audience) => apiAudiences(state).includes(audience))) return null;
  const account = state.store.get('/serviceaccounts', `${claims.namespace}/${claims.serviceAccount}`);
  const uid = textAt(verifiedClaims(token), 'kubernetes.io', 'serviceaccount', 'uid');
  if (account === null || uidOf(account) !== uid || isDeleting(account)) return null;
  if (claims.pod !== null) {
    const pod = state.store.get('/pods', `${claims.namespace}/${claims.pod.name}`);
    if (pod === null || uidOf(pod) !== claims.pod.uid) return null;
  }
  return {
    name: claims.subject,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${claims.namespace}`, 'system:authenticated'],
    ...(claims.pod === null
      ? {}
      : {
          extra: {
            'authentication.kubernetes.io/pod-name': [claims.pod.name],
            'authentication.kubernetes.io/pod-uid': [claims.pod.uid],
          },
        }),
  };
};
/** Audiences that the API server itself takes; an empty list in a TokenRequest means these. */
export const apiAudiences = (state: State): readonly string[] => [
  ...new Set(['https://kubernetes.default.svc', state.issuer]),
];

/** Who sent a request; 401 where its token is nobody's. */
export const authenticated = (state: State, authorization: string | undefined): User => {
  if (authorization === undefined || authorization === '') return state.anonymous;
  const token = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) return state.anonymous;
  const known = state.users.get(token) ?? serviceAccountUser(state, token) ?? state.authenticate(token);
  if (known === null) throw unauthorized();
  return withAuthenticated(known);
};

/** UserInfo as reviews show it. */
export const userInfo = (user: User): Record<string, string | readonly string[] | NonNullable<User['extra']>> => ({
  username: user.name,
  ...(user.uid === undefined ? {} : { uid: user.uid }),
  groups: user.groups,
  ...(user.extra === undefined ? {} : { extra: user.extra }),
});
export const textsOf = (value: unknown, key: string): readonly string[] =>
  listAt(value, key).filter((item) => typeof item === 'string');
