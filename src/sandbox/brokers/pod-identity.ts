import { type JsonObject, listAt, textAt } from '../../model/json.js';
import { contextOf, roleMay } from '../aws/caller.js';
import { assumeForPod, keptByAgent } from '../aws/eks-auth.js';
import { AwsFault } from '../aws/fault.js';
import type { RoleRecord } from '../aws/records.js';
import { assumeWithClaims } from '../aws/sts.js';
import type { TokenClaims } from '../contract.js';
import { callerFor, type Estate, installsOf, instanceOf, nodeRole, readyPods } from './estate.js';
import { kiamOn, kiamRole } from './kiam.js';
import { kube2iamOn, kube2iamRole } from './kube2iam.js';
import { audienceAt, type ContainerRead, type PodRead, readPod } from './pod.js';

/** What a container's own code ends up with, by the order of botocore and the Go SDK: the first source that is set up decides. */

export type SourceName =
  | 'static-keys'
  | 'web-identity'
  | 'shared-file'
  | 'container-credentials'
  | 'kiam'
  | 'kube2iam'
  | 'node-role'
  | 'none';

export interface ContainerIdentity {
  readonly container: string;
  readonly source: SourceName;
  /** ARN of the role; null where it gets none, or keys that belong to no role. */
  readonly role: string | null;
  /** Why nothing came, in words. */
  readonly error: string | null;
}

export interface PodIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly serviceAccount: string;
  readonly node: string | null;
  /** The role of all normal containers; null where they have none, `mixed` where they differ. */
  readonly role: string | null;
  readonly mixed: boolean;
  readonly containers: readonly ContainerIdentity[];
}

const agentPart = (container: JsonObject): string | null =>
  /(^|\/)eks-pod-identity-agent([:@]|$)/.test(textAt(container, 'image') ?? '') ? 'agent' : null;

/** Whether the agent answers on that node. */
const agentOn = (estate: Estate, node: string): boolean => {
  const compute = textAt(
    estate.view.get('v1', 'Node', undefined, node),
    'metadata',
    'labels',
    'eks.amazonaws.com/compute-type',
  );
  if (compute === 'auto') return true;
  return installsOf(estate, agentPart).some((each) => readyPods(estate, each, node).length > 0);
};

/** Claims of the token that a pod's file holds. */
export const claimsFor = (estate: Estate, pod: PodRead, audience: string): TokenClaims => ({
  issuer: estate.view.issuer,
  audiences: [audience === '' ? estate.view.issuer : audience],
  subject: `system:serviceaccount:${pod.namespace}:${pod.serviceAccount}`,
  namespace: pod.namespace,
  serviceAccount: pod.serviceAccount,
  pod: pod.uid === '' ? null : { name: pod.name, uid: pod.uid },
  expires: Math.floor(estate.world.now() / 1000) + 3600,
});

type Outcome = { readonly source: SourceName; readonly got: RoleRecord | string };

const refusal = (thrown: unknown): string =>
  thrown instanceof AwsFault
    ? `${thrown.code}: ${thrown.message}`
    : thrown instanceof Error
      ? thrown.message
      : 'refused';

const webIdentity = (estate: Estate, pod: PodRead, container: ContainerRead): Outcome => {
  const source = 'web-identity';
  const file = container.env['AWS_WEB_IDENTITY_TOKEN_FILE'] ?? '';
  const audience = audienceAt(pod, container, file.replaceAll('\\', '/').replace(/^C:/, ''));
  if (audience === null) return { source, got: `no token at ${file}` };
  if (!estate.view.get('v1', 'ServiceAccount', pod.namespace, pod.serviceAccount))
    return { source, got: `service account ${pod.serviceAccount} does not exist` };
  try {
    const claims = claimsFor(estate, pod, audience);
    const sessionName = container.env['AWS_ROLE_SESSION_NAME'] ?? 'botocore-session-0';
    return {
      source,
      got: assumeWithClaims(estate.world, { roleArn: container.env['AWS_ROLE_ARN'] ?? '', sessionName, claims }),
    };
  } catch (thrown) {
    return { source, got: refusal(thrown) };
  }
};

const containerCredentials = (estate: Estate, pod: PodRead, container: ContainerRead): Outcome => {
  const source = 'container-credentials';
  const uri = container.env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
  if (!/^http:\/\/(169\.254\.170\.23|\[fd00:ec2::23\])\/v1\/credentials$/.test(uri))
    return { source, got: `nothing answers at ${uri}` };
  const file = container.env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] ?? '';
  if (audienceAt(pod, container, file) !== 'pods.eks.amazonaws.com')
    return { source, got: `no token for pods.eks.amazonaws.com at ${file}` };
  if (pod.node === null || !agentOn(estate, pod.node))
    return { source, got: `no Pod Identity agent is ready on ${pod.node ?? 'any node'}` };
  const cached = keptByAgent(estate.world, {
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    servedSince: runningSince(pod.raw),
  });
  if (cached !== null) return { source, got: cached };
  const auto = instanceOf(estate, pod.node) === null;
  const node = nodeRole(estate, pod.node);
  if (!auto && typeof node === 'string') return { source, got: node };
  if (typeof node !== 'string' && mayNot(estate, node))
    return { source, got: `node role ${node.name} may not call eks-auth:AssumeRoleForPodIdentity` };
  try {
    return { source, got: assumeForPod(estate.world, claimsFor(estate, pod, 'pods.eks.amazonaws.com')).role };
  } catch (thrown) {
    return { source, got: refusal(thrown) };
  }
};
/** Since when a pod's containers run, and may ask for credentials (ms since 1970); never where they do not yet. */
const runningSince = (pod: JsonObject): number => {
  const started = Date.parse(textAt(pod, 'status', 'startTime') ?? '');
  return Number.isNaN(started) ? Number.POSITIVE_INFINITY : started;
};
const mayNot = (estate: Estate, role: RoleRecord): boolean =>
  roleMay(estate.world, role, 'eks-auth:AssumeRoleForPodIdentity', '*', contextOf(callerFor(estate, role, 'agent'))) !==
  'allow';

