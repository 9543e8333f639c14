import { isObject, type JsonObject } from '../../model/json.js';
import type { ClusterView, HttpRequest, HttpResponse } from '../contract.js';
import type { Account, World } from './account.js';
import { type Caller, callerOf } from './caller.js';
import { ec2Operations } from './ec2.js';
import { addonOperations } from './eks-addons.js';
import { associationOperations } from './eks-associations.js';
import { eksAuth } from './eks-auth.js';
import type { EksCall, EksOperation } from './eks-call.js';
import { clusterOperations } from './eks-clusters.js';
import { AwsFault } from './fault.js';
import type { QueryCall, QueryOperations } from './iam-call.js';
import { policyOperations } from './iam-policies.js';
import { providerOperations } from './iam-providers.js';
import { reportOperations } from './iam-reports.js';
import { roleOperations } from './iam-roles.js';
import { s3 } from './s3.js';
import { stsOperations } from './sts.js';
import { lookupEvents } from './trail.js';
import { element } from './xml.js';

export type AwsServiceName = 'iam' | 'sts' | 'eks' | 'ec2' | 'cloudtrail' | 's3' | 'eks-auth';

/** A request, told apart from all others. */
export interface Addressed {
  readonly service: AwsServiceName;
  readonly operation: string;
  readonly region: string;
  readonly accessKey: string;
  readonly write: boolean;
  readonly params: ReadonlyMap<string, string>;
  /** EKS: path segments behind the one that chose the operation. */
  readonly path: readonly string[];
}

const eksRoutes: readonly (readonly [string, RegExp, string])[] = [
  ['GET', /^\/clusters$/, 'ListClusters'],
  ['GET', /^\/clusters\/([^/]+)$/, 'DescribeCluster'],
  ['GET', /^\/clusters\/([^/]+)\/node-groups$/, 'ListNodegroups'],
  ['GET', /^\/clusters\/([^/]+)\/node-groups\/([^/]+)$/, 'DescribeNodegroup'],
  ['GET', /^\/clusters\/([^/]+)\/fargate-profiles$/, 'ListFargateProfiles'],
  ['GET', /^\/clusters\/([^/]+)\/fargate-profiles\/([^/]+)$/, 'DescribeFargateProfile'],
  ['GET', /^\/clusters\/([^/]+)\/access-entries$/, 'ListAccessEntries'],
  ['GET', /^\/clusters\/([^/]+)\/access-entries\/(.+)$/, 'DescribeAccessEntry'],
  ['GET', /^\/clusters\/([^/]+)\/addons$/, 'ListAddons'],
  ['POST', /^\/clusters\/([^/]+)\/addons$/, 'CreateAddon'],
  ['GET', /^\/clusters\/([^/]+)\/addons\/([^/]+)$/, 'DescribeAddon'],
  ['DELETE', /^\/clusters\/([^/]+)\/addons\/([^/]+)$/, 'DeleteAddon'],
  ['POST', /^\/clusters\/([^/]+)\/addons\/([^/]+)\/update$/, 'UpdateAddon'],
  ['GET', /^\/clusters\/([^/]+)\/updates\/([^/]+)$/, 'DescribeUpdate'],
  ['GET', /^\/addons\/supported-versions$/, 'DescribeAddonVersions'],
  ['GET', /^\/addons\/configuration-schemas$/, 'DescribeAddonConfiguration'],
  ['GET', /^\/clusters\/([^/]+)\/pod-identity-associations$/, 'ListPodIdentityAssociations'],
  ['POST', /^\/clusters\/([^/]+)\/pod-identity-associations$/, 'CreatePodIdentityAssociation'],
  ['GET', /^\/clusters\/([^/]+)\/pod-identity-associations\/([^/]+)$/, 'DescribePodIdentityAssociation'],
  ['POST', /^\/clusters\/([^/]+)\/pod-identity-associations\/([^/]+)$/, 'UpdatePodIdentityAssociation'],
  ['DELETE', /^\/clusters\/([^/]+)\/pod-identity-associations\/([^/]+)$/, 'DeletePodIdentityAssociation'],
  ['POST', /^\/tags\/(.+)$/, 'TagResource'],
];

const header = (request: HttpRequest, name: string): string | undefined => {
  for (const [key, value] of Object.entries(request.headers)) if (key.toLowerCase() === name) return value;
  return undefined;
};

const reads = /^(Get|List|Describe|Lookup|Head|Simulate|Generate|AssumeRole)/;

