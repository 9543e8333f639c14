import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { isObject, type JsonObject, listAt, textAt } from '../model/json.js';
import type { SocketOptions } from './http-transport.js';
import type { KubeCluster, KubeUser } from './kubeconfig.js';

/** TLS and credentials of every request to a cluster as one user; asked anew for each, because tokens expire. */
export const credentialsOf = (cluster: KubeCluster, user: KubeUser | null): (() => Promise<SocketOptions>) => {
  const secret = user === null ? none : secretOf(cluster, user);
  return async () => {
    const [ca, cert, key] = await Promise.all([
      fileOrData(cluster.caFile, cluster.caData),
      fileOrData(user?.certFile, user?.certData),
      fileOrData(user?.keyFile, user?.keyData),
    ]);
    const given = await secret();
    const headers: OutgoingHttpHeaders = {
      ...given.headers,
      ...(user?.impersonateUser === undefined ? {} : { 'Impersonate-User': user.impersonateUser }),
      ...(user?.token === undefined || user.tokenFile !== undefined ? {} : { Authorization: `Bearer ${user.token}` }),
    };
    return {
      ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
      ...(cluster.tlsServerName === undefined ? {} : { servername: cluster.tlsServerName }),
      ...(ca === null ? {} : { ca }),
      ...(cert === null ? {} : { cert }),
      ...(key === null ? {} : { key }),
      ...given,
      headers,
      ...(user?.username === undefined ? {} : { auth: `${user.username}:${user.password ?? ''}` }),
    };
  };
};

/** Data overrides a file, as in kubectl (client-go, clientcmd/api types). */
const fileOrData = async (file: string | undefined, data: string | undefined): Promise<Buffer | null> =>
  data !== undefined && data !== ''
    ? Buffer.from(data, 'base64')
    : file === undefined || file === ''
      ? null
      : await readFile(file);

type Secret = () => Promise<Pick<SocketOptions, 'cert' | 'key'> & { readonly headers?: OutgoingHttpHeaders }>;

const none: Secret = async () => ({});
const bearer = (token: string): OutgoingHttpHeaders => ({ Authorization: `Bearer ${token}` });

const secretOf = (cluster: KubeCluster, user: KubeUser): Secret => {
  if (user.exec !== undefined) return fromCommand(user.exec);
  if (user.tokenFile !== undefined) return fromFile(user.tokenFile);
  return user.authProvider === undefined ? none : fromProvider(cluster, user);
};

/** Milliseconds that a token's file is believed; the kubelet renews it long before it expires (client-go does the same). */
const fileLasts = 60_000;

const fromFile = (file: string): Secret => {
  let known: { readonly token: string; readonly at: number } | null = null;
  return async () => {
    if (known === null || Date.now() - known.at > fileLasts)
      known = { token: (await readFile(file, 'utf8')).trim(), at: Date.now() };
    return { headers: bearer(known.token) };
  };
};

/** A command's credentials, kept until they expire (Kubernetes documentation, "client-go credential plugins"). */
const fromCommand = (exec: JsonObject): Secret => {
  let known: { readonly status: JsonObject; readonly until: number } | null = null;
  return async () => {
    if (known === null || !(known.until > Date.now())) {
      const status = await runCommand(exec);
      known = { status, until: Date.parse(textAt(status, 'expirationTimestamp') ?? '') };
    }
    const [token, cert, key] = ['token', 'clientCertificateData', 'clientKeyData'].map((name) =>
      textAt(known?.status, name),
    );
    return {
      ...(token ? { headers: bearer(token) } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
    };
  };
};

const runCommand = async (exec: JsonObject): Promise<JsonObject> => {
  const command = textAt(exec, 'command') ?? '';
  if (command === '') throw new Error('the kubeconfig names no command');
  const added = listAt(exec, 'env').flatMap((entry) => {
    const name = textAt(entry, 'name');
    return name === undefined ? [] : [[name, textAt(entry, 'value') ?? ''] as const];
  });
  const info = { kind: 'ExecCredential', apiVersion: exec['apiVersion'] ?? '', spec: { interactive: false } };
  const child = spawn(
    command,
    listAt(exec, 'args').filter((arg) => typeof arg === 'string'),
    {
      env: { ...process.env, ...Object.fromEntries(added), KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    out += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    err += piece;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(err || `it ended with ${code ?? 'a signal'}`);
  let answer: unknown = null;
  try {
    answer = JSON.parse(out);
  } catch {
    // Said below; its text may hold the token, and is not quoted.
  }
  const status = isObject(answer) ? answer['status'] : undefined;
  if (!isObject(status)) throw new Error('it printed no ExecCredential with a status');
  return status;
};

/** The providers of old kubeconfigs (gcp, azure, oidc), by client-node: it takes longer to load than all else that a scan needs. */
const fromProvider = (cluster: KubeCluster, user: KubeUser): Secret => {
  const config = import('@kubernetes/client-node').then(({ KubeConfig }) => {
    const made = new KubeConfig();
    made.loadFromOptions({
      clusters: [cluster],
      users: [user],
      contexts: [{ name: 'here', cluster: cluster.name, user: user.name }],
      currentContext: 'here',
    });
    return made as unknown as { applyOptions(options: SocketOptions): Promise<void> };
  });
  config.catch(() => undefined);
  return async () => {
    const options: SocketOptions = {};
    await (await config).applyOptions(options);
    const { Authorization } = (options.headers ?? {}) as OutgoingHttpHeaders;
    return Authorization === undefined ? {} : { headers: { Authorization } };
  };
};
