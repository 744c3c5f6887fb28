import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { systemClock, systemRandom, systemTimers } from '#runtime';
import { Appliance } from './appliance.ts';
import { initialise } from './initialise.ts';
import { statePaths } from './state-folder.ts';

const environment = {
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  logger: pino({ level: 'silent' }),
};

test('an appliance that cannot be opened leaves nothing running that would keep its process from ending', async () => {
  const state = join(mkdtempSync(join(tmpdir(), 'sitepair-open-')), 'north');
  try {
    await initialise({ state, siteName: 'north', address: '' });
    // What cannot be read as a file, as on a bad sector.
    const { sealedKeyring } = statePaths(state);
    rmSync(sealedKeyring);
    mkdirSync(sealedKeyring);
    const timers = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
    const before = timers();
    await assert.rejects(Appliance.open(state, environment), { code: 'EISDIR' });
    assert.equal(timers(), before);
  } finally {
    rmSync(dirname(state), { recursive: true });
  }
});
