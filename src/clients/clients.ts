import { setMaxListeners } from 'node:events';
import type { Clock } from '../model/clock.js';
import type { Transport } from '../model/http.js';
import type { Clients, KubernetesWriter } from '../model/ports.js';
import { type AccountOptions, AwsAccounts, type Caller } from './aws-accounts.js';
import { handlerOver, proxiedHandler } from './aws-handler.js';
import { connect, type KubeConnection } from './kube-connection.js';
import { KubernetesClient } from './kubernetes.js';
import { Lanes } from './lanes.js';
import { systemClock } from './system-clock.js';

export interface ClientOptions extends Partial<AccountOptions> {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** Region of the cluster; AWS_REGION, the profile's, or the one in the cluster's ARN where absent. */
  readonly region?: string | undefined;
  /** Requests a second by lane. */
  readonly maxRates?: Readonly<Record<string, number>> | undefined;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly timeoutMs?: number;
  /** Everything goes over these instead of sockets: a twin inside this process. */
  readonly inProcess?: InProcess | undefined;
}

/** A twin inside this process; `contexts`: the API servers of other contexts, as a management cluster's. */
export interface InProcess {
  readonly kubernetes: Transport;
  readonly aws: Transport;
  readonly server: string;
  readonly contexts?: Readonly<Record<string, Transport>>;
}

/** The clients of one run, and what only the shell of the program asks of them. */
export interface AllClients extends Clients {
  readonly connection: Pick<KubeConnection, 'server' | 'context' | 'clusterName'>;
  readonly region: string;
  /** Who the default AWS credentials are. */
  caller(): Promise<Caller>;
  /** `default`, `profile:NAME`, `role:ARN` or `none`. */
  credentialsFor(account: string): string;
  /** Calls and throttled answers so far. */
  totals(): { readonly calls: number; readonly throttled: number };
}

export const createClients = async (options: ClientOptions): Promise<AllClients> => {
  const clock = options.clock ?? systemClock;
  const signal = options.signal ?? new AbortController().signal;
  // Every waiting call listens to it; there is no leak to be warned of.
  setMaxListeners(0, signal);
  const lanes = new Lanes(clock, options.maxRates ?? {});
  let serverTime: { readonly at: number; readonly seen: number } | null = null;
  // Date headers have whole seconds; between two answers our own monotonic clock runs on.
  const onServerTime = (ms: number): void => {
    const now = clock.monotonic();
    if (serverTime === null || ms > serverTime.at + (now - serverTime.seen)) serverTime = { at: ms, seen: now };
  };
  const inProcess = options.inProcess;
  const connection: KubeConnection =
    inProcess === undefined
      ? await connect({ kubeconfig: options.kubeconfig, context: options.context })
      : {
          server: inProcess.server,
          context: options.context ?? 'twin',
          clusterName: 'twin',
          send: inProcess.kubernetes,
          sendFresh: inProcess.kubernetes,
        };
  const shared = {
    lanes,
    clock,
    signal,
    onServerTime,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
  const timeOfServers = (): number | null =>
    serverTime === null ? null : Math.round(serverTime.at + (clock.monotonic() - serverTime.seen));
  const region =
    options.region ??
    process.env.AWS_REGION ??
    process.env.AWS_DEFAULT_REGION ??
    /^arn:aws[a-z-]*:eks:([a-z0-9-]+):/.exec(connection.clusterName)?.[1] ??
    'us-east-1';
  const handler = inProcess === undefined ? await proxiedHandler(process.env) : handlerOver(inProcess.aws);
  const accounts = new AwsAccounts(
    {
      profile: options.profile,
      accountProfiles: options.accountProfiles ?? {},
      accountRoles: options.accountRoles ?? {},
    },
    { ...shared, serverTime: timeOfServers, region, ...(handler === undefined ? {} : { requestHandler: handler }) },
    await homeCredentials(options),
  );
  const clusters = new Map<string, KubernetesWriter>();
  const home = new KubernetesClient({
    ...shared,
    server: connection.server,
    send: connection.send,
    sendFresh: connection.sendFresh,
  });
  return {
    connection,
    region,
    kubernetes(cluster?: string) {
      if (cluster === undefined || cluster === connection.context) return home;
      let found = clusters.get(cluster);
      if (found === undefined) {
        found = lazily(async () => {
          const within = inProcess?.contexts?.[cluster];
          const other =
            within === undefined || inProcess === undefined
              ? await connect({ kubeconfig: options.kubeconfig, context: cluster })
              : { server: inProcess.server, send: within, sendFresh: within };
          return new KubernetesClient({
            ...shared,
            server: other.server,
            send: other.send,
            sendFresh: other.sendFresh,
          });
        });
        clusters.set(cluster, found);
      }
      return found;
    },
    aws: (account) => accounts.for(account),
    serverTime: timeOfServers,
    caller: () => accounts.caller(),
    credentialsFor: (account) => accounts.credentialsFor(account),
    totals: () => lanes.totals(),
  };
};

const homeCredentials = async (options: ClientOptions) => {
  if (options.inProcess !== undefined) return async () => ({ accessKeyId: 'sandbox', secretAccessKey: 'sandbox' });
  if (options.profile === undefined) return undefined;
  const { fromIni } = await import('@aws-sdk/credential-providers');
  return fromIni({ profile: options.profile });
};

/** A client of a second cluster that connects when it is first asked something. */
const lazily = (make: () => Promise<KubernetesWriter>): KubernetesWriter => {
  let made: Promise<KubernetesWriter> | null = null;
  const client = (): Promise<KubernetesWriter> => {
    made ??= make();
    return made;
  };
  return {
    get: async (ref) => (await client()).get(ref),
    async *list(apiVersion, kind, options) {
      yield* (await client()).list(apiVersion, kind, options);
    },
    allowed: async (verb, ref, subresource) => (await client()).allowed(verb, ref, subresource),
    serves: async (apiVersion, kind) => (await client()).serves(apiVersion, kind),
    rolledOut: async (ref, generation, signal) => (await client()).rolledOut(ref, generation, signal),
    podsOf: async (ref) => (await client()).podsOf(ref),
    version: async () => (await client()).version(),
    whoAmI: async () => (await client()).whoAmI(),
    getPath: async (path) => (await client()).getPath(path),
    create: async (ref, body, options) => (await client()).create(ref, body, options),
    mergePatch: async (ref, patch, resourceVersion) => (await client()).mergePatch(ref, patch, resourceVersion),
    jsonPatch: async (ref, operations) => (await client()).jsonPatch(ref, operations),
    remove: async (ref, uid) => (await client()).remove(ref, uid),
    token: async (ref, audience, seconds) => (await client()).token(ref, audience, seconds),
  };
};
