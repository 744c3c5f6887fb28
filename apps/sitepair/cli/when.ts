import { UsageError } from './command.ts';

const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** "mon-fri", "sat,sun", "fri-mon", "daily": the days of a week, 1 is Monday. Throws UsageError. */
export function parseDays(text: string, command: string): number[] {
  if (/^(daily|every-day)$/i.test(text)) return [1, 2, 3, 4, 5, 6, 7];
  const days = text
    .toLowerCase()
    .split(',')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map((name) => dayNames.indexOf(name.slice(0, 3)) + 1);
      if (first < 1 || last < 1)
        throw new UsageError(`"${text}" names no days`, command, 'Write mon-fri, sat,sun, or daily.');
      return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, index) => ((first - 1 + index) % 7) + 1);
    });
  return [...new Set(days)].sort();
}

/** The other way round: "mon-fri", "sat,sun", "daily". */
export function formatDays(days: readonly number[]): string {
  if (days.length === 7) return 'daily';
  const [first = 1, last = first] = [days[0], days.at(-1)];
  const isRow = days.length > 2 && last - first + 1 === days.length;
  return isRow ? `${dayNames[first - 1]}-${dayNames[last - 1]}` : days.map((day) => dayNames[day - 1]).join(',');
}

/**
 * "07:00" (the next one), "2026-01-31 07:00", "90min", "2h": a time by this machine's clock, in seconds since 1970. Throws
 * UsageError, also for what is past.
 */
export function parseUntil(text: string, nowMs: number, command: string): number {
  const atMs = untilMs(text.trim(), nowMs);
  if (atMs > nowMs) return Math.ceil(atMs / 1000);
  const message = Number.isNaN(atMs) ? `"${text}" is no time` : `${text} is past`;
  throw new UsageError(message, command, 'Write 07:00 (the next one), "2026-01-31 07:00", 2h or 90min.');
}

function untilMs(text: string, nowMs: number): number {
  const span = /^(\d+)\s*(h|min|m|d)$/.exec(text);
  if (span !== null) {
    const minutes = { h: 60, min: 1, m: 1, d: 24 * 60 }[span[2] as 'h' | 'min' | 'm' | 'd'];
    return nowMs + Number(span[1]) * minutes * 60_000;
  }
  const clock = /^(\d{1,2}):(\d{2})$/.exec(text);
  if (clock !== null) {
    const [hours, minutes] = [Number(clock[1]), Number(clock[2])];
    if (hours > 23 || minutes > 59) return Number.NaN;
    const today = new Date(nowMs);
    today.setHours(hours, minutes, 0, 0);
    if (today.getTime() <= nowMs) today.setDate(today.getDate() + 1);
    return today.getTime();
  }
  return /^\d{4}-\d{2}-\d{2}[ T]\d{1,2}:\d{2}/.test(text) ? new Date(text.replace(' ', 'T')).getTime() : Number.NaN;
}
