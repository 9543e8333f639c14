import type { Transport } from '../model/http.js';
import { proxyFor } from './proxy.js';

interface SmithyRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The SDK's own HTTP handler behind the proxy that the environment names; undefined where it names none. */
export const proxiedHandler = async (env: Readonly<Record<string, string | undefined>>): Promise<unknown> => {
  const proxy = proxyFor('https://sts.amazonaws.com', env);
  if (proxy === undefined) return undefined;
  const { NodeHttpHandler } = await import('@smithy/node-http-handler');
  const { HttpsProxyAgent } = await import('hpagent');
  return new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent({ proxy, keepAlive: true, maxSockets: 64 }) });
};

/** By offset and length: the SDK's own byte arrays warn where they are asked for their value as a whole. */
const bytesAsText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/** An SDK request handler that sends over a given transport: how the same clients reach a twin inside this process. */
export const handlerOver = (send: Transport): unknown => ({
  metadata: { handlerProtocol: 'http/1.1' },
  async handle(request: SmithyRequest, options?: { readonly abortSignal?: AbortSignal }) {
    const { HttpResponse } = await import('@smithy/core/protocols');
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (Array.isArray(value)) for (const each of value) query.append(name, each);
      else query.append(name, (value as string | null) ?? '');
    }
    const text = query.toString();
    const answer = await send(
      {
        method: request.method,
        url: `${request.protocol}//${request.hostname}${request.port === undefined ? '' : `:${request.port}`}${request.path}${text === '' ? '' : `?${text}`}`,
        headers: request.headers,
        body:
          request.body === undefined
            ? ''
            : typeof request.body === 'string'
              ? request.body
              : bytesAsText(request.body as Uint8Array),
      },
      options?.abortSignal ?? new AbortController().signal,
    );
    // Bytes instead of a stream: the SDK takes both, and thousands of plays of a rehearsal need no streams.
    const body = new TextEncoder().encode(typeof answer.body === 'string' ? answer.body : '');
    return { response: new HttpResponse({ statusCode: answer.status, headers: { ...answer.headers }, body }) };
  },
  updateHttpClientConfig() {
    // Nothing of this handler is configurable.
  },
  httpHandlerConfigs() {
    return {};
  },
  destroy() {
    // It holds no sockets.
  },
});
