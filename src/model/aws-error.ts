import { type ErrorData, RoleliftError } from './error.js';

/** An answer of AWS that is not the wanted one. `errorName` is the canonical code without the SDK's `Exception` suffix. */
export class AwsError extends RoleliftError {
  readonly errorName: string;
  readonly status: number;
  readonly service: string;
  readonly operation: string;
  /** Milliseconds that the server asked to wait; null where it asked nothing. */
  readonly retryAfterMs: number | null;
  /** True where the call may have been carried out all the same: a lost answer or a server error on a write. */
  readonly ambiguous: boolean;
  constructor(
    data: Omit<ErrorData, 'subject'> & { readonly subject?: ErrorData['subject'] },
    facts: {
      readonly errorName: string;
      readonly status: number;
      readonly service: string;
      readonly operation: string;
      readonly retryAfterMs?: number | null;
      readonly ambiguous?: boolean;
    },
    because?: unknown,
  ) {
    super(data, because === undefined ? {} : { because });
    this.errorName = facts.errorName;
    this.status = facts.status;
    this.service = facts.service;
    this.operation = facts.operation;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.ambiguous = facts.ambiguous ?? false;
  }
}

/** Whether something thrown is AWS's answer with one of these canonical names (`NoSuchEntity`, `ResourceNotFound` …). */
export const isAws = (thrown: unknown, ...names: readonly string[]): thrown is AwsError =>
  thrown instanceof AwsError && (names.length === 0 || names.includes(thrown.errorName));

const throttleNames: ReadonlySet<string> = new Set([
  'Throttling',
  'Throttled',
  'ThrottledException',
  'RequestThrottled',
  'RequestLimitExceeded',
  'TooManyRequests',
  'BandwidthLimitExceeded',
  'ProvisionedThroughputExceeded',
  'PriorRequestNotComplete',
  'SlowDown',
  'EC2ThrottledException',
]);
/** Names by which AWS's APIs say that one calls too fast (SDK reference, retry behaviour), `Exception` suffix removed. */
export const isThrottle = (name: string, status: number): boolean => status === 429 || throttleNames.has(name);

const expiredNames: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'RequestExpired',
  'InvalidClientTokenId',
  'UnrecognizedClient',
  'CredentialsProviderError',
  'TokenRefreshRequired',
]);
export const isExpired = (name: string): boolean => expiredNames.has(name);

const deniedNames: ReadonlySet<string> = new Set([
  'AccessDenied',
  'UnauthorizedOperation',
  'AuthorizationError',
  'Forbidden',
]);
export const isDenied = (name: string): boolean => deniedNames.has(name);

/** Canonical name of an SDK or wire error: `NoSuchEntityException` and `NoSuchEntity` are one. */
export const canonicalName = (name: string): string => {
  const bare = name.includes('.') ? (name.split('.').pop() as string) : name;
  return bare.length > 'Exception'.length && bare.endsWith('Exception') ? bare.slice(0, -'Exception'.length) : bare;
};
