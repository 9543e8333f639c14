import { at, type Json, type JsonObject, listAt, objectAt, textAt, textsAt } from '../model/json.js';
import { isLive } from '../model/pod-state.js';
import type { KubernetesReader } from '../model/ports.js';
import { type KubernetesRef, kubernetesRef } from '../model/resource.js';
import { annotationKeys } from '../model/words.js';
import type { IdentityParam } from './params.js';
import type { Use } from './step.js';

export const podName = (pod: JsonObject): string => textAt(pod, 'metadata', 'name') ?? '';
export const podUid = (pod: JsonObject): string => textAt(pod, 'metadata', 'uid') ?? '';
export const createdAt = (object: JsonObject): number =>
  Date.parse(textAt(object, 'metadata', 'creationTimestamp') ?? '') || 0;
export const podRef = (pod: JsonObject): KubernetesRef =>
  kubernetesRef('v1', 'Pod', textAt(pod, 'metadata', 'namespace'), podName(pod));
/** Service account of a pod or a template; an empty name is `default` (ServiceAccount admission plugin). */
export const accountOf = (pod: unknown): string =>
  textAt(pod, 'spec', 'serviceAccountName') || textAt(pod, 'spec', 'serviceAccount') || 'default';

/** Init and normal containers; the webhook does not touch ephemeral ones (pkg/handler/handler.go). */
const containersOf = (pod: unknown): readonly Json[] => [
  ...listAt(pod, 'spec', 'initContainers'),
  ...listAt(pod, 'spec', 'containers'),
];
const variableOf = (container: Json, name: string): string | undefined => {
  const entry = listAt(container, 'env').find((variable) => textAt(variable, 'name') === name);
  return entry === undefined ? undefined : (textAt(entry, 'value') ?? '');
};

/** Names in the first CSV record of the skip annotation; they are not trimmed (pkg/handler/handler.go, encoding/csv). */
const skipped = (pod: unknown): ReadonlySet<string> => {
  const text = textsAt(pod, 'metadata', 'annotations')[annotationKeys.skipContainers];
  if (text === undefined) return new Set();
  const [line = ''] = text.split(/\r?\n/).filter((one) => one !== '');
  return new Set(line.split(',').map((name) => (/^".*"$/.test(name) ? name.slice(1, -1) : name)));
};

const agentUris: ReadonlySet<string> = new Set([
  'http://169.254.170.23/v1/credentials',
  'http://[fd00:ec2::23]/v1/credentials',
]);
const audiences = { irsa: 'aws-iam-token', 'pod-identity': 'eks-pod-identity-token' } as const;
const podIdentityAudience = 'pods.eks.amazonaws.com';

/** Volumes of projected service account tokens, with their audiences. */
const tokenVolumes = (pod: unknown): ReadonlyMap<string, readonly string[]> =>
  new Map(
    listAt(pod, 'spec', 'volumes').flatMap((volume): [string, readonly string[]][] => {
      const tokens = listAt(volume, 'projected', 'sources')
        .map((source) => textAt(source, 'serviceAccountToken', 'audience'))
        .filter((audience): audience is string => audience !== undefined);
      const name = textAt(volume, 'name');
      return name === undefined || tokens.length === 0 ? [] : [[name, tokens]];
    }),
  );

const plainPath = (path: string): string =>
  path
    .replace(/^[A-Za-z]:/, '')
    .replaceAll('\\', '/')
    .replace(/\/+$/, '');

/** Why a container's token file could not be read there; empty where it can. */
const missingToken = (pod: unknown, container: Json, file: string, audience: string | null): readonly string[] => {
  const volumes = tokenVolumes(pod);
  const path = plainPath(file);
  const mount = listAt(container, 'volumeMounts').find((one) => {
    const place = plainPath(textAt(one, 'mountPath') ?? '/');
    return volumes.has(textAt(one, 'name') ?? '') && (path === place || path.startsWith(`${place}/`));
  });
  if (mount === undefined) return [`no token volume is mounted at ${file}`];
  const found = volumes.get(textAt(mount, 'name') ?? '') ?? [];
  return audience === null || found.includes(audience) ? [] : [`its token is not for ${audience}`];
};

/**
 * Why a pod (or a previewed one) does not have this identity, container by container; empty where everything is right:
 * variables with their values, volume, mount, and for Pod Identity the label (pkg/handler/handler.go).
 */
