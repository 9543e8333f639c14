import type { Clock } from '../model/clock.js';
import { RoleliftError } from '../model/error.js';
import { type JsonObject, numberAt, textAt } from '../model/json.js';
import type { KubernetesWriter } from '../model/ports.js';
import { type KubernetesRef, kubernetesRef } from '../model/resource.js';

/** Times of the lock (H22), milliseconds. */
export interface LeaseTimes {
  /** How long the lease lasts for others. */
  readonly lasts: number;
  readonly renewEvery: number;
  /** Without a renewal for so long the holder stops by itself. */
  readonly giveUpAfter: number;
  /** The longest that one call may take. */
  readonly call: number;
}
const leaseTimes: LeaseTimes = { lasts: 60_000, renewEvery: 10_000, giveUpAfter: 40_000, call: 10_000 };

export interface LeaseOptions {
  readonly kubernetes: KubernetesWriter;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  /** Unique for each run: who, where, which run. */
  readonly holder: string;
  /** True where that holder was a run of our own plan directory, which is locked by us now: so it is dead. */
  readonly isOurs?: (holder: string) => boolean;
  readonly times?: LeaseTimes;
  /** Told while another's lease is watched for its expiry. */
  readonly onWait?: (holder: string) => void;
}

export interface Lease {
  readonly holder: string;
  /** Aborted with RL863 when the lease is lost: no further effect may happen. */
  readonly fence: AbortSignal;
  /** Milliseconds until the holder must have stopped, by the stricter of both clocks; every call's timeout is shorter. */
  left(): number;
  release(): Promise<void>;
}

const held = (holder: string, ref: KubernetesRef): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL862',
      message: `another run holds the lock ${ref.namespace}/${ref.name}`,
      subject: { kind: 'Lease', namespace: ref.namespace ?? '', name: ref.name },
      cause: `held and renewed by ${holder}`,
      remedy: 'Wait for it to end; `rolelift runs` tells where its state is.',
      fault: 'user',
    },
    { exit: 5 },
  );
const lost = (why: string): RoleliftError =>
  new RoleliftError(
    {
      code: 'RL863',
      message: 'the lock was lost while the run was under way',
      cause: why,
      remedy: 'Stopped before the next effect. Run the same command again: it observes what the last call did.',
      fault: 'remote',
    },
    { exit: 5 },
  );

const codeOf = (error: unknown): string => (error instanceof RoleliftError ? error.data.code : '');
const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/** Rejects when the call takes longer than it may: a late answer must not count as a renewal. */
const within = async <T>(clock: Clock, ms: number, call: Promise<T>): Promise<T> => {
  const timer = new AbortController();
  call.catch(() => {});
  try {
    return await Promise.race([
      call,
      clock.sleep(ms, timer.signal).then(() => {
        throw lost(`a call took longer than ${ms / 1000} s`);
      }),
    ]);
  } finally {
    timer.abort();
  }
};

/**
 * Takes the Lease in the cluster, and renews it until it is released or lost. Another's lease is taken over only when it was not
 * renewed for its whole duration and one call's timeout more, watched by our own monotonic clock, so that no machine's wall clock
 * decides; a dead run of our own directory at once. Rejects with RL862 (exit 5) where its holder renews it.
 */
