import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../model/json.js';

/** One cluster of a kubeconfig; `Data` is base64, `File` an absolute path. */
export interface KubeCluster {
  readonly name: string;
  readonly server: string;
  readonly caData: string | undefined;
  readonly caFile: string | undefined;
  readonly skipTLSVerify: boolean;
  readonly tlsServerName: string | undefined;
  readonly proxyUrl: string | undefined;
}

/** One user: at most one of its ways to authenticate is usually there. The names are client-node's, which gets the rare ones. */
export interface KubeUser {
  readonly name: string;
  readonly certData: string | undefined;
  readonly certFile: string | undefined;
  readonly keyData: string | undefined;
  readonly keyFile: string | undefined;
  readonly token: string | undefined;
  /** Read again and again: it is renewed while a run goes on. */
  readonly tokenFile: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly impersonateUser: string | undefined;
  /** A command that gives credentials. */
  readonly exec: JsonObject | undefined;
  /** A way that kubectl has given up since (gcp, azure, oidc). */
  readonly authProvider: JsonObject | undefined;
}

export interface KubeContext {
  readonly name: string;
  readonly cluster: string;
  readonly user: string | undefined;
}

export interface Kubeconfig {
  readonly clusters: readonly KubeCluster[];
  readonly users: readonly KubeUser[];
  readonly contexts: readonly KubeContext[];
  readonly currentContext: string;
}

/** What a file that is no kubeconfig is told with. */
export class NoKubeconfig extends Error {}

/** A pod's own account (Kubernetes documentation, "Accessing the Kubernetes API from a Pod"). */
const inCluster = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The configuration that kubectl would use: the file given, those of KUBECONFIG, ~/.kube/config, or the pod's own account; null where
 * there is none. Rejects where a file cannot be read or is none.
 */
export const loadKubeconfig = async (
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Kubeconfig | null> => {
  const files = filesOf(given, env);
  if (files.length > 0) return merged(await Promise.all(files.map(readKubeconfig)));
  return existsSync(`${inCluster}/token`) ? ownAccount(env) : null;
};

const filesOf = (given: string | undefined, env: Readonly<Record<string, string | undefined>>): readonly string[] => {
  if (given !== undefined) return [given];
  const listed = (env['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  // kubectl passes over files that are not there; where none is, the first says so best.
  const there = listed.filter((file) => existsSync(file));
  if (listed.length > 0) return there.length > 0 ? there : listed.slice(0, 1);
  const home = env['HOME'] === undefined || env['HOME'] === '' ? null : path.join(env['HOME'], '.kube', 'config');
  return home !== null && existsSync(home) ? [home] : [];
};

const firstOfEach = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] =>
  [...new Map([...all].reverse().map((one) => [one.name, one])).values()].reverse();

/** The first file to set a name or the current context wins (Kubernetes documentation, "Merging kubeconfig files"). */
const merged = (parts: readonly Kubeconfig[]): Kubeconfig => ({
  clusters: firstOfEach(parts.flatMap(({ clusters }) => clusters)),
  users: firstOfEach(parts.flatMap(({ users }) => users)),
  contexts: firstOfEach(parts.flatMap(({ contexts }) => contexts)),
  currentContext: parts.map(({ currentContext }) => currentContext).find((name) => name !== '') ?? '',
});

const readKubeconfig = async (file: string): Promise<Kubeconfig> => {
  const value = await parsed(await readFile(file, 'utf8'));
  if (!isObject(value)) throw new NoKubeconfig('it is empty, or no kubeconfig');
  const absolute = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : path.resolve(path.dirname(file), name);
  const entries = (list: string, of: string): readonly (readonly [name: string, body: JsonObject, at: string])[] =>
    listAt(value, list).map((entry, index) => {
      const name = textAt(entry, 'name') ?? '';
      if (name === '') throw new NoKubeconfig(`${list}[${index}].name is missing`);
      return [name, objectAt(entry, of), `${list}[${index}].${of}`];
    });
  const needed = (body: JsonObject, key: string, at: string): string => {
    const text = textAt(body, key) ?? '';
    if (text === '') throw new NoKubeconfig(`${at}.${key} is missing`);
    return text;
  };
  return {
    clusters: entries('clusters', 'cluster').map(([name, body, at]) => ({
      name,
      server: needed(body, 'server', at).replace(/\/+$/, ''),
      caData: textAt(body, 'certificate-authority-data'),
      caFile: absolute(textAt(body, 'certificate-authority')),
      skipTLSVerify: body['insecure-skip-tls-verify'] === true,
      tlsServerName: textAt(body, 'tls-server-name'),
      proxyUrl: textAt(body, 'proxy-url'),
    })),
    users: entries('users', 'user').map(([name, body]) => ({
      name,
      certData: textAt(body, 'client-certificate-data'),
      certFile: absolute(textAt(body, 'client-certificate')),
      keyData: textAt(body, 'client-key-data'),
      keyFile: absolute(textAt(body, 'client-key')),
      token: textAt(body, 'token') || undefined,
      tokenFile: absolute(textAt(body, 'tokenFile') ?? textAt(body, 'auth-provider', 'config', 'tokenFile')),
      username: textAt(body, 'username') || undefined,
      password: textAt(body, 'password'),
      impersonateUser: textAt(body, 'as'),
      exec: [body['exec'], objectAt(body, 'auth-provider', 'config')['exec']].find(isObject),
      authProvider: [body['auth-provider']].find(isObject),
    })),
    contexts: entries('contexts', 'context').map(([name, body, at]) => ({
      name,
      cluster: needed(body, 'cluster', at),
      user: textAt(body, 'user') || undefined,
    })),
    currentContext: textAt(value, 'current-context') ?? '',
  };
};

/** JSON is YAML, and needs no reader of YAML. Errors quote nothing: a kubeconfig is full of secrets. */
const parsed = async (text: string): Promise<Json | undefined> => {
  if (text.trimStart().startsWith('{'))
    try {
      return JSON.parse(text) as Json;
    } catch {
      // Flow style YAML looks alike.
    }
  const { parse } = await import('yaml');
  return parse(text, { merge: true, prettyErrors: false, logLevel: 'error' }) as Json | undefined;
};

const ownAccount = (env: Readonly<Record<string, string | undefined>>): Kubeconfig => {
  const [host = '', port = ''] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  const scheme = ['80', '8080', '8001'].includes(port) ? 'http' : 'https';
  const nothing = undefined;
  return {
    clusters: [
      {
        name: 'inCluster',
        server: `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`,
        caData: nothing,
        caFile: `${inCluster}/ca.crt`,
        skipTLSVerify: false,
        tlsServerName: nothing,
        proxyUrl: nothing,
      },
    ],
    users: [
      {
        name: 'inClusterUser',
        certData: nothing,
        certFile: nothing,
        keyData: nothing,
        keyFile: nothing,
        token: nothing,
        tokenFile: `${inCluster}/token`,
        username: nothing,
        password: nothing,
        impersonateUser: nothing,
        exec: nothing,
        authProvider: nothing,
      },
    ],
    contexts: [{ name: 'inClusterContext', cluster: 'inCluster', user: 'inClusterUser' }],
    currentContext: 'inClusterContext',
  };
};
