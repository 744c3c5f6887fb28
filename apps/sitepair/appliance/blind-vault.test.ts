import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { pino } from 'pino';
import { createIdentity } from '#keys';
import { systemClock, systemRandom, systemTimers } from '#runtime';
import { BlindVaults } from './blind-vault.ts';
import type { Peer } from './peers.ts';
import { createStateFolder } from './state-folder.ts';

const owner = (name: string, realm: number) =>
  ({ name, siteId: new Uint8Array(16).fill(realm), realmId: new Uint8Array(16).fill(realm) }) as unknown as Peer;

test('what a vault has lost comes from sites of its own realm only: without keys a forgery would pass', async () => {
  const state = mkdtempSync(`${tmpdir()}/sitepair-vault-`);
  try {
    const [north, stranger] = [owner('north', 1), owner('stranger', 2)];
    await using vaults = new BlindVaults({
      environment: {
        clock: systemClock,
        timers: systemTimers,
        random: systemRandom,
        logger: pino({ level: 'silent' }),
      },
      paths: createStateFolder(state),
      identity: createIdentity(systemRandom),
      owners: () => [stranger, north],
    });
    const vault = await vaults.of(north);
    assert.deepEqual(vault.owners(), [north]);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});
