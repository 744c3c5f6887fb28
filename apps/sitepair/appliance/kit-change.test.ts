import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { kitsInForce, openKit, openSealedKeyring, parseKit } from '#keys';
import { isAppError, systemClock, systemRandom, systemTimers, toHex } from '#runtime';
import { Appliance } from './appliance.ts';
import { initialise } from './initialise.ts';
import { KitChange } from './kit-change.ts';
import { statePaths } from './state-folder.ts';

const environment = {
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  logger: pino({ level: 'silent' }),
};

/** A site, and its first kit's page. */
async function withSite(work: (state: string, kitText: string) => Promise<void>): Promise<void> {
  const state = join(mkdtempSync(join(tmpdir(), 'sitepair-kit-')), 'north');
  try {
    const { kitText } = await initialise({ state, siteName: 'north', address: '' });
    await work(state, kitText);
  } finally {
    rmSync(join(state, '..'), { recursive: true });
  }
}

/** Which of these kits open the keyring beside the data, and which one opens the doors. */
async function validKits(state: string, kits: Readonly<Record<string, string>>) {
  const { sealedKeyring } = statePaths(state);
  await using appliance = await Appliance.open(state, environment);
  const door = appliance.realm.doorKit();
  const valid: string[] = [];
  for (const [name, text] of Object.entries(kits)) {
    const kit = await openKit(parseKit(text));
    try {
      openSealedKeyring(readFileSync(sealedKeyring), kit);
    } catch (error) {
      assert.ok(isAppError(error, 'kit_wrong'));
      continue;
    }
    const opensDoors = toHex(kit.kitId) === toHex(door.kitId) && toHex(kit.doorKey) === toHex(door.doorKey);
    valid.push(opensDoors ? `${name} with doors` : name);
  }
  return valid;
}

/** Changes the kit, cut off by `cut` before the step that it names; the page when it got so far. */
async function changeCut(state: string, cut: 'open' | 'keep' | 'door' | 'void'): Promise<string | undefined> {
  await using appliance = await Appliance.open(state, environment);
  const power = new Error('power cut');
  const fails = () => {
    throw power;
  };
  if (cut === 'open') appliance.catalog.openIncarnation = fails;
  const change = new KitChange(appliance);
  const made = await change.make(undefined).catch((error) => assert.equal(error, power));
  if (made === undefined || cut === 'keep') return made?.kitText;
  if (cut === 'door') appliance.secrets.writeDoor = fails;
  if (cut === 'void') appliance.keys.change = fails;
  await assert.rejects(change.keep(made.kitId), power);
  return made.kitText;
}

test('a change of the kit that is cut off between any two steps leaves a kit that opens everything, and is done again', async () => {
  for (const [cut, valid] of [
    ['open', ['first with doors']],
    ['keep', ['first with doors', 'second']],
    ['door', ['first with doors', 'second']],
    ['void', ['first', 'second with doors']],
  ] as const) {
    await withSite(async (state, first) => {
      const second = await changeCut(state, cut);
      const kits = second === undefined ? { first } : { first, second };
      assert.deepEqual(await validKits(state, kits), valid, `cut before: ${cut}`);
      await using appliance = await Appliance.open(state, environment);
      const change = new KitChange(appliance);
      const made = await change.make(undefined);
      assert.deepEqual(await change.keep(made.kitId), []);
      assert.deepEqual(
        kitsInForce(appliance.keys.keyring).map((kit) => toHex(kit.kitId)),
        [made.kitId],
      );
      await appliance[Symbol.asyncDispose]();
      assert.deepEqual(await validKits(state, { ...kits, third: made.kitText }), ['third with doors'], cut);
    });
  }
});

test('no kit is made void for one that was not made just now', async () => {
  await withSite(async (state, first) => {
    await using appliance = await Appliance.open(state, environment);
    const change = new KitChange(appliance);
    await assert.rejects(change.keep('00'.repeat(8)), (error) => isAppError(error, 'kit_unknown'));
    await appliance[Symbol.asyncDispose]();
    assert.deepEqual(await validKits(state, { first }), ['first with doors']);
  });
});
