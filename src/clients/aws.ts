import { AwsError, canonicalName, isDenied, isExpired, isThrottle } from '../model/aws-error.js';
import type { Clock } from '../model/clock.js';
import { RoleliftError, textOf } from '../model/error.js';
import type { JsonObject } from '../model/json.js';
import { type Operation, operationOf } from '../model/operations.js';
import type { AwsCallOptions, AwsService, AwsWriter } from '../model/ports.js';
import { signedAnew } from './clock-skew.js';
import type { Lanes } from './lanes.js';
import { limitedSignal, retryAfter, type Verdict, withRetries } from './retry.js';

type Credentials = () => Promise<{
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}>;

export interface AwsClientOptions {
  readonly account: string;
  readonly region: string;
  /** Undefined: the SDK's default chain (environment, profile, SSO, web identity, container, instance). */
  readonly credentials?: Credentials | undefined;
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onServerTime: (ms: number) => void;
  /** Handler of the HTTP requests; the SDK's own with the environment's proxy where absent. */
  readonly requestHandler?: unknown;
  /** Milliseconds after which a call is given up; default 30 s, Infinity for never. */
  readonly timeoutMs?: number;
}

interface SdkClient {
  send(command: unknown, options?: { readonly abortSignal?: AbortSignal }): Promise<Record<string, unknown>>;
  readonly middlewareStack: { add(middleware: unknown, options: unknown): void };
}
type SdkModule = Record<string, new (input: unknown) => unknown>;

// The SDK warns on Node 20 about releases of 2027; which Node is supported is package.json's to say.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

/** Loaded when first used: EC2's alone takes longer than Node itself to start. */
const modules: Readonly<Record<AwsService, { readonly load: () => Promise<unknown>; readonly client: string }>> = {
  iam: { load: () => import('@aws-sdk/client-iam'), client: 'IAMClient' },
  eks: { load: () => import('@aws-sdk/client-eks'), client: 'EKSClient' },
  sts: { load: () => import('@aws-sdk/client-sts'), client: 'STSClient' },
  ec2: { load: () => import('@aws-sdk/client-ec2'), client: 'EC2Client' },
  cloudtrail: { load: () => import('@aws-sdk/client-cloudtrail'), client: 'CloudTrailClient' },
};

/** AWS in one account, operation by operation; the SDK's own retries are off, ours are the only ones. */
export class AwsClient implements AwsWriter {
  readonly writes = true;
  readonly account: string;
  readonly region: string;
  readonly #options: AwsClientOptions;
  readonly #clients = new Map<string, Promise<SdkClient>>();

  constructor(options: AwsClientOptions) {
    this.#options = options;
    this.account = options.account;
    this.region = options.region;
  }

