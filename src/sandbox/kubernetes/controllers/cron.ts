/** Schedules as CronJobs write them: five fields, `@hourly` and its like; UTC. */

const named: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const words = (text: string, names: readonly string[], first: number): string =>
  names.reduce((held, name, index) => held.replaceAll(new RegExp(`\\b${name}\\b`, 'gi'), String(index + first)), text);
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** The values that one field takes; null where it cannot be read. */
const fieldOf = (text: string, low: number, high: number): ReadonlySet<number> | null => {
  const out = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\*|\?|\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(part);
    if (!match) return null;
    const step = match[3] === undefined ? 1 : Number(match[3]);
    const any = match[1] === '*' || match[1] === '?';
    const from = any ? low : Number(match[1]);
    const to = match[2] !== undefined ? Number(match[2]) : any || match[3] !== undefined ? high : from;
    if (step < 1 || from < low || to > high || from > to) return null;
    for (let value = from; value <= to; value += step) out.add(value);
  }
  return out;
};

/**
 * The first time of the schedule after a moment; both in milliseconds since 1970. Null where the schedule cannot be read or has no
 * time within four years.
 */
export const nextRun = (schedule: string, after: number): number | null => {
  const every = /^@every (\d+)(s|m|h)$/.exec(schedule.trim());
  if (every) return after + Number(every[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[every[2] as 's' | 'm' | 'h'];
  const key = schedule.trim();
  const parts = (Object.hasOwn(named, key) ? (named[key] as string) : key).split(/\s+/);
  if (parts.length !== 5) return null;
  const [minuteText = '', hourText = '', dayText = '', monthText = '', weekText = ''] = parts;
  const minutes = fieldOf(minuteText, 0, 59);
  const hours = fieldOf(hourText, 0, 23);
  const monthDays = fieldOf(dayText, 1, 31);
  const inMonths = fieldOf(words(monthText, months, 1), 1, 12);
  const weekDays = fieldOf(words(weekText, days, 0), 0, 7);
  if (!minutes || !hours || !monthDays || !inMonths || !weekDays) return null;
  const anyDay = /^[*?]/.test(dayText);
  const anyWeekDay = /^[*?]/.test(weekText);
  const dayMatches = (date: Date): boolean => {
    const week = date.getUTCDay();
    const inMonth = monthDays.has(date.getUTCDate());
    const inWeek = weekDays.has(week) || (week === 0 && weekDays.has(7));
    // Where both are given, one of them is enough (crontab(5)).
    return anyDay || anyWeekDay ? inMonth && inWeek : inMonth || inWeek;
  };
  const minute = 60_000;
  let at = Math.floor(after / minute) * minute + minute;
  const end = after + 4 * 366 * 24 * 60 * minute;
  while (at < end) {
    const date = new Date(at);
    if (!inMonths.has(date.getUTCMonth() + 1)) at = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    else if (!dayMatches(date)) at = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1);
    else if (!hours.has(date.getUTCHours())) at = Math.floor(at / (60 * minute)) * 60 * minute + 60 * minute;
    else if (!minutes.has(date.getUTCMinutes())) at += minute;
    else return at;
  }
  return null;
};
