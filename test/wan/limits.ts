import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { systemTimers } from '#runtime';
import { writeSeededFile } from '../kit/seeded-file.ts';
import { LinePair } from './line-pair.ts';
import { record, shares, within } from './rate-record.ts';

const bytesPerMegabit = 125_000;

/** What a second may be of the limit: 0.98 to 1.02 on a machine that has nothing else to do. */
export interface Bounds {
  readonly highest: number;
  readonly lowest: number;
}

// The interface of the sender counts, not we. The line itself could take far more.
export async function holdsLimit(
  t: TestContext,
  megabits: number,
  seconds: number,
  { lowest, highest }: Bounds,
): Promise<void> {
  await using pair = await LinePair.up('wan-limit', { megabits: 0, delayMs: 5 });
  const { north, line, folder } = pair;
  await north.ok('link', 'limit', 'south', `${megabits} Mbit/s`);
  const limit = megabits * bytesPerMegabit;
  writeSeededFile(`${folder}/file`, (seconds + 6) * limit, megabits);
  await north.ok('backup', `${folder}/file`, '--dataset', 'file');
  await untilFlowing(line.a.sentBytes, limit / 4);
  const samples = await record(line.a.sentBytes, systemTimers.sleep(seconds * 1000));
  const [second, tenth] = [shares(samples, limit, 1000), shares(samples, limit, 100)];
  const told = `${megabits} Mbit/s: a second ${second.lowest.toFixed(3)} to ${second.highest.toFixed(3)}, a tenth at most ${tenth.highest.toFixed(2)}`;
  t.diagnostic(told);
  assert.ok(second.highest <= highest && tenth.highest <= 2, told);
  assert.ok(second.lowest >= lowest, told);
}

/** Changes from the command line, and from 200 ms after each command had ended (which is later than its change) looks. */
export async function followsChanges(
  t: TestContext,
  megabits: readonly number[],
  { lowest, highest }: Bounds,
): Promise<void> {
  await using pair = await LinePair.up('wan-change', { megabits: 0, delayMs: 5 });
  const { north, line, folder } = pair;
  const first = 50;
  await north.ok('link', 'limit', 'south', `${first} Mbit/s`);
  writeSeededFile(`${folder}/file`, 200e6, 1);
  await north.ok('backup', `${folder}/file`, '--dataset', 'file');
  await untilFlowing(line.a.sentBytes, (first * bytesPerMegabit) / 4);
  const changes: { readonly limit: number; readonly ms: number }[] = [];
  const changing = async () => {
    for (const next of megabits) {
      await north.ok('link', 'limit', 'south', `${next} Mbit/s`);
      changes.push({ limit: next * bytesPerMegabit, ms: performance.now() });
      await systemTimers.sleep(2500);
    }
  };
  const samples = await record(line.a.sentBytes, changing());
  for (const { limit, ms } of changes) {
    const second = shares(within(samples, ms + 200, ms + 2400), limit, 1000);
    const told = `to ${limit / bytesPerMegabit} Mbit/s: a second ${second.lowest.toFixed(3)} to ${second.highest.toFixed(3)}`;
    t.diagnostic(told);
    assert.ok(second.highest <= highest && second.lowest >= lowest, told);
  }
}

/** Until nearly so many bytes went in a quarter of a second. */
async function untilFlowing(counter: () => number, bytes: number): Promise<void> {
  for (let tries = 0; tries < 160; tries += 1) {
    const before = counter();
    await systemTimers.sleep(250);
    if (counter() - before > bytes * 0.8) return;
  }
  throw new Error('nothing flows');
}