  async call(service: AwsService, name: string, input: JsonObject, options: AwsCallOptions = {}): Promise<JsonObject> {
    const operation = operationOf(service, name);
    const region = options.region ?? this.region;
    const client = await this.#client(service, region);
    const module = (await modules[service].load()) as SdkModule;
    const Command = module[`${name}Command`];
    if (Command === undefined) throw new Error(`the SDK has no ${service}:${name}`);
    const answer = await withRetries(
      // Requests are counted by account and Region (EC2 API throttling; EKS service quotas), so another Region has a lane of its own.
      this.#options.lanes.lane(region === this.region ? this.account : `${this.account}/${region}`, operation.lane),
      this.#options.clock,
      this.#options.signal,
      async () => {
        try {
          return await signedAnew(() =>
            client.send(new Command(withDates(input)), {
              abortSignal: limitedSignal(this.#options.signal, this.#options.timeoutMs),
            }),
          );
        } catch (thrown) {
          if (this.#options.signal.aborted) throw this.#options.signal.reason;
          throw awsError(thrown, service, name, operation, this.account, this.#options.clock.now());
        }
      },
      (thrown) => judge(thrown, operation),
    );
    return plain(answer);
  }

  #client(service: AwsService, region: string): Promise<SdkClient> {
    const key = `${service} ${region}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = this.#make(service, region);
      client.catch(() => this.#clients.delete(key));
      this.#clients.set(key, client);
    }
    return client;
  }

  async #make(service: AwsService, region: string): Promise<SdkClient> {
    const module = (await modules[service].load()) as SdkModule;
    const Client = module[modules[service].client] as new (input: unknown) => unknown;
    const client = new Client({
      region,
      maxAttempts: 1,
      customUserAgent: 'rolelift',
      ...(this.#options.credentials === undefined ? {} : { credentials: this.#options.credentials }),
      ...(this.#options.requestHandler === undefined ? {} : { requestHandler: this.#options.requestHandler }),
    }) as SdkClient;
    client.middlewareStack.add(
      (next: (args: unknown) => Promise<{ response?: { headers?: Record<string, string> } }>) =>
        async (args: unknown) => {
          const result = await next(args);
          const date = Date.parse(result.response?.headers?.date ?? '');
          if (!Number.isNaN(date)) this.#options.onServerTime(date);
          return result;
        },
      { step: 'deserialize', name: 'serverTime', override: true },
    );
    return client;
  }
}

const judge = (thrown: unknown, operation: Operation): Verdict => {
  if (!(thrown instanceof AwsError)) return { is: 'final' };
  const { errorName, status, retryAfterMs } = thrown;
  if (isThrottle(errorName, status)) return { is: 'throttled', retryAfterMs };
  const mayRepeat = !operation.write || operation.retry !== 'observe-first';
  // A change that another is still being applied to is refused before anything was done (IAM API reference).
  if (errorName === 'ConcurrentModification' || errorName === 'EntityTemporarilyUnmodifiable') {
    return { is: 'transient', retryAfterMs, mayRepeat: true };
  }
  if (status === 0 || status >= 500 || errorName === 'ServiceFailure' || errorName === 'IDPCommunicationError') {
    return { is: 'transient', retryAfterMs, mayRepeat };
  }
  return { is: 'final' };
};

interface SdkError {
  readonly name?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
}

/** Any failure of a call as one error with code, cause and remedy; classed by name and status, never by text. */
const awsError = (
  thrown: unknown,
  service: AwsService,
  operation: string,
  row: Operation,
  account: string,
  now: number,
): RoleliftError => {
  if (thrown instanceof RoleliftError) return thrown;
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as SdkError;
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode ?? 0;
  const name = canonicalName(error.name ?? error.Code ?? 'Unknown');
  const headers = error.$response?.headers;
  const facts = {
    errorName: name,
    status,
    service,
    operation,
    retryAfterMs: retryAfter(headers?.['retry-after'], headers?.date, now),
    ambiguous: row.write && (status === 0 || status >= 500) && name !== 'CredentialsProvider',
  };
  const what = `${service}:${operation} in account ${account}`;
  const cause = `${name}: ${textOf(thrown)}`;
  if (name === 'CredentialsProviderError' || name === 'CredentialsProvider' || name === 'TokenProviderError') {
    return new AwsError(
      {
        code: 'RL704',
        message: `no AWS credentials for account ${account}`,
        cause: textOf(thrown),
        remedy: 'Log in (aws sso login), or set AWS_PROFILE or --profile, and run the same command again.',
        fault: 'user',
      },
      { ...facts, errorName: 'CredentialsProviderError', ambiguous: false },
      thrown,
    );
  }
  if (isExpired(name)) {
    return new AwsError(
      {
        code: 'RL702',
        message: `AWS does not accept our credentials any more (${what})`,
        cause,
        remedy: 'Log in again and run the same command: it goes on where it stopped.',
        fault: 'user',
      },
      { ...facts, ambiguous: false },
      thrown,
    );
  }
  if (isDenied(name)) {
    return new AwsError(
      {
        code: 'RL703',
        message: `not allowed: ${row.action} in account ${account}`,
        cause,
        remedy: `Allow ${row.action}; rolelift permissions prints the least policy that is needed.`,
        fault: 'remote',
      },
      facts,
      thrown,
    );
  }
  if (isThrottle(name, status)) {
    return new AwsError(
      {
        code: 'RL713',
        message: `AWS keeps throttling ${what}`,
        cause,
        remedy: `Run the same command again later, or slower: --max-rate ${row.lane}=1.`,
        fault: 'remote',
      },
      facts,
      thrown,
    );
  }
  if (status === 0) {
    return new AwsError(
      {
        code: 'RL711',
        message: `no answer from AWS at ${what}`,
        cause,
        remedy: 'Check the network and the proxy (HTTPS_PROXY, NO_PROXY), then run the same command again.',
        fault: 'remote',
      },
      facts,
      thrown,
    );
  }
  return new AwsError(
    {
      code: 'RL714',
      message: `AWS refused ${what}`,
      cause,
      remedy: 'See the cause; run the same command again when it is mended.',
      fault: 'remote',
    },
    facts,
    thrown,
  );
};

/** The SDK takes times as Date objects; our inputs are JSON. */
const withDates = (input: JsonObject): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(input).map(([name, value]) => [
      name,
      (name === 'StartTime' || name === 'EndTime') && typeof value === 'string' ? new Date(value) : value,
    ]),
  );

/** The SDK's output as JSON: no `$metadata`, dates as ISO text, nothing undefined. */
const plain = (output: Record<string, unknown>): JsonObject => {
  const { $metadata: _metadata, ...rest } = output;
  return JSON.parse(JSON.stringify(rest)) as JsonObject;
};