export const lacks = (pod: unknown, identity: IdentityParam, account?: string): readonly string[] => {
  const reasons: string[] = [];
  if (account !== undefined && accountOf(pod) !== account)
    reasons.push(`its service account is ${accountOf(pod)}, not ${account}`);
  const skip = skipped(pod);
  for (const container of containersOf(pod)) {
    const name = textAt(container, 'name') ?? '';
    if (skip.has(name)) continue;
    const say = (text: string): number => reasons.push(`container ${name}: ${text}`);
    if (identity.mechanism === 'irsa') {
      const role = variableOf(container, 'AWS_ROLE_ARN');
      const file = variableOf(container, 'AWS_WEB_IDENTITY_TOKEN_FILE');
      if (role === undefined) say('AWS_ROLE_ARN is not set');
      else if (role !== identity.role) say(`AWS_ROLE_ARN is ${role}, not ${identity.role}`);
      if (file === undefined) say('AWS_WEB_IDENTITY_TOKEN_FILE is not set');
      else missingToken(pod, container, file, null).forEach(say);
    } else {
      const uri = variableOf(container, 'AWS_CONTAINER_CREDENTIALS_FULL_URI');
      const file = variableOf(container, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE');
      if (uri === undefined) say('AWS_CONTAINER_CREDENTIALS_FULL_URI is not set');
      else if (!agentUris.has(uri)) say(`AWS_CONTAINER_CREDENTIALS_FULL_URI is ${uri}, not the agent's`);
      if (file === undefined) say('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE is not set');
      else missingToken(pod, container, file, podIdentityAudience).forEach(say);
      if (variableOf(container, 'AWS_ROLE_ARN') !== undefined && variableOf(container, 'AWS_WEB_IDENTITY_TOKEN_FILE'))
        say('web identity variables are set too and come first in most SDKs');
    }
  }
  if (
    identity.mechanism === 'pod-identity' &&
    textsAt(pod, 'metadata', 'labels')[annotationKeys.podIdentityLabel] !== 'enabled'
  )
    reasons.push(`the label ${annotationKeys.podIdentityLabel}=enabled is missing`);
  return reasons;
};

/** Whether a pod carries anything of this identity: variables, volume or label (H1). */
export const carries = (pod: unknown, identity: IdentityParam): boolean => {
  const containers = containersOf(pod);
  if (identity.mechanism === 'irsa') {
    const roles = containers.map((one) => variableOf(one, 'AWS_ROLE_ARN')).filter((role) => role !== undefined);
    return roles.includes(identity.role) || (roles.length === 0 && tokenVolumes(pod).has(audiences.irsa));
  }
  return (
    containers.some((one) => agentUris.has(variableOf(one, 'AWS_CONTAINER_CREDENTIALS_FULL_URI') ?? '')) ||
    tokenVolumes(pod).has(audiences['pod-identity']) ||
    textsAt(pod, 'metadata', 'labels')[annotationKeys.podIdentityLabel] === 'enabled'
  );
};

/** Something that may run with a service account now: a template, or the top owner of a live pod. */
export interface AccountUser {
  /** `Kind/namespace/name` */
  readonly id: string;
  readonly ref: KubernetesRef;
  /** Template, or the pod itself: `{ metadata, spec }`. */
  readonly template: JsonObject;
}

const templated: readonly (readonly [apiVersion: string, kind: string, path: readonly string[]])[] = [
  ['apps/v1', 'Deployment', ['spec', 'template']],
  ['apps/v1', 'StatefulSet', ['spec', 'template']],
  ['apps/v1', 'DaemonSet', ['spec', 'template']],
  ['apps/v1', 'ReplicaSet', ['spec', 'template']],
  ['batch/v1', 'CronJob', ['spec', 'jobTemplate', 'spec', 'template']],
  ['batch/v1', 'Job', ['spec', 'template']],
  ['v1', 'ReplicationController', ['spec', 'template']],
];

const controllerOf = (object: JsonObject): Json | undefined =>
  listAt(object, 'metadata', 'ownerReferences').find((owner) => at(owner, 'controller') === true);
const isFinishedJob = (object: JsonObject): boolean =>
  listAt(object, 'status', 'conditions').some(
    (condition) =>
      ['Complete', 'Failed'].includes(textAt(condition, 'type') ?? '') && textAt(condition, 'status') === 'True',
  );

/** What is read to find the users of a service account: every kind that templates pods, and the pods. */
export const accountUserReads = (namespace: string): readonly Use[] =>
  [...templated.map(([apiVersion, kind]) => [apiVersion, kind] as const), ['v1', 'Pod'] as const].map(
    ([apiVersion, kind]): Use => ({
      api: 'kubernetes',
      verb: 'list',
      ref: kubernetesRef(apiVersion, kind, namespace, '*'),
    }),
  );

/**
 * Everything that uses, or would use, a service account at this moment: templates without an owner (scaled to zero
 * included) and live pods by their top owner (H21).
 */
export const usersOf = async (
  kubernetes: KubernetesReader,
  namespace: string,
  account: string,
): Promise<readonly AccountUser[]> => {
  const users = new Map<string, AccountUser>();
  const owners = new Map<string, JsonObject>();
  const add = (ref: KubernetesRef, template: JsonObject): void => {
    const id = `${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;
    if (!users.has(id)) users.set(id, { id, ref, template });
  };
  for (const [apiVersion, kind, path] of templated) {
    for await (const object of kubernetes.list(apiVersion, kind, { namespace })) {
      owners.set(textAt(object, 'metadata', 'uid') ?? '', { ...object, kind, apiVersion });
      const template = objectAt(object, ...path);
      if (controllerOf(object) !== undefined || accountOf(template) !== account) continue;
      if (kind === 'Job' && isFinishedJob(object)) continue;
      add(kubernetesRef(apiVersion, kind, namespace, textAt(object, 'metadata', 'name') ?? ''), template);
    }
  }
  for await (const pod of kubernetes.list('v1', 'Pod', { namespace })) {
    if (!isLive(pod) || accountOf(pod) !== account) continue;
    let top: Json = { ...pod, kind: 'Pod', apiVersion: 'v1' };
    for (let depth = 0; depth < 8; depth += 1) {
      const owner = controllerOf(top as JsonObject);
      if (owner === undefined) break;
      const known = owners.get(textAt(owner, 'uid') ?? '');
      top = known ?? {
        apiVersion: textAt(owner, 'apiVersion') ?? '',
        kind: textAt(owner, 'kind') ?? '',
        metadata: { name: textAt(owner, 'name') ?? '' },
      };
      if (known === undefined) break;
    }
    const name = textAt(top, 'metadata', 'name') ?? '';
    add(kubernetesRef(textAt(top, 'apiVersion') ?? 'v1', textAt(top, 'kind') ?? 'Pod', namespace, name), pod);
  }
  return [...users.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
};
