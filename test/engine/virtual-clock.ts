import type { Clock } from '../../src/model/clock.js';

/** A clock that jumps to the next timer as soon as nothing else happens. */
export const virtualClock = (start = Date.parse('2026-11-22T00:00:00Z')): Clock & { advance(ms: number): void } => {
  let now = start;
  let order = 0;
  let pumping = false;
  const timers: { at: number; order: number; fire(): void }[] = [];
  const pump = (idle: number): void => {
    if (timers.length === 0) {
      pumping = false;
      return;
    }
    if (idle < 3) {
      setImmediate(() => pump(idle + 1));
      return;
    }
    timers.sort((a, b) => a.at - b.at || a.order - b.order);
    const next = timers.shift()!;
    now = Math.max(now, next.at);
    next.fire();
    setImmediate(() => pump(0));
  };
  return {
    now: () => now,
    monotonic: () => now - start,
    advance: (ms) => {
      now += ms;
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          const index = timers.indexOf(timer);
          if (index >= 0) timers.splice(index, 1);
          reject(signal?.reason);
        };
        const timer = {
          at: now + ms,
          order: order++,
          fire: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        timers.push(timer);
        if (!pumping) {
          pumping = true;
          setImmediate(() => pump(0));
        }
      }),
  };
};
