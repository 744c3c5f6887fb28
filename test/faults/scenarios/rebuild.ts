import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#runtime';
import { rebuild } from '../../../apps/sitepair/appliance/rebuild.ts';
import { enroll } from '../../../apps/sitepair/client/enroll.ts';
import type { Scenario } from './scenario.ts';
import { initSite, pairServed, quietRun, ServedSite, untilCopied } from './served-site.ts';
import { verifySites } from './verify-site.ts';

/** North burns, and comes back from south in another folder, where it is filled again. */
export const rebuildScenario: Scenario = {
  name: 'rebuild',
  from: 'burning',
  async run(root, tell) {
    for (const name of ['north', 'south']) {
      await initSite(root, name);
      tell(`made ${name}`);
    }
    let first = '';
    await using south = await ServedSite.start(root, 'south');
    {
      await using north = await ServedSite.start(root, 'north');
      await pairServed(north, south, 'full', tell);
      first = await north.backUp(1);
      await untilCopied(north, first, 'south');
      tell(`copy south ${first} 1`);
    }
    tell('burning');
    const state = join(root, 'north2');
    const kitText = readFileSync(join(root, 'north.kit'), 'utf8');
    await rebuild({ state, from: south.address, kitText }, quietRun);
    tell('made north2');
    await using north = await ServedSite.start(root, 'north2');
    await untilCopied(north, first, 'north');
    tell(`copy north2 ${first} 1`);
    const second = await north.backUp(2);
    tell(`snapshot north2 ${second} 2`);
  },
  verify: (root, words, thorough) => verifySites(root, ['south', 'north2'], words, thorough),
};

/** Another machine becomes an agent. */
export const agentScenario: Scenario = {
  name: 'agent',
  async run(root, tell) {
    await initSite(root, 'north');
    tell('made north');
    await using north = await ServedSite.start(root, 'north');
    const { code } = await north.operations.agentInvite({ name: 'laptop', addresses: [north.address] });
    tell('invited by north');
    await enroll(join(root, 'machines', 'laptop'), code, systemClock);
    tell('enrolled north laptop');
  },
  verify: (root, words, thorough) => verifySites(root, ['north'], words, thorough),
};
