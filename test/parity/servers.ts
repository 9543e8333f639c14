import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { EKSClient, ListClustersCommand } from '@aws-sdk/client-eks';
import { IAMClient } from '@aws-sdk/client-iam';
import { S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import { KubeConfig } from '@kubernetes/client-node';

/** A cluster and an account as anybody's client reaches them, past all clients of the program under test. */

export type Raw = { readonly status: number; readonly body: any };
export interface KubeCall {
  readonly type?: string;
  /** Another bearer token than the kubeconfig's. */
  readonly token?: string;
}
export type Kube = (method: string, path: string, body?: unknown, options?: KubeCall) => Promise<Raw>;
export interface Watching {
  next(): Promise<any>;
  stop(): void;
}

export interface Servers {
  readonly kube: Kube;
  /** The same, where anything but success is a fault of the test itself. */
  readonly sure: (...args: Parameters<Kube>) => Promise<any>;
  readonly watch: (path: string) => Promise<Watching>;
  readonly iam: IAMClient;
  readonly sts: STSClient;
  readonly eks: EKSClient;
  readonly trail: CloudTrailClient;
  readonly s3: S3Client;
  readonly cluster: () => Promise<string>;
}

/** Servers behind the first context of a kubeconfig and an endpoint for AWS. */
export const openServers = (env: Readonly<Record<string, string | undefined>>): Servers => {
  const config = new KubeConfig();
  if (env.KUBECONFIG !== undefined) config.loadFromString(readFileSync(env.KUBECONFIG.split(':')[0] as string, 'utf8'));
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  const plain = cluster?.server.startsWith('http:') === true;
  const ca = cluster?.caData === undefined ? {} : { ca: Buffer.from(cluster.caData, 'base64') };
  const agent = plain ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true, ...ca });
  const send = (
    method: string,
    path: string,
    text: string | undefined,
    options: KubeCall,
    take: (answer: http.IncomingMessage, call: http.ClientRequest) => void,
    fail: (thrown: Error) => void,
  ): void => {
    const type = options.type ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const call = (plain ? http : https).request(new URL(path, cluster?.server), {
      method,
      agent,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${options.token ?? user?.token}`,
        ...(text === undefined ? {} : { 'content-type': type, 'content-length': String(Buffer.byteLength(text)) }),
      },
    });
    call.on('response', (answer) => take(answer, call)).on('error', fail);
    call.end(text);
  };
  const kube: Kube = (method, path, body, options = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const take = (answer: http.IncomingMessage): void => {
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
      };
      send(method, path, text, options, take, reject);
    });
  const watch = (path: string): Promise<Watching> =>
    new Promise((resolve, reject) => {
      const events: unknown[] = [];
      const waiting: ((event: unknown) => void)[] = [];
      let rest = '';
      const take = (answer: http.IncomingMessage, call: http.ClientRequest): void => {
        answer.setEncoding('utf8').on('error', () => undefined);
        answer.on('data', (text: string) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            const event: unknown = JSON.parse(line);
            const taker = waiting.shift();
            if (taker === undefined) events.push(event);
            else taker(event);
          }
        });
        resolve({
          next: () => (events.length > 0 ? Promise.resolve(events.shift()) : new Promise((done) => waiting.push(done))),
          stop: () => call.destroy(),
        });
      };
      send('GET', path, undefined, {}, take, reject);
    });
  const shared = {
    region: env.AWS_REGION ?? 'eu-west-1',
    endpoint: env.AWS_ENDPOINT_URL ?? 'http://127.0.0.1:1',
    maxAttempts: 1,
    credentials: {
      accessKeyId: env.AWS_ACCESS_KEY_ID ?? 'testbed',
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? 'testbed',
    },
  };
  const eks = new EKSClient(shared);
  return {
    kube,
    sure: async (method, path, body, options) => {
      const answer = await kube(method, path, body, options);
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    watch,
    iam: new IAMClient(shared),
    sts: new STSClient(shared),
    eks,
    trail: new CloudTrailClient(shared),
    s3: new S3Client({ ...shared, forcePathStyle: true }),
    cluster: async () => ((await eks.send(new ListClustersCommand({}))).clusters ?? [])[0] as string,
  };
};

/** What an API call came to: `ok`, or the canonical name of its error with the status. */
export const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (thrown: { name?: string; $metadata?: { httpStatusCode?: number } }) =>
      `${(thrown.name ?? 'unknown').replace(/Exception$/, '')} ${thrown.$metadata?.httpStatusCode ?? 0}`,
  );

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
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
