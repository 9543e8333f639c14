import { describe, expect, it } from 'vitest';
import { Lane } from '../../src/clients/lanes.js';
import { retryAfter, withRetries } from '../../src/clients/retry.js';
import { VirtualTime } from '../helpers/virtual-time.js';

const lane = (clock: VirtualTime, start = 10, burst = 5, cap = 100): Lane =>
  new Lane('iam-write', { start, cap, burst }, clock);

describe('a lane', () => {
  it('lets a burst through at once and then keeps the rate', async () => {
    const clock = new VirtualTime(0);
    const one = lane(clock);
    for (let count = 0; count < 5; count += 1) await one.take();
    expect(clock.monotonic()).toBe(0);
    for (let count = 0; count < 10; count += 1) await one.take();
    expect(clock.monotonic()).toBeCloseTo(1000, 0);
  });

  it('slows everybody when one call is throttled, once for all calls that were on the wire', () => {
    const clock = new VirtualTime(1000);
    const one = lane(clock);
    one.throttled(900, null);
    const slowed = one.rate;
    expect(slowed).toBeLessThan(10);
    one.throttled(950, null);
    expect(one.rate).toBe(slowed);
  });

  it('speeds up again with answers, never past its cap', () => {
    const one = lane(new VirtualTime(), 10, 5, 10.2);
    for (let count = 0; count < 100; count += 1) one.succeeded();
    expect(one.rate).toBe(10.2);
  });

  it('loses no call against a server that allows ten a second', async () => {
    const clock = new VirtualTime(0);
    const one = lane(clock, 50, 20);
    let tokens = 20;
    let filled = 0;
    let refused = 0;
    const serve = async (): Promise<string> => {
      tokens = Math.min(20, tokens + ((clock.monotonic() - filled) / 1000) * 10);
      filled = clock.monotonic();
      if (tokens < 1) {
        refused += 1;
        throw new Error('throttled');
      }
      tokens -= 1;
      return 'ok';
    };
    for (let count = 0; count < 300; count += 1) {
      expect(
        await withRetries(
          one,
          clock,
          undefined,
          serve,
          () => ({ is: 'throttled', retryAfterMs: null }),
          () => 0.5,
        ),
      ).toBe('ok');
    }
    // 28 seconds are the best possible; what is thrown away is little.
    expect(clock.monotonic()).toBeLessThan(28_000 * 1.35);
    expect(refused).toBeLessThan(60);
  });
});

describe('Retry-After', () => {
  it.each([
    ['3', undefined, 3000],
    ['Sun, 22 Nov 2026 10:00:05 GMT', 'Sun, 22 Nov 2026 10:00:00 GMT', 5000],
    ['nonsense', undefined, null],
    [undefined, undefined, null],
    ['999999', undefined, 300_000],
  ])('reads %s', (header, date, ms) => {
    expect(retryAfter(header, date, 0)).toBe(ms);
  });
});
