import { readFileSync } from 'node:fs';
import https from 'node:https';
import { CloudTrailClient, LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import {
  EKSClient,
  ListAddonsCommand,
  ListClustersCommand,
  paginateListPodIdentityAssociations,
} from '@aws-sdk/client-eks';
import {
  IAMClient,
  ListOpenIDConnectProvidersCommand,
  paginateListPolicies,
  paginateListRoles,
} from '@aws-sdk/client-iam';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import { KubeConfig } from '@kubernetes/client-node';

/** What the stories need to know of servers that are really there: where they are, and what an emulator of AWS can do. */

export type Raw = { readonly status: number; readonly body: any };

const { KUBECONFIG, AWS_ENDPOINT_URL, TESTBED_RUN } = process.env;

/** False where no servers are named: nothing may reach whatever the defaults of the machine point at. */
export const present = KUBECONFIG !== undefined && AWS_ENDPOINT_URL !== undefined;

/** Whether the servers are the testbed, whose switches some stories need. */
export const testbed: boolean =
  present &&
  (await fetch(`${AWS_ENDPOINT_URL}/testbed/health`, { signal: AbortSignal.timeout(2_000) }).then(
    (answer) => answer.ok,
    () => false,
  ));

/** Folder of the testbed's switches. */
export const switches = TESTBED_RUN ?? '';

const config = new KubeConfig();
if (present) config.loadFromFile((KUBECONFIG as string).split(':')[0] as string);
const cluster = config.getCurrentCluster();
const user = config.getCurrentUser();
const ca = cluster?.caData !== undefined ? Buffer.from(cluster.caData, 'base64') : undefined;
const agent = new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) });

export interface KubeCall {
  readonly type?: string;
  /** Another bearer token than the kubeconfig's. */
  readonly token?: string;
}

