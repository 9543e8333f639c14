import type { ContainerView, PodView } from '../model/inventory.js';
import { parseRoleArn } from '../model/resource.js';
import { anyOf, type Verdict } from '../trust/conditions.js';
import { mayAssume } from '../trust/evaluate.js';
import { providerArnFor, subjectFor } from '../trust/statement.js';
import type { Offer } from './types.js';
import type { World } from './world.js';

/** Volumes that the EKS webhook injects, today's name and the older one (amazon-eks-pod-identity-webhook). */
const tokenVolumes: readonly string[] = ['aws-iam-token', 'aws-token'];

/** Web identity: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, both set; one alone is no source for any SDK. */
export const webIdentity = (view: PodView, container: ContainerView, world: World): Offer | null => {
  const names = new Set([...container.env, ...container.envFromRef.map((one) => one.variable)]);
  if (!names.has('AWS_ROLE_ARN') || !names.has('AWS_WEB_IDENTITY_TOKEN_FILE')) return null;
  const role = known(container, 'AWS_ROLE_ARN');
  const file = known(container, 'AWS_WEB_IDENTITY_TOKEN_FILE');
  const token = file === null ? null : tokenAt(view, container, file);
  const source = {
    kind: 'web-identity' as const,
    origin: token !== null && tokenVolumes.includes(token.volume) ? ('webhook' as const) : ('template' as const),
    audience: token?.audience ?? '',
  };
  if (role === null || role === '')
    return { source, role: null, assumable: 'unknown', why: 'the value of AWS_ROLE_ARN is not known', code: null };
  if (token === null)
    return {
      source,
      role,
      assumable: 'unknown',
      why: 'AWS_WEB_IDENTITY_TOKEN_FILE names no token that the pod projects',
      code: null,
    };
  const { verdict, why } = mayUseToken(world, role, view.namespace, view.serviceAccount, token.audience);
  return { source, role, assumable: verdict, why, code: verdict === 'no' && world.roleMissing(role) ? 'RL103' : null };
};

const known = (container: ContainerView, variable: string): string | null =>
  Object.hasOwn(container.identityEnv, variable) ? (container.identityEnv[variable] as string) : null;

/** The projected token behind a path in a container. Windows paths are compared by their slashes. */
const tokenAt = (
  view: PodView,
  container: ContainerView,
  file: string,
): { readonly volume: string; readonly audience: string } | null => {
  const path = file.replace(/^[A-Za-z]:/, '').replaceAll('\\', '/');
  for (const mount of container.mounts) {
    const base = mount.path
      .replace(/^[A-Za-z]:/, '')
      .replaceAll('\\', '/')
      .replace(/\/+$/, '');
    if (!path.startsWith(`${base}/`)) continue;
    const rest = path.slice(base.length + 1);
    const volume = view.volumes.find((one) => one.name === mount.volume);
    const token = volume?.tokens.find((one) => one.path === rest);
    if (volume && token) return { volume: volume.name, audience: token.audience };
  }
  return null;
};

/**
 * Whether STS would exchange a service account's token for the role: the provider of the cluster's issuer stands in the
 * role's account with that audience, and the trust policy admits the subject (semantics of AssumeRoleWithWebIdentity).
 */
const mayUseToken = (
  world: World,
  roleArn: string,
  namespace: string,
  serviceAccount: string,
  audience: string,
): { readonly verdict: Verdict; readonly why: string } =>
  world.once(`token ${JSON.stringify([roleArn, namespace, serviceAccount, audience])}`, () => {
    const parts = parseRoleArn(roleArn);
    if (!parts) return { verdict: 'no', why: `${roleArn} is no role ARN: STS refuses it` };
    if (world.roleMissing(roleArn)) return { verdict: 'no', why: `the role ${roleArn} does not exist` };
    const role = world.role(roleArn);
    if (!role)
      return world.offline
        ? { verdict: 'yes', why: 'taken to be so: no account was read' }
        : { verdict: 'unknown', why: `the role ${roleArn} was not read` };
    if (role.arn !== roleArn) return { verdict: 'no', why: `the role is ${role.arn}; STS does not know ${roleArn}` };
    const subject = subjectFor(namespace, serviceAccount);
    const verdicts = world.inventory.cluster.oidcIssuers.map((issuer): Verdict => {
      const provider = providerArnFor(parts.partition, parts.account, issuer);
      const there = world.inventory.oidcProviders.find((one) => one.arn.toLowerCase() === provider.toLowerCase());
      const accountRead = world.inventory.accounts.some(
        (one) => one.id === parts.account && one.credentials !== 'none',
      );
      if (!there) {
        if (accountRead) return 'no';
      } else if (!there.audiences.includes(audience)) return 'no';
      const admitted = mayAssume(world.trust(role), {
        action: 'sts:AssumeRoleWithWebIdentity',
        federated: there?.arn ?? provider,
        claims: { sub: subject, aud: audience },
      });
      return there || admitted === 'no' ? admitted : world.offline ? admitted : 'unknown';
    });
    const verdict = verdicts.length === 0 ? 'unknown' : anyOf(verdicts);
    return {
      verdict,
      why:
        verdict === 'yes'
          ? `the trust policy admits ${subject}`
          : verdict === 'no'
            ? `no OIDC provider with audience ${audience} in account ${parts.account}, or the trust policy does not admit ${subject}`
            : `whether the trust policy of ${roleArn} admits ${subject} cannot be told`,
    };
  });
