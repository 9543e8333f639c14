import { type JsonObject, listAt, objectAt, textAt } from '../../model/json.js';
import type { Account, World } from '../aws/account.js';
import type { Caller } from '../aws/caller.js';
import { sessionCaller } from '../aws/caller.js';
import type { Instance, RoleRecord } from '../aws/records.js';
import { admits } from '../aws/role-trust.js';
import type { ClusterView } from '../contract.js';
import { isReady } from './pod.js';

/** What every broker has to look up: the cluster, the account, the nodes and their roles. */
export interface Estate {
  readonly world: World;
  readonly view: ClusterView;
}

/** The instance behind a node, with its account. */
export const instanceOf = (
  estate: Estate,
  node: string,
): { readonly account: Account; readonly instance: Instance } | null => {
  const object = estate.view.get('v1', 'Node', undefined, node);
  const id = /\/(i-[0-9a-zA-Z]+)$/.exec(textAt(object, 'spec', 'providerID') ?? '')?.[1];
  if (id === undefined) return null;
  for (const account of estate.world.accounts.values()) {
    const instance = account.instances.get(id);
    if (instance) return { account, instance };
  }
  return null;
};

/** The role that a node's metadata address hands out; a text says why there is none. */
export const nodeRole = (estate: Estate, node: string | null): RoleRecord | string => {
  if (node === null) return 'the pod is on no node';
  const found = instanceOf(estate, node);
  if (!found) return `node ${node} has no EC2 instance`;
  const { account, instance } = found;
  const lag = estate.world.settings.consistencyDelayMs;
  const profile = instance.profile === null ? undefined : account.profiles.get(instance.profile.toLowerCase(), lag);
  if (!profile?.role) return `instance ${instance.id} has no instance profile with a role`;
  const role = account.roles.get(profile.role.toLowerCase(), lag);
  if (!role) return `role ${profile.role} of instance profile ${profile.name} does not exist`;
  if (admits(role, { kind: 'service', name: serviceName(account.partition) }, 'sts:AssumeRole', new Map()) === 'no')
    return `role ${role.name} does not trust EC2`;
  return role;
};
const serviceName = (partition: string): string =>
  partition === 'aws-cn' ? 'ec2.amazonaws.com.cn' : 'ec2.amazonaws.com';

/** ARN of the instance profile of a node. */
export const profileArnOf = (estate: Estate, node: string | null): string | null => {
  const found = node === null ? null : instanceOf(estate, node);
  const name = found?.instance.profile?.toLowerCase();
  return name === undefined ? null : (found?.account.profiles.get(name)?.arn ?? null);
};

/** A session of that role, as whoever holds its credentials would call with. */
export const callerFor = (estate: Estate, role: RoleRecord, name: string): Caller =>
  sessionCaller({
    roleArn: role.arn,
    roleId: role.id,
    name,
    policy: null,
    tags: {},
    transitive: [],
    expires: estate.world.now() + 3600_000,
    web: false,
  });

/** One workload that runs a broker. */
export interface Install {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly container: JsonObject;
  readonly selector: Readonly<Record<string, string>>;
}

type Recognise = (container: JsonObject) => string | null;
const caches = new WeakMap<Recognise, WeakMap<object, readonly [string, JsonObject] | 'none'>>();

/** Answers about one version of a cluster; between two writes the same is asked again and again. */
const lasting = new WeakMap<ClusterView, { version: number; kept: Map<unknown, unknown> }>();
const whileUnchanged = <T>(view: ClusterView, key: unknown, compute: () => T): T => {
  const version = view.resourceVersion;
  if (version === undefined) return compute();
  let entry = lasting.get(view);
  if (entry === undefined || entry.version !== version) {
    entry = { version, kept: new Map() };
    lasting.set(view, entry);
  }
  if (entry.kept.has(key)) return entry.kept.get(key) as T;
  const value = compute();
  entry.kept.set(key, value);
  return value;
};

/** DaemonSets and Deployments with a container that `recognise` gives a part to (`agent`, `server` …). */
export const installsOf = (estate: Estate, recognise: Recognise): readonly (Install & { readonly part: string })[] =>
  whileUnchanged(estate.view, recognise, () => foundInstalls(estate, recognise));

const foundInstalls = (estate: Estate, recognise: Recognise): readonly (Install & { readonly part: string })[] => {
  const cache = caches.get(recognise) ?? new WeakMap<object, readonly [string, JsonObject] | 'none'>();
  caches.set(recognise, cache);
  const answers: (Install & { readonly part: string })[] = [];
  for (const kind of ['DaemonSet', 'Deployment'])
    for (const object of estate.view.list('apps/v1', kind)) {
      let known = cache.get(object);
      if (known === undefined) {
        known = 'none';
        for (const container of listAt(object, 'spec', 'template', 'spec', 'containers')) {
          const part = recognise(container as JsonObject);
          if (part !== null) known = [part, container as JsonObject];
        }
        cache.set(object, known);
      }
      if (known === 'none') continue;
      answers.push({
        kind,
        namespace: textAt(object, 'metadata', 'namespace') ?? 'default',
        name: textAt(object, 'metadata', 'name') ?? '',
        container: known[1],
        part: known[0],
        selector: objectAt(object, 'spec', 'selector', 'matchLabels') as Readonly<Record<string, string>>,
      });
    }
  return answers;
};

/** Ready pods of an install, all of them or those on one node. */
export const readyPods = (estate: Estate, install: Install, node?: string): readonly JsonObject[] => {
  const name = `ready ${install.kind} ${install.namespace}/${install.name}`;
  const all = whileUnchanged(estate.view, name, () =>
    estate.view
      .list('v1', 'Pod', install.namespace)
      .filter(
        (pod) =>
          Object.entries(install.selector).every(([key, value]) => textAt(pod, 'metadata', 'labels', key) === value) &&
          isReady(pod),
      ),
  );
  return node === undefined ? all : all.filter((pod) => textAt(pod, 'spec', 'nodeName') === node);
};
