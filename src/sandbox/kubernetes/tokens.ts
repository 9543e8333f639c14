import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { isObject, type Json, type JsonObject, listAt, numberAt, textAt } from '../../model/json.js';
import type { TokenClaims } from '../contract.js';

/** RSA key that a cluster signs service account tokens with. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly keyId: string;
}

let processKey: SigningKey | undefined;
/** One key for all simulated clusters of this process: making one takes a moment, and a token is bound to its issuer anyway. */
const signingKey = (): SigningKey => {
  if (processKey === undefined) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const publicKey = createPublicKey(privateKey);
    // Kubernetes: the key's id is the SHA-256 of its public part in PKIX DER (pkg/serviceaccount/jwt.go).
    const der = publicKey.export({ type: 'spki', format: 'der' });
    processKey = { privateKey, publicKey, keyId: createHash('sha256').update(der).digest('base64url') };
  }
  return processKey;
};

const encode = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part: string): JsonObject | null => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
};

export const signToken = (claims: JsonObject): string => {
  const key = signingKey();
  const text = `${encode({ alg: 'RS256', kid: key.keyId })}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), key.privateKey).toString('base64url')}`;
};

/** Claims of a token whose signature holds, whatever its issuer, audience and time; else null. */
export const verifiedClaims = (token: string): JsonObject | null => {
  const parts = token.split('.');
  const [head, body, signature] = parts;
  if (parts.length !== 3 || head === undefined || body === undefined || signature === undefined) return null;
  const header = decode(head);
  if (header === null || textAt(header, 'alg') !== 'RS256') return null;
  const holds = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    signingKey().publicKey,
    Buffer.from(signature, 'base64url'),
  );
  return holds ? decode(body) : null;
};

/** @param now milliseconds since 1970 */
export const readToken = (token: string, issuer: string, now: number): TokenClaims | null => {
  const claims = verifiedClaims(token);
  if (claims === null || textAt(claims, 'iss') !== issuer) return null;
  const expires = numberAt(claims, 'exp') ?? 0;
  if (expires * 1000 <= now || (numberAt(claims, 'nbf') ?? 0) * 1000 > now + 1000) return null;
  const inside = 'kubernetes.io';
  const namespace = textAt(claims, inside, 'namespace');
  const serviceAccount = textAt(claims, inside, 'serviceaccount', 'name');
  if (namespace === undefined || serviceAccount === undefined) return null;
  const podName = textAt(claims, inside, 'pod', 'name');
  return {
    issuer,
    audiences: listAt(claims, 'aud').filter((audience) => typeof audience === 'string'),
    subject: textAt(claims, 'sub') ?? '',
    namespace,
    serviceAccount,
    pod: podName === undefined ? null : { name: podName, uid: textAt(claims, inside, 'pod', 'uid') ?? '' },
    expires,
  };
};

export const discoveryDocument = (issuer: string): JsonObject => ({
  issuer,
  jwks_uri: `${issuer}/keys`,
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256'],
});
export const keySet = (): JsonObject => {
  const key = signingKey();
  const { n, e } = key.publicKey.export({ format: 'jwk' });
  return { keys: [{ use: 'sig', kty: 'RSA', kid: key.keyId, alg: 'RS256', n: n ?? '', e: e ?? '' }] };
};
