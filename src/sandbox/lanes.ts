import { type Addressed, throttled } from './aws/service.js';

/** Token buckets by lane, as `iam-write`: a rate a second, with a burst of the same number (at least one). */
export class Buckets {
  readonly #left = new Map<string, { tokens: number; at: number }>();

  /** Whether one more request of this lane is admitted now (milliseconds). */
  admit(lane: string, rate: number | undefined, now: number): boolean {
    if (rate === undefined || !(rate > 0)) return true;
    const burst = Math.max(1, rate);
    const held = this.#left.get(lane) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, held.tokens + ((now - held.at) / 1000) * rate);
    const admitted = tokens >= 1;
    this.#left.set(lane, { tokens: admitted ? tokens - 1 : tokens, at: now });
    return admitted;
  }
}

export const laneOf = (service: string, write: boolean): string =>
  `${service === 'eks-auth' ? 'sts' : service}-${write ? 'write' : 'read'}`;
export const throttle = (call: Addressed) => throttled(call.service);
