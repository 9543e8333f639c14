import { LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import { ListAddonsCommand, paginateListPodIdentityAssociations } from '@aws-sdk/client-eks';
import { ListOpenIDConnectProvidersCommand, paginateListPolicies, paginateListRoles } from '@aws-sdk/client-iam';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { openServers } from '../parity/servers.js';

/** What the stories need to know of servers that are really there: where they are, and what an emulator of AWS can do. */

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

const servers = openServers(process.env);
export const { kube, sure, iam, sts, eks, trail, s3 } = servers;
export const clusterName = servers.cluster;

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

export { until } from '../parity/servers.js';

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
