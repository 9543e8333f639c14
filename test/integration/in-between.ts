import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { AwsFault } from '../../src/sandbox/aws/fault.js';
import { refusal } from '../../src/sandbox/aws/service.js';
import { routeOf } from '../../src/sandbox/route.js';
import { userEnv } from './real.js';

/** One request on its way, told as whoever sends it means it. */
export interface Call {
  readonly service: string;
  /** Kubernetes: `PATCH /api/v1/…`, without its query; AWS: the operation. */
  readonly action: string;
  readonly write: boolean;
  /** Every name that it mentions: AWS's parameters, of a query, a path or a body. */
  readonly values: ReadonlySet<string>;
}

/** What befalls a request. */
export type Trouble =
  | {
      readonly is: 'refused';
      readonly status: number;
      readonly code: string;
      readonly message?: string;
      readonly retryAfter?: string;
    }
  /** The connection breaks before the request was sent on, or after it was carried out. */
  | { readonly is: 'reset'; readonly when: 'before' | 'after' }
  /** Whoever sends it dies, before it was sent on or after it was carried out. */
  | { readonly is: 'kill'; readonly when: 'before' | 'after'; readonly pid: number }
  /** From when it was carried out, its service answers reads for that long (milliseconds) as it answered them before. */
  | { readonly is: 'stale'; readonly ms: number; readonly served: () => void };

export type Judge = (call: Call) => Trouble | null;

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

const readAll = async (message: http.IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

const texts = (value: unknown): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap((each) => texts(each))
      : [];

/** Names of hop-by-hop headers (RFC 9110, 7.6.1), and those that are made anew. */
const own = /^(connection|keep-alive|transfer-encoding|host|content-length|expect)$/;
const passed = (headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !own.test(name)));

/** Stands between one user of the program and the real servers, and lets befall requests what its judge says. */
export class InBetween {
  /** Nothing befalls anybody unless it is set. */
  judge: Judge = () => null;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'rolelift-between-'));
  readonly #servers: http.Server[] = [];
  readonly #agents: http.Agent[] = [];
  /** The newest answer of each read of AWS, and which of them are told instead of the truth, until when. */
  readonly #told = new Map<string, Answer>();
  #old: { readonly answers: ReadonlyMap<string, Answer>; readonly until: number; readonly served: () => void }[] = [];
  env: Readonly<Record<string, string>> = {};

  static async open(): Promise<InBetween> {
    const made = new InBetween();
    const config = new KubeConfig();
    config.loadFromDefault();
    const cluster = config.getCurrentCluster();
    const ca = cluster?.caData === undefined ? {} : { ca: Buffer.from(cluster.caData, 'base64') };
    const kubernetes = await made.#listen(new URL(cluster?.server ?? ''), ca);
    const aws = await made.#listen(new URL(process.env.AWS_ENDPOINT_URL ?? ''), {});
    const kubeconfig = path.join(made.#folder, 'kubeconfig');
    const name = cluster?.name;
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': name,
        clusters: [{ name, cluster: { server: kubernetes } }],
        contexts: [{ name, context: { cluster: name, user: 'me' } }],
        users: [{ name: 'me', user: { token: config.getCurrentUser()?.token } }],
      }),
      { mode: 0o600 },
    );
    made.env = { ...userEnv, KUBECONFIG: kubeconfig, AWS_ENDPOINT_URL: aws };
    return made;
  }

  async close(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    for (const agent of this.#agents) agent.destroy();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async #listen(upstream: URL, tls: { readonly ca?: Buffer }): Promise<string> {
    const plain = upstream.protocol === 'http:';
    const agent = plain ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true, ...tls });
    const server = http.createServer((request, response) => {
      this.#take(upstream, agent, request, response).catch(() => request.socket.destroy());
    });
    this.#servers.push(server);
    this.#agents.push(agent);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async #take(
    upstream: URL,
    agent: http.Agent,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    const body = await readAll(request);
    const call = callOf(request, body);
    const key = `${call.service} ${request.method} ${request.url} ${body.toString()}`;
    const trouble = this.judge(call);
    const kill = (pid: number): void => {
      process.kill(pid, 'SIGKILL');
      request.socket.destroy();
    };
    if (trouble?.is === 'refused') return refuse(call, trouble, response);
    if (trouble?.is === 'reset' && trouble.when === 'before') return void request.socket.destroy();
    if (trouble?.is === 'kill' && trouble.when === 'before') return kill(trouble.pid);
    const remembered = !call.write && call.service !== 'kubernetes';
    if (remembered) {
      this.#old = this.#old.filter(({ until }) => until > performance.now());
      for (const { answers, served } of this.#old) {
        const before = answers.get(key);
        if (before === undefined) continue;
        served();
        return give(before, response);
      }
    }
    const sent = await send(upstream, agent, request, body);
    if (/[?&]watch=(1|true)\b/.test(request.url ?? '')) {
      response.writeHead(sent.statusCode ?? 502, passed(sent.headers));
      response.on('close', () => sent.destroy());
      sent.on('error', () => response.destroy());
      sent.pipe(response);
      return;
    }
    const answer: Answer = { status: sent.statusCode ?? 502, headers: sent.headers, body: await readAll(sent) };
    if (remembered) this.#told.set(key, answer);
    if (trouble?.is === 'kill') return kill(trouble.pid);
    if (trouble?.is === 'reset') return void request.socket.destroy();
    if (trouble?.is === 'stale' && answer.status < 300) {
      const answers = new Map([...this.#told].filter(([one]) => one.startsWith(`${call.service} `)));
      this.#old.push({ answers, until: performance.now() + trouble.ms, served: trouble.served });
    }
    give(answer, response);
  }

  /** Forgets what was read so far: a process that begins anew asks anew. */
  forget(): void {
    this.#told.clear();
    this.#old = [];
  }
}

