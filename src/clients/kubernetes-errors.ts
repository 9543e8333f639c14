import { RoleliftError } from '../model/error.js';
import type { HttpResponse } from '../model/http.js';
import { isObject, type JsonObject, textAt } from '../model/json.js';
import { type KubernetesRef, subjectOf } from '../model/resource.js';

export interface KubernetesCall {
  readonly verb: string;
  readonly ref: KubernetesRef | null;
  /** Path for messages where no object is meant. */
  readonly path: string;
}

/** An answer of an API server that is not the wanted one, or no answer. */
export class KubernetesError extends RoleliftError {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** `reason` of the Status object, as `AlreadyExists`. */
  readonly reason: string;
  /** True where a write may have been carried out all the same. */
  readonly ambiguous: boolean;
  /** The continue token that a 410 may offer. */
  readonly continueToken: string | null;
  constructor(
    data: ConstructorParameters<typeof RoleliftError>[0],
    facts: {
      readonly status: number;
      readonly reason: string;
      readonly ambiguous: boolean;
      readonly continueToken?: string | null;
    },
    because?: unknown,
  ) {
    super(data, because === undefined ? {} : { because });
    this.status = facts.status;
    this.reason = facts.reason;
    this.ambiguous = facts.ambiguous;
    this.continueToken = facts.continueToken ?? null;
  }
}

const titleOf = (call: KubernetesCall): string =>
  call.ref === null
    ? call.path
    : `${call.ref.kind} ${call.ref.namespace === undefined ? '' : `${call.ref.namespace}/`}${call.ref.name}`.trim();

/** Turns a Status answer into an error with code, subject and remedy. Codes go by HTTP status and reason, never by text. */
export const kubernetesError = (call: KubernetesCall, response: HttpResponse, body: string): KubernetesError => {
  const status = parseStatus(body);
  const reason = textAt(status, 'reason') ?? '';
  const message = textAt(status, 'message') ?? body.slice(0, 300);
  const what = titleOf(call);
  const subject = call.ref === null ? null : subjectOf(call.ref);
  const base = { subject, cause: message, fault: 'remote' as const };
  const facts = {
    status: response.status,
    reason,
    ambiguous: false,
    continueToken: textAt(status, 'metadata', 'continue') ?? null,
  };
  const write = !['get', 'list', 'watch'].includes(call.verb);
  switch (response.status) {
    case 401:
      return new KubernetesError(
        {
          ...base,
          code: 'RL702',
          message: `the API server does not accept our credentials (${call.verb} ${what})`,
          remedy: 'Log in again (the kubeconfig of the cluster tells how) and run the same command.',
        },
        facts,
      );
    case 403:
      return new KubernetesError(
        {
          ...base,
          code: 'RL703',
          message: `not allowed to ${call.verb} ${what}`,
          remedy: 'Ask for that right; rolelift permissions prints the least RBAC that is needed.',
        },
        facts,
      );
    case 404:
    case 410:
      return new KubernetesError(
        {
          ...base,
          code: 'RL733',
          message: `${what} is not there`,
          remedy: 'Look at what became of it; plan again if it is gone for good.',
        },
        facts,
      );
    case 409:
      return reason === 'AlreadyExists'
        ? new KubernetesError(
            {
              ...base,
              code: 'RL731',
              message: `${what} exists already`,
              remedy: 'Look at who made it; plan again.',
            },
            facts,
          )
        : new KubernetesError(
            {
              ...base,
              code: 'RL732',
              message: `${what} was changed by somebody else meanwhile`,
              remedy: 'Run the same command again: it reads the object anew.',
            },
            facts,
          );
    case 400:
    case 422:
      return new KubernetesError(
        {
          ...base,
          code: 'RL734',
          message: `the API server refuses ${call.verb} of ${what}`,
          remedy: 'See the cause; the object or its admission policies do not allow this change.',
        },
        facts,
      );
    default:
      return new KubernetesError(
        {
          ...base,
          code: 'RL712',
          message: `the API server failed (${response.status}) at ${call.verb} ${what}`,
          remedy: 'Run the same command again when the API server is well.',
        },
        { ...facts, ambiguous: write && response.status >= 500 },
      );
  }
};

export const unreachable = (call: KubernetesCall, server: string, thrown: unknown): KubernetesError =>
  new KubernetesError(
    {
      code: 'RL711',
      message: `no answer from ${server} at ${call.verb} ${titleOf(call)}`,
      cause: thrown instanceof Error ? thrown.message : String(thrown),
      subject: call.ref === null ? null : subjectOf(call.ref),
      remedy: 'Check the network, the VPN and the proxy to that address, then run the same command again.',
      fault: 'remote',
    },
    { status: 0, reason: '', ambiguous: !['get', 'list', 'watch'].includes(call.verb) },
    thrown,
  );

const parseStatus = (body: string): JsonObject | null => {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) && textAt(value, 'kind') === 'Status' ? value : null;
  } catch {
    return null;
  }
};
