/** Hours of certain days by the clocks of a place. */
export interface LocalWindow {
  /** 1 is Monday, 7 Sunday: the days on which it begins. */
  readonly days: readonly number[];
  /** HH:MM. */
  readonly from: string;
  /** HH:MM, up to 24:00; not after `from`: it ends on the next day. */
  readonly to: string;
}

export interface Span {
  readonly start: Temporal.Instant;
  readonly end: Temporal.Instant;
}

/** When a window is open from a day before `instant` until `days` after it, earliest first. */
export function windowsAround(window: LocalWindow, timeZone: string, instant: Temporal.Instant, days: number): Span[] {
  const today = instant.toZonedDateTimeISO(timeZone).toPlainDate();
  const spans: Span[] = [];
  for (let offset = -2; offset <= days; offset += 1) {
    const day = today.add({ days: offset });
    if (!window.days.includes(day.dayOfWeek)) continue;
    const [start, end] = [minutesOf(window.from), minutesOf(window.to)];
    const span = {
      start: firstAt(localTime(day, start), timeZone),
      end: lastAt(localTime(day, end > start ? end : end + 24 * 60), timeZone),
    };
    if (Temporal.Instant.compare(span.start, span.end) < 0) spans.push(span);
  }
  return spans;
}

/** Minutes since midnight of HH:MM; NaN for anything else. */
export function minutesOf(text: string): number {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text);
  const [hours, minutes] = [Number(match?.[1]), Number(match?.[2])];
  const total = hours * 60 + minutes;
  return minutes < 60 && total <= 24 * 60 ? total : Number.NaN;
}

function localTime(day: Temporal.PlainDate, minutes: number): Temporal.PlainDateTime {
  return day.toPlainDateTime().add({ minutes });
}

/** When the clocks first show this time; where they jump over it, when they jump. */
function firstAt(local: Temporal.PlainDateTime, timeZone: string): Temporal.Instant {
  return jumpOver(local, timeZone) ?? local.toZonedDateTime(timeZone, { disambiguation: 'earlier' }).toInstant();
}

/** When the clocks last show it: on the day they are put back, a window that ends then has an hour more, and no hole. */
function lastAt(local: Temporal.PlainDateTime, timeZone: string): Temporal.Instant {
  return jumpOver(local, timeZone) ?? local.toZonedDateTime(timeZone, { disambiguation: 'later' }).toInstant();
}

function jumpOver(local: Temporal.PlainDateTime, timeZone: string): Temporal.Instant | undefined {
  const before = local.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  if (before.toPlainDateTime().equals(local)) return undefined;
  return before.getTimeZoneTransition('next')?.toInstant();
}
