import { type Addressed, addressed } from './aws/service.js';
import type { HttpRequest } from './contract.js';

/** Whom a request is for, and what it is called in faults and lists of calls. */
export type Routed =
  | { readonly to: 'control'; readonly path: string }
  | { readonly to: 'kubernetes'; readonly action: string; readonly write: boolean; readonly counted: boolean }
  | { readonly to: 'aws'; readonly call: Addressed };

const kubernetesPaths = /^\/(api|apis|version|openapi|healthz|livez|readyz|\.well-known|openid|metrics)(\/|$)/;
const noWrites =
  /\/(selfsubjectaccessreviews|selfsubjectrulesreviews|selfsubjectreviews|subjectaccessreviews|localsubjectaccessreviews|tokenreviews|serviceaccounts\/[^/]+\/token)$/;

const headerOf = (request: HttpRequest, name: string): string => {
  for (const [key, value] of Object.entries(request.headers)) if (key.toLowerCase() === name) return value;
  return '';
};

/** Null where nobody answers at that address. One port serves all: what is signed, or posted as a form, is AWS's. */
export const routeOf = (request: HttpRequest, region: string): Routed | null => {
  const url = new URL(request.url);
  if (url.pathname === '/_sandbox' || url.pathname.startsWith('/_sandbox/'))
    return { to: 'control', path: url.pathname.slice('/_sandbox'.length) };
  const signed = headerOf(request, 'authorization').startsWith('AWS4-');
  if (!signed && kubernetesPaths.test(url.pathname)) {
    const write =
      !['GET', 'HEAD', 'OPTIONS'].includes(request.method) &&
      !url.searchParams.has('dryRun') &&
      !noWrites.test(url.pathname);
    const counted = write && !/\/(leases|events)(\/|$)/.test(url.pathname);
    return { to: 'kubernetes', action: `${request.method} ${url.pathname}`, write, counted };
  }
  const call = addressed(request, region);
  return call === null ? null : { to: 'aws', call };
};

/** The caller as far as the request tells: access key, or the bearer token's first characters. */
export const callerNamed = (request: HttpRequest): string => {
  const authorization = headerOf(request, 'authorization');
  const key = /Credential=([^/]+)\//.exec(authorization)?.[1];
  return key ?? (authorization === '' ? 'anonymous' : `bearer ${authorization.slice(7, 15)}…`);
};
export { headerOf };
