import http from 'node:http';
import https from 'node:https';
import { RoleliftError, textOf } from '../model/error.js';
import type { Transport } from '../model/http.js';
import { type SocketOptions, socketTransport } from './http-transport.js';
import { credentialsOf } from './kube-credentials.js';
import { type KubeCluster, type Kubeconfig, type KubeUser, loadKubeconfig, NoKubeconfig } from './kubeconfig.js';
import { proxyFor } from './proxy.js';

/** A way to one API server, as the user's kubeconfig or the pod's own account gives it. */
export interface KubeConnection {
  /** `https://host:port` without a slash at the end. */
  readonly server: string;
  readonly context: string;
  /** The cluster's name in the kubeconfig; for EKS often its ARN. */
  readonly clusterName: string;
  readonly send: Transport;
  /** The same on a connection that is not reused (H11). */
  readonly sendFresh: Transport;
}

export interface KubeConfigOptions {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** Names of the contexts that a kubeconfig offers, the current one first; none where there is no configuration. Rejects with RL701. */
export const contextNames = async (kubeconfig?: string): Promise<readonly string[]> => {
  const config = await load({ kubeconfig });
  if (config === null) return [];
  const names = config.contexts.map((context) => context.name);
  const current = config.currentContext;
  return [...names.filter((name) => name === current), ...names.filter((name) => name !== current).sort()];
};

/** Connects as a kubeconfig says. Rejects with RL701 where there is none, or where the context is not in it. */
export const connect = async (options: KubeConfigOptions): Promise<KubeConnection> => {
  const config = await load(options);
  const wanted = options.context ?? config?.currentContext ?? '';
  const context = config?.contexts.find(({ name }) => name === wanted);
  if (config !== null && options.context !== undefined && context === undefined) {
    throw new RoleliftError(
      {
        code: 'RL701',
        message: `the kubeconfig has no context "${options.context}"`,
        cause: `it has: ${config.contexts.map(({ name }) => name).join(', ') || 'none'}`,
        remedy: 'Name one of these with --context.',
        fault: 'user',
      },
      { exit: 4 },
    );
  }
  const cluster = config?.clusters.find(({ name }) => name === context?.cluster);
  if (cluster === undefined) {
    throw new RoleliftError(
      {
        code: 'RL701',
        message: 'no cluster is configured',
        cause: 'there is no kubeconfig with a current context, and this is not a pod with a service account',
        remedy: 'Set KUBECONFIG or give --kubeconfig and --context. To try rolelift without a cluster: rolelift demo.',
        fault: 'user',
      },
      { exit: 4 },
    );
  }
  const credentials = shared(cluster, config?.users.find(({ name }) => name === context?.user) ?? null);
  return {
    server: cluster.server,
    context: wanted,
    clusterName: cluster.name,
    send: socketTransport(socketOptions(cluster, credentials, true)),
    sendFresh: socketTransport(socketOptions(cluster, credentials, false)),
  };
};

const load = async (options: KubeConfigOptions): Promise<Kubeconfig | null> => {
  try {
    return await loadKubeconfig(options.kubeconfig, process.env);
  } catch (thrown) {
    throw new RoleliftError(
      {
        code: 'RL701',
        message: `the kubeconfig ${options.kubeconfig ?? 'that KUBECONFIG names'} cannot be read`,
        ...(thrown instanceof NoKubeconfig ? { cause: thrown.message } : {}),
        remedy: 'Give a readable file with --kubeconfig, or set KUBECONFIG. To try without a cluster: rolelift demo.',
        fault: 'user',
      },
      { because: thrown, exit: 4 },
    );
  }
};

/** Calls that begin together share one run of the kubeconfig's command, which may take a second and a process each. */
const shared = (cluster: KubeCluster, user: KubeUser | null): (() => Promise<SocketOptions>) => {
  const given = credentialsOf(cluster, user);
  let asked: Promise<SocketOptions> | null = null;
  return () => {
    asked ??= given()
      .catch((thrown: unknown) => {
        throw credentialsFailed(user, thrown);
      })
      .finally(() => {
        asked = null;
      });
    return asked;
  };
};

/** One agent is kept alive for all calls of a connection. */
const socketOptions = (
  cluster: KubeCluster,
  credentials: () => Promise<SocketOptions>,
  keepAlive: boolean,
): (() => Promise<SocketOptions>) => {
  const proxyUrl = cluster.proxyUrl ?? proxyFor(cluster.server, process.env);
  let agent: http.Agent | https.Agent | undefined;
  return async () => {
    const options = await credentials();
    if (agent === undefined || !keepAlive) agent = await makeAgent(cluster.server, proxyUrl, keepAlive, options);
    return { ...options, agent };
  };
};

/** What the kubeconfig names for credentials (a command, files) did not give any: nothing was sent. */
const credentialsFailed = (user: KubeUser | null, thrown: unknown): RoleliftError => {
  const command = user?.exec?.['command'];
  return new RoleliftError(
    {
      code: 'RL702',
      message:
        typeof command === 'string'
          ? `the command ${command} of the kubeconfig gives no credentials`
          : `the credentials of user "${user?.name ?? ''}" in the kubeconfig cannot be used`,
      cause: textOf(thrown).trim().slice(0, 600),
      remedy:
        typeof command === 'string'
          ? 'Run it by hand to see what it lacks (a login, a profile, the program itself), then run the same command again.'
          : 'Check the files and tokens that the kubeconfig names, then run the same command again.',
      fault: 'user',
    },
    { because: thrown, exit: 4 },
  );
};

const makeAgent = async (
  server: string,
  proxyUrl: string | undefined,
  keepAlive: boolean,
  tls: SocketOptions,
): Promise<http.Agent | https.Agent> => {
  const secure = server.startsWith('https:');
  const common = { keepAlive, maxSockets: 64, maxFreeSockets: 16 };
  const agentTls = {
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    servername: tls.servername,
    rejectUnauthorized: tls.rejectUnauthorized,
  };
  const known = Object.fromEntries(Object.entries(agentTls).filter(([, value]) => value !== undefined));
  if (proxyUrl !== undefined && proxyUrl !== '') {
    if (proxyUrl.startsWith('socks')) {
      const { SocksProxyAgent } = await import('socks-proxy-agent');
      return new SocksProxyAgent(proxyUrl, { ...common, ...known }) as unknown as https.Agent;
    }
    const { HttpProxyAgent, HttpsProxyAgent } = await import('hpagent');
    return secure
      ? new HttpsProxyAgent({ ...common, ...known, proxy: proxyUrl })
      : new HttpProxyAgent({ ...common, proxy: proxyUrl });
  }
  return secure ? new https.Agent({ ...common, ...known }) : new http.Agent(common);
};
