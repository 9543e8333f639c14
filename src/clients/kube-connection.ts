import { existsSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { RoleliftError, textOf } from '../model/error.js';
import type { Transport } from '../model/http.js';
import { type SocketOptions, socketTransport } from './http-transport.js';
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
  const current = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  if (cluster !== null && isInvented(cluster)) return [];
  const names = config.getContexts().map((context) => context.name);
  return [...names.filter((name) => name === current), ...names.filter((name) => name !== current).sort()];
};

/** client-node invents this server where it finds no configuration at all. */
const isInvented = (cluster: { readonly server: string; readonly name: string }): boolean =>
  cluster.server === 'http://localhost:8080' && cluster.name === 'cluster';

/**
 * Loads configuration with client-node: KUBECONFIG and its list of files, ~/.kube/config, in-cluster, exec plugins, certificates.
 * Rejects with RL701 where there is none, or where the context is not in it.
 */
export const connect = async (options: KubeConfigOptions): Promise<KubeConnection> => {
  const config = await load(options);
  if (options.context !== undefined) {
    if (config.getContextObject(options.context) === null) {
      throw new RoleliftError(
        {
          code: 'RL701',
          message: `the kubeconfig has no context "${options.context}"`,
          cause: `it has: ${
            config
              .getContexts()
              .map((context) => context.name)
              .join(', ') || 'none'
          }`,
          remedy: 'Name one of these with --context.',
          fault: 'user',
        },
        { exit: 4 },
      );
    }
    config.setCurrentContext(options.context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null || isInvented(cluster)) {
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
  const server = cluster.server.replace(/\/+$/, '');
  return {
    server,
    context: config.getCurrentContext(),
    clusterName: cluster.name,
    send: socketTransport(socketOptions(config, server, true)),
    sendFresh: socketTransport(socketOptions(config, server, false)),
  };
};

/** Files that KUBECONFIG lists and that are there: kubectl passes over the others. */
const namedFiles = (): readonly string[] => {
  const listed = (process.env['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  const there = listed.filter((file) => existsSync(file));
  return there.length > 0 && listed.length > 1 ? there : [];
};
const read = (config: KubeConfig, file: string): KubeConfig => {
  config.loadFromFile(file);
  return config;
};
const firstOfEach = <T extends { readonly name: string }>(all: readonly T[]): T[] =>
  all.filter((one, index) => all.findIndex(({ name }) => name === one.name) === index);

/**
 * Merges as kubectl does: the first file to set a name or the current context wins (Kubernetes documentation, "Merging kubeconfig
 * files"). client-node's own merge takes the last file's context and refuses names that come twice: the same KUBECONFIG would then lead
 * to another cluster than kubectl's.
 */
const mergeInto = (config: KubeConfig, parts: readonly KubeConfig[]): void => {
  config.loadFromOptions({
    clusters: firstOfEach(parts.flatMap((part) => part.getClusters())),
    users: firstOfEach(parts.flatMap((part) => part.getUsers())),
    contexts: firstOfEach(parts.flatMap((part) => part.getContexts())),
    currentContext:
      parts.map((part) => part.getCurrentContext()).find((name) => name !== undefined && name !== '') ?? '',
  });
};

const load = async (options: KubeConfigOptions): Promise<KubeConfig> => {
  const { KubeConfig: Config } = await import('@kubernetes/client-node');
  const config = new Config();
  try {
    const several = options.kubeconfig === undefined ? namedFiles() : [];
    if (several.length > 0)
      mergeInto(
        config,
        several.map((file) => read(new Config(), file)),
      );
    else if (options.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
  } catch (thrown) {
    throw new RoleliftError(
      {
        code: 'RL701',
        message: `the kubeconfig ${options.kubeconfig ?? 'that KUBECONFIG names'} cannot be read`,
        // client-node trips over a file that is empty or something else.
        ...(thrown instanceof TypeError ? { cause: 'it is empty, or no kubeconfig' } : {}),
        remedy: 'Give a readable file with --kubeconfig, or set KUBECONFIG. To try without a cluster: rolelift demo.',
        fault: 'user',
      },
      { because: thrown, exit: 4 },
    );
  }
  return config;
};

/** client-node's own option builder refuses plain HTTP and makes an agent for every call; this keeps one agent alive. */
const socketOptions = (config: KubeConfig, server: string, keepAlive: boolean): (() => Promise<SocketOptions>) => {
  const inner = config as unknown as { applyOptions(options: SocketOptions): Promise<void> };
  const proxyUrl = config.getCurrentCluster()?.proxyUrl ?? proxyFor(server, process.env);
  let agent: http.Agent | https.Agent | undefined;
  // Calls that begin together share one run of the kubeconfig's command, which may take a second and a process each.
  let asked: Promise<SocketOptions> | null = null;
  const credentials = (): Promise<SocketOptions> => {
    asked ??= (async () => {
      const options: SocketOptions = {};
      await inner.applyOptions(options).catch((thrown: unknown) => {
        throw credentialsFailed(config, thrown);
      });
      return options;
    })().finally(() => {
      asked = null;
    });
    return asked;
  };
  return async () => {
    const options = await credentials();
    if (agent === undefined || !keepAlive) agent = await makeAgent(server, proxyUrl, keepAlive, options);
    const user = config.getCurrentUser();
    return {
      ...options,
      agent,
      ...(user?.username === undefined ? {} : { auth: `${user.username}:${user.password ?? ''}` }),
    };
  };
};

/** What the kubeconfig names for credentials (a command, files) did not give any: nothing was sent. */
const credentialsFailed = (config: KubeConfig, thrown: unknown): RoleliftError => {
  const user = config.getCurrentUser();
  const command: unknown = user?.exec?.command;
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
