import { closeSync, fstatSync, fsyncSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '#runtime';
import type { Scenario } from './scenario.ts';
import { initSite, pairServed, quietRun, ServedSite, until, untilCopied } from './served-site.ts';
import { verifySites } from './verify-site.ts';

/** Flips a bit in the middle of a file, on the disk at once. */
function flip(path: string): void {
  const file = openSync(path, 'r+');
  const at = Math.floor(fstatSync(file).size / 2);
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  writeSync(file, byte, 0, 1, at);
  fsyncSync(file);
  closeSync(file);
}

function filesBelow(folder: string, ending: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(ending));
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** A pack of one site rots, and its own log; the other site heals both. */
export const rotScenario: Scenario = {
  name: 'rot',
  from: 'stopped',
  async run(root, tell) {
    for (const name of ['north', 'south']) {
      await initSite(root, name);
      tell(`made ${name}`);
    }
    {
      await using north = await ServedSite.start(root, 'north');
      await using south = await ServedSite.start(root, 'south');
      await pairServed(north, south, 'full', tell);
      const first = await north.backUp(1);
      tell(`snapshot north ${first} 1`);
      await untilCopied(north, first, 'south');
      tell(`copy south ${first} 1`);
    }
    tell('stopped');
    tell('spoiling');
    flip(filesBelow(join(root, 'north', 'packs'), '.pack')[0] ?? '');
    let northId = '';
    await using south = await ServedSite.start(root, 'south');
    {
      await using north = await ServedSite.start(root, 'north');
      north.appliance.peers.change(south.appliance.identity.siteId, { addresses: [south.address] });
      north.appliance.links.keep(south.appliance.identity.siteId);
      await until(() => north.appliance.links.link(south.appliance.identity.siteId) !== undefined, 'the link');
      await north.operations.scrub({ heal: true }, quietRun);
      northId = toHex(north.appliance.identity.siteId);
      tell('healed');
    }
    tell('spoiling log');
    flip(filesBelow(join(root, 'north', 'catalog', 'logs', northId), '.log')[0] ?? '');
    await using north = await ServedSite.start(root, 'north');
    await until(() => canAppend(north), 'the log to be healed');
    tell('log healed');
    const second = await north.backUp(2);
    tell(`snapshot north ${second} 2`);
  },
  verify: (root, words, thorough) => verifySites(root, ['north', 'south'], words, thorough),
};

function canAppend(north: ServedSite): boolean {
  return north.appliance.catalog.problems().every(({ kind }) => kind !== 'log_damaged');
}