const sharedFile = (estate: Estate, pod: PodRead, container: ContainerRead): Outcome | null => {
  const file = container.env['AWS_SHARED_CREDENTIALS_FILE'] ?? container.env['AWS_CONFIG_FILE'];
  if (file === undefined) return null;
  const mount = container.mounts.find((each) => file.startsWith(`${each.path.replace(/\/$/, '')}/`));
  const volume = listAt(pod.raw, 'spec', 'volumes').find((each) => textAt(each, 'name') === mount?.volume);
  const secret = textAt(volume, 'secret', 'secretName');
  if (secret === undefined) return null;
  const wanted = estate.view.get('zalando.org/v1', 'AWSIAMRole', pod.namespace, secret);
  const arn = textAt(wanted, 'status', 'roleARN');
  const role = arn === undefined ? undefined : estate.world.role(arn);
  return { source: 'shared-file', got: role ?? 'keys of the file belong to no role that is known' };
};

/** The metadata address as the pod reaches it: taken over by a broker on its node, or the node's own. */
const metadata = (estate: Estate, pod: PodRead, depth: number): Outcome => {
  const { node } = pod;
  if (node === null) return { source: 'none', got: 'the pod is on no node' };
  const own = (each: JsonObject): RoleRecord | string => {
    if (depth > 2) return 'brokers wait for one another';
    const answers = readPod(estate.view, each).containers.map((container) =>
      outcome(estate, readPod(estate.view, each), container, depth + 1),
    );
    return answers.at(-1)?.got ?? 'no container';
  };
  if (!pod.hostNetwork) {
    const kiam = kiamOn(estate, node);
    const kube2iam = kube2iamOn(estate, node);
    if (kiam && kube2iam) return { source: 'none', got: 'kiam and kube2iam both take the metadata address over' };
    if (kiam) return { source: 'kiam', got: kiamRole(estate, pod, own) };
    if (kube2iam) return { source: 'kube2iam', got: kube2iamRole(estate, pod, node, own) };
    const instance = instanceOf(estate, node)?.instance;
    if (instance?.tokensRequired === true && instance.hopLimit < 2)
      return { source: 'none', got: 'the metadata address is closed to pods: IMDSv2 with a hop limit of 1' };
  }
  const role = nodeRole(estate, node);
  return { source: typeof role === 'string' ? 'none' : 'node-role', got: role };
};

const outcome = (estate: Estate, pod: PodRead, container: ContainerRead, depth = 0): Outcome => {
  const { names } = container;
  if (names.has('AWS_ACCESS_KEY_ID') && names.has('AWS_SECRET_ACCESS_KEY'))
    return { source: 'static-keys', got: 'static keys' };
  if (container.env['AWS_ROLE_ARN'] && container.env['AWS_WEB_IDENTITY_TOKEN_FILE'])
    return webIdentity(estate, pod, container);
  const file = sharedFile(estate, pod, container);
  if (file) return file;
  if (container.env['AWS_CONTAINER_CREDENTIALS_FULL_URI']) return containerCredentials(estate, pod, container);
  if (container.env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true')
    return { source: 'none', got: 'the metadata address is switched off by AWS_EC2_METADATA_DISABLED' };
  return metadata(estate, pod, depth);
};

/** Which role each container of a pod gets right now, by the pod's own variables, token and place. */
export const identityOfPod = (estate: Estate, object: JsonObject): PodIdentity => {
  const pod = readPod(estate.view, object);
  const containers = pod.containers.map((container): ContainerIdentity => {
    const { source, got } = outcome(estate, pod, container);
    return typeof got === 'string'
      ? { container: container.name, source, role: null, error: source === 'static-keys' ? null : got }
      : { container: container.name, source, role: got.arn, error: null };
  });
  const normal = new Set(listAt(object, 'spec', 'containers').map((each) => textAt(each, 'name')));
  const roles = new Set(containers.filter((each) => normal.has(each.container)).map((each) => each.role));
  return {
    namespace: pod.namespace,
    pod: pod.name,
    uid: pod.uid,
    serviceAccount: pod.serviceAccount,
    node: pod.node,
    role: roles.size === 1 ? ([...roles][0] as string | null) : null,
    mixed: roles.size > 1,
    containers,
  };
};
