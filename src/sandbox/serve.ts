import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RoleliftError } from '../model/error.js';
import { adminToken } from './access.js';
import type { HttpRequest } from './contract.js';
import { ConnectionLost } from './faults.js';
import type { Sandbox } from './sandbox.js';

export interface ServeOptions {
  /** 0 or absent: any port that is free. */
  readonly port?: number;
  /** Folder for the kubeconfig; a new one under the system's temporary folder unless given, removed at the end. */
  readonly folder?: string;
}

export interface Served {
  readonly port: number;
  /** `http://127.0.0.1:<port>`: Kubernetes, AWS and the sandbox's controls alike. */
  readonly url: string;
  readonly kubeconfig: string;
  /** KUBECONFIG, AWS_ENDPOINT_URL, AWS_REGION, credentials. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const largest = 16 * 1024 * 1024;

/** A kubeconfig with one context for the sandbox at that address. */
export const kubeconfigFor = (url: string, cluster: string): string =>
  `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': cluster,
      clusters: [{ name: cluster, cluster: { server: url } }],
      // Named after the cluster, so that the files of several sandboxes may stand side by side in KUBECONFIG.
      users: [{ name: `sandbox-${cluster}`, user: { token: adminToken } }],
      contexts: [{ name: cluster, context: { cluster, user: `sandbox-${cluster}` } }],
    },
    null,
    2,
  )}\n`;

const readBody = (message: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    message.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > largest) reject(new ConnectionLost('the request is too large'));
      else pieces.push(piece);
    });
    message.on('end', () => resolve(Buffer.concat(pieces).toString('utf8')));
    message.on('error', reject);
  });

const answer = async (
  sandbox: Sandbox,
  url: string,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const abort = new AbortController();
  response.on('close', () => abort.abort());
  try {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(message.headers))
      headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
    const request: HttpRequest = {
      method: message.method ?? 'GET',
      url: `${url}${message.url ?? '/'}`,
      headers,
      body: await readBody(message),
    };
    const given = await sandbox.handle(request, abort.signal);
    response.statusCode = given.status;
    for (const [name, value] of Object.entries(given.headers)) response.setHeader(name, value);
    if (typeof given.body === 'string') {
      response.end(given.body);
      return;
    }
    response.flushHeaders();
    for await (const piece of given.body) {
      if (abort.signal.aborted) return;
      if (!response.write(piece)) await new Promise((resolve) => response.once('drain', resolve));
    }
    response.end();
  } catch (thrown) {
    if (thrown instanceof ConnectionLost || abort.signal.aborted) {
      message.socket.destroy();
      return;
    }
    if (!response.headersSent) response.statusCode = 500;
    response.end(JSON.stringify({ error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : 'unknown' }));
  }
};

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (thrown: NodeJS.ErrnoException) =>
      reject(
        new RoleliftError(
          {
            code: 'RL663',
            message: `the sandbox cannot listen on port ${port}`,
            remedy: 'Choose another port with --port, or leave it out for any free one.',
            fault: 'user',
          },
          { because: thrown },
        ),
      ),
    );
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

/** Serves a sandbox on 127.0.0.1 and writes its kubeconfig (0600). Throws RL663 where the port is taken. */
export const serve = async (sandbox: Sandbox, options: ServeOptions = {}): Promise<Served> => {
  let url = '';
  const server = createServer((message, response) => void answer(sandbox, url, message, response));
  server.keepAliveTimeout = 60_000;
  const port = await listen(server, options.port ?? 0);
  url = `http://127.0.0.1:${port}`;
  const folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'rolelift-sandbox-'));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kubeconfig = path.join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigFor(url, sandbox.scenario.cluster.name), { mode: 0o600 });
  chmodSync(kubeconfig, 0o600);
  return {
    port,
    url,
    kubeconfig,
    env: { KUBECONFIG: kubeconfig, AWS_ENDPOINT_URL: url, ...sandbox.environment },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
          resolve();
        });
      }),
  };
};