const callOf = (request: http.IncomingMessage, body: Buffer): Call => {
  const url = `http://x${request.url}`;
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const method = request.method ?? 'GET';
  const routed = routeOf({ method, url, headers, body: body.toString() }, process.env.AWS_REGION ?? '');
  if (routed?.to === 'kubernetes')
    return { service: 'kubernetes', action: routed.action, write: routed.counted, values: new Set() };
  if (routed?.to !== 'aws') return { service: 'unknown', action: method, write: false, values: new Set() };
  const { service, operation, params, write, path: segments } = routed.call;
  const json = service === 'eks' && body.length > 0 ? texts(JSON.parse(body.toString())) : [];
  const values = new Set([...params.values(), ...segments, ...json, ...new URL(url).searchParams.values()]);
  return { service, action: operation, write, values };
};

const send = (
  upstream: URL,
  agent: http.Agent,
  request: http.IncomingMessage,
  body: Buffer,
): Promise<http.IncomingMessage> =>
  new Promise((resolve, reject) => {
    const call = (upstream.protocol === 'http:' ? http : https).request(
      new URL(request.url ?? '/', upstream),
      {
        agent,
        method: request.method,
        headers: { ...passed(request.headers), ...(body.length > 0 ? { 'content-length': body.length } : {}) },
      },
      resolve,
    );
    call.on('error', reject);
    call.end(body);
  });

const give = (answer: Answer, response: http.ServerResponse): void => {
  response.writeHead(answer.status, { ...passed(answer.headers), 'content-length': answer.body.length });
  response.end(answer.body);
};

const refuse = (call: Call, trouble: Trouble & { readonly is: 'refused' }, response: http.ServerResponse): void => {
  const message = trouble.message ?? 'made to fail on the way';
  const { status, headers, body } =
    call.service === 'kubernetes'
      ? {
          status: trouble.status,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            kind: 'Status',
            apiVersion: 'v1',
            status: 'Failure',
            reason: trouble.code,
            code: trouble.status,
            message,
          }),
        }
      : refusal(call.service as 'iam', new AwsFault(trouble.code, trouble.status, message), 'made-to-fail');
  response.writeHead(status, {
    ...headers,
    ...(trouble.retryAfter === undefined ? {} : { 'retry-after': trouble.retryAfter }),
  });
  response.end(String(body));
};
