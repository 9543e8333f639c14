import type { BrokerInstall, PodView } from '../model/inventory.js';
import { annotationKeys } from '../model/words.js';
import { goPattern } from './patterns.js';

/** What a broker makes of the role that a pod asks for. */
export type Resolution =
  | { readonly is: 'none' }
  | {
      readonly is: 'role';
      /** ARN (or what the broker takes for one). */
      readonly role: string;
      /** What the broker compares with the namespace's pattern: the ARN, or (kiam v3) the text as requested. */
      readonly compared: string;
      readonly from: 'annotation' | 'default-role';
      readonly sessionName: string | null;
      readonly externalId: string | null;
    }
  | { readonly is: 'error'; readonly code: 'RL103' | 'RL102'; readonly reason: string };

export type Permission =
  | { readonly is: 'allowed' }
  | { readonly is: 'denied'; readonly code: 'RL101' | 'RL104'; readonly reason: string };

const own = (map: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined;

const isV3 = (install: Pick<BrokerInstall, 'rules'>): boolean => install.rules === 'kiam-v3';

/** Text of the role annotation; undefined where there is none. Empty and absent are two things. */
export const kiamRequest = (view: PodView): string | undefined => own(view.annotations, annotationKeys.brokerRole);

/**
 * Role text to ARN (uswitch/kiam pkg/aws/sts/arn_resolver.go). v4: empty is an error, `arn:` (in lower case) is taken as
 * it is, else one leading slash goes and the prefix is put in front, nothing more. v3: the slash goes first, empty stays empty.
 */
export const kiamRole = (
  text: string,
  base: string | null,
  rules: 'kiam-v3' | 'kiam-v4',
): { readonly arn: string } | { readonly error: string; readonly code: 'RL103' | 'RL102' } => {
  if (text === '') return { error: 'the role annotation is empty', code: 'RL103' };
  if (rules === 'kiam-v4' && text.startsWith('arn:')) return { arn: text };
  const bare = text.startsWith('/') ? text.slice(1) : text;
  if (rules === 'kiam-v3' && bare === '') return { error: 'the role annotation names nothing', code: 'RL103' };
  if (rules === 'kiam-v3' && bare.startsWith('arn:')) return { arn: bare };
  if (base === null) return { error: "kiam's base ARN is not known", code: 'RL103' };
  return { arn: base + bare };
};

/** `--session` of the server; the name of the sessions that kiam opens (pkg/aws/sts, v4: `kiam-` and 63 characters in all). */
export const kiamSessionName = (annotated: string | undefined, install: BrokerInstall): string => {
  const asked = isV3(install) ? undefined : annotated;
  const name = `kiam-${asked ?? own(install.flags, 'session') ?? 'kiam'}`.replace(/[^\w+=,.@-]/g, '-');
  return name.length > 64 ? name.slice(0, 63) : name;
};

/** `--role-base-arn-autodetect`: the base comes from the instance that the server runs on. */
export const kiamDetectsBase = (install: BrokerInstall): boolean => {
  const flag = own(install.flags, 'role-base-arn-autodetect');
  return flag !== undefined && flag.toLowerCase() !== 'false';
};

/** What kiam's server would assume for a pod (v4 also reads session-name and external-id). */
export const kiamResolve = (view: PodView, install: BrokerInstall): Resolution => {
  const text = kiamRequest(view);
  if (text === undefined) return { is: 'none' };
  const resolved = kiamRole(text, install.baseArn, isV3(install) ? 'kiam-v3' : 'kiam-v4');
  if ('error' in resolved) return { is: 'error', code: resolved.code, reason: resolved.error };
  const v3 = isV3(install);
  return {
    is: 'role',
    role: resolved.arn,
    compared: v3 ? text : resolved.arn,
    from: 'annotation',
    sessionName: kiamSessionName(own(view.annotations, annotationKeys.kiamSessionName) || undefined, install),
    externalId: v3 ? null : own(view.annotations, annotationKeys.brokerExternalId) || null,
  };
};

/** Whether the server searches anywhere instead of matching the whole: v3 always, v4 by its flag. */
export const kiamUnanchored = (install: BrokerInstall): boolean => {
  if (isV3(install)) return true;
  const flag = own(install.flags, 'disable-strict-namespace-regexp');
  return flag !== undefined && flag.toLowerCase() !== 'false';
};

/**
 * Whether the namespace permits the role (pkg/server/policy.go): no expression, no role; strict mode puts `^` and `$` around
 * the expression without grouping, so `a|b` means "begins with a, or ends with b".
 */
export const kiamPermits = (
  annotations: Readonly<Record<string, string>> | null,
  compared: string,
  unanchored: boolean,
): Permission => {
  const expression = annotations === null ? undefined : own(annotations, annotationKeys.kiamPermitted);
  if (expression === undefined || expression === '')
    return {
      is: 'denied',
      code: 'RL101',
      reason: `the namespace has no ${annotationKeys.kiamPermitted} annotation, so kiam gives nothing`,
    };
  const pattern = goPattern(unanchored ? expression : `^${expression}$`);
  if (pattern.is === 'invalid')
    return { is: 'denied', code: 'RL104', reason: `the namespace's expression is no valid RE2: ${pattern.reason}` };
  return pattern.finds(compared)
    ? { is: 'allowed' }
    : { is: 'denied', code: 'RL101', reason: `the namespace's expression ${expression} does not match ${compared}` };
};