/** One call of the API server, past all clients of the program under test. */
export const kube = (method: string, path: string, body?: unknown, options: KubeCall = {}): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const call = https.request(
      new URL(path, cluster?.server),
      {
        method,
        agent,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${options.token ?? user?.token}`,
          ...(text === undefined
            ? {}
            : {
                'content-type':
                  options.type ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'),
                'content-length': String(Buffer.byteLength(text)),
              }),
        },
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part) => parts.push(part)).on('error', reject);
        answer.on('end', () => {
          const got = Buffer.concat(parts).toString();
          let read: unknown = got;
          try {
            read = JSON.parse(got);
          } catch {}
          resolve({ status: answer.statusCode ?? 0, body: read });
        });
      },
    );
    call.on('error', reject);
    call.end(text);
  });

/** The same, where anything but success is a fault of the test itself. */
export const sure = async (method: string, path: string, body?: unknown, options?: KubeCall): Promise<any> => {
  const answer = await kube(method, path, body, options);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};

const region = process.env.AWS_REGION ?? 'eu-west-1';
const shared = {
  region,
  endpoint: AWS_ENDPOINT_URL ?? 'http://127.0.0.1:1',
  credentials: { accessKeyId: 'testbed', secretAccessKey: 'testbed' },
};
export const iam = new IAMClient(shared);
export const sts = new STSClient(shared);
export const eks = new EKSClient(shared);
export const trail = new CloudTrailClient(shared);
export const s3 = new S3Client({ ...shared, forcePathStyle: true });

/** The environment in which the program is run as a user would. */
export const userEnv: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && /^(KUBECONFIG$|AWS_)/.test(entry[0]),
  ),
);

/** Controls of the testbed. */
export const control = async (method: string, name: string, body?: unknown): Promise<any> => {
  const answer = await fetch(`${AWS_ENDPOINT_URL}/testbed/${name}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} testbed/${name}: ${answer.status}`);
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** Calls of the program that changed something in the account. */
export const awsWrites = async (): Promise<readonly { readonly service: string; readonly action: string }[]> =>
  (await control('GET', 'calls')).calls.filter((call: { write: boolean }) => call.write);

/** Calls that changed something in the cluster, from the API server's own audit log, made by the kubeconfig's user. */
export const kubeWrites = (): readonly any[] =>
  readFileSync(`${switches}/audit.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter(
      (event) =>
        ['create', 'update', 'patch', 'delete'].includes(event.verb) &&
        !/selfsubject|tokenreviews/.test(event.requestURI),
    );

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks until it holds; a look that throws counts as no. */
export const until = async (what: string, look: () => Promise<boolean>, ms = 30_000): Promise<void> => {
  const end = Date.now() + ms;
  let last = '';
  for (;;) {
    const found = await look().catch((thrown: unknown) => {
      last = String(thrown);
      return false;
    });
    if (found) return;
    if (Date.now() > end) throw new Error(`not in ${ms / 1000} s: ${what} ${last}`);
    await sleep(100);
  }
};

/** Events of a service account's own use of web identity, as CloudTrail tells them. */
export const usesOf = async (namespace: string, serviceAccount: string): Promise<readonly any[]> => {
  const answer = await trail.send(
    new LookupEventsCommand({
      LookupAttributes: [
        { AttributeKey: 'Username', AttributeValue: `system:serviceaccount:${namespace}:${serviceAccount}` },
      ],
    }),
  );
  return (answer.Events ?? []).map((event) => JSON.parse(event.CloudTrailEvent ?? '{}'));
};

const all = async <T>(pages: AsyncIterable<T>): Promise<T[]> => {
  const got: T[] = [];
  for await (const page of pages) got.push(page);
  return got;
};
export const clusterName = async (): Promise<string> =>
  ((await eks.send(new ListClustersCommand({}))).clusters ?? [])[0] as string;

const listed = ['namespaces', 'nodes', 'persistentvolumes'];
const inKubeSystem = [
  '/api/v1/X/configmaps',
  '/api/v1/X/serviceaccounts',
  '/apis/apps/v1/X/daemonsets',
  '/apis/apps/v1/X/deployments',
  '/apis/coordination.k8s.io/v1/X/leases',
];
const clusterWide = [
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  '/apis/apps/v1/deployments',
  '/apis/apps/v1/daemonsets',
];

/** Names of everything that a story could leave behind. */
export const everything = async (): Promise<readonly string[]> => {
  const names: string[] = [];
  const of = async (path: string): Promise<void> => {
    const { items } = await sure('GET', path);
    for (const item of items) names.push(`${path} ${item.metadata.namespace ?? ''}/${item.metadata.name}`);
  };
  await Promise.all([
    ...listed.map((kind) => of(`/api/v1/${kind}`)),
    ...inKubeSystem.map((path) => of(path.replace('X', 'namespaces/kube-system'))),
    ...clusterWide.map(of),
  ]);
  const name = await clusterName();
  for (const page of await all(paginateListRoles({ client: iam }, {})))
    names.push(...(page.Roles ?? []).map((role) => `role ${role.Arn}`));
  for (const page of await all(paginateListPolicies({ client: iam }, { Scope: 'Local' })))
    names.push(...(page.Policies ?? []).map((policy) => `policy ${policy.Arn}`));
  const providers = await iam.send(new ListOpenIDConnectProvidersCommand({}));
  names.push(...(providers.OpenIDConnectProviderList ?? []).map((provider) => `provider ${provider.Arn}`));
  for (const page of await all(paginateListPodIdentityAssociations({ client: eks }, { clusterName: name })))
    names.push(...(page.associations ?? []).map((each) => `association ${each.namespace}/${each.serviceAccount}`));
  names.push(
    ...((await eks.send(new ListAddonsCommand({ clusterName: name }))).addons ?? []).map((addon) => `addon ${addon}`),
  );
  const bucket = await s3.send(new ListObjectsV2Command({ Bucket: stateBucket })).catch(() => ({ Contents: [] }));
  names.push(...(bucket.Contents ?? []).map((object) => `object ${object.Key}`));
  return names.sort();
};

/** A bucket that the testbed has from the start. */
export const stateBucket = process.env.TESTBED_BUCKET ?? 'rolelift-state';
