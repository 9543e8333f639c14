import { RE2JS } from 're2js';
import { type JsonObject, listAt, textAt } from '../../model/json.js';
import type { Caller } from '../aws/caller.js';
import type { RoleRecord } from '../aws/records.js';
import { assume } from '../aws/sts.js';
import { callerFor, type Estate, type Install, installsOf, profileArnOf, readyPods } from './estate.js';
import { flagsOf, type PodRead, readPod } from './pod.js';

/**
 * kiam, agent and server, by its own source: uswitch/kiam pkg/aws/sts/arn_resolver.go (names), pkg/server/policy.go (who may), pkg/aws/sts
 * (session names), cmd/kiam (flags). Version 3 where the image's tag says so, else 4.
 */

const switches = new Set([
  'role-base-arn-autodetect',
  'disable-strict-namespace-regexp',
  'json-log',
  'iptables',
  'no-iptables-remove',
  'allow-ip-query',
]);
const wordsOf = (container: JsonObject): string[] =>
  [...listAt(container, 'command'), ...listAt(container, 'args')].filter(
    (word): word is string => typeof word === 'string',
  );

/** `agent`, `server`, or null for a container that is no kiam. */
export const kiamPart = (container: JsonObject): string | null => {
  const words = wordsOf(container);
  const part = words.find((word) => word === 'agent' || word === 'server');
  if (part === undefined) return null;
  const image = textAt(container, 'image') ?? '';
  const named = /(^|\/)kiam(-\w+)?([:@]|$)/.test(image) || words.some((word) => /(^|\/)kiam$/.test(word));
  const flagged = words.some((word) => word.startsWith('--role-base-arn') || word.startsWith('--host-interface'));
  return named || flagged ? part : null;
};

const isV3 = (container: JsonObject): boolean => /:v?3(\.|$)/.test(textAt(container, 'image') ?? '');

/** Whether kiam's agent takes the metadata calls of pods on that node. */
export const kiamOn = (estate: Estate, node: string): boolean =>
  installsOf(estate, kiamPart).some((each) => each.part === 'agent' && readyPods(estate, each, node).length > 0);

export interface Resolved {
  readonly arn: string;
  /** What the namespace's pattern is compared with. */
  readonly judged: string;
}

/** A role's name to its ARN. Empty: an error in version 4. */
export const resolveRole = (text: string, prefix: string, v3: boolean): Resolved | null => {
  if (v3) {
    const stripped = text.startsWith('/') ? text.slice(1) : text;
    const arn = stripped === '' ? '' : stripped.startsWith('arn:') ? stripped : prefix + stripped;
    return { arn, judged: text };
  }
  if (text === '') return null;
  const arn = text.startsWith('arn:') ? text : prefix + (text.startsWith('/') ? text.slice(1) : text);
  return { arn, judged: arn };
};

/** The namespace's `permitted` pattern, in RE2. */
export const permits = (pattern: string, judged: string, strict: boolean): boolean => {
  if (pattern === '') return false;
  return (
    compiled(strict ? `^${pattern}$` : pattern)
      ?.matcher(judged)
      .find() ?? false
  );
};

const mostCompiled = 1_000;
const expressions = new Map<string, RE2JS | null>();
/** Null for what RE2 does not take. Compiling costs more than all else that an answer takes. */
const compiled = (text: string): RE2JS | null => {
  const known = expressions.get(text);
  if (known !== undefined) return known;
  let made: RE2JS | null = null;
  try {
    made = RE2JS.compile(text);
  } catch {
    made = null;
  }
  if (expressions.size >= mostCompiled) expressions.clear();
  expressions.set(text, made);
  return made;
};

const prefixOf = (estate: Estate, install: Install, flags: Readonly<Record<string, string>>): string | null => {
  if (flags['role-base-arn'] !== undefined) return flags['role-base-arn'];
  if (flags['role-base-arn-autodetect'] === undefined) return null;
  const node = textAt(readyPods(estate, install)[0], 'spec', 'nodeName') ?? null;
  const profile = profileArnOf(estate, node);
  return profile === null ? null : `${profile.split(':').slice(0, 5).join(':')}:role/`;
};

const sessionFor = (pod: PodRead, flags: Readonly<Record<string, string>>): string => {
  const base = pod.annotations['iam.amazonaws.com/session-name'] || flags['session'] || 'kiam';
  const name = `kiam-${base}`.replace(/[^\w+=,.@-]/g, '-');
  return name.length > 64 ? name.slice(0, 63) : name;
};

/** The role that a pod behind kiam gets; a text says why it gets none. `identify` tells whose credentials a pod of kiam's own has. */
export const kiamRole = (
  estate: Estate,
  pod: PodRead,
  identify: (pod: JsonObject) => RoleRecord | string,
): RoleRecord | string => {
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return 'kiam does not know pods that are over';
  const requested = pod.annotations['iam.amazonaws.com/role'];
  if (requested === undefined) return 'no annotation: kiam answers 404';
  const server = installsOf(estate, kiamPart).find(
    (each) => each.part === 'server' && readyPods(estate, each).length > 0,
  );
  if (!server) return 'no kiam server is ready';
  const v3 = isV3(server.container);
  const flags = flagsOf(wordsOf(server.container), switches);
  const prefix = prefixOf(estate, server, flags);
  if (prefix === null) return 'the kiam server does not start without a base ARN';
  const role = resolveRole(requested, prefix, v3);
  if (!role || role.arn === '') return 'empty role';
  const namespace = estate.view.get('v1', 'Namespace', undefined, pod.namespace);
  const pattern = textAt(namespace, 'metadata', 'annotations', 'iam.amazonaws.com/permitted') ?? '';
  const strict = !v3 && flags['disable-strict-namespace-regexp'] !== 'true';
  if (!permits(pattern, role.judged, strict)) return `forbidden by the namespace's pattern ${JSON.stringify(pattern)}`;
  return take(estate, server, flags, pod, role.arn, v3, identify);
};

const take = (
  estate: Estate,
  server: Install,
  flags: Readonly<Record<string, string>>,
  pod: PodRead,
  arn: string,
  v3: boolean,
  identify: (pod: JsonObject) => RoleRecord | string,
): RoleRecord | string => {
  const runs = readyPods(estate, server)[0] as JsonObject;
  const held = identify(runs);
  if (typeof held === 'string') return `the kiam server has no credentials: ${held}`;
  const call = (caller: Caller, roleArn: string, external: string | null): RoleRecord =>
    assume(estate.world, caller, {
      roleArn,
      sessionName: sessionFor(pod, flags),
      externalId: external,
      tags: {},
      transitive: [],
      userPolicy: null,
    });
  try {
    let caller = callerFor(estate, held, 'kiam-server');
    const through = flags['assume-role-arn'] ?? '';
    if (through !== '') {
      const full = through.startsWith('arn:')
        ? through
        : `${prefixOf(estate, server, flags) ?? ''}${through.replace(/^\//, '')}`;
      caller = callerFor(estate, call(caller, full, null), 'kiam-server');
    }
    return call(caller, arn, v3 ? null : (pod.annotations['iam.amazonaws.com/external-id'] ?? null));
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : 'refused';
  }
};

export { readPod };
