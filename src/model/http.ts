/** HTTP as data: what the clients send and the sandbox answers, over a socket or inside one process. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute URL. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Takes out of an answer's bytes what nobody will read, before they are decoded; asked of sockets only. It may write in its buffer. */
  readonly sieve?: (bytes: Buffer) => Buffer;
}
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Text of the whole body, or its pieces as they come (watches). */
  readonly body: string | AsyncIterable<string>;
}
/** Sends one request. Rejects when there is no answer; an answer of any status resolves. */
export type Transport = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>;
