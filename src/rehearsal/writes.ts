import type { HttpRequest } from '../model/http.js';
import { type JsonObject, textAt } from '../model/json.js';

/** A write that one request asked for, as far as it tells which answers have to be asked again. */
export interface Write {
  /** For people: `PATCH serviceaccounts payments/api`, `iam UpdateAssumeRolePolicy api`. */
  readonly title: string;
  /**
   * What it touches: `account:<ns>/<name>`, `namespace:<name>`, `workload:<plural>/<ns>/<name>`, `pod:<ns>/<name>`, `binding`,
   * `role:<account>/<name>`, `policy:<arn>`, `provider:<account>`, `association:<ns>/<name>`, or `all` where that is not known.
   */
  readonly keys: readonly string[];
}

const kubernetesPath =
  /^\/(?:api\/[^/]+|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+))?(?:\/([^/]+))?(?:\/([^/]+))?(?:\/([^/]+))?$/;
/** Writes of the tool's own housekeeping, which no pod's identity hangs on. */
const housekeeping = new Set(['leases', 'events', 'configmaps']);
const reviews = /(subjectaccessreviews|subjectrulesreviews|selfsubjectreviews|tokenreviews)$/;
const workloads = new Set([
  'deployments',
  'statefulsets',
  'daemonsets',
  'replicasets',
  'replicationcontrollers',
  'cronjobs',
  'jobs',
]);

/** The write of a request; null where it only reads, or asks for a dry run or a token. */
export const writeOf = (request: HttpRequest, side: 'kubernetes' | 'aws'): Write | null =>
  side === 'kubernetes' ? kubernetesWrite(request) : awsWrite(request);

const kubernetesWrite = (request: HttpRequest): Write | null => {
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  const url = new URL(request.url);
  if (url.searchParams.has('dryRun')) return null;
  const match = kubernetesPath.exec(decodeURIComponent(url.pathname));
  const namespace = match?.[2] ?? '';
  const resource = match?.[3] ?? 'namespaces';
  const name = match?.[4] ?? nameIn(request.body);
  if (reviews.test(url.pathname) || match?.[5] === 'token' || housekeeping.has(resource)) return null;
  const title = `${request.method} ${resource} ${namespace === '' ? name : `${namespace}/${name}`}`;
  return { title, keys: [keyOf(resource, namespace, name)] };
};

const keyOf = (resource: string, namespace: string, name: string): string => {
  if (resource === 'serviceaccounts') return `account:${namespace}/${name}`;
  if (resource === 'pods') return `pod:${namespace}/${name}`;
  if (resource === 'rolebindings' || resource === 'clusterrolebindings') return 'binding';
  if (resource === 'namespaces') return `namespace:${name === '' ? namespace : name}`;
  // Custom kinds may template pods: whatever is not known is taken for one.
  if (workloads.has(resource) || namespace !== '') return `workload:${resource}/${namespace}/${name}`;
  return 'all';
};

const nameIn = (body: string): string => {
  try {
    return textAt(JSON.parse(body) as JsonObject, 'metadata', 'name') ?? '';
  } catch {
    return '';
  }
};

const reads = /^(Get|List|Describe|Lookup|Head|Simulate|Generate|AssumeRole)/;
const accountOf = (request: HttpRequest): string =>
  Object.entries(request.headers)
    .filter(([name]) => name.toLowerCase() === 'authorization')
    .map(([, value]) => /Credential=AKIA0000(\d{12})\//.exec(value)?.[1] ?? '')[0] ?? '';

const awsWrite = (request: HttpRequest): Write | null => {
  const url = new URL(request.url);
  if (Object.keys(request.headers).some((name) => name.toLowerCase() === 'x-amz-target')) return null;
  if (url.pathname !== '/') return eksWrite(request, url);
  const params = new URLSearchParams(request.body);
  const action = params.get('Action') ?? '';
  if (action === '' || reads.test(action)) return null;
  const account = accountOf(request);
  const role = params.get('RoleName');
  const policy = params.get('PolicyArn');
  const keys = [
    ...(role === null ? [] : [`role:${account}/${role}`]),
    ...(role === null && policy !== null ? [`policy:${policy}`] : []),
    ...(action.includes('OpenIDConnectProvider') ? [`provider:${account}`] : []),
    ...(action === 'CreatePolicy' ? [`policy:${account}/${params.get('PolicyName') ?? ''}`] : []),
  ];
  const about =
    role ?? policy ?? params.get('OpenIDConnectProviderArn') ?? params.get('Url') ?? params.get('PolicyName') ?? '';
  return { title: `iam ${action} ${about}`.trim(), keys: keys.length === 0 ? ['all'] : keys };
};

/** The read of a role, or the write of its trust policy; null where a request is neither. `role`: `<account>/<name>`, in small letters. */
export const trustRequestOf = (
  request: HttpRequest,
): { readonly is: 'read' | 'write'; readonly role: string } | null => {
  const params = new URLSearchParams(request.body);
  const action = params.get('Action');
  if (action !== 'GetRole' && action !== 'UpdateAssumeRolePolicy') return null;
  const role = `${accountOf(request)}/${params.get('RoleName') ?? ''}`.toLowerCase();
  return { is: action === 'GetRole' ? 'read' : 'write', role };
};

const eksWrite = (request: HttpRequest, url: URL): Write | null => {
  if (request.method === 'GET') return null;
  const title = `eks ${request.method} ${url.pathname}`;
  let body: unknown = {};
  try {
    body = request.body === '' ? {} : JSON.parse(request.body);
  } catch {
    return { title, keys: ['all'] };
  }
  const namespace = textAt(body, 'namespace');
  const account = textAt(body, 'serviceAccount');
  if (url.pathname.endsWith('/pod-identity-associations') && namespace !== undefined && account !== undefined)
    return { title: `${title} ${namespace}/${account}`, keys: [`association:${namespace}/${account}`] };
  return { title, keys: [url.pathname.includes('/pod-identity-associations/') ? 'associations' : 'all'] };
};
