import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { makeFolderDurably, toHex } from '#runtime';
import { Appliance } from '../../../apps/sitepair/appliance/appliance.ts';
import { signerOf } from '../../../apps/sitepair/appliance/catalog-keys.ts';
import type { Scenario } from './scenario.ts';
import { environment, initSite, ServedSite } from './served-site.ts';
import { appendSome, readableRecords, storeScenario } from './store.ts';
import { verifySites } from './verify-site.ts';

const program = join(import.meta.dirname, '..', 'run-scenario.ts');

/** Runs the life of a process that is killed at its Nth call that changes a file. What it wrote stays in the system's cache. */
async function live(life: string, root: string, kill: string): Promise<void> {
  const recording = process.env.FAULT_LOG ?? '';
  const env = { ...process.env, FAULT_KILL: kill };
  const child = spawn(process.execPath, [program, life, root, recording], { env, stdio: 'ignore' });
  await once(child, 'close');
}

/** A store whose process is killed again and again. What a start finds counts from then on, until a power cut and after. */
export const killedStoreScenario: Scenario = {
  name: 'killed-store',
  async run(root, tell) {
    // As init does it, which is not gone on with when it was killed.
    makeFolderDurably(join(root, 'site'));
    for (let i = 0; i < 8; i++) {
      await live('store-life', root, `any:${4 + i * 9}:before`);
      for (const number of await readableRecords(root, 200)) tell(`record ${number}`);
    }
  },
  verify: storeScenario.verify,
};

/** A site whose process is killed again and again: what the next start shows, it still shows after a power cut. */
export const killedSiteScenario: Scenario = {
  name: 'killed-site',
  async run(root, tell) {
    await initSite(root, 'north');
    tell('made north');
    for (let i = 0; i < 10; i++) {
      await live('site-life', root, i % 2 === 0 ? `fsync:${12 + i}:before` : `fdatasync:${2 + i * 2}:before`);
      await using north = await Appliance.open(join(root, 'north'), environment);
      for (const { id } of north.operations.snapshots({})) tell(`snapshot north ${id} ${1}`);
      for (const { keyId } of north.keys.keyring.dataKeys) tell(`rotated north ${toHex(keyId)}`);
    }
  },
  // Which version of the tree a snapshot is of was known to the process that was killed.
  verify: (root, words) => verifySites(root, ['north'], words, false),
};

/** Lives that others kill: no scenarios by themselves. */
export const lives: readonly Scenario[] = [
  {
    name: 'store-life',
    run: (root, tell) => appendSome(root, 200, tell),
    verify: async () => [],
  },
  {
    name: 'site-life',
    async run(root, tell) {
      await using north = await ServedSite.start(root, 'north');
      // A log of a new name.
      await north.appliance.catalog.openIncarnation({ signer: signerOf(north.appliance.identity) });
      tell(`snapshot north ${await north.backUp(1)} 1`);
      await north.operations.keyRotate();
      await north.backUp(2);
      await north.operations.keyRotate();
    },
    verify: async () => [],
  },
];
