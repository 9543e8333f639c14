import { VirtualClock } from '../../../src/sandbox/clock.js';
import type { AccountView } from '../../../src/sandbox/contract.js';
import { type ClusterOptions, createCluster, type SimulatedCluster } from '../../../src/sandbox/kubernetes/cluster.js';

export interface Answer {
  readonly status: number;
  readonly body: any;
  readonly headers: Readonly<Record<string, string>>;
}
export const calmAccount: AccountView = { associationFor: () => null, canAttachAddresses: () => true };
export const types = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** A client that speaks to a simulated cluster as any client would, and a clock that it moves itself. */
const world = (options: Partial<ClusterOptions> = {}) => {
  const clock = new VirtualClock();
  const cluster = createCluster({ clock, account: calmAccount, issuer: 'https://oidc.example.com/id/ABC', ...options });
  return { clock, ...client(cluster) };
};
export const client = (cluster: SimulatedCluster) => {
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    options: { readonly type?: string; readonly token?: string; readonly headers?: Record<string, string> } = {},
  ): Promise<Answer> => {
    const answer = await cluster.handle(
      {
        method,
        url: `http://cluster${path}`,
        headers: {
          authorization: `Bearer ${options.token ?? 'sandbox-admin-token'}`,
          'user-agent': 'tester/1.0',
          ...(options.type === undefined ? {} : { 'content-type': options.type }),
          ...options.headers,
        },
        body: body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
      },
      new AbortController().signal,
    );
    if (typeof answer.body !== 'string') throw new Error('a stream came');
    const text = answer.body.trim();
    return { ...answer, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  return { cluster, send };
};
export type World = ReturnType<typeof world>;

export const node = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name } },
  ...more,
});
export const template = (name: string, more: { annotations?: object; spec?: object } = {}) => ({
  metadata: { labels: { app: name }, ...(more.annotations ? { annotations: more.annotations } : {}) },
  spec: { containers: [{ name: 'main', image: 'app:1' }], ...more.spec },
});
export const workload = (kind: string, name: string, spec: object = {}, more = {}) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'shop' },
  spec: { selector: { matchLabels: { app: name } }, template: template(name, more), ...spec },
});
/** A world with two nodes and the namespace `shop`, settled. */
export const shop = async (options: Partial<ClusterOptions> = {}): Promise<World> => {
  const made = world(options);
  made.cluster.put(node('node-a'));
  made.cluster.put(node('node-b'));
  made.cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  made.clock.advanceNow(1000);
  return made;
};
export const podsIn = (cluster: SimulatedCluster, namespace = 'shop'): any[] => [
  ...cluster.list('v1', 'Pod', namespace),
];
export const deployments = '/apis/apps/v1/namespaces/shop/deployments';