export const takeLease = async (options: LeaseOptions): Promise<Lease> => {
  const { kubernetes, clock, holder } = options;
  const times = options.times ?? leaseTimes;
  const ref = kubernetesRef('coordination.k8s.io/v1', 'Lease', options.namespace, options.name);
  const call = <T>(made: Promise<T>, ms = times.call): Promise<T> => within(clock, ms, made);
  const spec = (transitions: number): JsonObject => ({
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(times.lasts / 1000),
    acquireTime: microTime(clock.now()),
    renewTime: microTime(clock.now()),
    leaseTransitions: transitions,
  });
  const versionOf = (lease: JsonObject): string => textAt(lease, 'metadata', 'resourceVersion') ?? '';
  const holderOf = (lease: JsonObject): string => textAt(lease, 'spec', 'holderIdentity') ?? '';

  let version = '';
  let monotonic = 0;
  let wall = 0;
  const renewed = (lease: JsonObject, at: { readonly monotonic: number; readonly wall: number }): void => {
    version = versionOf(lease);
    monotonic = at.monotonic;
    wall = at.wall;
  };
  const moment = () => ({ monotonic: clock.monotonic(), wall: clock.now() });

  let watched: { readonly mark: string; readonly since: number } | null = null;
  for (;;) {
    const at = moment();
    const found = await call(kubernetes.get(ref));
    try {
      if (found === null) {
        const body = {
          apiVersion: ref.apiVersion,
          kind: ref.kind,
          metadata: { namespace: options.namespace, name: options.name },
          spec: spec(0),
        };
        renewed(await call(kubernetes.create(ref, body)), at);
        break;
      }
      const other = holderOf(found);
      const mark = `${other}\n${textAt(found, 'spec', 'renewTime') ?? ''}`;
      if (watched !== null && watched.mark !== mark && other !== '' && other !== holder) throw held(other, ref);
      watched ??= { mark, since: at.monotonic };
      const lasts = Math.max((numberAt(found, 'spec', 'leaseDurationSeconds') ?? 0) * 1000, times.lasts);
      const free =
        other === '' ||
        other === holder ||
        options.isOurs?.(other) === true ||
        at.monotonic - watched.since >= lasts + times.call;
      if (free) {
        const transitions = (numberAt(found, 'spec', 'leaseTransitions') ?? 0) + 1;
        renewed(await call(kubernetes.mergePatch(ref, { spec: spec(transitions) }, versionOf(found))), at);
        break;
      }
      options.onWait?.(other);
    } catch (error) {
      // Somebody was quicker: look again at who it is.
      if (!['RL731', 'RL732', 'RL733'].includes(codeOf(error))) throw error;
    }
    await clock.sleep(2_000);
  }

  const fence = new AbortController();
  const done = new AbortController();
  const left = (): number => {
    const gone = Math.max(clock.monotonic() - monotonic, clock.now() - wall, 0);
    return fence.signal.aborted ? 0 : Math.max(0, times.giveUpAfter - gone);
  };
  const lose = (why: string): void => {
    if (!done.signal.aborted) fence.abort(lost(why));
  };

  const renew = async (): Promise<void> => {
    const at = moment();
    try {
      const limit = Math.min(times.call, left());
      renewed(await call(kubernetes.mergePatch(ref, { spec: { renewTime: microTime(at.wall) } }, version), limit), at);
    } catch (error) {
      if (codeOf(error) === 'RL733') return lose('the Lease was deleted');
      if (codeOf(error) !== 'RL732') return;
      const found = await call(kubernetes.get(ref), Math.min(times.call, left())).catch(() => undefined);
      if (found === undefined) return;
      if (found === null || holderOf(found) !== holder)
        return lose(`it was taken over by ${found === null ? 'nobody: the Lease is gone' : holderOf(found)}`);
      version = versionOf(found);
    }
  };
  const keep = async (): Promise<void> => {
    let next = times.renewEvery;
    while (!done.signal.aborted) {
      await clock.sleep(Math.max(1, Math.min(next, left())), done.signal);
      if (left() <= 0) return lose(`it could not be renewed for ${times.giveUpAfter / 1000} s`);
      const before = version;
      await renew();
      if (fence.signal.aborted) return;
      next = version === before ? 2_000 : times.renewEvery;
    }
  };
  void keep().catch(() => {});

  return {
    holder,
    fence: fence.signal,
    left,
    async release() {
      done.abort();
      if (fence.signal.aborted) return;
      await call(
        kubernetes.mergePatch(ref, { spec: { holderIdentity: '', renewTime: microTime(clock.now()) } }, version),
      ).catch(() => {});
    },
  };
};
