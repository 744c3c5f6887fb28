import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BandwidthWindow, type LimitPolicy, limitAt, nextChange } from './limit-policy.ts';

const everyDay = [1, 2, 3, 4, 5, 6, 7];
const none = Number.POSITIVE_INFINITY;

function policy(timeZone: string, ...windows: BandwidthWindow[]): LimitPolicy {
  return { timeZone, bytesPerSecond: none, windows };
}

function at(local: string, timeZone: string): Temporal.Instant {
  return Temporal.ZonedDateTime.from(`${local}[${timeZone}]`).toInstant();
}

/** The changes from `start` on, as the clocks of the place show them. */
function changes(of: LimitPolicy, start: Temporal.Instant, count: number): string[] {
  const shown: string[] = [];
  for (let next = nextChange(of, start); next !== undefined && shown.length < count; next = nextChange(of, next)) {
    const local = next.toZonedDateTimeISO(of.timeZone);
    shown.push(
      `${local.toPlainDateTime().toString({ smallestUnit: 'minute' })}${local.offset} ${limitAt(of, next).why}`,
    );
  }
  return shown;
}

test('on the day the clocks jump ahead a window has what is left of it, and begins with the jump when that is in it', () => {
  const start = at('2026-03-29T00:00', 'Europe/Berlin');
  const over = policy('Europe/Berlin', { days: [7], from: '01:30', to: '03:00', bytesPerSecond: 1e6 });
  assert.deepEqual(changes(over, start, 2), ['2026-03-29T01:30+01:00 window', '2026-03-29T03:00+02:00 none']);
  const within = policy('Europe/Berlin', { days: [7], from: '02:30', to: '04:00', bytesPerSecond: 1e6 });
  assert.deepEqual(changes(within, start, 2), ['2026-03-29T03:00+02:00 window', '2026-03-29T04:00+02:00 none']);
  const swallowed = policy('Europe/Berlin', { days: everyDay, from: '02:10', to: '02:40', bytesPerSecond: 1e6 });
  assert.deepEqual(changes(swallowed, start, 1), ['2026-03-30T02:10+02:00 window']);
});

test('on the day the clocks are put back a window is longer, and opens once', () => {
  const berlin = policy('Europe/Berlin', { days: [7], from: '01:30', to: '03:00', bytesPerSecond: 1e6 });
  assert.deepEqual(changes(berlin, at('2026-10-25T00:00', 'Europe/Berlin'), 2), [
    '2026-10-25T01:30+02:00 window',
    '2026-10-25T03:00+01:00 none',
  ]);
  const newYork = policy('America/New_York', { days: [7], from: '01:30', to: '03:00', bytesPerSecond: 1e6 });
  assert.deepEqual(changes(newYork, at('2026-11-01T00:00', 'America/New_York'), 2), [
    '2026-11-01T01:30-04:00 window',
    '2026-11-01T03:00-05:00 none',
  ]);
});

test('a window over midnight belongs to the day it begins on', () => {
  const night = policy('Asia/Tokyo', { days: [5], from: '22:00', to: '06:00', bytesPerSecond: 1e6 });
  const friday = at('2026-11-27T12:00', 'Asia/Tokyo');
  assert.deepEqual(changes(night, friday, 2), ['2026-11-27T22:00+09:00 window', '2026-11-28T06:00+09:00 none']);
  assert.equal(limitAt(night, at('2026-11-27T05:00', 'Asia/Tokyo')).why, 'none');
});

test('windows that meet or last all week change nothing; of those that overlap the lowest limit holds', () => {
  const allDay = { days: everyDay, from: '00:00', to: '24:00', bytesPerSecond: 2e6 };
  const always = policy('UTC', allDay);
  assert.equal(nextChange(always, at('2026-11-24T12:00', 'UTC')), undefined);
  const both = policy('UTC', allDay, { days: everyDay, from: '08:00', to: '09:00', bytesPerSecond: 1e6 });
  assert.equal(limitAt(both, at('2026-11-24T08:30', 'UTC')).bytesPerSecond, 1e6);
  assert.equal(limitAt(both, at('2026-11-24T09:00', 'UTC')).bytesPerSecond, 2e6);
});

test('a pause goes before an override, an override before windows, and each ends when it was told to', () => {
  const noon = at('2026-11-24T12:00', 'UTC');
  const second = noon.epochMilliseconds / 1000;
  const busy: LimitPolicy = {
    ...policy('UTC', { days: everyDay, from: '08:00', to: '18:00', bytesPerSecond: 1e6 }),
    override: { bytesPerSecond: none, untilSeconds: second + 7200 },
    pause: { untilSeconds: second + 3600 },
  };
  assert.deepEqual(limitAt(busy, noon), { bytesPerSecond: 0, why: 'pause' });
  assert.deepEqual(changes(busy, noon, 3), [
    '2026-11-24T13:00+00:00 override',
    '2026-11-24T14:00+00:00 window',
    '2026-11-24T18:00+00:00 none',
  ]);
  assert.equal(nextChange({ ...busy, pause: {} }, noon), undefined);
});

const hour = fc.integer({ min: 0, max: 23 });
const time = fc
  .tuple(hour, fc.constantFrom('00', '15', '30', '59'))
  .map(([h, m]) => `${String(h).padStart(2, '0')}:${m}`);
const anyWindow = fc.record({
  days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
  from: time,
  to: time,
  bytesPerSecond: fc.constantFrom(1e5, 1e6, 1e7, none),
});
const anyPolicy = fc.record({
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'),
  bytesPerSecond: fc.constantFrom(5e5, none),
  windows: fc.array(anyWindow, { maxLength: 3 }),
});
const anyInstant = fc
  .integer({ min: 1_767_225_600, max: 1_830_297_600 })
  .map((seconds) => Temporal.Instant.fromEpochMilliseconds(seconds * 1000));

test('between now and the next change the limit is one and the same, and then it is another', () => {
  fc.assert(
    fc.property(anyPolicy, anyInstant, fc.double({ min: 0, max: 0.999, noNaN: true }), (rules, now, part) => {
      const next = nextChange(rules, now);
      const endMs = next?.epochMilliseconds ?? now.epochMilliseconds + 8 * 86_400_000;
      assert.ok(endMs > now.epochMilliseconds);
      const between = now.epochMilliseconds + Math.floor(part * (endMs - now.epochMilliseconds));
      assert.deepEqual(limitAt(rules, Temporal.Instant.fromEpochMilliseconds(between)), limitAt(rules, now));
      if (next !== undefined) assert.notDeepEqual(limitAt(rules, next), limitAt(rules, now));
    }),
    { numRuns: 150 },
  );
});

test('on ordinary days a window is open when the clock on the wall says so', () => {
  fc.assert(
    fc.property(anyWindow, anyInstant, (window, now) => {
      const local = now.toZonedDateTimeISO('Asia/Kathmandu');
      const clock = local.toPlainTime().toString().slice(0, 5);
      const [day, before] = [local.dayOfWeek, local.subtract({ days: 1 }).dayOfWeek];
      const isOvernight = window.to <= window.from;
      const isOpen =
        (window.days.includes(day) && clock >= window.from && (isOvernight || clock < window.to)) ||
        (isOvernight && window.days.includes(before) && clock < window.to);
      assert.equal(limitAt(policy('Asia/Kathmandu', window), now).why === 'window', isOpen);
    }),
    { numRuns: 200 },
  );
});
