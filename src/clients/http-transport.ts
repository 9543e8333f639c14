import http from 'node:http';
import https from 'node:https';
import type { HttpRequest, HttpResponse, Transport } from '../model/http.js';

/** Options for every request of a connection: TLS, credentials, agent. Asked anew each time, because tokens expire. */
export type SocketOptions = https.RequestOptions;

const headersOf = (raw: http.IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(raw).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );

const readAll = async (message: http.IncomingMessage, sieve: HttpRequest['sieve']): Promise<string> => {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  const bytes = Buffer.concat(parts);
  return (sieve === undefined ? bytes : sieve(bytes)).toString('utf8');
};

async function* pieces(message: http.IncomingMessage): AsyncGenerator<string> {
  message.setEncoding('utf8');
  for await (const part of message) yield part as string;
}

/** Requests over sockets. Watches (`watch=1` in the URL) answer piece by piece; all else is read to its end. */
export const socketTransport =
  (options: () => Promise<SocketOptions>): Transport =>
  async (request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> => {
    const given = await options();
    const url = new URL(request.url);
    const send = url.protocol === 'http:' ? http.request : https.request;
    const message = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const body = Buffer.from(request.body, 'utf8');
      const outgoing = send(
        url,
        {
          ...given,
          method: request.method,
          signal,
          headers: {
            ...(given.headers as Record<string, string> | undefined),
            ...request.headers,
            ...(body.length > 0 ? { 'content-length': String(body.length) } : {}),
          },
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(body.length > 0 ? body : undefined);
    });
    const streams = /[?&]watch=(1|true)\b/.test(request.url) && message.statusCode === 200;
    return {
      status: message.statusCode ?? 0,
      headers: headersOf(message.headers),
      body: streams ? pieces(message) : await readAll(message, request.sieve),
    };
  };
