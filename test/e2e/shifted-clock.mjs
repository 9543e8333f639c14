/**
 * Loaded into a process before the program (`node --import`): the machine's clock is off by CLOCK_OFF_MS milliseconds, and time passes
 * CLOCK_SPEED times as fast for it, its timers and its monotonic clock included.
 */
const off = Number(process.env.CLOCK_OFF_MS ?? 0);
const speed = Number(process.env.CLOCK_SPEED ?? 1);
const RealDate = Date;
const begin = RealDate.now();
const now = () => begin + (RealDate.now() - begin) * speed + off;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});
const monotonic = performance.now.bind(performance);
performance.now = () => monotonic() * speed;
const later = setTimeout;
// Whoever waits in pieces of nothing waits for another process.
globalThis.setTimeout = Object.assign((act, ms, ...rest) => later(act, (ms ?? 0) / speed, ...rest), later);
const again = setInterval;
globalThis.setInterval = (act, ms, ...rest) => again(act, (ms ?? 0) / speed, ...rest);
