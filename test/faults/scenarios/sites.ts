import type { Scenario } from './scenario.ts';
import { initSite, pairServed, quietRun, ServedSite, untilCopied } from './served-site.ts';
import { verifySites } from './verify-site.ts';

async function makeSites(root: string, names: readonly string[], tell: (word: string) => void): Promise<void> {
  for (const name of names) {
    await initSite(root, name);
    tell(`made ${name}`);
  }
}

/** Two sites: made, paired, a backup, its copy, a new key, a new index, a second life. */
export const pairScenario: Scenario = {
  name: 'pair',
  async run(root, tell) {
    await makeSites(root, ['north', 'south'], tell);
    {
      await using north = await ServedSite.start(root, 'north');
      await using south = await ServedSite.start(root, 'south');
      await pairServed(north, south, 'full', tell);
      const first = await north.backUp(1);
      tell(`snapshot north ${first} 1`);
      await untilCopied(north, first, 'south');
      tell(`copy south ${first} 1`);
      const { keyId } = await north.operations.keyRotate();
      tell(`rotated north ${keyId}`);
      await untilCopied(south, first, 'north');
      const second = await north.backUp(2);
      tell(`snapshot north ${second} 2`);
      await north.operations.storeReindex(quietRun);
      await untilCopied(north, second, 'south');
      tell(`copy south ${second} 2`);
      const own = await south.backUp(3);
      tell(`snapshot south ${own} 3`);
    }
    tell('stopped');
    await using north = await ServedSite.start(root, 'north');
    tell(`snapshot north ${await north.backUp(4)} 4`);
  },
  verify: (root, words, thorough) => verifySites(root, ['north', 'south'], words, thorough),
};

/** A peer that is blind: its room, the sealed keyring, a copy there. */
export const blindScenario: Scenario = {
  name: 'blind',
  async run(root, tell) {
    await makeSites(root, ['north', 'cellar'], tell);
    await using north = await ServedSite.start(root, 'north');
    await using cellar = await ServedSite.start(root, 'cellar');
    await pairServed(north, cellar, 'blind', tell);
    const first = await north.backUp(1);
    tell(`snapshot north ${first} 1`);
    await untilCopied(north, first, 'cellar');
    tell(`copy cellar ${first}`);
    const second = await north.backUp(2);
    await untilCopied(north, second, 'cellar');
    tell(`copy cellar ${second}`);
  },
  verify: (root, words, thorough) => verifySites(root, ['north', 'cellar'], words, thorough),
};
