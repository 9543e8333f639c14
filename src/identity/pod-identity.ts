import type { Association, ClusterNode, ContainerView, PodView } from '../model/inventory.js';
import { allOf, type Verdict } from '../trust/conditions.js';
import { mayAssume } from '../trust/evaluate.js';
import { podIdentityService } from '../trust/statement.js';
import { brokerMayAssume, roleAllows } from './broker-assume.js';
import type { Offer } from './types.js';
import type { World } from './world.js';

/** Addresses of the EKS Pod Identity agent (eks-pod-identity-agent chart). */
const agents = /^http:\/\/(?:169\.254\.170\.23|\[fd00:ec2::23\])(?::80)?\/v1\/credentials$/;

/** Volume and label that the webhook gives a pod for Pod Identity. */
export const podIdentityVolume = 'eks-pod-identity-token';

/** Container credentials: AWS_CONTAINER_CREDENTIALS_FULL_URI (or …_RELATIVE_URI), and what the agent behind it would give. */
export const containerCredentials = (
  view: PodView,
  container: ContainerView,
  world: World,
  nodes: readonly ClusterNode[],
): Offer | null => {
  const sets = (variable: string): boolean =>
    container.env.includes(variable) || container.envFromRef.some((one) => one.variable === variable);
  const full = sets('AWS_CONTAINER_CREDENTIALS_FULL_URI');
  if (!full && !sets('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')) return null;
  const uri = container.identityEnv['AWS_CONTAINER_CREDENTIALS_FULL_URI'];
  const injected =
    view.volumes.some((one) => one.name === podIdentityVolume) &&
    container.mounts.some((one) => one.volume === podIdentityVolume);
  const origin = injected ? ('webhook' as const) : ('template' as const);
  if (!full || uri === undefined || !agents.test(uri))
    return {
      source: { kind: 'container-credentials', origin, association: null },
      role: null,
      assumable: 'unknown',
      why: 'a container credentials address is set that is not the Pod Identity agent',
      code: null,
    };
  const association = world.association(view.namespace, view.serviceAccount);
  if (!association)
    return {
      source: { kind: 'container-credentials', origin, association: null },
      role: null,
      assumable: world.offline ? 'unknown' : 'no',
      why: `no association for ${view.namespace}/${view.serviceAccount}`,
      code: null,
    };
  const { verdict, why } = agentGives(world, association, nodes);
  return {
    source: { kind: 'container-credentials', origin, association: association.id },
    role: association.targetRole ?? association.role,
    assumable: verdict,
    why,
    code: null,
  };
};

/** Session tags of EKS Pod Identity that a trust policy may test (EKS User Guide, pod-id-abac). */
const sessionTagsFor = (world: World, association: Association): Readonly<Record<string, string>> =>
  association.sessionTags
    ? {
        'eks-cluster-arn': world.inventory.cluster.arn ?? '',
        'eks-cluster-name': world.inventory.cluster.name,
        'kubernetes-namespace': association.namespace,
        'kubernetes-service-account': association.serviceAccount,
      }
    : {};

const agentGives = (
  world: World,
  association: Association,
  nodes: readonly ClusterNode[],
): { readonly verdict: Verdict; readonly why: string } => {
  const without = nodes.filter((node) => !node.agentReady);
  if (nodes.length > 0 && without.length === nodes.length)
    return { verdict: 'no', why: 'no Pod Identity agent is ready where the pod runs' };
  const denied = nodes.filter((node) => agentDenied(world, node));
  if (nodes.length > 0 && denied.length === nodes.length)
    return { verdict: 'no', why: 'the node role may not call eks-auth:AssumeRoleForPodIdentity' };
  const { verdict, why } = associationGives(world, association);
  if (verdict === 'yes' && denied.length > 0)
    return {
      verdict: 'unknown',
      why: 'on some of the nodes where it may run the node role may not call eks-auth:AssumeRoleForPodIdentity',
    };
  if (verdict === 'yes' && without.length > 0)
    return { verdict: 'unknown', why: 'some of the nodes where it may run have no ready Pod Identity agent' };
  return { verdict, why };
};

/** The agent works with the node role; AWS's worker node policies allow it the call (EKS User Guide, pod-id-agent-setup). */
export const agentDenied = (world: World, node: ClusterNode): boolean => {
  const role = node.role === null || node.compute === 'auto' ? null : world.role(node.role);
  const resource = world.inventory.cluster.arn ?? '*';
  return role !== null && roleAllows(role, world, 'eks-auth:AssumeRoleForPodIdentity', resource) === 'no';
};

/** Whether EKS would assume the association's role, and that role the target (H15). */
const associationGives = (
  world: World,
  association: Association,
): { readonly verdict: Verdict; readonly why: string } =>
  world.once(`association ${JSON.stringify(association)}`, () => {
    if (world.roleMissing(association.role))
      return { verdict: 'no', why: `the role ${association.role} does not exist` };
    const role = world.role(association.role);
    if (!role)
      return world.offline
        ? { verdict: 'yes', why: 'taken to be so: no account was read' }
        : { verdict: 'unknown', why: `the role ${association.role} was not read` };
    const tags = sessionTagsFor(world, association);
    const request = {
      service: podIdentityService,
      tags,
      keys: {
        'aws:SourceAccount': world.inventory.cluster.accountId,
        ...(world.inventory.cluster.arn === null ? {} : { 'aws:SourceArn': world.inventory.cluster.arn }),
      },
    };
    const trust = world.trust(role);
    const admitted = allOf([
      mayAssume(trust, { ...request, action: 'sts:AssumeRole' }),
      association.sessionTags ? mayAssume(trust, { ...request, action: 'sts:TagSession' }) : 'yes',
    ]);
    if (admitted !== 'yes')
      return {
        verdict: admitted,
        why:
          admitted === 'no'
            ? `the trust policy of ${association.role} does not admit ${podIdentityService} with its session tags`
            : `whether the trust policy of ${association.role} admits ${podIdentityService} cannot be told`,
      };
    if (association.targetRole === undefined)
      return { verdict: 'yes', why: `the association ${association.id} gives it` };
    const chained = brokerMayAssume(world, association.role, association.targetRole, {
      externalId: association.externalId ?? null,
      sessionName: null,
    });
    if (chained.verdict !== 'yes') return { verdict: chained.verdict, why: chained.why };
    return association.sessionTags ? tagsGoOn(world, association, association.targetRole) : chained;
  });

/** Session tags are transitive: the target must allow sts:TagSession, and the chaining role must be allowed it (H16). */
const tagsGoOn = (
  world: World,
  association: Association,
  targetArn: string,
): { readonly verdict: Verdict; readonly why: string } => {
  const [role, target] = [world.role(association.role), world.role(targetArn)];
  if (!role || !target) return { verdict: 'unknown', why: `the role ${targetArn} was not read` };
  const verdict = allOf([
    roleAllows(role, world, 'sts:TagSession', targetArn),
    mayAssume(world.trust(target), {
      action: 'sts:TagSession',
      principalArn: association.role,
      externalId: association.externalId ?? null,
      tags: sessionTagsFor(world, association),
    }),
  ]);
  return verdict === 'yes'
    ? { verdict, why: `the association ${association.id} gives it by way of ${association.role}` }
    : { verdict, why: `session tags go on to ${targetArn}, and sts:TagSession is not known to be allowed there` };
};
