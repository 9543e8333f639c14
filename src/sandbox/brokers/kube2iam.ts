import { RE2JS } from 're2js';
import { type JsonObject, listAt, textAt } from '../../model/json.js';
import { wild } from '../aws/policy-language.js';
import type { RoleRecord } from '../aws/records.js';
import { assume } from '../aws/sts.js';
import { callerFor, type Estate, type Install, installsOf, nodeRole, profileArnOf, readyPods } from './estate.js';
import { flagsOf, type PodRead } from './pod.js';

/** kube2iam by its own source: jtblin/kube2iam iam/arn.go, mappings/mapper.go, namespace.go, iam/iam.go, cmd/main.go (flags). */

const switches = new Set([
  'auto-discover-base-arn',
  'auto-discover-default-role',
  'namespace-restrictions',
  'iptables',
  'use-regional-sts-endpoint',
  'resolve-duplicate-cache-ips',
  'debug',
  'insecure',
  'verbose',
]);
const wordsOf = (container: JsonObject): string[] =>
  [...listAt(container, 'command'), ...listAt(container, 'args')].filter(
    (word): word is string => typeof word === 'string',
  );

export const kube2iamPart = (container: JsonObject): string | null =>
  /(^|\/)kube2iam([:@]|$)/.test(textAt(container, 'image') ?? '') ||
  wordsOf(container).some((word) => /(^|\/)kube2iam$/.test(word))
    ? 'all'
    : null;

const installOn = (estate: Estate, node: string): Install | undefined =>
  installsOf(estate, kube2iamPart).find((each) => readyPods(estate, each, node).length > 0);
export const kube2iamOn = (estate: Estate, node: string): boolean => installOn(estate, node) !== undefined;

export interface Rules {
  readonly base: string;
  readonly defaultRole: string;
  readonly restricted: boolean;
  readonly format: string;
}

/** A role's text as kube2iam completes it: base ARN and text, a leading slash kept. */
export const completed = (text: string, base: string): string => (/^arn:/i.test(text) ? text : base + text);

/** Whether the namespace's list admits the role. */
export const admitted = (allowed: string | undefined, arn: string, rules: Rules): boolean => {
  let patterns: unknown;
  try {
    patterns = JSON.parse(allowed ?? '[]');
  } catch {
    return false;
  }
  if (!Array.isArray(patterns)) return false;
  return patterns
    .map((pattern) => completed(typeof pattern === 'string' ? pattern : '', rules.base))
    .some((pattern) => {
      if (rules.format !== 'regexp') return wild(pattern.replaceAll('?', '\u0000'), arn.replaceAll('?', '\u0000'));
      try {
        return RE2JS.compile(pattern).matcher(arn).find();
      } catch {
        return false;
      }
    });
};

const rulesOf = (estate: Estate, node: string, flags: Readonly<Record<string, string>>): Rules => {
  const profile = profileArnOf(estate, node);
  const discovered = profile === null ? '' : `${profile.split(':').slice(0, 5).join(':')}:role/`;
  const own = nodeRole(estate, node);
  const byDefault = flags['auto-discover-default-role'] === 'true';
  const given = flags['base-role-arn'] ?? '';
  const base =
    byDefault || flags['auto-discover-base-arn'] === 'true'
      ? discovered
      : given === '' || given.endsWith('/')
        ? given
        : `${given}/`;
  const defaultRole = byDefault ? (typeof own === 'string' ? '' : own.name) : (flags['default-role'] ?? '');
  return {
    base,
    defaultRole,
    restricted: flags['namespace-restrictions'] === 'true',
    format: (flags['namespace-restriction-format'] ?? 'glob').toLowerCase(),
  };
};

/** The role that a pod behind kube2iam gets; a text says why it gets none. */
export const kube2iamRole = (
  estate: Estate,
  pod: PodRead,
  node: string,
  identify: (pod: JsonObject) => RoleRecord | string,
): RoleRecord | string => {
  const install = installOn(estate, node) as Install;
  const flags = flagsOf(wordsOf(install.container), switches);
  const rules = rulesOf(estate, node, flags);
  const annotation = pod.annotations[flags['iam-role-key'] ?? 'iam.amazonaws.com/role'];
  const text = annotation ?? rules.defaultRole;
  const arn = completed(text, rules.base);
  if (arn === '') return 'no annotation and no default role: kube2iam answers 404';
  const isDefault = rules.defaultRole !== '' && arn === completed(rules.defaultRole, rules.base);
  const namespace = estate.view.get('v1', 'Namespace', undefined, pod.namespace);
  const allowed = textAt(
    namespace,
    'metadata',
    'annotations',
    flags['namespace-key'] ?? 'iam.amazonaws.com/allowed-roles',
  );
  if (rules.restricted && !isDefault && !admitted(allowed, arn, rules))
    return `role not allowed in namespace ${pod.namespace}`;
  const runs = readyPods(estate, install, node)[0] as JsonObject;
  const held = identify(runs);
  if (typeof held === 'string') return `kube2iam has no credentials: ${held}`;
  try {
    return assume(estate.world, callerFor(estate, held, 'kube2iam'), {
      roleArn: arn,
      sessionName: `${fnv(pod.ip)}-${arn.split('/').at(-1) ?? ''}`.slice(0, 64),
      externalId: pod.annotations[flags['iam-external-id'] ?? 'iam.amazonaws.com/external-id'] ?? null,
      tags: {},
      transitive: [],
      userPolicy: null,
    });
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : 'refused';
  }
};

/** FNV-32a in hexadecimal, as kube2iam names its sessions. */
export const fnv = (text: string): string => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16);
};
