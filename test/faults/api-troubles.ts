import type { Fault } from '../../src/sandbox/faults.js';
import type { Asked } from './checkpoints.js';
import type { Moment } from './stage.js';

type Api = 'kubernetes' | 'iam' | 'eks' | 'sts' | 'ec2' | 'cloudtrail';
/** How each API says the same thing (API references; kubernetes/apimachinery, StatusReason). */
export const spelled: Readonly<Record<string, Readonly<Record<Api, Pick<Fault, 'code' | 'status'>>>>> = {
  throttled: {
    kubernetes: { status: 429, code: 'TooManyRequests' },
    iam: { status: 400, code: 'Throttling' },
    eks: { status: 429, code: 'TooManyRequestsException' },
    sts: { status: 400, code: 'Throttling' },
    ec2: { status: 503, code: 'RequestLimitExceeded' },
    cloudtrail: { status: 400, code: 'ThrottlingException' },
  },
  failed: {
    kubernetes: { status: 500, code: 'InternalError' },
    iam: { status: 500, code: 'ServiceFailure' },
    eks: { status: 500, code: 'ServerException' },
    sts: { status: 500, code: 'InternalFailure' },
    ec2: { status: 500, code: 'InternalError' },
    cloudtrail: { status: 500, code: 'InternalFailure' },
  },
  unavailable: {
    kubernetes: { status: 503, code: 'ServiceUnavailable' },
    iam: { status: 503, code: 'ServiceUnavailable' },
    eks: { status: 503, code: 'ServiceUnavailableException' },
    sts: { status: 503, code: 'ServiceUnavailable' },
    ec2: { status: 503, code: 'Unavailable' },
    cloudtrail: { status: 503, code: 'ServiceUnavailable' },
  },
  conflict: {
    kubernetes: { status: 409, code: 'Conflict' },
    iam: { status: 409, code: 'ConcurrentModification' },
    eks: { status: 409, code: 'ResourceInUseException' },
    sts: { status: 503, code: 'ServiceUnavailable' },
    ec2: { status: 503, code: 'Unavailable' },
    cloudtrail: { status: 503, code: 'ServiceUnavailable' },
  },
  denied: {
    kubernetes: { status: 403, code: 'Forbidden' },
    iam: { status: 403, code: 'AccessDenied' },
    eks: { status: 403, code: 'AccessDeniedException' },
    sts: { status: 403, code: 'AccessDenied' },
    ec2: { status: 403, code: 'UnauthorizedOperation' },
    cloudtrail: { status: 400, code: 'AccessDeniedException' },
  },
  expired: {
    kubernetes: { status: 401, code: 'Unauthorized' },
    iam: { status: 403, code: 'ExpiredToken' },
    eks: { status: 403, code: 'ExpiredTokenException' },
    sts: { status: 403, code: 'ExpiredToken' },
    ec2: { status: 400, code: 'RequestExpired' },
    cloudtrail: { status: 400, code: 'ExpiredTokenException' },
  },
};
const say = (what: string, asked: Asked): Fault => ({
  service: asked.service,
  action: asked.action,
  ...spelled[what]?.[asked.service as Api],
});

type Ends = 'as-calm' | 'denied' | 'expired';
/** Something that befalls one call of a step. */
export interface Trouble {
  readonly name: string;
  /** Which of a step's calls it hits; a step without any is not asked. */
  readonly on: 'write' | 'read' | 'any';
  readonly ends: Ends;
  befall(moment: Moment, asked: Asked): void;
}

const trouble = (
  on: Trouble['on'],
  name: string,
  faults: (asked: Asked, moment: Moment) => Fault | readonly Fault[],
  ends: Ends = 'as-calm',
): Trouble => ({
  name,
  on,
  ends,
  befall: (moment, asked) => {
    for (const fault of [faults(asked, moment)].flat()) moment.sandbox.faults.add(fault);
  },
});

/** Nothing that an API or a network may do to a call is left out; how a person stops a run is not among them. */
export const troubles: readonly Trouble[] = [
  trouble('any', 'throttled three times', (at) => ({ ...say('throttled', at), times: 3 })),
  trouble('any', 'Retry-After in seconds', (at) => ({ ...say('throttled', at), retryAfter: '7' })),
  trouble('any', 'Retry-After as a date', (at, { clock }) => ({
    ...say('throttled', at),
    retryAfter: new Date(clock.now() + 9_000).toUTCString(),
  })),
  trouble('any', 'a server error before anything was done', (at) => say('failed', at)),
  trouble('any', 'unavailable twice', (at) => ({ ...say('unavailable', at), times: 2 })),
  trouble('any', 'the connection breaks before', (at) => ({ ...at, drop: 'before' })),
  trouble('write', 'done, and the answer lost', (at) => ({ ...at, drop: 'late' })),
  trouble('write', 'the answer lost, and the next read too', (at) => [
    { ...at, drop: 'late' },
    {
      service: at.service,
      ...(at.service === 'kubernetes' ? { action: 'GET *' } : {}),
      drop: 'before',
      skip: 3,
    },
  ]),
  trouble('write', 'a conflict', (at) => say('conflict', at)),
  trouble('any', 'a slow answer', (at) => ({ ...at, delayMs: 4_000 })),
  trouble('read', 'a read that fails twice', (at) => ({ ...say('unavailable', at), times: 2 })),
  trouble('write', 'a write that is not allowed', (at) => ({ ...say('denied', at), times: null }), 'denied'),
  trouble('read', 'a read that is not allowed', (at) => ({ ...say('denied', at), times: null }), 'denied'),
  trouble(
    'any',
    'credentials that expire',
    (at) => ({ ...say('expired', at), action: undefined as never, times: null }),
    'expired',
  ),
];
