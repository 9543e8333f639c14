import { RoleliftError } from '../../src/model/error.js';
import { at, isObject, type Json, type JsonObject } from '../../src/model/json.js';
import type { AwsWriter, CreateOptions, KubernetesWriter, ListOptions } from '../../src/model/ports.js';
import type { KubernetesRef } from '../../src/model/resource.js';
import { FakeAccount } from './fake-account.js';

type Raw = any;
const clone = <T>(value: T): T => structuredClone(value);
const fail = (code: 'RL731' | 'RL732' | 'RL733' | 'RL734' | 'RL712', message: string): RoleliftError =>
  new RoleliftError({ code, message, remedy: 'none: a test', fault: 'remote' });

/** One call as the fake saw it. */
export type Seen =
  | {
      readonly api: 'kubernetes';
      readonly verb: string;
      readonly ref: KubernetesRef;
      readonly body: Json;
      readonly dryRun: boolean;
      readonly subresource?: string;
    }
  | {
      readonly api: 'aws';
      readonly service: string;
      readonly operation: string;
      readonly account: string;
      readonly input: JsonObject;
    };

const templatePaths: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
};

/**
 * A small cluster and account in memory, for the laws of steps: controllers that replace pods, an admission webhook that injects
 * what annotations and associations say, and every call written down. Not the sandbox: it knows only what steps ask.
 */
export class FakeWorld {
  readonly objects = new Map<string, Raw>();
  readonly writes: Seen[] = [];
  readonly reads: Seen[] = [];
  readonly account: FakeAccount;
  /** The answer of the n-th write from now is lost after it was carried out; 0 for never. */
  loseAnswerOf = 0;
  /** Admission passes so many pods by, as in the webhook's cache gap. */
  missPods = 0;
  /** Dry runs are refused. */
  refuseDryRun = false;
  #version = 1;
  #uid = 0;
  #pod = 0;

  constructor() {
    this.account = new FakeAccount(
      (seen) => this.#log(seen),
      () => this.#lost(),
    );
  }

