import type { Clock } from '../model/clock.js';
import { RoleliftError } from '../model/error.js';
import { isObject, type JsonObject, numberAt, textAt } from '../model/json.js';
import { podTroubles } from '../model/pod-state.js';
import { type KubernetesRef, subjectOf } from '../model/resource.js';
import { KubernetesError } from './kubernetes-errors.js';
import { rolloutState } from './rollout-status.js';

export interface RolloutSource {
  list(): Promise<{ readonly items: readonly JsonObject[]; readonly resourceVersion: string }>;
  watch(resourceVersion: string, stop: AbortSignal): AsyncIterable<JsonObject>;
  podsOf(ref: KubernetesRef): Promise<readonly JsonObject[]>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * How long a failure that is there at the first look must stand. A Deployment that is set back while its rollout has timed out keeps
 * that condition until its controller sees progress (pkg/controller/deployment/progress.go), and so seems to have failed again.
 */
const doubtMs = 10_000;

interface Waiter {
  /** Set once this generation was seen without a failure, or the doubt is over: from then on a failure is one. */
  sure: boolean;
  doubting: boolean;
  readonly ref: KubernetesRef;
  readonly generation: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Waits for rollouts of one kind with one list-watch, however many are waited for; it runs only while somebody waits. */
export class RolloutWatch {
  readonly #source: RolloutSource;
  readonly #waiters = new Set<Waiter>();
  readonly #objects = new Map<string, JsonObject>();
  #running: AbortController | null = null;
  #listed = false;

  constructor(source: RolloutSource) {
    this.#source = source;
  }

  wait(ref: KubernetesRef, generation: number, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', abort);
        if (this.#waiters.size === 0) this.#stop();
      };
      const abort = (): void => {
        leave();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        sure: false,
        doubting: false,
        ref,
        generation,
        resolve: () => {
          leave();
          resolve();
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      if (this.#running === null) this.#start();
      else if (this.#listed) this.#judge(waiter);
    });
  }

  #start(): void {
    const stop = new AbortController();
    this.#running = stop;
    this.#listed = false;
    this.#objects.clear();
    void this.#run(stop.signal).catch((thrown: unknown) => {
      if (stop.signal.aborted) return;
      this.#running = null;
      for (const waiter of [...this.#waiters]) waiter.reject(thrown);
    });
  }

  #stop(): void {
    this.#running?.abort(new Error('nobody waits for a rollout'));
    this.#running = null;
    this.#listed = false;
  }

  async #run(stop: AbortSignal): Promise<void> {
    for (;;) {
      const { items, resourceVersion } = await this.#source.list();
      if (stop.aborted) return;
      this.#objects.clear();
      for (const item of items) this.#objects.set(keyOf(item), item);
      this.#listed = true;
      for (const waiter of [...this.#waiters]) this.#judge(waiter);
      if (stop.aborted) return;
      await this.#follow(resourceVersion, stop);
      if (stop.aborted) return;
    }
  }

  /** Follows watches from one version on; comes back when a fresh list is needed. */
  async #follow(from: string, stop: AbortSignal): Promise<void> {
    let version = from;
    for (let failures = 0; ; ) {
      try {
        for await (const event of this.#source.watch(version, stop)) {
          const object = event.object;
          if (!isObject(object)) continue;
          version = textAt(object, 'metadata', 'resourceVersion') ?? version;
          failures = 0;
          const type = textAt(event, 'type');
          if (type === 'BOOKMARK') continue;
          const key = keyOf(object);
          if (type === 'DELETED') this.#objects.delete(key);
          else this.#objects.set(key, object);
          for (const waiter of [...this.#waiters]) if (waiterKey(waiter) === key) this.#judge(waiter);
        }
      } catch (thrown) {
        if (stop.aborted) return;
        if (thrown instanceof KubernetesError && thrown.status === 410) return;
        if (thrown instanceof KubernetesError && [401, 403].includes(thrown.status)) throw thrown;
        if (thrown instanceof RoleliftError && thrown.data.code === 'RL702') throw thrown;
        failures += 1;
        if (failures > 20) throw thrown;
      }
      if (stop.aborted) return;
      await this.#source.clock.sleep(Math.min(5000, 100 * 2 ** failures), stop).catch(() => undefined);
      if (stop.aborted) return;
    }
  }

  #judge(waiter: Waiter): void {
    const object = this.#objects.get(waiterKey(waiter));
    if (object === undefined) {
      waiter.reject(
        new RoleliftError({
          code: 'RL733',
          message: `${waiter.ref.kind} ${waiter.ref.namespace ?? ''}/${waiter.ref.name} is not there any more`,
          subject: subjectOf(waiter.ref),
          cause: 'it was deleted while its rollout was waited for',
          remedy: 'Look at who deleted it; plan again.',
          fault: 'remote',
        }),
      );
      return;
    }
    // A list can be older than the write that is waited for.
    if ((numberAt(object, 'metadata', 'generation') ?? 0) < waiter.generation) return;
    const state = rolloutState({ kind: waiter.ref.kind, ...object }, waiter.generation);
    if (state.is === 'done') waiter.resolve();
    if (state.is === 'waiting' && (numberAt(object, 'status', 'observedGeneration') ?? 0) >= waiter.generation)
      waiter.sure = true;
    if (state.is === 'failed' && !waiter.sure) this.#doubt(waiter);
    else if (state.is === 'failed') {
      this.#waiters.delete(waiter);
      void this.#failure(waiter, state.because).then(waiter.reject, waiter.reject);
    }
  }

  #doubt(waiter: Waiter): void {
    if (waiter.doubting) return;
    waiter.doubting = true;
    const again = (): void => {
      waiter.sure = true;
      if (this.#waiters.has(waiter)) this.#judge(waiter);
    };
    void this.#source.clock.sleep(doubtMs, this.#source.signal).then(again, () => undefined);
  }

  async #failure(waiter: Waiter, because: string): Promise<RoleliftError> {
    const pods = await this.#source.podsOf(waiter.ref).catch(() => []);
    return new RoleliftError({
      code: 'RL821',
      message: `the rollout of ${waiter.ref.kind} ${waiter.ref.namespace ?? ''}/${waiter.ref.name} failed`,
      subject: subjectOf(waiter.ref),
      cause: [because, podTroubles(pods)].filter((part) => part !== '').join('; '),
      remedy: `See kubectl -n ${waiter.ref.namespace ?? ''} describe ${waiter.ref.kind.toLowerCase()} ${waiter.ref.name} and the logs of its pods.`,
      fault: 'remote',
    });
  }
}

const keyOf = (object: JsonObject): string =>
  `${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
const waiterKey = (waiter: Waiter): string => `${waiter.ref.namespace ?? ''}/${waiter.ref.name}`;
