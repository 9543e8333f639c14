import type { BrokerInstall, PodView } from '../model/inventory.js';
import { annotationKeys } from '../model/words.js';
import { matchesWildcard } from '../trust/wildcard.js';
import type { Permission, Resolution } from './kiam.js';
import { goPattern } from './patterns.js';

const own = (map: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined;

const isOn = (install: BrokerInstall, flag: string): boolean => {
  const text = own(install.flags, flag);
  return text !== undefined && text.toLowerCase() !== 'false';
};

/** Annotation key of the role on pods (`--iam-role-key`). */
const kube2iamRoleKey = (install: BrokerInstall): string =>
  own(install.flags, 'iam-role-key') || annotationKeys.brokerRole;

/** Text of the role annotation; undefined where there is none. */
export const kube2iamRequest = (view: PodView, install: BrokerInstall): string | undefined =>
  own(view.annotations, kube2iamRoleKey(install));

/** `arn:` in any case is taken as it is, all else gets the base in front, leading slash and all (jtblin/kube2iam iam/arn.go). */
export const kube2iamRole = (text: string, base: string | null): string | null =>
  text.toLowerCase().startsWith('arn:') ? text : base === null ? null : base + text;

/** The default role, resolved; `unknown` where it is discovered from a node that could not be read. */
export const kube2iamDefault = (install: BrokerInstall): string | null | 'unknown' => {
  const given = own(install.flags, 'default-role');
  if (given) return kube2iamRole(given, install.baseArn) ?? 'unknown';
  // The instance's own role is found at start and becomes the default; it cannot be read from the flags.
  return isOn(install, 'auto-discover-default-role') ? 'unknown' : null;
};

/** What kube2iam would assume for a pod (mappings/mapper.go). `nodeRole`: the node's role, for a default that is discovered. */
export const kube2iamResolve = (view: PodView, install: BrokerInstall, nodeRole: string | null): Resolution => {
  const text = kube2iamRequest(view, install);
  const externalId = own(view.annotations, own(install.flags, 'iam-external-id') || annotationKeys.brokerExternalId);
  const answer = (role: string, from: 'annotation' | 'default-role'): Resolution => ({
    is: 'role',
    role,
    compared: role,
    from,
    sessionName: null,
    externalId: externalId || null,
  });
  if (text !== undefined) {
    if (text === '')
      return {
        is: 'error',
        code: 'RL103',
        reason: 'the role annotation is empty: kube2iam asks for the base ARN, which STS refuses',
      };
    const role = kube2iamRole(text, install.baseArn);
    return role === null
      ? { is: 'error', code: 'RL103', reason: "kube2iam's base ARN is not known" }
      : answer(role, 'annotation');
  }
  const fallback = kube2iamDefault(install);
  if (fallback === 'unknown')
    return nodeRole === null
      ? {
          is: 'error',
          code: 'RL102',
          reason: "kube2iam's default role is discovered from the node, and the node's role is not known",
        }
      : answer(nodeRole, 'default-role');
  return fallback === null ? { is: 'none' } : answer(fallback, 'default-role');
};

/**
 * Whether the namespace may have the role (namespace.go): always where restrictions are off or the role is the default one;
 * else one of the JSON list's patterns, each completed like a role, must match: a glob as a whole, a regexp anywhere.
 */
export const kube2iamPermits = (
  annotations: Readonly<Record<string, string>> | null,
  role: string,
  install: BrokerInstall,
  defaultRole: string | null,
): Permission => {
  if (!isOn(install, 'namespace-restrictions') || role === defaultRole) return { is: 'allowed' };
  const key = own(install.flags, 'namespace-key') || annotationKeys.kube2iamAllowed;
  const text = annotations === null ? undefined : own(annotations, key);
  if (text === undefined || text === '')
    return { is: 'denied', code: 'RL101', reason: `the namespace has no ${key} annotation, and restrictions are on` };
  const patterns = listOf(text);
  if (patterns === null)
    return {
      is: 'denied',
      code: 'RL104',
      reason: `the annotation ${key} is no JSON list of texts: kube2iam takes it as empty`,
    };
  const regexp = (own(install.flags, 'namespace-restriction-format') ?? 'glob').toLowerCase() === 'regexp';
  const broken: string[] = patterns.filter((one) => one === null).map(() => 'an entry that is no text');
  for (const entry of patterns) {
    const pattern = entry ?? '';
    const whole = kube2iamRole(pattern, install.baseArn ?? '') ?? pattern;
    if (!regexp) {
      // Only * is special in a glob (ryanuber/go-glob); a question mark stands for itself.
      if (globMatches(whole, role)) return { is: 'allowed' };
      continue;
    }
    const compiled = goPattern(whole);
    if (compiled.is === 'invalid') broken.push(`${pattern} (${compiled.reason})`);
    else if (compiled.finds(role)) return { is: 'allowed' };
  }
  return broken.length > 0
    ? { is: 'denied', code: 'RL104', reason: `no pattern matches, and these are unusable: ${broken.join(', ')}` }
    : { is: 'denied', code: 'RL101', reason: `none of the namespace's patterns allows ${role}` };
};

const globMatches = (pattern: string, text: string): boolean =>
  // An empty pattern matches only an empty text; `?` is made literal by comparing it apart.
  pattern.includes('?')
    ? matchesWildcard(pattern.replaceAll('?', '\u0000'), text.replaceAll('?', '\u0000'))
    : matchesWildcard(pattern, text);

/** As Go decodes a list of texts: an entry that is none (null here) becomes an empty text, and the others hold. */
const listOf = (text: string): readonly (string | null)[] | null => {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map((one) => (typeof one === 'string' ? one : null)) : null;
  } catch {
    return null;
  }
};
