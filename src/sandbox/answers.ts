import { AwsFault } from './aws/fault.js';
import { refusal } from './aws/service.js';
import type { HttpResponse } from './contract.js';
import type { Fault } from './faults.js';
import { throttle } from './lanes.js';
import type { Routed } from './route.js';

/** A call of an API, as against one of the sandbox's own control. */
export type ApiCall = Exclude<Routed, { to: 'control' }>;

/** Too many requests, as the API that was asked says it. */
export const throttled = (routed: ApiCall): HttpResponse => {
  if (routed.to === 'aws') return refusal(routed.call.service, throttle(routed.call), 'sandbox-throttled');
  return kubernetesRefusal(429, 'TooManyRequests', 'too many requests, please try again later', '1');
};

/** The answer that a fault wants, as the API that was asked would give it; null where the call is carried out. */
export const faulty = (routed: ApiCall, fault: Fault | null): HttpResponse | null => {
  if (fault === null || (fault.code === undefined && fault.status === undefined)) return null;
  const status = fault.status ?? 500;
  const message = fault.message ?? 'a fault that was asked for';
  const answer =
    routed.to === 'aws'
      ? refusal(routed.call.service, new AwsFault(fault.code ?? 'ServiceFailure', status, message), 'sandbox-fault')
      : kubernetesRefusal(status, fault.code ?? 'InternalError', message);
  return fault.retryAfter === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, 'retry-after': fault.retryAfter } };
};

const kubernetesRefusal = (status: number, reason: string, message: string, retryAfter?: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) },
  body: JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code: status,
  }),
});
