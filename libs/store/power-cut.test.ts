import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalBytes, isAppError } from '#runtime';
import { volumeIoError } from '#targets';
import { parseRecord, RecordKind } from '#wire';
import type { Store } from './store.ts';
import { ForgetfulVolumes } from './testing/forgetful-volumes.ts';
import { MemoryIndexHome } from './testing/memory-index.ts';
import { openTestStore } from './testing/open-store.ts';
import { seededRandom, testDomain, testRecord } from './testing/records.ts';

interface Life {
  /** For each append: how large, a node or not, and what flush follows. */
  readonly appends: readonly {
    readonly sealedBytes: number;
    readonly node: boolean;
    readonly flush: 'no' | 'begin' | 'wait';
  }[];
  /** The operation on the volumes at which the power goes. */
  readonly cutAt: number;
  /** The operation that fails by itself before, when it is a sync. */
  readonly failAt: number;
  readonly losesIndex: boolean;
}

const life: fc.Arbitrary<Life> = fc.record({
  appends: fc.array(
    fc.record({
      sealedBytes: fc.integer({ min: 17, max: 3000 }),
      node: fc.boolean(),
      flush: fc.constantFrom('no', 'begin', 'wait'),
    }),
    { maxLength: 25 },
  ),
  cutAt: fc.integer({ min: 1, max: 120 }),
  failAt: fc.integer({ min: 1, max: 200 }),
  losesIndex: fc.boolean(),
});

test('whatever is appended and whenever the power goes, every append that resolved is there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 4 }), fc.nat(), (lives, seed) => live(lives, seed)),
    { numRuns: 40 },
  );
});

async function live(lives: readonly Life[], seed: number): Promise<void> {
  const random = seededRandom(seed);
  const index = new MemoryIndexHome();
  const acknowledged: Uint8Array[] = [];
  let volumes = new ForgetfulVolumes();
  for (const { appends, cutAt, failAt, losesIndex } of lives) {
    const { store } = await openTestStore(volumes, index, {
      limits: { packBytes: 6000, groupBytes: 2500, recentIdsMax: 8 },
    });
    await allAreThere(store, acknowledged);
    const power = powerOf(volumes, cutAt, failAt);
    const outcomes: Promise<void>[] = [];
    for (const { sealedBytes, node, flush } of appends) {
      const record = testRecord(random, { kind: node ? RecordKind.node : RecordKind.leaf, sealedBytes });
      outcomes.push(store.append(record).then(() => void (power.isOn() && acknowledged.push(record)), isLost));
      const flushed = flush === 'no' ? undefined : store.flush().catch(isLost);
      if (flush === 'wait') await flushed;
      if (!power.isOn()) break;
    }
    power.cut();
    const after = volumes.afterPowerCut(random);
    await store.close();
    await Promise.all(outcomes);
    // The index may know more than the packs now, as after the loss of a disk's cache, or nothing at all.
    if (losesIndex) index.forget();
    volumes = after;
  }
  const { store, notices } = await openTestStore(volumes, index);
  await allAreThere(store, acknowledged);
  for (const { code } of notices) assert.notEqual(code, 'pack_damaged', 'what was never acknowledged is no damage');
  assert.deepEqual(await Array.fromAsync(store.checkStructure()), []);
  assert.deepEqual(await Array.fromAsync(store.scrub()), []);
  await store.close();
}

function isLost(error: unknown): void {
  assert.ok(isAppError(error, 'volume_io_error'));
}

async function allAreThere(store: Store, records: readonly Uint8Array[]): Promise<void> {
  for (const bytes of records) {
    const [id] = parseRecord(bytes).ids;
    assert.ok(id);
    const record = await store.read(testDomain, id);
    assert.ok(record !== undefined && equalBytes(record.bytes, bytes), 'an acknowledged record is gone');
  }
}

/** Lets the power go at operation `cutAt`; operation `failAt` fails alone when it is a sync. */
function powerOf(volumes: ForgetfulVolumes, cutAt: number, failAt: number): { isOn(): boolean; cut(): void } {
  let [on, count] = [true, 0];
  volumes.before = (operation, name) => {
    if (!on) throw volumeIoError(`${operation} ${name}`);
    if (operation === 'read') return;
    count += 1;
    if (count >= cutAt) on = false;
    if (!on || (count === failAt && operation === 'datasync')) throw volumeIoError(`${operation} ${name}`);
  };
  return {
    isOn: () => on,
    cut() {
      on = false;
    },
  };
}
