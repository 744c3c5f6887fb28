import { after, before, test } from 'node:test';
import type { Attack } from './attack.ts';
import { HostileWorld } from './cast.ts';
import { lyingCatalog, poisonedCatalog } from './lying-catalog.ts';
import { lyingReceiver, silentReceiver } from './lying-receiver.ts';
import { lyingSender } from './lying-sender.ts';
import { rawAttacks } from './raw-attacks.ts';

export const attacksOfPeers: readonly Attack[] = [
  ...rawAttacks,
  ...lyingSender,
  ...lyingReceiver,
  ...silentReceiver,
  ...lyingCatalog,
  // Last: mallory's log is never the same after these.
  ...poisonedCatalog,
];

/** One in so many of the attacks, another set for each seed. */
export function sampleOf(attacks: readonly Attack[], oneIn: number, seed: number): Attack[] {
  return attacks.filter((_, index) => (index + seed) % oneIn === 0);
}

/** Declares a test for each attack, all in one world, and one that everything still works after them. */
export function sufferAll(attacks: readonly Attack[], rounds = 1): void {
  let world: HostileWorld | undefined;
  before(async () => {
    world = await HostileWorld.make();
  });
  after(() => world?.[Symbol.asyncDispose]());
  for (let round = 0; round < rounds; round++)
    for (const attack of attacks) test(`hostile: ${attack.name}`, { timeout: 60_000 }, () => world?.suffer(attack));
  test('after all of that a backup is replicated and restored at the other site', () => world?.assertWorks());
}