/** Which service and operation a request is for; null where it is not AWS's at all. */
export const addressed = (request: HttpRequest, fallbackRegion: string): Addressed | null => {
  const url = new URL(request.url);
  const signed = /Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(
    header(request, 'authorization') ?? '',
  );
  const accessKey = signed?.[1] ?? '';
  const region = signed?.[2] ?? fallbackRegion;
  const none = new Map<string, string>();
  const made = (
    service: AwsServiceName,
    operation: string,
    params: ReadonlyMap<string, string> = none,
    path: readonly string[] = [],
    write = !reads.test(operation),
  ): Addressed => ({ service, operation, region, accessKey, write, params, path });
  if (url.pathname === '/v1/credentials') return made('eks-auth', 'AssumeRoleForPodIdentity', none, [], false);
  const target = header(request, 'x-amz-target');
  if (target !== undefined) return made('cloudtrail', target.split('.').at(-1) ?? '');
  const form = header(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true;
  if (request.method === 'POST' && form && url.pathname === '/') {
    const params = new Map(new URLSearchParams(request.body));
    const version = params.get('Version') ?? '';
    const service = version === '2016-11-15' ? 'ec2' : version === '2010-05-08' ? 'iam' : 'sts';
    return made(service, params.get('Action') ?? '', params);
  }
  if (signed?.[3] === 's3')
    return made(
      's3',
      `${request.method === 'GET' ? 'Get' : request.method === 'HEAD' ? 'Head' : request.method === 'PUT' ? 'Put' : 'Delete'}Object`,
    );
  if (signed !== null || url.pathname.startsWith('/clusters') || url.pathname.startsWith('/addons/')) {
    for (const [method, pattern, operation] of eksRoutes) {
      const match = method === request.method ? pattern.exec(url.pathname) : null;
      if (match) return made('eks', operation, none, match.slice(1).map(decodeURIComponent));
    }
    return made('eks', '');
  }
  return null;
};

const queryAnswer = (service: 'iam' | 'sts', operation: string, result: string, id: string): string =>
  `<${operation}Response xmlns="https://${service}.amazonaws.com/doc/"><${operation}Result>${result}</${operation}Result><ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></${operation}Response>`;

/** A refusal in the words of the protocol that was asked. */
export const refusal = (service: AwsServiceName, fault: AwsFault, id: string): HttpResponse => {
  if (service === 'eks' || service === 'eks-auth' || service === 'cloudtrail') {
    const code =
      fault.code.endsWith('Exception') || fault.code === 'InvalidClientTokenId' ? fault.code : `${fault.code}Exception`;
    return {
      status: fault.status,
      headers: { 'content-type': 'application/json', 'x-amzn-errortype': code, 'x-amzn-requestid': id },
      body: JSON.stringify({ __type: code, message: fault.message }),
    };
  }
  const detail = element('Code', fault.code, 'member') + element('Message', fault.message, 'member');
  const kind = fault.status >= 500 ? 'Receiver' : 'Sender';
  const body =
    service === 'ec2'
      ? `<Response><Errors><Error>${detail}</Error></Errors><RequestID>${id}</RequestID></Response>`
      : service === 's3'
        ? `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${detail}<RequestId>${id}</RequestId></Error>`
        : `<ErrorResponse><Error><Type>${kind}</Type>${detail}</Error><RequestId>${id}</RequestId></ErrorResponse>`;
  return { status: fault.status, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': id }, body };
};

/** How each API says that it is asked too often. */
export const throttled = (service: AwsServiceName): AwsFault => {
  if (service === 'ec2') return new AwsFault('RequestLimitExceeded', 503, 'Request limit exceeded.');
  if (service === 's3') return new AwsFault('SlowDown', 503, 'Please reduce your request rate.');
  if (service === 'iam' || service === 'sts') return new AwsFault('Throttling', 400, 'Rate exceeded');
  return new AwsFault('ThrottlingException', service === 'cloudtrail' ? 400 : 429, 'Rate exceeded');
};

export interface AwsOptions {
  readonly world: World;
  readonly defaultAccount: string;
  readonly region: string;
  readonly regions: readonly string[];
  readonly view: (cluster: string) => ClusterView | null;
  /** What limits a caller beyond its role; null for nothing. */
  readonly userPolicy: (caller: Caller) => string | null;
}

/** The simulated AWS: answers any request that `addressed` knows. */
export class Aws {
  readonly #options: AwsOptions;
  readonly #query: Readonly<Record<'iam' | 'sts' | 'ec2', QueryOperations>>;
  readonly #eks: Readonly<Record<string, EksOperation>> = {
    ...clusterOperations,
    ...addonOperations,
    ...associationOperations,
  };

  constructor(options: AwsOptions) {
    this.#options = options;
    this.#query = {
      iam: { ...roleOperations, ...policyOperations, ...providerOperations, ...reportOperations },
      sts: stsOperations(() => ({ readToken: (token) => options.view('')?.readToken(token) ?? null })),
      ec2: ec2Operations(() => options.regions),
    };
  }

  handle(request: HttpRequest, call: Addressed): HttpResponse {
    const id = `sandbox-${this.#options.world.now().toString(36)}`;
    try {
      return this.#answer(request, call, id);
    } catch (thrown) {
      if (thrown instanceof AwsFault) return refusal(call.service, thrown, id);
      throw thrown;
    }
  }

  #answer(request: HttpRequest, call: Addressed, id: string): HttpResponse {
    const { world, defaultAccount } = this.#options;
    if (call.service === 'eks-auth')
      return eksAuth(world, this.#options.view(''), header(request, 'authorization') ?? '', call.region);
    const anonymous = call.operation === 'AssumeRoleWithWebIdentity';
    const caller: Caller = anonymous
      ? { kind: 'service', account: defaultAccount, arn: '', userId: '', session: null }
      : this.#caller(request, call);
    const account = world.accounts.get(caller.account) as Account;
    const shared = {
      world,
      account,
      caller,
      region: call.region,
      lag: world.settings.consistencyDelayMs,
      userPolicy: this.#options.userPolicy(caller),
    };
    if (call.service === 's3') return s3({ ...shared, request });
    if (call.service === 'eks') {
      const operation = Object.hasOwn(this.#eks, call.operation) ? this.#eks[call.operation] : undefined;
      if (!operation) throw new AwsFault('InvalidAction', 404, `no such operation: ${request.method} ${request.url}`);
      const eks: EksCall = {
        ...shared,
        path: call.path,
        query: new URL(request.url).searchParams,
        body: bodyOf(request),
        view: this.#options.view,
      };
      return {
        status: 200,
        headers: { 'content-type': 'application/json', 'x-amzn-requestid': id },
        body: JSON.stringify(operation(eks)),
      };
    }
    if (call.service === 'cloudtrail') {
      if (call.operation !== 'LookupEvents') throw new AwsFault('UnknownOperationException', 400, '');
      const body = lookupEvents(world, caller, call.region, bodyOf(request), shared.userPolicy);
      return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) };
    }
    const operations = this.#query[call.service];
    const operation = Object.hasOwn(operations, call.operation) ? operations[call.operation] : undefined;
    if (!operation) throw new AwsFault('InvalidAction', 400, `Could not find operation ${call.operation}`);
    const answer = operation({ ...shared, params: call.params } satisfies QueryCall);
    const parts = Object.entries(answer as object);
    const item = call.service === 'ec2' ? 'item' : 'member';
    const result = parts
      .map(([name, value]) => (name === 'SummaryMap' ? mapOf(value) : element(name, value, item)))
      .join('');
    return {
      status: 200,
      headers: { 'content-type': 'text/xml', 'x-amzn-requestid': id },
      body:
        call.service === 'ec2'
          ? `<${call.operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>${id}</requestId>${result}</${call.operation}Response>`
          : queryAnswer(call.service, call.operation, result, id),
    };
  }

  #caller(request: HttpRequest, call: Addressed): Caller {
    if (call.accessKey === '')
      throw new AwsFault('MissingAuthenticationToken', 403, 'Request is missing Authentication Token');
    return callerOf(
      this.#options.world,
      call.accessKey,
      header(request, 'x-amz-security-token'),
      this.#options.defaultAccount,
    );
  }
}

/** Maps of the query protocol repeat `entry`. */
const mapOf = (entries: readonly { readonly key: string; readonly value: number }[]): string =>
  `<SummaryMap>${entries.map((entry) => element('entry', entry, 'member')).join('')}</SummaryMap>`;

const bodyOf = (request: HttpRequest): JsonObject => {
  if (request.body === '') return {};
  try {
    const parsed: unknown = JSON.parse(request.body);
    return isObject(parsed) ? parsed : {};
  } catch {
    throw new AwsFault('InvalidParameterException', 400, 'The body is not JSON');
  }
};
