import type { ClusterView, HttpResponse, TokenClaims } from '../contract.js';
import type { World } from './account.js';
import { type Caller, credentialsOf, type Session, sessionCaller } from './caller.js';
import { AwsFault } from './fault.js';
import type { AssociationRecord, EksCluster, RoleRecord, Texts } from './records.js';
import { admits } from './role-trust.js';
import { assume } from './sts.js';

/** Pod Identity's exchange: the agent's `/v1/credentials` and what EKS does behind it (EKS User Guide, Pod Identity). */

export interface PodClaims {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: { readonly name: string; readonly uid: string } | null;
}

/** The association that counts for a service account now, in the one EKS cluster that is simulated. */
export const effectiveAssociation = (
  world: World,
  namespace: string,
  serviceAccount: string,
): { readonly cluster: EksCluster; readonly association: AssociationRecord } | null => {
  for (const account of world.accounts.values())
    for (const cluster of account.clusters.values(world.settings.associationLagMs)) {
      const found = cluster.associations[`${namespace}/${serviceAccount}`];
      if (found && cluster.description['status'] !== 'NEIGHBOUR') return { cluster, association: found };
    }
  return null;
};

/**
 * The role that the agent still has credentials of for a pod that it has served since before the association was deleted: they
 * stay valid until they expire (EKS: DeletePodIdentityAssociation), and the agent asks for new ones only then.
 */
export const keptByAgent = (
  world: World,
  pod: { readonly namespace: string; readonly serviceAccount: string; readonly servedSince: number },
): RoleRecord | null => {
  if (effectiveAssociation(world, pod.namespace, pod.serviceAccount) !== null) return null;
  for (const account of world.accounts.values())
    for (const cluster of account.clusters.values()) {
      const kept = (cluster.ended ?? []).findLast(
        ({ association, at }) =>
          association.namespace === pod.namespace &&
          association.serviceAccount === pod.serviceAccount &&
          pod.servedSince <= at &&
          world.now() < at + world.settings.agentCacheMs,
      );
      if (kept !== undefined) return world.role(kept.association.targetRole ?? kept.association.role) ?? null;
    }
  return null;
};

const tagsFor = (cluster: EksCluster, claims: PodClaims): Texts => ({
  'eks-cluster-arn': cluster.arn,
  'eks-cluster-name': cluster.name,
  'kubernetes-namespace': claims.namespace,
  'kubernetes-service-account': claims.serviceAccount,
  ...(claims.pod === null ? {} : { 'kubernetes-pod-name': claims.pod.name, 'kubernetes-pod-uid': claims.pod.uid }),
});

/** The role that a pod of this service account ends up with; throws with eks-auth's codes. */
export const assumeForPod = (
  world: World,
  claims: PodClaims,
): { role: RoleRecord; first: RoleRecord; session: Session } => {
  const effective = effectiveAssociation(world, claims.namespace, claims.serviceAccount);
  if (!effective) throw new AwsFault('ResourceNotFoundException', 404, 'No association found for the service account');
  const { cluster, association } = effective;
  const role = world.role(association.role, world.settings.consistencyDelayMs);
  if (!role) throw new AwsFault('InvalidParameterException', 400, `The role ${association.role} does not exist`);
  const tags = association.disableSessionTags ? {} : tagsFor(cluster, claims);
  const context = new Map<string, readonly string[]>([
    ['aws:sourceaccount', [role.account]],
    ['aws:sourcearn', [cluster.arn]],
    ...Object.entries(tags).map(([key, value]) => [`aws:requesttag/${key}`, [value]] as [string, string[]]),
  ]);
  if (Object.keys(tags).length > 0) context.set('aws:tagkeys', Object.keys(tags));
  const actions = association.disableSessionTags ? ['sts:AssumeRole'] : ['sts:AssumeRole', 'sts:TagSession'];
  for (const action of actions)
    if (admits(role, { kind: 'service', name: 'pods.eks.amazonaws.com' }, action, context) === 'no')
      throw new AwsFault(
        'AccessDeniedException',
        400,
        `Unauthorized Exception! EKS does not have permissions to assume the associated role.`,
      );
  const name = `eks-${cluster.name.slice(0, 20)}-${(claims.pod?.name ?? claims.serviceAccount).slice(0, 20)}-0000`;
  const session: Session = {
    roleArn: role.arn,
    roleId: role.id,
    name,
    policy: association.targetRole === null ? association.policy : null,
    tags,
    transitive: Object.keys(tags),
    expires: world.now() + 6 * 3600_000,
    web: false,
  };
  if (association.targetRole === null) return { role, first: role, session };
  const caller: Caller = sessionCaller(session);
  const target = assume(world, caller, {
    roleArn: association.targetRole,
    sessionName: name,
    externalId: association.externalId,
    tags: {},
    transitive: [],
    userPolicy: null,
  });
  return {
    role: target,
    first: role,
    session: {
      ...session,
      roleArn: target.arn,
      roleId: target.id,
      policy: association.policy,
      expires: world.now() + 59 * 60_000,
    },
  };
};

/** Answers the agent's endpoint: the token comes bare in the Authorization header. */
export const eksAuth = (world: World, view: ClusterView | null, token: string, _region: string): HttpResponse => {
  if (token === '') throw new AwsFault('InvalidRequestException', 400, 'Service account token cannot be empty');
  const claims: TokenClaims | null = view?.readToken(token) ?? null;
  if (!claims) throw new AwsFault('InvalidTokenException', 400, 'The token is not valid');
  if (!claims.audiences.includes('pods.eks.amazonaws.com'))
    throw new AwsFault('InvalidTokenException', 400, 'The audience of the token is not pods.eks.amazonaws.com');
  if (claims.pod === null) throw new AwsFault('InvalidRequestException', 400, 'The token is not bound to a pod');
  const { role, session } = assumeForPod(world, claims);
  const credentials = credentialsOf(session, world.nextId('ASIA', 16));
  world.accounts.get(role.account)?.lastUsed.set(role.arn, { at: world.now(), region: _region });
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      AccessKeyId: credentials.id,
      SecretAccessKey: credentials.secret,
      Token: credentials.token,
      AccountId: role.account,
      Expiration: new Date(session.expires).toISOString(),
    }),
  };
};
