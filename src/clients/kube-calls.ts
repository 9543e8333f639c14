import type { Clock } from '../model/clock.js';
import { RoleliftError } from '../model/error.js';
import type { HttpRequest, HttpResponse, Transport } from '../model/http.js';
import { type Json, type JsonObject, numberAt, textAt } from '../model/json.js';
import { type KubernetesCall, KubernetesError, kubernetesError, unreachable } from './kubernetes-errors.js';
import type { Lane, Lanes } from './lanes.js';
import { limitedSignal, retryAfter, type Verdict, withRetries } from './retry.js';

export interface KubernetesClientOptions {
  readonly server: string;
  readonly send: Transport;
  readonly sendFresh: Transport;
  readonly lanes: Lanes;
  readonly clock: Clock;
  /** Ends every call of the run. */
  readonly signal: AbortSignal;
  /** Told the milliseconds of every Date header. */
  readonly onServerTime: (ms: number) => void;
  /** Milliseconds after which a call without an answer is given up; default 30 s, Infinity for never. */
  readonly timeoutMs?: number;
  /** Objects per page; 500 is the best trade between memory and round trips. */
  readonly pageSize?: number;
}

const json = 'application/json';
/** One request of the API, before it has an address. */
export interface KubernetesRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: Json;
  readonly type?: string;
  readonly fresh?: boolean;
  /** Takes out of an answer's bytes what nobody will read. */
  readonly sieve?: HttpRequest['sieve'];
}

/** Calls of one API server: lanes, timeouts, retries, server time; every failure is a KubernetesError. */
export class KubernetesCalls {
  readonly #options: KubernetesClientOptions;
  /** Whether the server ever answered. */
  #answered = false;
  constructor(options: KubernetesClientOptions) {
    this.#options = options;
  }

  /** Events of a collection from one version on; rejects where the server ends the watch with an error. */
  async *watch(path: string, resourceVersion: string, stop: AbortSignal): AsyncGenerator<JsonObject> {
    const call: KubernetesCall = { verb: 'watch', ref: null, path };
    await this.#lane('read').take(stop);
    const response = await this.#options
      .send(
        {
          method: 'GET',
          url: this.#url({
            method: 'GET',
            path,
            query: { watch: '1', resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: '240' },
          }),
          headers: { accept: json },
          body: '',
        },
        AbortSignal.any([this.#options.signal, stop]),
      )
      .catch((thrown: unknown) => {
        throw stop.aborted || thrown instanceof RoleliftError
          ? thrown
          : unreachable(call, this.#options.server, thrown);
      });
    if (typeof response.body === 'string') throw kubernetesError(call, response, response.body);
    let rest = '';
    for await (const piece of response.body) {
      rest += piece;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end).trim();
        rest = rest.slice(end + 1);
        if (line === '') continue;
        const event = JSON.parse(line) as JsonObject;
        if (textAt(event, 'type') === 'ERROR') {
          const code = numberAt(event, 'object', 'code') ?? 500;
          throw kubernetesError(call, { status: code, headers: {}, body: '' }, JSON.stringify(event.object));
        }
        yield event;
      }
    }
  }

  #lane(direction: 'read' | 'write'): Lane {
    return this.#options.lanes.lane(this.#options.server, `kubernetes-${direction}`);
  }

  #url(request: KubernetesRequest): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(name, value);
    const text = query.toString();
    return `${this.#options.server}${request.path}${text === '' ? '' : `?${text}`}`;
  }

  /** One call with retries. Writes are repeated only when throttled, or where `mayRepeat` says that a repeat changes nothing. */
  async call(call: KubernetesCall, request: KubernetesRequest, mayRepeat = false): Promise<JsonObject> {
    const reads = request.method === 'GET';
    const repeat = reads || mayRepeat;
    let failures = 0;
    const judge = (thrown: unknown): Verdict => {
      if (!(thrown instanceof KubernetesError)) return { is: 'final' };
      const wait = waits.get(thrown) ?? null;
      if (thrown.status === 429) return { is: 'throttled', retryAfterMs: wait };
      failures += 1;
      if (thrown.status === 0 && (isDistrust(thrown) || (!this.#answered && failures >= firstTries)))
        return { is: 'final' };
      if (thrown.status === 0 || thrown.status >= 500)
        return { is: 'transient', retryAfterMs: wait, mayRepeat: repeat };
      return { is: 'final' };
    };
    return withRetries(
      this.#lane(reads ? 'read' : 'write'),
      this.#options.clock,
      this.#options.signal,
      () => this.#once(call, request),
      judge,
    );
  }

  async #once(call: KubernetesCall, request: KubernetesRequest): Promise<JsonObject> {
    const send = request.fresh === true ? this.#options.sendFresh : this.#options.send;
    let response: HttpResponse;
    try {
      response = await send(
        {
          method: request.method,
          url: this.#url(request),
          headers: {
            accept: json,
            'user-agent': 'rolelift',
            ...(request.body === undefined ? {} : { 'content-type': request.type ?? json }),
          },
          body: request.body === undefined ? '' : JSON.stringify(request.body),
          ...(request.sieve === undefined ? {} : { sieve: request.sieve }),
        },
        limitedSignal(this.#options.signal, this.#options.timeoutMs),
      );
    } catch (thrown) {
      if (this.#options.signal.aborted) throw this.#options.signal.reason;
      // What the kubeconfig's own credentials came to is told already.
      if (thrown instanceof RoleliftError) throw thrown;
      throw unreachable(call, this.#options.server, thrown);
    }
    this.#answered = true;
    const date = Date.parse(response.headers.date ?? '');
    if (!Number.isNaN(date)) this.#options.onServerTime(date);
    const body = typeof response.body === 'string' ? response.body : await collect(response.body);
    if (response.status >= 300) {
      const error = kubernetesError(call, response, body);
      waits.set(error, retryAfter(response.headers['retry-after'], response.headers.date, this.#options.clock.now()));
      throw error;
    }
    try {
      return JSON.parse(body) as JsonObject;
    } catch (thrown) {
      // Half a body: whether a write was done is not known.
      throw unreachable(call, this.#options.server, thrown);
    }
  }
}

/** Tries to reach a server that has never answered: a wrong address should be told soon, a server that restarts is waited for. */
const firstTries = 3;

/** Whether TLS refused the server's certificate, which no repetition mends (Node.js documentation, X509 certificate error codes). */
const isDistrust = (thrown: KubernetesError): boolean => {
  const code = (thrown.cause as { readonly code?: unknown } | undefined)?.code;
  return (
    typeof code === 'string' &&
    /CERT|^ERR_TLS|^UNABLE_TO_|^(?:SELF_SIGNED|DEPTH_ZERO)|^INVALID_(?:CA|PURPOSE)|^HOSTNAME_MISMATCH/.test(code)
  );
};

const waits = new WeakMap<KubernetesError, number | null>();

const collect = async (body: AsyncIterable<string>): Promise<string> => {
  let text = '';
  for await (const piece of body) text += piece;
  return text;
};