  put(object: Raw, cluster = ''): Raw {
    const stored = clone(object);
    stored.metadata.uid ??= `uid-${++this.#uid}`;
    stored.metadata.resourceVersion = String(++this.#version);
    stored.metadata.generation ??= 1;
    if (stored.kind !== 'Pod') stored.metadata.creationTimestamp ??= '2026-11-01T00:00:00Z';
    this.objects.set(this.#key(stored.kind, stored.metadata.namespace, stored.metadata.name, cluster), stored);
    if (stored.kind === 'Pod' && !stored.status) this.#store(this.admit(stored));
    this.#reconcile();
    return stored;
  }
  /** Somebody else changes an object. */
  edit(kind: string, namespace: string | undefined, name: string, change: (object: Raw) => void): void {
    const object = this.objects.get(this.#key(kind, namespace, name, ''));
    const spec = JSON.stringify(object.spec);
    change(object);
    if (JSON.stringify(object.spec) !== spec) object.metadata.generation += 1;
    object.metadata.resourceVersion = String(++this.#version);
    this.#reconcile();
  }
  get(kind: string, namespace: string | undefined, name: string, cluster = ''): Raw {
    return this.objects.get(this.#key(kind, namespace, name, cluster));
  }
  pods(namespace: string): Raw[] {
    return [...this.objects.values()].filter((one) => one.kind === 'Pod' && one.metadata.namespace === namespace);
  }

  /** Everything that a rollback must bring back: objects without what the server sets, pods by what they carry, the account. */
  state(): unknown {
    const objects = [...this.objects.entries()]
      .filter(([, one]) => !['Pod', 'ReplicaSet'].includes(one.kind) || one.metadata.standalone)
      .map(([key, one]) => {
        const { resourceVersion: _v, generation: _g, uid: _u, managedFields: _m, ...metadata } = clone(one.metadata);
        const { status: _s, ...rest } = clone(one);
        return [key, { ...rest, metadata }];
      })
      .sort();
    const pods = [...this.objects.values()]
      .filter((one) => one.kind === 'Pod')
      .map((one) =>
        JSON.stringify([one.metadata.namespace, one.spec, one.metadata.annotations ?? {}, one.metadata.labels ?? {}]),
      )
      .sort();
    return { objects, pods, account: this.account.state() };
  }

  kubernetes(cluster = ''): KubernetesWriter {
    const world = this;
    const see = (verb: string, ref: KubernetesRef, body: Json = null, dryRun = false, subresource?: string): void =>
      world.#log({ api: 'kubernetes', verb, ref, body, dryRun, ...(subresource === undefined ? {} : { subresource }) });
    const keyOf = (ref: KubernetesRef): string => world.#key(ref.kind, ref.namespace, ref.name, cluster);
    return {
      async get(ref) {
        see('get', ref);
        const found = world.objects.get(keyOf(ref));
        return found === undefined ? null : clone(found);
      },
      async *list(apiVersion: string, kind: string, options: ListOptions = {}) {
        see('list', {
          api: 'kubernetes',
          apiVersion,
          kind,
          name: '*',
          ...(options.namespace ? { namespace: options.namespace } : {}),
        });
        for (const [key, one] of [...world.objects])
          if (
            key.startsWith(`${cluster}|${kind}|`) &&
            (options.namespace === undefined || one.metadata.namespace === options.namespace)
          )
            yield clone(one);
      },
      allowed: async () => true,
      serves: async () => true,
      version: async () => '1.33.0',
      whoAmI: async () => 'test',
      getPath: async () => null,
      async rolledOut(ref, _generation, signal) {
        see('watch', { ...ref, name: '*' });
        signal.throwIfAborted();
      },
      async podsOf(ref) {
        see('list', {
          api: 'kubernetes',
          apiVersion: 'v1',
          kind: 'Pod',
          name: '*',
          ...(ref.namespace ? { namespace: ref.namespace } : {}),
        });
        return world.#podsOf(ref.kind, ref.namespace, ref.name).map(clone);
      },
      async create(ref: KubernetesRef, body: JsonObject, options: CreateOptions = {}) {
        see('create', ref, body, options.dryRun === true);
        if (world.objects.has(keyOf(ref))) throw fail('RL731', 'exists');
        if (options.dryRun) {
          if (world.refuseDryRun) throw fail('RL734', 'admission webhook does not support dry run');
          return world.admit(clone(body) as Raw);
        }
        const made = world.put(body as Raw, cluster);
        world.#lost();
        return clone(made);
      },
      async mergePatch(ref, patch, resourceVersion) {
        see('patch', ref, patch);
        const object = world.objects.get(keyOf(ref));
        if (object === undefined) throw fail('RL733', 'gone');
        if (object.metadata.resourceVersion !== resourceVersion) throw fail('RL732', 'conflict');
        const done = world.#write(keyOf(ref), merged(object, patch) as Raw, object);
        world.#lost();
        return clone(done);
      },
      async jsonPatch(ref, operations) {
        see('patch', ref, operations as unknown as Json);
        const object = world.objects.get(keyOf(ref));
        if (object === undefined) throw fail('RL733', 'gone');
        const next = clone(object);
        for (const operation of operations as Raw[]) {
          const keys = operation.path
            .slice(1)
            .split('/')
            .map((key: string) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
          const place = keys.slice(0, -1).reduce((here: Raw, key: string) => here[key], next);
          const last = keys.at(-1);
          if (operation.op === 'test' && place[last] !== operation.value) throw fail('RL732', 'conflict');
          if (operation.op === 'remove') delete place[last];
          if (operation.op === 'add' || operation.op === 'replace') place[last] = operation.value;
        }
        return clone(world.#write(keyOf(ref), next, object));
      },
      async remove(ref, uid) {
        see('delete', ref);
        const object = world.objects.get(keyOf(ref));
        if (object === undefined) return;
        if (object.metadata.uid !== uid) throw fail('RL732', 'another object of that name');
        world.objects.delete(keyOf(ref));
        world.#reconcile();
        world.#lost();
      },
      async token(ref) {
        see('create', ref, null, false, 'token');
        return 'a-token';
      },
    };
  }
  aws(account: string): AwsWriter {
    return this.account.port(account);
  }

  /** What the identity webhook makes of a pod (pkg/handler/handler.go), as far as the laws need it. */
  admit(pod: Raw): Raw {
    const account = pod.spec.serviceAccountName || 'default';
    const annotations = this.get('ServiceAccount', pod.metadata.namespace, account)?.metadata.annotations ?? {};
    const associated = this.account.associationFor(pod.metadata.namespace, account);
    const addonRole = this.account.addonRoleFor(account);
    const role = annotations['eks.amazonaws.com/role-arn'] ?? addonRole;
    if (associated === null && role === undefined) return pod;
    const [volume, path, audience] = associated
      ? ['eks-pod-identity-token', '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount', 'pods.eks.amazonaws.com']
      : ['aws-iam-token', '/var/run/secrets/eks.amazonaws.com/serviceaccount', 'sts.amazonaws.com'];
    const pair = associated
      ? [
          { name: 'AWS_CONTAINER_CREDENTIALS_FULL_URI', value: 'http://169.254.170.23/v1/credentials' },
          { name: 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', value: `${path}/eks-pod-identity-token` },
        ]
      : [
          { name: 'AWS_ROLE_ARN', value: role },
          { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: `${path}/token` },
        ];
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const names = (container.env ?? []).map((one: Raw) => one.name);
      if (pair.some((one) => names.includes(one.name))) continue;
      container.env = [...(container.env ?? []), ...pair];
      container.volumeMounts = [...(container.volumeMounts ?? []), { name: volume, mountPath: path, readOnly: true }];
    }
    pod.spec.volumes = [
      ...(pod.spec.volumes ?? []),
      { name: volume, projected: { sources: [{ serviceAccountToken: { audience, path: 'token' } }] } },
    ];
    if (associated)
      pod.metadata.labels = { ...(pod.metadata.labels ?? {}), 'eks.amazonaws.com/pod-identity': 'enabled' };
    return pod;
  }

  /** EKS restarts an add-on's pods. */
  restartPods(namespace: string): void {
    for (const pod of this.pods(namespace)) this.objects.delete(this.#key('Pod', namespace, pod.metadata.name, ''));
    this.#reconcile();
  }

  #key(kind: string, namespace: string | undefined, name: string, cluster: string): string {
    return `${cluster}|${kind}|${namespace ?? ''}|${name}`;
  }
  #log(seen: Seen): void {
    const write =
      seen.api === 'aws'
        ? !/^(Get|List|Describe|Lookup|AssumeRole)/.test(seen.operation)
        : ['create', 'patch', 'delete'].includes(seen.verb) && seen.subresource === undefined;
    (write ? this.writes : this.reads).push(clone(seen));
  }
  #lost(): void {
    if (this.loseAnswerOf > 0 && --this.loseAnswerOf === 0) throw fail('RL712', 'the answer was lost');
  }
  #store(object: Raw): void {
    this.objects.set(this.#key(object.kind, object.metadata.namespace, object.metadata.name, ''), object);
  }
  #write(key: string, next: Raw, before: Raw): Raw {
    for (const metadata of [next.metadata, next.spec?.template?.metadata])
      for (const map of ['annotations', 'labels'])
        if (metadata?.[map] && Object.keys(metadata[map]).length === 0) delete metadata[map];
    if (JSON.stringify(next.spec) !== JSON.stringify(before.spec))
      next.metadata.generation = before.metadata.generation + 1;
    next.metadata.resourceVersion = String(++this.#version);
    this.objects.set(key, next);
    this.#reconcile();
    return next;
  }
  #podsOf(kind: string, namespace: string | undefined, name: string): Raw[] {
    const uid = this.get(kind, namespace, name)?.metadata.uid;
    const between = new Set<string>([uid]);
    for (const one of this.objects.values())
      if ((one.metadata.ownerReferences ?? []).some((owner: Raw) => owner.uid === uid)) between.add(one.metadata.uid);
    return this.pods(namespace ?? '').filter((pod) =>
      (pod.metadata.ownerReferences ?? []).some((owner: Raw) => between.has(owner.uid)),
    );
  }
  #owned(owner: Raw): Raw[] {
    return [...this.objects.values()].filter((one) =>
      (one.metadata.ownerReferences ?? []).some((reference: Raw) => reference.uid === owner.metadata.uid),
    );
  }
  #makePod(owner: Raw, revision: string): void {
    const template = clone(at(owner, ...(templatePaths[owner.kind] as string[])) as Raw);
    const pod: Raw = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...template.metadata,
        name: `${owner.metadata.name}-${++this.#pod}`,
        namespace: owner.metadata.namespace,
        uid: `uid-${++this.#uid}`,
        revision,
        creationTimestamp: new Date(Date.UTC(2026, 10, 20) + this.#pod * 1000).toISOString(),
        ownerReferences: [
          {
            kind: owner.kind,
            apiVersion: owner.apiVersion,
            name: owner.metadata.name,
            uid: owner.metadata.uid,
            controller: true,
          },
        ],
      },
      spec: template.spec,
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    };
    const missed = this.missPods > 0;
    if (missed) this.missPods -= 1;
    this.#store(missed ? pod : this.admit(pod));
  }
  /** Controllers, run to their end at once. */
  #reconcile(): void {
    for (const owner of [...this.objects.values()].filter((one) => one.kind === 'Deployment' && !one.spec.paused)) {
      const hash = JSON.stringify(owner.spec.template);
      let current = this.#owned(owner).find((set) => set.hash === hash);
      if (current === undefined) {
        current = {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          hash,
          metadata: {
            name: `${owner.metadata.name}-rs${++this.#uid}`,
            namespace: owner.metadata.namespace,
            uid: `uid-${++this.#uid}`,
            ownerReferences: [
              {
                kind: 'Deployment',
                apiVersion: 'apps/v1',
                name: owner.metadata.name,
                uid: owner.metadata.uid,
                controller: true,
              },
            ],
          },
          spec: { template: clone(owner.spec.template) },
        };
        this.#store(current);
      }
      for (const set of this.#owned(owner)) set.spec.replicas = set === current ? owner.spec.replicas : 0;
      owner.status = { observedGeneration: owner.metadata.generation };
    }
    for (const owner of [...this.objects.values()].filter((one) =>
      ['ReplicaSet', 'StatefulSet', 'DaemonSet'].includes(one.kind),
    )) {
      const revision = JSON.stringify(owner.spec.template);
      const rolls = owner.kind !== 'ReplicaSet' && owner.spec.updateStrategy?.type !== 'OnDelete';
      let pods = this.#owned(owner);
      const drop = (pod: Raw): void =>
        void this.objects.delete(this.#key('Pod', pod.metadata.namespace, pod.metadata.name, ''));
      if (rolls) for (const pod of pods.filter((one) => one.metadata.revision !== revision)) drop(pod);
      pods = this.#owned(owner);
      const wanted = owner.spec.replicas ?? 1;
      for (const pod of pods.slice(wanted)) drop(pod);
      for (let missing = wanted - pods.length; missing > 0; missing -= 1) this.#makePod(owner, revision);
      if (owner.kind !== 'ReplicaSet') owner.status = { observedGeneration: owner.metadata.generation };
    }
  }
}

/** RFC 7386. */
const merged = (target: Json | undefined, patch: Json): Json => {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
};
